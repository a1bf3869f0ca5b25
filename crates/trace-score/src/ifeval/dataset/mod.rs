//! Files of prompts, responses and samples.

mod pairing;
mod rows;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};
use trace_schema::JsonlReader;

use super::{IfevalError, Instruction};
use rows::{PromptRow, ResponseRow, SampleRow};

pub use pairing::{EARLIER_WORDING_KEY, Pairing};

/// A prompt with its instructions.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The prompt's number in the data.
    pub key: u64,
    /// The text for the model.
    pub prompt: String,
    /// What the response must follow.
    pub instructions: Vec<Instruction>,
}

impl Prompt {
    /// Reads a prompt from the parts of a row of Google's data.
    ///
    /// # Errors
    ///
    /// Another number of arguments than of instructions, or an instruction that cannot be read.
    pub fn new(
        key: u64,
        prompt: impl Into<String>,
        ids: &[String],
        arguments: &[Map<String, Value>],
    ) -> Result<Self, IfevalError> {
        if ids.len() != arguments.len() {
            let (ids, arguments) = (ids.len(), arguments.len());
            let reason = format!("{ids} instructions, but {arguments} sets of arguments");
            return Err(IfevalError::of_key(key, reason));
        }
        let parse = |(index, (id, arguments)): (usize, (&String, _))| {
            Instruction::parse(id, arguments).map_err(|error| IfevalError::Invalid {
                place: format!("key {key}, instruction {index}"),
                reason: error.to_string(),
            })
        };
        let instructions = ids.iter().zip(arguments).enumerate().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { key, prompt: prompt.into(), instructions })
    }
}

/// A model's response to a prompt; null where the model gave none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The prompt's text, as the model was given it.
    pub prompt: String,
    /// What the model answered.
    pub response: Option<String>,
}

/// Reads Google's file of prompts: `key`, `prompt`, `instruction_id_list`, `kwargs`.
///
/// # Errors
///
/// [`IfevalError`] for a file or row that cannot be read, and for a key that two rows have.
pub fn read_prompts(path: impl AsRef<Path>) -> Result<Vec<Prompt>, IfevalError> {
    let rows = JsonlReader::<_, PromptRow>::open(path)?;
    let prompts = rows.map(|row| row?.into_prompt()).collect::<Result<Vec<_>, _>>()?;
    check_keys(&prompts)?;
    Ok(prompts)
}

/// Reads Google's file of responses: `prompt`, `response`.
///
/// # Errors
///
/// [`IfevalError::Read`] for a file or row that cannot be read.
pub fn read_responses(path: impl AsRef<Path>) -> Result<Vec<Response>, IfevalError> {
    let rows = JsonlReader::<_, ResponseRow>::open(path)?;
    let response = |row: ResponseRow| Response { prompt: row.prompt, response: row.response };
    rows.map(|row| Ok(response(row?))).collect()
}

/// Reads a file of samples that lm-evaluation-harness logged: prompts with their responses.
///
/// A row has the prompt's row as `doc`; its response is the first of `filtered_resps`, which the harness itself scores,
/// or where that is absent the first of `resps`.
///
/// # Errors
///
/// [`IfevalError`] for a file or row that cannot be read, for one without a response, and for a key that two rows have,
/// as where one file holds the samples of several filters.
pub fn read_samples(path: impl AsRef<Path>) -> Result<(Vec<Prompt>, Vec<Option<String>>), IfevalError> {
    let rows = JsonlReader::<_, SampleRow>::open(path)?;
    let mut prompts = Vec::new();
    let mut responses = Vec::new();
    for row in rows {
        let (prompt, response) = row?.into_parts()?;
        prompts.push(prompt);
        responses.push(response);
    }
    check_keys(&prompts)?;
    Ok((prompts, responses))
}

fn check_keys(prompts: &[Prompt]) -> Result<(), IfevalError> {
    let mut seen = BTreeSet::new();
    match prompts.iter().find(|prompt| !seen.insert(prompt.key)) {
        None => Ok(()),
        Some(prompt) => Err(IfevalError::of_key(prompt.key, "two prompts have it")),
    }
}
