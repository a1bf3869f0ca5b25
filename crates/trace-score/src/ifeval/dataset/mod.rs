//! Files of prompts, responses and samples.

mod pairing;
mod rows;

use std::collections::BTreeSet;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use trace_schema::{JsonlReader, Record};

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
    let prompts = read_rows(path.as_ref(), PromptRow::into_prompt)?;
    check_keys(&prompts)?;
    Ok(prompts)
}

/// Reads Google's file of responses: `prompt`, `response`.
///
/// # Errors
///
/// [`IfevalError::Read`] for a file or row that cannot be read.
pub fn read_responses(path: impl AsRef<Path>) -> Result<Vec<Response>, IfevalError> {
    read_rows(path.as_ref(), |row: ResponseRow| Ok(Response { prompt: row.prompt, response: row.response }))
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
    let (prompts, responses): (Vec<_>, Vec<_>) =
        read_rows(path.as_ref(), SampleRow::into_parts)?.into_iter().unzip();
    check_keys(&prompts)?;
    Ok((prompts, responses))
}

/// The rows of a file; an error of their content names file and row.
fn read_rows<R: DeserializeOwned + Record, T>(
    path: &Path,
    into: impl Fn(R) -> Result<T, IfevalError>,
) -> Result<Vec<T>, IfevalError> {
    let mut rows = JsonlReader::<_, R>::open(path)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next() {
        read.push(into(row?).map_err(|error| error.in_row(rows.row(), path))?);
    }
    Ok(read)
}

fn check_keys(prompts: &[Prompt]) -> Result<(), IfevalError> {
    let mut seen = BTreeSet::new();
    match prompts.iter().find(|prompt| !seen.insert(prompt.key)) {
        None => Ok(()),
        Some(prompt) => Err(IfevalError::of_key(prompt.key, "two prompts have it")),
    }
}
