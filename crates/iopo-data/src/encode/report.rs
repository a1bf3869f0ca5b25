use std::collections::BTreeMap;
use std::fmt;

use trace_schema::{RowLocation, UnusedKeys};

use super::DropReason;

/// The outcome of encoding a dataset: every row is kept or counted here with its reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncodeReport {
    /// Rows that became examples.
    pub kept: usize,
    /// Rows among them of which something was cut off.
    pub truncated: usize,
    /// Completions among them that lost their end-of-sequence token to the cut.
    pub completions_without_eos: usize,
    /// Rows left out, by reason.
    pub dropped: BTreeMap<DropReason, DroppedRows>,
    /// Keys of the rows that their format does not use.
    pub unused: UnusedKeys,
    /// Lengths of all prompts before any cut.
    pub prompt_lengths: Lengths,
    /// Lengths of all completions before any cut.
    pub completion_lengths: Lengths,
}

/// Rows left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedRows {
    /// How many.
    pub count: usize,
    /// The first of them, to look at.
    pub first: RowLocation,
}

impl EncodeReport {
    /// Rows left out, for all reasons together.
    pub fn num_dropped(&self) -> usize {
        self.dropped.values().map(|rows| rows.count).sum()
    }

    pub(super) fn drop_row(&mut self, reason: DropReason, row: &RowLocation) {
        let rows = self.dropped.entry(reason).or_insert_with(|| DroppedRows { count: 0, first: row.clone() });
        rows.count += 1;
    }

    /// Adds the report of rows that come after these.
    pub fn append(&mut self, later: Self) {
        self.kept += later.kept;
        self.truncated += later.truncated;
        self.completions_without_eos += later.completions_without_eos;
        self.unused.append(later.unused);
        for (reason, rows) in later.dropped {
            match self.dropped.get_mut(&reason) {
                Some(mine) => mine.count += rows.count,
                None => drop(self.dropped.insert(reason, rows)),
            }
        }
        for (mine, later) in [
            (&mut self.prompt_lengths, later.prompt_lengths),
            (&mut self.completion_lengths, later.completion_lengths),
        ] {
            for (length, count) in later.0 {
                mine.add(length, count);
            }
        }
    }
}

impl fmt::Display for EncodeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows kept", self.kept)?;
        if self.truncated > 0 {
            let without_eos = self.completions_without_eos;
            write!(f, ", {} of them truncated ({without_eos} responses without their end)", self.truncated)?;
        }
        write!(f, ", {} dropped", self.num_dropped())?;
        for (reason, rows) in &self.dropped {
            write!(f, "; {} because {reason}, first {}", rows.count, rows.first)?;
        }
        write!(f, "; prompt tokens {}; response tokens {}", self.prompt_lengths, self.completion_lengths)
    }
}

/// How often each length in tokens occurs: as large as there are different lengths, whatever the
/// number of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lengths(Vec<(u32, usize)>);

impl Lengths {
    pub(super) fn push(&mut self, length: usize) {
        self.add(u32::try_from(length).unwrap_or(u32::MAX), 1);
    }

    fn add(&mut self, length: u32, count: usize) {
        match self.0.binary_search_by_key(&length, |&(known, _)| known) {
            Ok(index) => self.0[index].1 += count,
            Err(index) => self.0.insert(index, (length, count)),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// The sum of all lengths: tokens.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|&(length, count)| u64::from(length) * count as u64).sum()
    }

    /// The smallest length that at least `percent` of all do not exceed; `None` when
    /// there are none.
    pub fn percentile(&self, percent: usize) -> Option<u32> {
        let count = self.count();
        let rank = (percent * count).div_ceil(100).clamp(1, count.max(1));
        let mut seen = 0;
        self.0.iter().find_map(|&(length, count)| {
            seen += count;
            (seen >= rank).then_some(length)
        })
    }
}

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |percent| self.percentile(percent).unwrap_or(0);
        write!(f, "p50 {} p90 {} p99 {} max {}", at(50), at(90), at(99), at(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut lengths = Lengths::default();
        (1..=200).rev().for_each(|length| lengths.push(length));
        assert_eq!(
            [50, 90, 99, 100].map(|p| lengths.percentile(p)),
            [Some(100), Some(180), Some(198), Some(200)]
        );
        assert_eq!((lengths.count(), lengths.total()), (200, 20_100));
        let mut equal = Lengths::default();
        (0..3).for_each(|_| equal.push(7));
        assert_eq!((equal.count(), equal.percentile(1), equal.percentile(100)), (3, Some(7), Some(7)));
        assert_eq!(Lengths::default().percentile(50), None);
    }
}
