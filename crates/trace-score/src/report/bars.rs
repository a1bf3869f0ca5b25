//! Bars with intervals.

use serde::Serialize;

use super::axis::{Axis, Tick, percent};
use super::view::{Key, Palette, TableView};
use crate::stats::{Estimate, Interval};
use crate::{Cell, Column, ConstraintScores, Scores, Table};

/// A chart of horizontal bars: a group of bars for each category, one for each system.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BarChart {
    /// The caption.
    pub caption: String,
    /// The quantity on the axis, with its unit.
    pub axis: String,
    /// The systems, one bar each in every category.
    pub systems: Vec<String>,
    /// The categories from top to bottom.
    pub categories: Vec<BarCategory>,
    /// The factor of values when they are shown: 100 for shares in percent.
    pub factor: f64,
    /// Digits after the point of the values shown.
    pub digits: usize,
    /// The end of the axis before multiplication; `None` to fit the values.
    pub maximum: Option<f64>,
}

/// A category of a bar chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BarCategory {
    /// The name of the category.
    pub label: String,
    /// A smaller remark under the label; may be empty.
    pub note: String,
    /// A bar for each system, in their order; what is beyond the systems is not shown.
    pub bars: Vec<Estimate>,
}

impl BarChart {
    /// The share of constraints that are followed, in percent, by dimension, for runs over the same rows.
    pub fn by_dimension(runs: &[(&str, &Scores)]) -> Self {
        Self::of_constraints("Constraints followed, by dimension", runs, |scores| {
            let all = scores.by_dimension.iter();
            all.map(|of| (of.dimension.name().to_owned(), &of.scores)).collect()
        })
    }

    /// The share of constraints that are followed, in percent, by type.
    pub fn by_type(runs: &[(&str, &Scores)]) -> Self {
        Self::of_constraints("Constraints followed, by type", runs, |scores| {
            let all = scores.by_type.iter();
            all.map(|of| (of.constraint_type.name().to_owned(), &of.scores)).collect()
        })
    }

    /// The share of instructions that are followed whole, in percent, by the number of their constraints.
    pub fn by_constraint_count(runs: &[(&str, &Scores)]) -> Self {
        let parts = |scores: &Scores| {
            let all = scores.by_constraint_count.iter();
            let name = |count: usize| {
                if count == 1 { "1 constraint".to_owned() } else { format!("{count} constraints") }
            };
            all.map(|of| (name(of.constraint_count), of.scores.followed)).collect()
        };
        let of: Vec<_> = runs.iter().map(|(name, scores)| (*name, parts(scores))).collect();
        Self::of_shares("Instructions followed whole, by number of constraints", &of)
    }

    fn of_constraints(
        caption: &str,
        runs: &[(&str, &Scores)],
        parts: impl Fn(&Scores) -> Vec<(String, &ConstraintScores)>,
    ) -> Self {
        let shares = |scores| parts(scores).into_iter().map(|(name, part)| (name, part.followed)).collect();
        let of: Vec<_> = runs.iter().map(|(name, scores)| (*name, shares(scores))).collect();
        Self::of_shares(caption, &of)
    }

    /// A chart of shares: for every system its categories by name.
    ///
    /// Categories are in the order of the first system; one that a system lacks has no bar there.
    fn of_shares(caption: &str, systems: &[(&str, Vec<(String, Estimate)>)]) -> Self {
        let mut names: Vec<&String> = Vec::new();
        for name in systems.iter().flat_map(|(_, parts)| parts).map(|(name, _)| name) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let category = |name: &String| {
            let value = |(_, parts): &(&str, Vec<(String, Estimate)>)| {
                parts.iter().find(|part| part.0 == *name).map(|part| part.1).unwrap_or_default()
            };
            let bars: Vec<Estimate> = systems.iter().map(value).collect();
            BarCategory { label: name.clone(), note: counts(&bars), bars }
        };
        Self {
            caption: caption.to_owned(),
            axis: "followed, %".to_owned(),
            systems: systems.iter().map(|(name, _)| (*name).to_owned()).collect(),
            categories: names.into_iter().map(category).collect(),
            factor: 100.0,
            digits: 1,
            maximum: Some(1.0),
        }
    }
}

