//! Rules, extractions, answers, dependencies and statistics of ComplexBench's official program.

use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;
use trace_score::ScoreError;
use trace_score::complexbench::{
    ComplexBenchQuirks, JudgedItem, JudgedQuestion, Rule, Verdict, apply_dependencies, extract_objects,
    parse_answer, statistics,
};

use crate::recording::{Recording, ReplayReport};

const QUIRKS: ComplexBenchQuirks = ComplexBenchQuirks::official();

/// How far a recorded share may be from ours: both are quotients of whole numbers.
const SHARE_TOLERANCE: f64 = 1e-12;

/// Replays a recording of one of five layouts, identified by the keys of its first row.
///
/// | keys | what is compared |
/// |---|---|
/// | `rule`, `objects` | the verdict, or the name of the exception |
/// | `output`, `extraction` | the part that holds the objects, and the objects |
/// | `generation` | the judge's yes or no |
/// | `deps`, `point_judges` | the verdicts after dependencies, or the name of the exception |
/// | `data`, `statistics` | dependencies and all statistics to 1e-12, or the name of the exception |
///
/// # Errors
///
/// A file that cannot be read, or rows of another layout.
pub fn replay(file: &Path) -> Result<ReplayReport> {
    let recording = Recording::read(file)?;
    if recording.has(&["rule", "objects"]) {
        replay_rules(&recording)
    } else if recording.has(&["output", "extraction"]) {
        replay_extractions(&recording)
    } else if recording.has(&["generation"]) {
        replay_answers(&recording)
    } else if recording.has(&["deps", "point_judges"]) {
        replay_dependencies(&recording)
    } else if recording.has(&["data", "statistics"]) {
        replay_statistics(&recording)
    } else {
        Err(recording.unknown_layout(
            "rule with objects, output with extraction, generation, deps with point_judges, data with statistics",
        ))
    }
}

#[derive(Deserialize)]
struct RuleRow {
    rule: String,
    objects: Vec<String>,
    #[serde(default = "missing")]
    verdict: Verdict,
    error: Option<String>,
}

fn missing() -> Verdict {
    Verdict::Missing
}

fn replay_rules(recording: &Recording) -> Result<ReplayReport> {
    let mut report = ReplayReport::new("ComplexBench rules");
    for row in recording.parse::<RuleRow>()? {
        let ours = match Rule::parse(&row.rule, QUIRKS) {
            Ok(rule) => rule.verdict(&row.objects).map_err(|error| error.python_name().to_owned()),
            Err(error) => Err(error.to_string()),
        };
        report.compare(&row.error.map_or(Ok(row.verdict), Err), &ours);
    }
    Ok(report)
}

#[derive(Deserialize)]
struct ExtractionRow {
    output: Option<String>,
    extraction: Option<String>,
    decompose: Option<String>,
    objects: Vec<String>,
}

fn replay_extractions(recording: &Recording) -> Result<ReplayReport> {
    let mut report = ReplayReport::new("ComplexBench extractions");
    for row in recording.parse::<ExtractionRow>()? {
        // Without a response or an answer to it, the official program has no objects.
        let ours = match (&row.output, &row.extraction) {
            (Some(output), Some(answer)) => {
                let extraction = extract_objects(output, answer, QUIRKS);
                (Some(extraction.part), extraction.objects)
            }
            _ => (None, Vec::new()),
        };
        report.compare(&(row.decompose, row.objects), &ours);
    }
    Ok(report)
}

#[derive(Deserialize)]
struct AnswerRow {
    generation: String,
    judge: bool,
}

fn replay_answers(recording: &Recording) -> Result<ReplayReport> {
    let mut report = ReplayReport::new("ComplexBench answers");
    for row in recording.parse::<AnswerRow>()? {
        report.compare(&Ok(row.judge), &parse_answer(&row.generation, QUIRKS));
    }
    Ok(report)
}

/// Verdicts, or the name of an exception.
#[derive(Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Resolved {
    Verdicts(Vec<Verdict>),
    Error(String),
}

impl From<Result<Vec<Verdict>, ScoreError>> for Resolved {
    fn from(result: Result<Vec<Verdict>, ScoreError>) -> Self {
        result.map_or_else(|_| Self::Error("IndexError".to_owned()), Self::Verdicts)
    }
}

