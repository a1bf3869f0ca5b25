//! How many rows came to each stage of data construction, and how many went on.

use comfy_table::Table;
use serde::Serialize;
use trace_schema::RejectionStats;
use trace_synthesis::pipeline::Stage;

use crate::tables::{align_right, new_table, percent, thousands};

/// A part of the way from a seed to its rows: its stages in order, and the file of what came through.
///
/// A seed with a good response goes on to a pair and to a group, each for itself.
struct Part {
    stages: &'static [Stage],
    kept_in: &'static str,
    /// A stage after which some rows go elsewhere, and the file of these.
    leaves: Option<(Stage, &'static str)>,
}

/// The stages of Section 4.1 of the paper, of its Appendix C, and of its Appendix D.
const PARTS: [Part; 3] = [
    Part {
        stages: &[
            Stage::Seed,
            Stage::Expansion,
            Stage::Structuring,
            Stage::QualityControl,
            Stage::Similarity,
            Stage::Response,
            Stage::Evaluation,
        ],
        kept_in: "sft.jsonl",
        // Instructions that are held out are asked nothing more.
        leaves: Some((Stage::Similarity, "eval.jsonl")),
    },
    Part { stages: &[Stage::WorseResponse], kept_in: "pairs.jsonl", leaves: None },
    Part {
        stages: &[
            Stage::Perturbation,
            Stage::FirstUnderSecond,
            Stage::SecondResponse,
            Stage::SecondEvaluation,
            Stage::SecondUnderFirst,
            Stage::Rationality,
        ],
        kept_in: "groups.jsonl",
        leaves: None,
    },
];

/// A stage and the rows that it saw.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct FunnelStage {
    stage: &'static str,
    /// Rows that were kept by this stage or rejected by it: those that later stages rejected or kept, and its own.
    entered: u64,
    rejected: u64,
    /// The file of the rows that this stage, the last of its part, kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_in: Option<&'static str>,
}

/// The names of all stages, in order.
pub(super) fn stages() -> Vec<&'static str> {
    PARTS.iter().flat_map(|part| part.stages).map(|stage| stage.name()).collect()
}

/// Computes the stages back from the kept rows; `kept` gives the rows of a file.
pub(super) fn stages_of(rejections: &RejectionStats, kept: impl Fn(&str) -> u64) -> Vec<FunnelStage> {
    let mut all = Vec::new();
    for part in &PARTS {
        let mut entered = kept(part.kept_in);
        let mut kept_in = Some(part.kept_in);
        let mut stages: Vec<FunnelStage> = Vec::new();
        for &stage in part.stages.iter().rev() {
            if let Some((_, file)) = part.leaves.filter(|(after, _)| *after == stage) {
                entered += kept(file);
            }
            let rejected = rejections.at(stage.name());
            entered += rejected;
            stages.push(FunnelStage { stage: stage.name(), entered, rejected, kept_in: kept_in.take() });
        }
        all.extend(stages.into_iter().rev());
    }
    all
}

/// The funnel, and the reasons of each stage.
pub(super) fn render(file: &str, rejections: &RejectionStats, funnel: &[FunnelStage]) -> String {
    let sections = [
        format!("{file}: {} rows", thousands(rejections.rows)),
        format!("Rejection funnel\n{}", stage_table(funnel)),
        format!("Reasons\n{}", reason_table(rejections)),
    ];
    sections.join("\n\n") + "\n"
}

fn stage_table(funnel: &[FunnelStage]) -> Table {
    let mut table = new_table(&["Stage", "Rows", "Rejected", "Share", "Kept", "in"]);
    for stage in funnel {
        let share = if stage.entered == 0 { 0.0 } else { stage.rejected as f64 / stage.entered as f64 };
        table.add_row([
            stage.stage.to_owned(),
            thousands(stage.entered),
            thousands(stage.rejected),
            percent(share),
            thousands(stage.entered - stage.rejected),
            stage.kept_in.unwrap_or_default().to_owned(),
        ]);
    }
    align_right(&mut table, 1..5);
    table
}

fn reason_table(rejections: &RejectionStats) -> Table {
    let mut table = new_table(&["Stage", "Reason", "Rows"]);
    for stage in &rejections.stages {
        for (index, reason) in stage.reasons.iter().enumerate() {
            let name = if index == 0 { stage.stage.clone() } else { String::new() };
            table.add_row([name, reason.reason.clone(), thousands(reason.rows)]);
        }
    }
    align_right(&mut table, 2..3);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_of_the_pipeline_is_in_the_funnel_once_and_in_order() {
        let names: Vec<&str> = Stage::ALL.iter().map(|stage| stage.name()).collect();
        assert_eq!(stages(), names);
    }
}
