//! Verdicts on whole responses.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, anyhow};
use serde::Deserialize;
use trace_schema::Record;
use trace_score::ifeval::{Checker, Instruction, Prompt, PromptVerdict, ResponseForms, read_prompts};

use super::{Replay, rows};

/// A recorded row: a response with the official verdicts on it.
#[derive(Debug, Deserialize)]
struct Row {
    key: u64,
    response: Option<String>,
    instruction_id_list: Vec<String>,
    strict: Vec<bool>,
    loose: Vec<bool>,
    /// Instructions whose verdict depends on the seed of the language detector.
    #[serde(default)]
    unstable: Vec<usize>,
    /// Instructions for which the official code samples a letter.
    #[serde(default)]
    letter_random: Vec<usize>,
    /// The letters with which those are followed.
    official_true_letters: Option<TrueLetters>,
}

#[derive(Debug, Deserialize)]
struct TrueLetters {
    strict: String,
    loose: String,
}

impl Record for Row {}

/// Replays verdicts with the prompts of `prompts`, a file in Google's layout.
///
/// A verdict that differs where it is recorded as depending on the seed is noted and not compared.
///
/// # Errors
///
/// A file or row that cannot be read, or a row that does not fit its prompt.
pub fn verdicts(file: &Path, prompts: &Path, checker: &Checker) -> Result<Replay> {
    let prompts: HashMap<u64, Prompt> =
        read_prompts(prompts)?.into_iter().map(|prompt| (prompt.key, prompt)).collect();
    let mut replay = Replay::default();
    let mut unstable = (0, 0);
    for row in rows::<Row>(file)? {
        let (number, row) = row?;
        let wrong = |reason: &str| anyhow!("row {number} of {}: {reason}", file.display());
        let prompt = prompts.get(&row.key).ok_or_else(|| wrong("no prompt has its key"))?;
        let ids: Vec<&str> = prompt.instructions.iter().map(|instruction| instruction.kind().id()).collect();
        if ids != row.instruction_id_list || row.strict.len() != ids.len() || row.loose.len() != ids.len() {
            return Err(wrong("its instructions are not those of the prompt"));
        }
        let verdict = PromptVerdict::new(checker, prompt, row.response.as_deref());
        for (index, found) in verdict.instructions.iter().enumerate() {
            let (strict, loose) = (row.strict[index], row.loose[index]);
            let depends = row.unstable.contains(&index);
            unstable.0 += usize::from(depends);
            if depends && (found.strict, found.loose) != (strict, loose) {
                unstable.1 += 1;
                continue;
            }
            if let Some(reason) = &found.undecided {
                replay.describe(format!("row {number}: {}: no verdict: {reason}", found.kind));
            }
            replay.push_truth("strict verdict", number, found.strict, strict);
            replay.push_truth("loose verdict", number, found.loose, loose);
        }
        if let (Some(recorded), [index]) = (&row.official_true_letters, &row.letter_random[..]) {
            let response = row.response.as_deref().unwrap_or("");
            let instruction =
                prompt.instructions.get(*index).ok_or_else(|| wrong("letter_random is no index"))?;
            let (strict, loose) = true_letters(checker, instruction, response);
            replay.push_equal("letters that would follow, strict", number, &strict, &recorded.strict);
            replay.push_equal("letters that would follow, loose", number, &loose, &recorded.loose);
        }
    }
    let (flagged, differ) = unstable;
    replay.notes.push(format!(
        "{flagged} verdicts depend on the seed of the language detector; {differ} of them differ"
    ));
    Ok(replay)
}

/// The letters from a to z that follow the instruction in place of its own, strictly and loosely.
fn true_letters(checker: &Checker, instruction: &Instruction, response: &str) -> (String, String) {
    let forms = ResponseForms::new(response);
    let mut letters = (String::new(), String::new());
    for letter in 'a'..='z' {
        let mut instruction = instruction.clone();
        if let Some(counted) = instruction.non_letter_mut() {
            *counted = letter;
        }
        // Counting a letter always comes to a verdict.
        if let Ok(verdict) = checker.verdict(&instruction, &forms) {
            letters.0.extend(verdict.strict.then_some(letter));
            letters.1.extend(verdict.loose.then_some(letter));
        }
    }
    letters
}
