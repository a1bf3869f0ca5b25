//! CSR, ISR and PSR of one response.

use serde::{Deserialize, Serialize};

use super::item::Priority;

/// The three rates of one response.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CfBenchScore {
    /// Constraint satisfaction rate: the share of criteria that are satisfied.
    pub csr: f64,
    /// Instruction satisfaction: 1 if all criteria are satisfied, else 0.
    pub isr: u8,
    /// Priority satisfaction: 1 if all primary criteria and enough of the secondary ones are satisfied, else 0.
    pub psr: u8,
}

/// Scores verdicts without rounding.
///
/// ```text
/// CSR = k/n     ISR = [k = n]     PSR = [every primary holds] · [w > 0.8]
/// w = 0.5 + 0.5 · (secondary that hold / secondary)  with both kinds,  k/n  with secondary ones alone,  1  with primary ones alone
/// ```
///
/// Priorities and verdicts are paired in order; what one list has beyond the other does not count. Without a pair the
/// result is `None`.
///
/// # Source
///
/// CFBench (Zhang et al., 2024) and its code at 0bcbf9b, whose comparison with 0.8 is strict: 3 of 5 secondary criteria
/// give exactly 0.8, which is not enough.
pub fn score_verdicts(priorities: &[Priority], verdicts: &[bool]) -> Option<CfBenchScore> {
    let (mut primary, mut secondary) = (Tally::default(), Tally::default());
    for (priority, &holds) in priorities.iter().zip(verdicts) {
        match priority {
            Priority::Primary => primary.count(holds),
            Priority::Secondary => secondary.count(holds),
        }
    }
    let (hold, all) = (primary.hold + secondary.hold, primary.all + secondary.all);
    // In whole numbers: 0.5 + s/(2m) > 0.8 is 5s > 3m, and k/n > 0.8 is 5k > 4n.
    let enough = match (primary.all, secondary.all) {
        (0, _) => 5 * hold > 4 * all,
        (_, 0) => true,
        _ => 5 * secondary.hold > 3 * secondary.all,
    };
    (all > 0).then(|| CfBenchScore {
        csr: hold as f64 / all as f64,
        isr: u8::from(hold == all),
        psr: u8::from(primary.hold == primary.all && enough),
    })
}

#[derive(Default)]
struct Tally {
    hold: usize,
    all: usize,
}

impl Tally {
    fn count(&mut self, holds: bool) {
        self.hold += usize::from(holds);
        self.all += 1;
    }
}
