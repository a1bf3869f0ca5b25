//! A regime's scores as bars.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use trace_score::stats::SeedMean;

use super::job::Regime;
use super::report::{COMPARED, Report};

/// A panel's title, and a colour that remains distinct for red-green colour blindness, for each of [`COMPARED`].
const PANELS: [(&str, RGBColor); 3] = [
    ("IF-M, greedy answers", RGBColor(0, 114, 178)),
    ("held-out pairs, greedy answers", RGBColor(0, 158, 115)),
    ("IF-M, sampled answers", RGBColor(213, 94, 0)),
];

const WIDTH: u32 = 900;
const ROW: u32 = 22;
const LABELS: u32 = 230;
/// Pixels of a panel above its first row, with the title, and below its last, with the axis.
const ABOVE: u32 = 28;
const BELOW: u32 = 28;

/// Draws one panel for each score, a bar with its interval for each system, the start first and marked by a line.
pub fn draw(report: &Report, regime: Regime, path: &Path) -> Result<()> {
    let start = regime.start().label();
    let systems = report.systems(regime).into_iter().map(|first| first.system.as_str());
    let systems: Vec<&str> = systems.skip_while(|system| *system != start).collect();
    let height = ROW * systems.len() as u32 + ABOVE + BELOW;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let failed = |error: &dyn std::fmt::Display| anyhow!("cannot draw {}: {error}", path.display());
    root.fill(&WHITE).map_err(|error| failed(&error))?;
    let (labels, panels) = root.split_horizontally(LABELS);
    for (index, system) in systems.iter().enumerate() {
        let middle = (ABOVE + ROW / 2) as i32 + ROW as i32 * index as i32;
        let style = ("sans-serif", 13).into_text_style(&labels).pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Right,
            plotters::style::text_anchor::VPos::Center,
        ));
        labels
            .draw_text(&short(system), &style, (LABELS as i32 - 8, middle))
            .map_err(|error| failed(&error))?;
    }
    let areas = panels.split_evenly((1, PANELS.len()));
    for (((kind, decoding), (title, colour)), area) in COMPARED.into_iter().zip(PANELS).zip(areas) {
        let score = |system: &&str| report.score(regime, system, kind, decoding);
        let scores: Vec<_> = systems.iter().filter_map(score).collect();
        draw_panel(&scores, title, colour, &area).map_err(|error| failed(&error))?;
    }
    root.present().map_err(|error| failed(&error))
}

fn draw_panel<B: DrawingBackend>(
    scores: &[&SeedMean],
    title: &str,
    colour: RGBColor,
    area: &DrawingArea<B, plotters::coord::Shift>,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let highest = scores.iter().filter_map(|score| score.interval.as_ref().map(|i| i.high).or(score.mean));
    let top = 1.05 * highest.fold(1.0, f64::max);
    let rows = scores.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 14))
        .margin_left(4)
        .margin_right(10)
        .margin_top(6)
        .x_label_area_size(BELOW)
        .build_cartesian_2d(0.0..top, rows..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(5)
        .x_label_formatter(&|value| format!("{value:.0} %"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (index, score) in scores.iter().enumerate() {
        let (Some(mean), row) = (score.mean, index as f64) else { continue };
        let fill = if index == 0 { RGBColor(150, 150, 150) } else { colour };
        let bar = Rectangle::new([(0.0, row + 0.2), (mean, row + 0.8)], fill.mix(0.75).filled());
        chart.draw_series([bar])?;
        if let Some(interval) = &score.interval {
            let line = [(interval.low.max(0.0), row + 0.5), (interval.high, row + 0.5)];
            chart.draw_series([PathElement::new(line, BLACK.stroke_width(1))])?;
        }
    }
    if let Some(start) = scores.first().and_then(|score| score.mean) {
        chart
            .draw_series([PathElement::new([(start, 0.0), (start, rows)], BLACK.mix(0.5).stroke_width(1))])?;
    }
    Ok(())
}

/// A name that fits beside the bars.
fn short(label: &str) -> String {
    label
        .replace("IOPO without input preference", "w/o input")
        .replace("IOPO without output preference", "IOPO w/o output preference")
}
