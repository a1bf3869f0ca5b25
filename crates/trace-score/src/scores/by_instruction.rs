//! Scores with the instruction as the unit.

use super::InstructionScores;
use crate::Judged;
use crate::stats::{Estimate, IntervalConfig};

pub(super) fn scores<'a>(
    rows: impl Iterator<Item = &'a Judged>,
    config: &IntervalConfig,
) -> InstructionScores {
    let (mut n, mut followed, mut n_failed) = (0, 0, 0);
    let mut means = Vec::new();
    for row in rows {
        match row.followed() {
            Some(is_followed) => {
                n += 1;
                followed += usize::from(is_followed);
                means.extend(row.mean_score());
            }
            None => n_failed += 1,
        }
    }
    InstructionScores {
        followed: Estimate::share(followed, n, n_failed, config),
        mean_score: Estimate::mean(&means, n_failed, config),
    }
}
