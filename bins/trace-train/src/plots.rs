//! Training curves as one SVG file.

use std::path::Path;

use anyhow::{Result, anyhow};
use iopo_train::{LogEntry, OWNER};
use plotters::coord::Shift;
use plotters::prelude::*;

/// A panel: its title, and the metrics drawn in it with their labels and colours; the last lies on top.
struct Panel {
    title: &'static str,
    /// A corner without curves.
    legend: SeriesLabelPosition,
    curves: &'static [(&'static str, &'static str, RGBColor)],
}

const BLUE: RGBColor = RGBColor(31, 119, 180);
const ORANGE: RGBColor = RGBColor(255, 127, 14);
const GREEN: RGBColor = RGBColor(44, 160, 44);
const RED: RGBColor = RGBColor(214, 39, 40);
const GREY: RGBColor = RGBColor(90, 90, 90);
const LIGHT_GREY: RGBColor = RGBColor(170, 170, 170);

const PANELS: [Panel; 5] = [
    Panel {
        title: "loss",
        legend: SeriesLabelPosition::MiddleRight,
        curves: &[("loss", "training", BLUE), ("eval_loss", "held out", ORANGE)],
    },
    Panel {
        title: "rewards",
        legend: SeriesLabelPosition::UpperLeft,
        curves: &[
            ("rewards/chosen", "chosen", GREEN),
            ("rewards/rejected", "rejected", RED),
            ("rewards/margins", "margin", BLUE),
            ("eval_rewards/margins", "margin, held out", ORANGE),
        ],
    },
    Panel {
        title: "accuracy",
        legend: SeriesLabelPosition::LowerRight,
        curves: &[
            ("rewards/accuracies", "responses", BLUE),
            ("rewards/input_accuracies", "instructions", GREEN),
            ("eval_rewards/accuracies", "responses, held out", ORANGE),
        ],
    },
    Panel {
        title: "prompts of the world followed",
        legend: SeriesLabelPosition::LowerRight,
        curves: &[
            ("eval_ref_if_constraints", "reference, constraints", LIGHT_GREY),
            ("eval_if_constraints", "policy, constraints", GREEN),
            ("eval_ref_if", "reference", GREY),
            ("eval_if", "policy", BLUE),
        ],
    },
    Panel {
        title: "prompts of IFEval followed",
        legend: SeriesLabelPosition::LowerRight,
        curves: &[
            ("eval_ref_if_loose", "reference, loose", LIGHT_GREY),
            ("eval_if_loose", "policy, loose", GREEN),
            ("eval_ref_if_strict", "reference, strict", GREY),
            ("eval_if_strict", "policy, strict", BLUE),
        ],
    },
];

const WIDTH: u32 = 860;
const PANEL_HEIGHT: u32 = 300;

/// Draws the curves that the log has; panels without any are left out.
pub fn draw(log: &[LogEntry], path: &Path) -> Result<()> {
    let panels: Vec<&Panel> = PANELS.iter().filter(|panel| !series(panel, log).is_empty()).collect();
    if panels.is_empty() {
        return Ok(());
    }
    let size = (WIDTH, PANEL_HEIGHT * panels.len() as u32);
    let failed = |error: &dyn std::fmt::Display| anyhow!("cannot draw {}: {error}", path.display());
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE).map_err(|error| failed(&error))?;
        for (panel, area) in panels.iter().zip(root.split_evenly((panels.len(), 1))) {
            draw_panel(panel, log, &area).map_err(|error| failed(&error))?;
        }
        root.present().map_err(|error| failed(&error))?;
    }
    Ok(OWNER.write(path, text)?)
}

/// A curve's label and colour, and its points: update and value.
type Curve = (&'static str, RGBColor, Vec<(f64, f64)>);

fn series(panel: &Panel, log: &[LogEntry]) -> Vec<Curve> {
    let points = |name: &str| -> Vec<(f64, f64)> {
        log.iter().filter_map(|entry| Some((entry.step as f64, entry.get(name)?))).collect()
    };
    let curves = panel.curves.iter().map(|&(name, label, colour)| (label, colour, points(name)));
    curves.filter(|(_, _, points)| !points.is_empty()).collect()
}

fn draw_panel<B: DrawingBackend>(
    panel: &Panel,
    log: &[LogEntry],
    area: &DrawingArea<B, Shift>,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let curves = series(panel, log);
    let all = || curves.iter().flat_map(|(_, _, points)| points);
    let (low, high) = bounds(all().map(|point| point.1));
    let last = all().map(|point| point.0).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..last, low..high)?;
    chart
        .configure_mesh()
        .x_desc("updates")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .draw()?;
    for (label, colour, points) in curves {
        let style = colour.stroke_width(2);
        // One evaluation is a point, not a line.
        if let [point] = points.as_slice() {
            chart.draw_series([Circle::new(*point, 3, colour.filled())])?;
        }
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(panel.legend.clone())
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()
}

/// The values' range with a margin, so that constant curves have one too.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let margin = 0.06 * (high - low).max(1e-6 * (1.0 + high.abs()));
    (low - margin, high + margin)
}
