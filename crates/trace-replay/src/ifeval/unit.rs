//! Verdicts of one checker at a time.

use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Map, Value};
use trace_schema::Record;
use trace_score::ifeval::{CheckError, Checker, Instruction, InstructionError, PatternError};

use super::{Replay, rows};

/// A recorded row: an instruction, a response, and the verdicts or the exception.
#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    kwargs: Map<String, Value>,
    response: String,
    check: Option<bool>,
    strict: Option<bool>,
    error: Option<String>,
}

impl Record for Row {}

/// The outcome of a row: the check and the strict verdict, or the name of Python's exception.
type Outcome = Result<(bool, bool), &'static str>;

/// Replays single checks.
///
/// # Errors
///
/// A file or row that cannot be read.
pub fn unit(file: &Path, checker: &Checker) -> Result<Replay> {
    let mut replay = Replay::default();
    for row in rows::<Row>(file)? {
        let (number, row) = row?;
        match (&row.error, outcome(checker, &row)) {
            (Some(recorded), found) => {
                let found = found.err().unwrap_or("no exception");
                replay.push_equal("exception", number, &found, &recorded.as_str());
            }
            (None, Err(exception)) => {
                replay.push_equal("exception", number, &exception, &"no exception");
            }
            (None, Ok((check, strict))) => {
                for (name, found, recorded) in
                    [("check", check, row.check), ("strict verdict", strict, row.strict)]
                {
                    if let Some(recorded) = recorded {
                        replay.push_truth(name, number, found, recorded);
                    }
                }
            }
        }
    }
    Ok(replay)
}

fn outcome(checker: &Checker, row: &Row) -> Outcome {
    let instruction = Instruction::parse(&row.id, &row.kwargs).map_err(|error| exception_of(&error))?;
    let check = checker.check(&instruction, &row.response).map_err(|error| exception_in(&error))?;
    let strict = checker.strict(&instruction, &row.response).map_err(|error| exception_in(&error))?;
    Ok((check, strict))
}

/// The exception of the official program for an instruction that cannot be read.
fn exception_of(error: &InstructionError) -> &'static str {
    match error {
        InstructionError::UnknownId { .. } | InstructionError::Argument { key: "language", .. } => "KeyError",
        InstructionError::UnknownArgument { .. } => "TypeError",
        InstructionError::Argument { key, .. } if *key == "prompt_to_repeat" || key.ends_with("relation") => {
            "ValueError"
        }
        InstructionError::Pattern { source: PatternError::Invalid { .. }, .. } => "error",
        _ => "none, but an instruction that cannot be read",
    }
}

/// The exception of the official program for a check without a verdict.
fn exception_in(error: &CheckError) -> &'static str {
    match error {
        CheckError::JsonDepth => "RecursionError",
        CheckError::Language { .. } => "ZeroDivisionError",
        _ => "none, but a search that was given up",
    }
}