#[derive(Deserialize)]
struct DependencyRow {
    deps: Vec<Vec<i64>>,
    point_judges: Vec<Verdict>,
    point_judges_rely: Resolved,
}

fn replay_dependencies(recording: &Recording) -> Result<ReplayReport> {
    let mut report = ReplayReport::new("ComplexBench dependencies");
    for row in recording.parse::<DependencyRow>()? {
        let ours = apply_dependencies(&row.point_judges, &row.deps, QUIRKS);
        report.compare(&row.point_judges_rely, &ours.into());
    }
    Ok(report)
}

#[derive(Deserialize)]
struct StatisticsRow {
    data: Vec<ItemRow>,
    statistics: Value,
}

#[derive(Deserialize)]
struct ItemRow {
    group: String,
    task_types: String,
    composition_types: Vec<String>,
    category: String,
    scoring_questions: Vec<QuestionRow>,
    point_judges: Vec<Verdict>,
    point_judges_rely: Option<Vec<Verdict>>,
}

#[derive(Deserialize)]
struct QuestionRow {
    constraint_dimensions: Vec<String>,
    composition_types: Vec<String>,
    dep: Vec<i64>,
}

impl ItemRow {
    /// The item with its verdicts after dependencies; an error names what differs from the recording.
    fn judged(self) -> Result<JudgedItem, String> {
        let deps: Vec<_> = self.scoring_questions.iter().map(|question| question.dep.clone()).collect();
        let verdicts =
            apply_dependencies(&self.point_judges, &deps, QUIRKS).map_err(|error| error.to_string())?;
        if self.point_judges_rely.is_some_and(|recorded| recorded != verdicts) {
            return Err(format!("dependencies give {verdicts:?}"));
        }
        let question = |(question, verdict): (QuestionRow, Verdict)| JudgedQuestion {
            constraint_dimensions: question.constraint_dimensions,
            composition_types: question.composition_types,
            verdict,
        };
        Ok(JudgedItem {
            group: self.group,
            task_type: self.task_types,
            composition_types: self.composition_types,
            category: self.category,
            questions: self.scoring_questions.into_iter().zip(verdicts).map(question).collect(),
        })
    }
}

fn replay_statistics(recording: &Recording) -> Result<ReplayReport> {
    let mut report = ReplayReport::new("ComplexBench statistics");
    for row in recording.parse::<StatisticsRow>()? {
        let items: Result<Vec<_>, _> = row.data.into_iter().map(ItemRow::judged).collect();
        let differences = match items {
            Ok(items) => differences(&row.statistics, &items),
            Err(difference) => vec![difference],
        };
        report.compare(&Vec::new(), &differences);
    }
    Ok(report)
}

/// The differences from the recording.
fn differences(recorded: &Value, items: &[JudgedItem]) -> Vec<String> {
    let ours = statistics(items, QUIRKS).official_names();
    match (ours, recorded.get("error")) {
        (Some(ours), None) => compare(&shares(recorded), &shares(&Value::Object(ours))),
        (None, Some(name)) if name == "ZeroDivisionError" => Vec::new(),
        (ours, _) => vec![format!("recorded {recorded}, ours {ours:?}")],
    }
}

fn compare(recorded: &[(String, f64)], ours: &[(String, f64)]) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, value) in recorded {
        match ours.iter().find(|(ours, _)| ours == name) {
            Some((_, ours)) if (ours - value).abs() <= SHARE_TOLERANCE => {}
            other => {
                differences.push(format!("{name}: recorded {value}, ours {:?}", other.map(|(_, ours)| ours)))
            }
        }
    }
    if recorded.len() != ours.len() {
        differences.push(format!("recorded {} shares, ours {}", recorded.len(), ours.len()));
    }
    differences
}

/// All shares with their names.
fn shares(statistics: &Value) -> Vec<(String, f64)> {
    let mut shares = Vec::new();
    for (name, value) in statistics.as_object().into_iter().flatten() {
        match value {
            Value::Object(parts) => {
                let part = |(key, value): (&String, &Value)| Some((format!("{name}/{key}"), value.as_f64()?));
                shares.extend(parts.iter().filter_map(part));
            }
            value => shares.extend(value.as_f64().map(|value| (name.clone(), value))),
        }
    }
    shares
}
