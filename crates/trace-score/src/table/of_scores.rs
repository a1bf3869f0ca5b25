//! The tables of a run.

use super::{Cell, Column, Table};
use crate::stats::Estimate;
use crate::{ConstraintScores, InstructionScores, Scores};

/// So many ids of failed rows are shown.
const SHOWN_IDS: usize = 5;

impl Scores {
    /// The tables of a run: IF, IF-S and IF-M, then by number of constraints, by type, and by dimension.
    ///
    /// Shares are in percent. Each number has its interval, the items it rests on, and those that failed.
    pub fn tables(&self) -> Vec<Table> {
        let instructions = |caption: &str, rows: Vec<(String, &InstructionScores)>| {
            let rows = rows.into_iter().map(|(name, scores)| (name, scores.followed, scores.mean_score));
            table(caption, "instructions", rows)
        };
        let constraints = |caption: &str, rows: Vec<(String, &ConstraintScores)>| {
            let rows = rows.into_iter().map(|(name, scores)| (name, scores.followed, scores.mean_score));
            table(caption, "constraints", rows)
        };
        let mut overview = instructions(
            "Instructions that are followed whole",
            vec![
                ("IF-S: one constraint".to_owned(), &self.single),
                ("IF-M: several constraints".to_owned(), &self.multi),
                ("IF: all".to_owned(), &self.all),
            ],
        );
        overview.notes.extend(self.failures.iter().map(|failure| {
            let ids: Vec<_> = failure.ids.iter().take(SHOWN_IDS).map(String::as_str).collect();
            let more = if failure.rows > ids.len() { ", ..." } else { "" };
            format!("{} failed ({}{more}): {}", failure.rows, ids.join(", "), failure.reason)
        }));
        let by_count = self.by_constraint_count.iter();
        let by_count = by_count.map(|count| (count.constraint_count.to_string(), &count.scores)).collect();
        let by_type = self.by_type.iter();
        let by_type = by_type.map(|of| (of.constraint_type.name().to_owned(), &of.scores)).collect();
        let by_dimension = self.by_dimension.iter().map(|of| (of.dimension.name().to_owned(), &of.scores));
        let unlabelled = self.unlabelled.iter().map(|scores| ("without a label".to_owned(), scores));
        vec![
            overview,
            instructions("By the number of constraints", by_count),
            constraints("By constraint type", by_type),
            constraints("By constraint dimension", by_dimension.chain(unlabelled).collect()),
        ]
    }
}

fn table(caption: &str, unit: &str, rows: impl Iterator<Item = (String, Estimate, Estimate)>) -> Table {
    let columns = vec![
        Column::text(""),
        Column::number("followed, %"),
        Column::number("mean score"),
        Column::number(unit),
        Column::number("failed"),
    ];
    let row = |(name, followed, mean): (String, Estimate, Estimate)| {
        let counts = [followed.n, followed.n_failed].map(|count| Cell::from(count.to_string()));
        let [n, n_failed] = counts;
        vec![name.into(), with_interval(&followed, 100.0, 1), with_interval(&mean, 1.0, 2), n, n_failed]
    };
    Table { caption: caption.to_owned(), columns, rows: rows.map(row).collect(), notes: Vec::new() }
}

/// "71.4" with the detail "[68.6, 74.1]".
pub(crate) fn with_interval(estimate: &Estimate, factor: f64, digits: usize) -> Cell {
    let number = |value: f64| format!("{:.digits$}", value * factor);
    Cell {
        text: estimate.value.map_or_else(|| "–".to_owned(), number),
        detail: estimate.interval.map(|ends| format!("[{}, {}]", number(ends.low), number(ends.high))),
        is_best: false,
    }
}
