//! The paper's Figure 3: types as an inner ring, dimensions as an outer ring.

mod geometry;
mod labels;
mod palette;

use anyhow::bail;
use svg::node::element::{Group, Line, Path, Polyline, Rectangle, Text, Title};
use svg::{Document, Node};
use trace_schema::{ConstraintType, DatasetStats, DimensionCount};

use self::geometry::{
    CENTRE, HEIGHT, INNER_RING, LABEL_RADIUS, OUTER_RING, Slice, WIDTH, point, ring_segment,
};
use crate::tables::{percent, thousands};

const FONT: &str = "Helvetica, Arial, 'DejaVu Sans', sans-serif";
const INK: &str = "#222222";
const FAINT_INK: &str = "#666666";

/// Draws the distribution as an SVG document.
///
/// # Errors
///
/// When no constraint has a known dimension: there is nothing to draw.
pub(crate) fn draw(title: &str, stats: &DatasetStats) -> anyhow::Result<String> {
    let counts: Vec<&DimensionCount> =
        stats.dimensions.iter().filter(|count| count.constraints > 0).collect();
    if counts.is_empty() {
        bail!("no constraint has a label that names a dimension");
    }
    let document = Document::new()
        .set("viewBox", (0, 0, WIDTH, HEIGHT))
        .set("width", WIDTH)
        .set("height", HEIGHT)
        .set("font-family", FONT)
        .add(Rectangle::new().set("width", WIDTH).set("height", HEIGHT).set("fill", "white"))
        .add(heading(title, stats))
        .add(outer_ring(&counts))
        .add(inner_ring(stats))
        .add(legend(stats));
    Ok(format!("{document}\n"))
}

fn heading(title: &str, stats: &DatasetStats) -> Group {
    let labelled: u64 = stats.types.iter().map(|count| count.constraints).sum();
    let left_out = stats.constraints.total - labelled;
    let mut line =
        format!("{} instructions, {} constraints", thousands(stats.instructions), thousands(labelled));
    if left_out > 0 {
        line += &format!("; {} without a known dimension left out", thousands(left_out));
    }
    // Characters such as a line feed may stand in the name of a file, but not in an SVG document.
    let title: String = title.chars().filter(|character| !character.is_control()).collect();
    Group::new()
        .add(
            centred(format!("Constraint types and dimensions of {title}"), CENTRE.0, 40.0, 20.0)
                .set("font-weight", "bold"),
        )
        .add(centred(line, CENTRE.0, 68.0, 14.0).set("fill", FAINT_INK))
}

fn outer_ring(counts: &[&DimensionCount]) -> Group {
    let slices = Slice::around(counts.iter().map(|count| count.share));
    let mut ring = Group::new();
    for (count, slice) in counts.iter().zip(&slices) {
        let siblings = counts.iter().filter(|other| other.constraint_type == count.constraint_type);
        let index = siblings.take_while(|other| other.dimension != count.dimension).count();
        let fill = palette::shade(count.constraint_type, index);
        let name =
            format!("{}: {} ({})", count.dimension, thousands(count.constraints), percent(count.share));
        ring.append(segment(*slice, OUTER_RING, fill, name));
    }
    for (count, label) in counts.iter().zip(labels::place(&slices)) {
        ring.append(
            Polyline::new().set("points", label.leader()).set("fill", "none").set("stroke", "#999999"),
        );
        let text = format!("{} {}", count.dimension, percent(count.share));
        let anchor = if label.on_the_right { "start" } else { "end" };
        ring.append(text_at(text, label.text.0, label.text.1 + 4.5, 13.0).set("text-anchor", anchor));
    }
    ring
}

fn inner_ring(stats: &DatasetStats) -> Group {
    let counts: Vec<_> = stats.types.iter().filter(|count| count.constraints > 0).collect();
    let mut ring = Group::new();
    for (count, slice) in counts.iter().zip(Slice::around(counts.iter().map(|count| count.share))) {
        let kind = count.constraint_type;
        let name = format!("{kind}: {} ({})", thousands(count.constraints), percent(count.share));
        ring.append(segment(slice, INNER_RING, palette::colour(kind), name));
        let radius = 0.4 * INNER_RING.0 + 0.6 * INNER_RING.1;
        // A type too thin for its name has it in the legend.
        if slice.length_at(radius) > 9.8 * kind.name().len() as f64 {
            let (x, y) = point(radius, slice.middle());
            let white = |text: Text| text.set("fill", "white").set("font-weight", "bold");
            ring.append(white(centred(kind.to_string(), x, y - 3.0, 14.0)));
            ring.append(white(centred(percent(count.share), x, y + 14.0, 13.0)));
        }
    }
    ring
}

fn legend(stats: &DatasetStats) -> Group {
    const ENTRY: f64 = 190.0;
    let mut legend = Group::new();
    let left = CENTRE.0 - ENTRY * ConstraintType::ALL.len() as f64 / 2.0;
    for (index, count) in stats.types.iter().enumerate() {
        let x = left + ENTRY * index as f64;
        let y = HEIGHT - 38.0;
        let square = Rectangle::new().set("x", x).set("y", y).set("width", 14).set("height", 14).set("rx", 3);
        legend.append(square.set("fill", palette::colour(count.constraint_type)));
        let text =
            format!("{} {} ({})", count.constraint_type, percent(count.share), thousands(count.constraints));
        legend.append(text_at(text, x + 21.0, y + 12.0, 13.0));
    }
    let rule = Line::new()
        .set("x1", left)
        .set("x2", left + ENTRY * 5.0 - 20.0)
        .set("y1", HEIGHT - 54.0)
        .set("y2", HEIGHT - 54.0);
    legend.add(rule.set("stroke", "#dddddd"))
}

/// One slice of a ring, with a name that viewers show under the pointer.
fn segment(slice: Slice, ring: (f64, f64), fill: String, name: String) -> Path {
    Path::new()
        .set("d", ring_segment(slice, ring))
        .set("fill", fill)
        .set("stroke", "white")
        .set("stroke-width", 1.5)
        .add(Title::new(name))
}

fn centred(text: String, x: f64, y: f64, size: f64) -> Text {
    text_at(text, x, y, size).set("text-anchor", "middle")
}

fn text_at(text: String, x: f64, y: f64, size: f64) -> Text {
    Text::new(text).set("x", round(x)).set("y", round(y)).set("font-size", size).set("fill", INK)
}

/// A coordinate without digits that nobody can see.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
