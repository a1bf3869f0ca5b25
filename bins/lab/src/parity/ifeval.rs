//! Replays recorded answers of the official IFEval program and of the libraries that it uses.

use std::path::Path;

use anyhow::{Context, Result};
use trace_replay::ifeval::{self as replay, Quantity, Replay};
use trace_score::ifeval::Checker;

use crate::golden::root;
use crate::parity::{Comparison, Report};

/// The name of Google's file of prompts.
const PROMPTS: &str = "ifeval_input_data.jsonl";

/// Replays verdicts on whole responses.
///
/// Without `prompts`, the arguments of the instructions are read from [`PROMPTS`] beside the file, else in
/// `../shared/data`.
pub fn run(file: &Path, prompts: Option<&Path>) -> Result<Report> {
    let beside = file.with_file_name(PROMPTS);
    let prompts = match prompts {
        Some(prompts) => prompts.to_owned(),
        None if beside.is_file() => beside,
        None => root().join("../shared/data").join(PROMPTS),
    };
    report(file, replay::verdicts(file, &prompts, &Checker::default()))
}

/// Replays single checks.
pub fn run_unit(file: &Path) -> Result<Report> {
    report(file, replay::unit(file, &Checker::default()))
}

/// Replays counts, sentences, tokens, case and languages of single texts.
pub fn run_util(file: &Path) -> Result<Report> {
    report(file, replay::util(file))
}

fn report(file: &Path, replay: Result<Replay>) -> Result<Report> {
    let replay = replay.with_context(|| format!("cannot replay {}", file.display()))?;
    let comparisons = replay.quantities.iter().map(comparison).collect();
    Ok(Report { comparisons, notes: replay.notes })
}

fn comparison(quantity: &Quantity) -> Comparison {
    let mut comparison = Comparison::new(quantity.name, quantity.tolerance, 0.0);
    for &(found, recorded) in &quantity.pairs {
        comparison.push(found, recorded);
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str =
        r#"{"id": "punctuation:no_comma", "kwargs": {}, "response": "a", "check": true, "strict": true}"#;

    fn replay(name: &str, rows: &str) -> Result<Report> {
        let file = std::env::temp_dir().join(format!("parity-ifeval-{}-{name}.jsonl", std::process::id()));
        std::fs::write(&file, rows)?;
        let report = run_unit(&file);
        std::fs::remove_file(&file)?;
        report
    }

    #[test]
    fn recorded_checks_replay() {
        let report = replay("equal", &format!("{ROW}\n")).unwrap();
        assert!(report.passed(), "{report}");
        assert_eq!(report.comparisons.len(), 2);
    }

    #[test]
    fn a_changed_check_breaks_parity() {
        let changed = ROW.replace("\"check\": true", "\"check\": false");
        let report = replay("changed", &format!("{ROW}\n{changed}\n")).unwrap();
        assert!(!report.passed());
        assert_eq!(report.notes, ["row 2: check: found 1, recorded 0"]);
    }

    #[test]
    fn a_file_without_rows_passes_nothing() {
        assert!(!replay("empty", "").unwrap().passed());
    }
}
