//! Replays recorded references and reports the largest differences.

mod arrays;
pub mod ifeval;
pub mod logits;
pub mod logps;
pub mod losses;
mod recorded;
pub mod template;
pub mod train;

use std::fmt;

use trace_replay::ReplayReport;

/// The differences of one quantity, and their tolerance.
///
/// A difference passes when `|actual - expected| <= absolute + relative * |expected|`.
#[derive(Debug, Clone)]
pub struct Comparison {
    name: String,
    absolute: f64,
    relative: f64,
    count: usize,
    max_absolute: f64,
    max_relative: f64,
    max_expected: f64,
    worst_share: f64,
}

impl Comparison {
    /// Starts a comparison that allows `absolute + relative * |expected|`.
    pub fn new(name: impl Into<String>, absolute: f64, relative: f64) -> Self {
        Self {
            name: name.into(),
            absolute,
            relative,
            count: 0,
            max_absolute: 0.0,
            max_relative: 0.0,
            max_expected: 0.0,
            worst_share: 0.0,
        }
    }

    /// Starts a comparison in which any difference fails.
    pub fn exact(name: impl Into<String>) -> Self {
        Self::new(name, 0.0, 0.0)
    }

    /// Adds one pair of numbers; a NaN on either side alone fails.
    pub fn push(&mut self, actual: f64, expected: f64) {
        self.count += 1;
        if actual == expected {
            self.max_expected = self.max_expected.max(expected.abs());
            return;
        }
        let difference = (actual - expected).abs();
        let allowed = self.absolute + self.relative * expected.abs();
        let share = if difference.is_nan() { f64::INFINITY } else { difference / allowed };
        self.max_absolute = self.max_absolute.max(difference);
        if expected != 0.0 {
            self.max_relative = self.max_relative.max(difference / expected.abs());
        }
        self.max_expected = self.max_expected.max(expected.abs());
        self.worst_share = self.worst_share.max(share);
    }

    /// Adds pairs of numbers; a difference in length fails.
    pub fn extend(&mut self, actual: &[f64], expected: &[f64]) {
        if actual.len() != expected.len() {
            self.worst_share = f64::INFINITY;
        }
        for (a, e) in actual.iter().zip(expected) {
            self.push(*a, *e);
        }
    }

    /// Whether nothing was compared.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether every pair is within the tolerance, and there is at least one.
    pub fn passed(&self) -> bool {
        self.count > 0 && self.worst_share <= 1.0
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:<44} n={:<7} max|diff|={:.2e} max rel={:.2e} max|expected|={:.3e} tolerance={:.0e}+{:.0e}|x| used {:.1}%",
            if self.passed() { "ok  " } else { "FAIL" },
            self.name,
            self.count,
            self.max_absolute,
            self.max_relative,
            self.max_expected,
            self.absolute,
            self.relative,
            100.0 * self.worst_share,
        )
    }
}

/// All comparisons of one replay.
#[derive(Debug, Default)]
pub struct Report {
    /// One entry per quantity.
    pub comparisons: Vec<Comparison>,
    /// Facts that are not comparisons: what was left out, and why.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether every comparison passed, and there is at least one.
    pub fn passed(&self) -> bool {
        !self.comparisons.is_empty() && self.comparisons.iter().all(Comparison::passed)
    }
}

impl From<ReplayReport> for Report {
    /// One comparison of rows, which fails if any row disagrees. One note counts the rows that agree, and each row that
    /// disagrees has a note.
    fn from(replayed: ReplayReport) -> Self {
        let mut rows = Comparison::exact(replayed.layout);
        (0..replayed.agreeing()).for_each(|_| rows.push(1.0, 1.0));
        replayed.disagreements.iter().for_each(|_| rows.push(0.0, 1.0));
        let count = format!("{}: {} of {} rows agree", replayed.layout, replayed.agreeing(), replayed.rows);
        let others = replayed.disagreements.iter().map(|other| format!("row {}: {}", other.row, other.what));
        Self { comparisons: vec![rows], notes: std::iter::once(count).chain(others).collect() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "note {note}")?;
        }
        for comparison in &self.comparisons {
            writeln!(f, "{comparison}")?;
        }
        write!(f, "{}", if self.passed() { "parity holds" } else { "PARITY BROKEN" })
    }
}
