//! Curves in panels, as one SVG file.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Curves over one axis.
#[derive(Debug, Clone)]
pub struct Panel {
    /// The horizontal axis.
    pub across: &'static str,
    /// The vertical axis.
    pub unit: &'static str,
    /// The same labels in the same order in every panel.
    pub curves: Vec<Curve>,
}

impl Panel {
    /// Whether there is anything to draw.
    pub fn has_points(&self) -> bool {
        self.curves.iter().any(|curve| !curve.points.is_empty())
    }
}

/// Points from left to right.
#[derive(Debug, Clone)]
pub struct Curve {
    /// What the legend calls it.
    pub label: &'static str,
    /// Across, up.
    pub points: Vec<(f64, f64)>,
}

/// Colours that remain distinct for red-green colour blindness.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(0, 158, 115), RGBColor(213, 94, 0), RGBColor(90, 90, 90)];

const PANEL: (u32, u32) = (480, 300);
const COLUMNS: usize = 2;

/// Draws the panels row by row, two in each.
pub fn draw(panels: &[Panel], path: &Path) -> Result<()> {
    let rows = panels.len().div_ceil(COLUMNS);
    let root = SVGBackend::new(path, (PANEL.0 * COLUMNS as u32, PANEL.1 * rows as u32)).into_drawing_area();
    let failed = |error: &dyn Display| anyhow!("cannot draw {}: {error}", path.display());
    root.fill(&WHITE).map_err(|error| failed(&error))?;
    for (panel, area) in panels.iter().zip(root.split_evenly((rows, COLUMNS))) {
        draw_panel(panel, &area).map_err(|error| failed(&error))?;
    }
    root.present().map_err(|error| failed(&error))
}

fn draw_panel<B: DrawingBackend>(
    panel: &Panel,
    area: &DrawingArea<B, Shift>,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let all = || panel.curves.iter().flat_map(|curve| &curve.points);
    let largest = |part: fn(&(f64, f64)) -> f64| 1.05 * all().map(part).fold(1e-9, f64::max);
    // Both axes start at zero, so that distances between curves show ratios.
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(62)
        .build_cartesian_2d(0.0..largest(|point| point.0), 0.0..largest(|point| point.1))?;
    chart
        .configure_mesh()
        .x_desc(panel.across)
        .y_desc(panel.unit)
        .x_labels(6)
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .draw()?;
    for (curve, colour) in panel.curves.iter().zip(COLOURS).filter(|(curve, _)| !curve.points.is_empty()) {
        let style = colour.stroke_width(2);
        chart.draw_series(curve.points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), style))?
            .label(curve.label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()
}

/// As many digits as the value needs: `1500`, `2.5`, `0.25`.
fn number(value: &f64) -> String {
    format!("{}", (value * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_with_a_point_is_drawn_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("figure.svg");
        let curve = |label, points: &[(f64, f64)]| Curve { label, points: points.to_vec() };
        let curves = vec![
            curve("thin", &[(1.0, 2.0), (2.0, 4.0)]),
            curve("nothing", &[]),
            curve("dot", &[(1.0, 3.0)]),
        ];
        let panel = Panel { across: "tokens", unit: "MB", curves };
        draw(&[panel.clone(), panel], &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for word in ["thin", "dot", "tokens", "MB"] {
            assert_eq!(svg.lines().filter(|line| line.trim() == word).count(), 2, "{word}");
        }
        assert!(!svg.contains("nothing"));
    }
}
