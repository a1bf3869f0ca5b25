//! Curves.

use serde::Serialize;

use super::axis::{Axis, Tick};
use super::view::{Key, Palette};

/// A chart of curves over one axis: a loss, or a metric at each evaluation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineChart {
    /// The caption.
    pub caption: String,
    /// The horizontal axis, with its unit.
    pub across: String,
    /// The vertical axis, with its unit.
    pub up: String,
    /// The curves.
    pub series: Vec<Series>,
    /// Whether the vertical axis has the zero on it.
    pub from_zero: bool,
}

/// A curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The name in the legend.
    pub label: String,
    /// Across and up, from left to right. At a number that is not finite the curve is interrupted.
    pub points: Vec<(f64, f64)>,
}

/// Up to so many points of a curve are marked one by one.
const MARKED_POINTS: usize = 40;

/// The side of the square that curves are drawn in; the page stretches it.
const SIDE: f64 = 1000.0;

/// A chart as the template draws it.
#[derive(Debug, Serialize)]
pub(super) struct LinesView {
    caption: String,
    across: String,
    up: String,
    across_ticks: Vec<Tick>,
    up_ticks: Vec<Tick>,
    /// The longest label of the vertical axis, which sets the width of its column.
    widest: String,
    series: Vec<SeriesView>,
}

#[derive(Debug, Serialize)]
struct SeriesView {
    key: Key,
    path: String,
    marks: String,
}

impl LineChart {
    pub(super) fn view(&self, palette: &Palette<'_>) -> LinesView {
        let points = || self.series.iter().flat_map(|series| &series.points).filter(|point| is_finite(point));
        let across = Axis::around(points().map(|point| point.0), 5);
        let zero = self.from_zero.then_some(0.0);
        let up = Axis::around(points().map(|point| point.1).chain(zero), 5);
        let series = |series: &Series| SeriesView {
            key: palette.key(&series.label),
            path: path(&series.points, &across, &up),
            marks: marks(&series.points, &across, &up),
        };
        let up_ticks = up.ticks();
        let widest = up_ticks.iter().map(|tick| tick.label.as_str()).max_by_key(|label| label.len());
        LinesView {
            widest: widest.unwrap_or_default().to_owned(),
            caption: self.caption.clone(),
            across: self.across.clone(),
            up: self.up.clone(),
            across_ticks: across.ticks(),
            up_ticks,
            series: self.series.iter().map(series).collect(),
        }
    }
}

fn is_finite(point: &(f64, f64)) -> bool {
    point.0.is_finite() && point.1.is_finite()
}

fn place(point: &(f64, f64), across: &Axis, up: &Axis) -> String {
    format!("{:.1} {:.1}", SIDE * across.place(point.0), SIDE * (1.0 - up.place(point.1)))
}

fn path(points: &[(f64, f64)], across: &Axis, up: &Axis) -> String {
    let pieces = points.split(|point| !is_finite(point)).filter(|piece| !piece.is_empty());
    let piece = |piece: &[(f64, f64)]| {
        let places: Vec<_> = piece.iter().map(|point| place(point, across, up)).collect();
        format!("M{}", places.join("L"))
    };
    pieces.map(piece).collect::<Vec<_>>().join("")
}

/// Strokes without length: their round ends are dots that stretching leaves round.
fn marks(points: &[(f64, f64)], across: &Axis, up: &Axis) -> String {
    let shown = points.iter().filter(|point| is_finite(point));
    match shown.clone().count() > MARKED_POINTS {
        true => String::new(),
        false => shown.map(|point| format!("M{}h0", place(point, across, up))).collect(),
    }
}