/// "n = 280", or "n = 277–280" where failures make systems differ.
fn counts(bars: &[Estimate]) -> String {
    let low = bars.iter().map(|bar| bar.n).min().unwrap_or_default();
    let high = bars.iter().map(|bar| bar.n).max().unwrap_or_default();
    match low == high {
        true => format!("n = {high}"),
        false => format!("n = {low}–{high}"),
    }
}

/// A chart as the template draws it.
#[derive(Debug, Serialize)]
pub(super) struct BarsView {
    caption: String,
    axis: String,
    keys: Vec<Key>,
    ticks: Vec<Tick>,
    categories: Vec<CategoryView>,
    /// The same numbers to read.
    numbers: TableView,
}

#[derive(Debug, Serialize)]
struct CategoryView {
    label: String,
    note: String,
    bars: Vec<BarView>,
}

#[derive(Debug, Serialize)]
struct BarView {
    left: String,
    width: String,
    whisker: Option<WhiskerView>,
    text: String,
}

#[derive(Debug, Serialize)]
struct WhiskerView {
    left: String,
    width: String,
}

impl BarChart {
    pub(super) fn view(&self, palette: &Palette<'_>) -> BarsView {
        let bars = || self.categories.iter().flat_map(|category| &category.bars);
        let ends = bars().flat_map(|bar| {
            [bar.value, bar.interval.map(|ends| ends.low), bar.interval.map(|ends| ends.high)]
        });
        let shown = ends.flatten().chain(self.maximum).map(|value| value * self.factor).chain([0.0]);
        let axis = Axis::around(shown, 5);
        let category = |category: &BarCategory| CategoryView {
            label: category.label.clone(),
            note: category.note.clone(),
            bars: category.bars.iter().take(self.systems.len()).map(|bar| self.bar(bar, &axis)).collect(),
        };
        BarsView {
            caption: self.caption.clone(),
            axis: self.axis.clone(),
            keys: self.systems.iter().map(|system| palette.key(system)).collect(),
            ticks: axis.ticks(),
            categories: self.categories.iter().map(category).collect(),
            numbers: TableView::of(&self.numbers()),
        }
    }

    fn bar(&self, bar: &Estimate, axis: &Axis) -> BarView {
        let place = |value: f64| axis.place(value * self.factor);
        let span = |from: f64, to: f64| {
            let (from, to) = (place(from), place(to));
            (percent(from.min(to)), percent((to - from).abs()))
        };
        let value = bar.value.filter(|value| value.is_finite());
        let (left, width) = span(0.0, value.unwrap_or(0.0));
        let whisker = |ends: Interval| {
            let (left, width) = span(ends.low, ends.high);
            WhiskerView { left, width }
        };
        BarView { left, width, whisker: bar.interval.map(whisker), text: self.number(bar).text }
    }

    fn number(&self, bar: &Estimate) -> Cell {
        crate::table::with_interval(bar, self.factor, self.digits)
    }

    /// One row for each category, and for each system its value with the interval, items and failures.
    fn numbers(&self) -> Table {
        let mut columns = vec![Column::text("")];
        for system in &self.systems {
            let column = |name: &str| Column { group: system.clone(), ..Column::number(name) };
            columns.extend([self.axis.as_str(), "n", "failed"].map(column));
        }
        let row = |category: &BarCategory| {
            let cells = category.bars.iter().take(self.systems.len()).flat_map(|bar| {
                [self.number(bar), bar.n.to_string().into(), bar.n_failed.to_string().into()]
            });
            [Cell::from(category.label.as_str())].into_iter().chain(cells).collect()
        };
        Table { columns, rows: self.categories.iter().map(row).collect(), ..Table::default() }
    }
}
