//! The errors of reading instructions, checking responses and reading files.

use thiserror::Error;
use trace_schema::JsonlError;

use super::python::PatternError;

/// An instruction that cannot be checked as it stands.
///
/// The official code draws a random value for an argument that is missing or out of its range; here that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InstructionError {
    /// No kind has this id.
    #[error("unknown instruction {id:?}")]
    UnknownId {
        /// The id.
        id: String,
    },
    /// An argument is missing or null.
    #[error("{id}: the argument {key:?} is missing")]
    MissingArgument {
        /// The instruction's id.
        id: &'static str,
        /// The argument.
        key: &'static str,
    },
    /// The kind has no such argument.
    #[error("{id}: unknown argument {key:?}")]
    UnknownArgument {
        /// The instruction's id.
        id: &'static str,
        /// The argument.
        key: String,
    },
    /// An argument is not of its type.
    #[error("{id}: the argument {key:?} is not {expected}")]
    ArgumentType {
        /// The instruction's id.
        id: &'static str,
        /// The argument.
        key: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// An argument has a value that means nothing.
    #[error("{id}: the argument {key:?} {reason}")]
    ArgumentRange {
        /// The instruction's id.
        id: &'static str,
        /// The argument.
        key: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A relation is neither "less than" nor "at least".
    #[error("{id}: {key:?} is {relation:?}, neither \"less than\" nor \"at least\"")]
    UnknownRelation {
        /// The instruction's id.
        id: &'static str,
        /// The argument.
        key: &'static str,
        /// Its value.
        relation: String,
    },
    /// A language is none of the 30 that the official code knows.
    #[error("{id}: unknown language {language:?}")]
    UnknownLanguage {
        /// The instruction's id.
        id: &'static str,
        /// The code.
        language: String,
    },
    /// An argument that is a regular expression cannot be used as one.
    #[error("{id}: the argument {key:?}: {source}")]
    Pattern {
        /// The instruction's id.
        id: &'static str,
        /// The argument.
        key: &'static str,
        /// Why.
        source: PatternError,
    },
}

/// A check that came to no verdict; the official code ends with an exception there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A search took too long.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A JSON document is nested too deeply.
    #[error("the JSON document is nested deeper than {} levels", super::python::MAX_JSON_DEPTH)]
    JsonDepth,
    /// The language detector failed.
    #[error("the language detector failed: {reason}")]
    Language {
        /// What it says.
        reason: String,
    },
}

/// A file of prompts or responses that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IfevalError {
    /// A line cannot be read.
    #[error(transparent)]
    Read(#[from] JsonlError),
    /// An instruction of a prompt is wrong.
    #[error("key {key}, instruction {index}: {source}")]
    Instruction {
        /// The prompt's key.
        key: u64,
        /// The instruction's place, counted from 0.
        index: usize,
        /// What is wrong.
        source: InstructionError,
    },
    /// A prompt has not one set of arguments for each instruction.
    #[error("key {key}: {instructions} instructions, but {arguments} sets of arguments")]
    ArgumentCount {
        /// The prompt's key.
        key: u64,
        /// The length of `instruction_id_list`.
        instructions: usize,
        /// The length of `kwargs`.
        arguments: usize,
    },
    /// Two prompts have one key.
    #[error("two prompts have the key {key}")]
    DuplicateKey {
        /// The key.
        key: u64,
    },
    /// Two prompts have one text, so that a response belongs to neither.
    #[error("the prompts of the keys {first} and {second} have the same text")]
    DuplicatePrompt {
        /// The key of one.
        first: u64,
        /// The key of the other.
        second: u64,
    },
    /// Two responses are to one prompt.
    #[error("two responses are to the prompt {prompt:?}")]
    DuplicateResponse {
        /// The prompt.
        prompt: String,
    },
    /// A sample has no response in any of its places.
    #[error("key {key}: the sample has no response in \"filtered_resps\" or \"resps\"")]
    SampleResponse {
        /// The prompt's key.
        key: u64,
    },
    /// A recorded row cannot be replayed.
    #[error("row {row} of {file}: {reason}")]
    Replay {
        /// The file.
        file: String,
        /// The row, counted from 1.
        row: usize,
        /// Why.
        reason: String,
    },
}
