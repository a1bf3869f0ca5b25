//! The cases of the figure: groups of several lengths, and micro-batches of several groups.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::case::{Case, Purpose, Quantity, Run, Side};
use super::figure::{Curve, Panel};
use super::group_file::Quad;
use super::one::{Passes, Tune};
use super::random_model::SIZES;

/// Tokens of every completion.
const COMPLETION: usize = 128;
/// The prompt's length where the number of groups varies.
const PROMPT: usize = 256;

/// The points on the figure's horizontal axes.
#[derive(Debug, Clone)]
pub struct Axes {
    prompts: Vec<usize>,
    groups: Vec<usize>,
}

/// What each curve is: label, side, checkpointing, passes.
const CURVES: [(&str, Side, bool, Passes); 4] = [
    ("ours, one pass", Side::Ours, false, Passes::One),
    ("ours, checkpointing", Side::Ours, true, Passes::One),
    ("ours, two passes", Side::Ours, false, Passes::Two),
    ("PyTorch, best with shared prompts", Side::Prefix, false, Passes::One),
];

impl Axes {
    /// All points.
    pub fn full() -> Self {
        Self { prompts: vec![128, 256, 512, 1024, 2048], groups: vec![1, 2, 4, 8] }
    }

    /// Two points each.
    pub fn quick() -> Self {
        Self { prompts: vec![128, 256], groups: vec![1, 2] }
    }

    /// Every point of every curve, for time and for memory.
    pub fn cases(&self) -> Vec<Case> {
        let lengths = self.prompts.iter().map(|&prompt| (prompt, 1));
        let points: Vec<_> = lengths.chain(self.groups.iter().map(|&groups| (PROMPT, groups))).collect();
        let mut cases: Vec<Case> = Vec::new();
        for (prompt, groups) in points {
            for (_, side, checkpointing, passes) in CURVES {
                for purpose in [Purpose::Time, Purpose::Memory] {
                    let case = case(purpose, side, prompt, groups, checkpointing, passes);
                    // The baseline takes one group at a time; and the axes share a point.
                    if (side == Side::Ours || groups == 1) && !cases.contains(&case) {
                        cases.push(case);
                    }
                }
            }
        }
        cases
    }

    /// Writes the group files that the cases name.
    pub fn write_groups(&self, dir: &Path) -> Result<()> {
        for &prompt in self.prompts.iter().chain([&PROMPT]) {
            let path = dir.join(data(prompt)).with_extension("jsonl");
            fs::write(&path, random_groups(prompt)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

fn case(
    purpose: Purpose,
    side: Side,
    prompt: usize,
    groups: usize,
    checkpointing: bool,
    passes: Passes,
) -> Case {
    Case { groups, checkpointing, passes, ..Case::new(purpose, side, &data(prompt), Tune::Lora) }
}

fn data(prompt: usize) -> String {
    format!("scaling_small_{prompt}_{COMPLETION}")
}

/// Groups whose instructions and responses have exactly these lengths and share no prefix.
fn random_groups(prompt: usize) -> Result<String> {
    /// As many as the largest micro-batch holds.
    const ROWS: usize = 8;
    let vocab = u32::try_from(SIZES[0].vocab)?;
    let mut rng = ChaCha8Rng::seed_from_u64(prompt as u64);
    let mut ids = |length: usize| (0..length).map(|_| rng.random_range(0..vocab)).collect::<Vec<u32>>();
    let rows = (0..ROWS).map(|_| {
        let quad = Quad { x1: ids(prompt), y1: ids(COMPLETION), x2: ids(prompt), y2: ids(COMPLETION) };
        Ok(serde_json::to_string(&quad)? + "\n")
    });
    rows.collect()
}

/// The figure's panels: memory and time, against tokens and against groups.
pub fn panels(runs: &[Run]) -> Vec<Panel> {
    let scaling: Vec<&Run> = runs.iter().filter(|run| run.case.data.starts_with("scaling_")).collect();
    let of_purpose = |purpose, by_groups: bool| {
        let horizontal = move |run: &Run| {
            let case = &run.case;
            match by_groups {
                true => (case.data == data(PROMPT)).then_some(case.groups as f64),
                false => run.number(Quantity::Tokens).filter(|_| case.groups == 1),
            }
        };
        let (quantity, unit) = match purpose {
            Purpose::Memory => (Quantity::Memory, "MB above weights"),
            Purpose::Time => (Quantity::CpuPerStep, "CPU seconds per step"),
        };
        let curve = |(label, side, checkpointing, passes)| {
            let belongs = |run: &&&Run| {
                let case = &run.case;
                (case.purpose, case.side, case.checkpointing, case.passes)
                    == (purpose, side, checkpointing, passes)
            };
            let point = |run: &&Run| Some((horizontal(run)?, run.number(quantity)?));
            let mut points: Vec<(f64, f64)> = scaling.iter().filter(belongs).filter_map(point).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Curve { label, points }
        };
        let across = if by_groups { "groups in a micro-batch" } else { "tokens of a group's four sequences" };
        Panel { across, unit, curves: CURVES.map(curve).into() }
    };
    [(Purpose::Memory, false), (Purpose::Memory, true), (Purpose::Time, false), (Purpose::Time, true)]
        .map(|(purpose, by_groups)| of_purpose(purpose, by_groups))
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bench::group_file::read_quads;

    #[test]
    fn group_files_have_the_lengths_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let axes = Axes::quick();
        axes.write_groups(dir.path()).unwrap();
        for case in axes.cases() {
            let quads =
                read_quads(&dir.path().join(&case.data).with_extension("jsonl"), SIZES[0].vocab).unwrap();
            let lengths = [&quads[0].x1, &quads[0].y1, &quads[7].x2, &quads[7].y2].map(Vec::len);
            assert_eq!(case.data, format!("scaling_small_{}_{}", lengths[0], lengths[1]));
            assert_eq!(lengths[..2], lengths[2..]);
        }
    }

    #[test]
    fn a_point_that_both_axes_have_is_run_once_and_drawn_twice() {
        let axes = Axes::full();
        let cases = axes.cases();
        assert_eq!(cases.len(), 2 * (5 * 4 + 3 * 3));
        let result = |case: &Case| json!({"tok_per_step": 4 * case.data.len(), "s_step_cpu_min": 1.0, "rss_delta_mb": 2.0});
        let runs: Vec<Run> =
            cases.iter().map(|case| Run { result: result(case), case: case.clone(), round: 1 }).collect();
        let panels = panels(&runs);
        let counts = panels.iter().map(|panel| panel.curves.iter().map(|curve| curve.points.len()).collect());
        let counts: Vec<Vec<usize>> = counts.collect();
        assert_eq!(counts[0], [5, 5, 5, 5]);
        assert_eq!(counts[3], [4, 4, 4, 1]);
    }
}
