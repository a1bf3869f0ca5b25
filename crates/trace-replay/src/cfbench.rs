//! Scores, means and roundings of CFBench's official program.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use trace_score::cfbench::{
    CfBenchJudgeError, CfBenchQuirks, CfBenchRates, CfBenchScore, Criterion, ParseStatus, Priority, Split,
    judge_answer, summarize,
};

use crate::recording::{Recording, ReplayReport};

const QUIRKS: CfBenchQuirks = CfBenchQuirks::official();

const SCORE_KEYS: &[&str] = &["priorities", "criteria", "judge_response"];

/// Replays a recording of one of three layouts, identified by the keys of its first row.
///
/// | keys | what is compared |
/// |---|---|
/// | `priorities`, `criteria`, `judge_response` | scores, status, CSR, ISR and PSR, or the name of the exception |
/// | `k`, `n`, `numpy_round2_of_mean`, `python_round2` | both ways of rounding k/n |
/// | `subset`, `scores` | means over the recorded rows of the first layout in the same folder |
///
/// Rows of the last layout take the file whose name has `score` where theirs has `aggregate`. Subsets are `all`,
/// `firstN`, `every_second` (the rows 1, 3, ... counted from 0), `easy_only` and `hard_only` of the rows without an
/// exception.
///
/// # Errors
///
/// A file that cannot be read, or rows of another layout.
pub fn replay(file: &Path) -> Result<ReplayReport> {
    let recording = Recording::read(file)?;
    if recording.has(SCORE_KEYS) {
        replay_scores(&recording)
    } else if recording.has(&["k", "n"]) {
        replay_rounding(&recording)
    } else if recording.has(&["subset", "scores"]) {
        replay_summaries(&recording)
    } else {
        Err(recording.unknown_layout("judge_response, k with n, subset with scores"))
    }
}

#[derive(Deserialize)]
struct ScoreRow {
    priorities: Vec<String>,
    criteria: Vec<String>,
    judge_response: String,
    split: Split,
    error: Option<String>,
    #[serde(default)]
    judge_score: Vec<String>,
    #[serde(default)]
    judge_parsing: String,
    #[serde(rename = "CSR", default)]
    csr: f64,
    #[serde(rename = "ISR", default)]
    isr: u8,
    #[serde(rename = "PSR", default)]
    psr: u8,
}

/// Scores, status and rates, or the name of the exception.
type Outcome = Result<(Vec<String>, String, CfBenchScore), String>;

