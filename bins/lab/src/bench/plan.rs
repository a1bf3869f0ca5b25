//! Which cases the whole comparison runs, and in which order.

use super::case::{Case, Purpose, Side};
use super::group_file::Stage;
use super::one::{Passes, Tune};
use super::scaling;

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names of the group files.
    pub data: Vec<&'static str>,
    /// How often each comparison is repeated.
    pub rounds: usize,
    /// Prompt lengths and groups per step of the figure.
    pub scaling: scaling::Axes,
}

/// Ways to run a group: label, checkpointing, passes.
pub const WAYS: [(&str, bool, Passes); 4] = [
    ("one pass", false, Passes::One),
    ("checkpointing", true, Passes::One),
    ("two passes", false, Passes::Two),
    ("two passes, checkpointing", true, Passes::Two),
];

impl Plan {
    /// Everything, or one small file and a few points to see that all parts work.
    pub fn new(rounds: usize, quick: bool) -> Self {
        if quick {
            return Self { data: vec!["q_small_256_128"], rounds: 1, scaling: scaling::Axes::quick() };
        }
        let data = vec!["q_small_256_128", "q_small_1024_256", "q_base_256_128"];
        Self { data, rounds, scaling: scaling::Axes::full() }
    }

    /// All cases with their rounds. Sides alternate, so that a machine that slows down slows all.
    pub fn cases(&self) -> Vec<(usize, Case)> {
        let mut cases = Vec::new();
        for round in 1..=self.rounds {
            let each = self.data.iter().flat_map(|data| [(data, Tune::Full), (data, Tune::Lora)]);
            for (data, tune) in each {
                for threads in [1, 2] {
                    let of_threads = alternating(data, tune).into_iter();
                    cases.extend(of_threads.map(|case| (round, Case { threads, ..case })));
                }
                cases.extend(own_times(data, tune).into_iter().map(|case| (round, case)));
            }
        }
        for data in &self.data {
            cases.extend(memories(data).into_iter().map(|case| (1, case)));
        }
        cases.extend(self.scaling.cases().into_iter().map(|case| (1, case)));
        cases
    }
}

/// Ours before each of the others.
fn alternating(data: &str, tune: Tune) -> Vec<Case> {
    let case = |side| Case::new(Purpose::Time, side, data, tune);
    [Side::Ref, Side::Best, Side::Prefix]
        .into_iter()
        .flat_map(|other| [case(Side::Ours), case(other)])
        .collect()
}

/// Our runs that are compared with our IOPO step: SFT on the same responses, and the modes that take less memory.
fn own_times(data: &str, tune: Tune) -> Vec<Case> {
    let case = Case::new(Purpose::Time, Side::Ours, data, tune);
    let ways =
        WAYS[1..].iter().map(|&(_, checkpointing, passes)| Case { checkpointing, passes, ..case.clone() });
    [Case { stage: Stage::Sft2, ..case.clone() }].into_iter().chain(ways).collect()
}

/// One SFT sequence and one IOPO group on every side, with checkpointing where a user short of memory would turn it
/// on.
fn memories(data: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for tune in [Tune::Lora, Tune::Full] {
        let case = |side| Case::new(Purpose::Memory, side, data, tune);
        for (side, checkpointing) in [
            (Side::Ours, false),
            (Side::Ours, true),
            (Side::Ref, false),
            (Side::Best, false),
            (Side::Best, true),
        ] {
            cases.push(Case { stage: Stage::Sft, checkpointing, ..case(side) });
            cases.push(Case { checkpointing, ..case(side) });
        }
        cases.push(case(Side::Prefix));
        cases.extend([false, true].map(|checkpointing| Case {
            checkpointing,
            passes: Passes::Two,
            ..case(Side::Ours)
        }));
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_side_runs_before_every_other_in_every_round() {
        let cases = Plan::new(2, false).cases();
        let times: Vec<&(usize, Case)> = cases
            .iter()
            .filter(|(_, case)| case.purpose == Purpose::Time && case.data.starts_with("q_"))
            .collect();
        for (index, (round, case)) in
            times.iter().enumerate().filter(|(_, (_, case))| case.side != Side::Ours)
        {
            let (round_before, before) = times[index - 1];
            assert_eq!(*before, Case { side: Side::Ours, ..case.clone() });
            assert_eq!(round_before, round);
        }
        assert_eq!(times.iter().map(|(round, _)| round).max(), Some(&2));
    }

    #[test]
    fn every_way_is_measured_for_time_and_memory() {
        let cases = Plan::new(1, true).cases();
        for (label, checkpointing, passes) in WAYS {
            for purpose in [Purpose::Time, Purpose::Memory] {
                let case = Case {
                    checkpointing,
                    passes,
                    ..Case::new(purpose, Side::Ours, "q_small_256_128", Tune::Lora)
                };
                assert!(cases.iter().any(|(_, planned)| *planned == case), "{label} {purpose:?}");
            }
        }
    }
}
