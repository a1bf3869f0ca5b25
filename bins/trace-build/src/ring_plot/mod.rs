//! The paper's Figure 3: types as an inner ring, dimensions as an outer ring.

mod labels;

use std::f64::consts::{PI, TAU};

use anyhow::bail;
use svg::node::element::path::Data;
use svg::node::element::{Group, Line, Path, Polyline, Rectangle, Text, Title};
use svg::{Document, Node};
use trace_schema::{ConstraintType, DatasetStats, DimensionCount};

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
        let fill = shade(count.constraint_type, index);
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
        ring.append(segment(slice, INNER_RING, colour(kind), name));
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
        legend.append(square.set("fill", colour(count.constraint_type)));
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

/// A coordinate without invisible digits.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The size of the drawing.
const WIDTH: f64 = 1440.0;
const HEIGHT: f64 = 800.0;

/// The centre of the rings.
const CENTRE: (f64, f64) = (WIDTH / 2.0, 412.0);

/// The highest and the lowest place of a label: below the heading, above the legend.
const LABEL_BOUNDS: (f64, f64) = (104.0, HEIGHT - 76.0);

/// The inner and outer radius of the ring of types.
const INNER_RING: (f64, f64) = (85.0, 185.0);

/// The inner and outer radius of the ring of dimensions.
const OUTER_RING: (f64, f64) = (189.0, 250.0);

/// The distance of the labels from the centre.
const LABEL_RADIUS: f64 = 278.0;

/// A part of a ring, in radians clockwise from the top.
#[derive(Debug, Clone, Copy)]
struct Slice {
    start: f64,
    end: f64,
}

impl Slice {
    /// One slice after another, each as wide as its share of the whole.
    fn around(shares: impl Iterator<Item = f64>) -> Vec<Self> {
        let next = |start: &mut f64, share: f64| {
            let slice = Self { start: *start, end: *start + share * TAU };
            *start = slice.end;
            Some(slice)
        };
        shares.scan(0.0, next).collect()
    }

    fn middle(self) -> f64 {
        f64::midpoint(self.start, self.end)
    }

    /// The length of the slice's arc.
    fn length_at(self, radius: f64) -> f64 {
        (self.end - self.start) * radius
    }
}

/// The point at a distance and an angle from the centre.
fn point(radius: f64, angle: f64) -> (f64, f64) {
    (round(CENTRE.0 + radius * angle.sin()), round(CENTRE.1 - radius * angle.cos()))
}

/// The outline of a slice of a ring.
fn ring_segment(slice: Slice, (inner, outer): (f64, f64)) -> Data {
    // An arc that ends where it starts is not drawn: a slice that is the whole ring stays open by a hair.
    let end = slice.end.min(slice.start + TAU - 1e-3);
    let large = i32::from(end - slice.start > PI);
    Data::new()
        .move_to(point(outer, slice.start))
        .elliptical_arc_to(arc(outer, large, 1, end))
        .line_to(point(inner, end))
        .elliptical_arc_to(arc(inner, large, 0, slice.start))
        .close()
}

/// The parameters of an arc to an angle: radii, rotation, which way round, where to.
fn arc(radius: f64, large: i32, sweep: i32, angle: f64) -> (f64, f64, i32, i32, i32, f64, f64) {
    let (x, y) = point(radius, angle);
    (radius, radius, 0, large, sweep, x, y)
}

/// The colour of a type as red, green and blue.
const fn channels(kind: ConstraintType) -> [u8; 3] {
    match kind {
        ConstraintType::Content => [0x33, 0x68, 0xA8],
        ConstraintType::Situation => [0x2A, 0x8C, 0x7E],
        ConstraintType::Style => [0x86, 0x5A, 0x9E],
        ConstraintType::Format => [0xC4, 0x72, 0x1B],
        ConstraintType::Example => [0xB8, 0x3A, 0x52],
    }
}

/// The colour of a type.
fn colour(kind: ConstraintType) -> String {
    hex(channels(kind))
}

/// The colour of a dimension: that of its type, lighter, and unlike those of its neighbours.
fn shade(kind: ConstraintType, index: usize) -> String {
    let white = [0.28, 0.46, 0.64][index % 3];
    hex(channels(kind).map(|channel| (f64::from(channel) + (255.0 - f64::from(channel)) * white) as u8))
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