impl ScoreRow {
    fn ours(&self) -> Outcome {
        let priority = |name: &String| Priority::deserialize(Value::from(name.as_str())).ok();
        let priorities: Vec<_> = self.priorities.iter().map(priority).collect();
        let criterion = |(text, priority): (&String, &Option<Priority>)| Criterion {
            text: text.clone(),
            priority: priority.unwrap_or(Priority::Primary),
            labels: Vec::new(),
        };
        let criteria: Vec<_> = self.criteria.iter().zip(&priorities).map(criterion).collect();
        match judge_answer(&self.judge_response, &criteria, QUIRKS) {
            // The official program looks at priorities only here; `load_items` refuses one that is unknown.
            Ok(judged) if judged.status == ParseStatus::Strict && priorities.contains(&None) => {
                Err("AssertionError".to_owned())
            }
            Ok(judged) => Ok((judged.scores, judged.status.code().to_owned(), judged.score)),
            Err(CfBenchJudgeError::NotANumber { .. }) => Err("ValueError".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn recorded(&self) -> Outcome {
        let score = CfBenchScore { csr: self.csr, isr: self.isr, psr: self.psr };
        match &self.error {
            Some(name) => Err(name.clone()),
            None => Ok((self.judge_score.clone(), self.judge_parsing.clone(), score)),
        }
    }
}

fn replay_scores(recording: &Recording) -> Result<ReplayReport> {
    let mut report = ReplayReport::new("CFBench scores");
    for row in recording.parse::<ScoreRow>()? {
        report.compare(&row.recorded(), &row.ours());
    }
    Ok(report)
}

#[derive(Deserialize)]
struct RoundingRow {
    k: usize,
    n: usize,
    numpy_round2_of_mean: f64,
    python_round2: f64,
}

fn replay_rounding(recording: &Recording) -> Result<ReplayReport> {
    let mut report = ReplayReport::new("CFBench rounding");
    for row in recording.parse::<RoundingRow>()? {
        let score = |index| CfBenchScore { csr: f64::from(u8::from(index < row.k)), isr: 0, psr: 0 };
        let items: Vec<_> = (0..row.n).map(|index| (Split::Easy, Some(score(index)))).collect();
        let mean = |quirks| summarize(&items, quirks).all.csr.unwrap_or(f64::NAN);
        // Rust prints the exact value of a float rounded half to even, which is what Python's `round` does.
        let exact = format!("{:.2}", mean(CfBenchQuirks::none())).parse().unwrap_or(f64::NAN);
        report.compare(&(row.numpy_round2_of_mean, row.python_round2), &(mean(QUIRKS), exact));
    }
    Ok(report)
}

#[derive(Deserialize)]
struct SummaryRow {
    subset: String,
    rows: usize,
    scores: Value,
}

fn replay_summaries(recording: &Recording) -> Result<ReplayReport> {
    let scored: Vec<ScoreRow> = score_rows(&recording.file)?
        .parse::<ScoreRow>()?
        .into_iter()
        .filter(|row| row.error.is_none())
        .collect();
    let mut report = ReplayReport::new("CFBench summaries");
    for row in recording.parse::<SummaryRow>()? {
        let chosen = subset(&row.subset, &scored);
        let ours = chosen.map(|rows| (rows.len(), means(&rows)));
        report.compare(&Some((row.rows, row.scores)), &ours);
    }
    Ok(report)
}

/// The recorded scores beside a recording of means.
fn score_rows(file: &Path) -> Result<Recording> {
    let missing = || format!("{}: found no recorded rows with judge_response beside it", file.display());
    let name = file.file_name().and_then(|name| name.to_str()).with_context(missing)?;
    let beside: PathBuf = file.with_file_name(name.replace("aggregate", "score"));
    ensure!(beside != file && beside.is_file(), missing());
    let recording = Recording::read(&beside)?;
    ensure!(recording.has(SCORE_KEYS), missing());
    Ok(recording)
}

fn subset<'a>(name: &str, rows: &'a [ScoreRow]) -> Option<Vec<&'a ScoreRow>> {
    let of = |split| Some(rows.iter().filter(|row| row.split == split).collect());
    match name {
        "all" => Some(rows.iter().collect()),
        "every_second" => Some(rows.iter().skip(1).step_by(2).collect()),
        "easy_only" => of(Split::Easy),
        "hard_only" => of(Split::Hard),
        _ => name.strip_prefix("first")?.parse().ok().map(|count| rows.iter().take(count).collect()),
    }
}

/// The means under the recording's names.
fn means(rows: &[&ScoreRow]) -> Value {
    let score = |row: &&ScoreRow| (row.split, row.ours().ok().map(|(_, _, score)| score));
    let summary = summarize(&rows.iter().map(score).collect::<Vec<_>>(), QUIRKS);
    let of = |CfBenchRates { csr, isr, psr, .. }| (csr, isr, psr);
    let (easy, hard, all) = (of(summary.easy), of(summary.hard), of(summary.all));
    json!({
        "CSR_easy": easy.0, "ISR_easy": easy.1, "PSR_easy": easy.2,
        "CSR_hard": hard.0, "ISR_hard": hard.1, "PSR_hard": hard.2,
        "CSR": all.0, "ISR": all.1, "PSR": all.2,
    })
}
