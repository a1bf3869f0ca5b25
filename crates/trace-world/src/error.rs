//! What can be wrong with a task or a request for one.

use thiserror::Error;
use trace_schema::{ConstraintDimension, RowError};

/// A task that has no meaning, or a sampler that cannot draw one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorldError {
    /// Two constraints have the same dimension.
    #[error("two constraints have the dimension {dimension}")]
    RepeatedDimension {
        /// The dimension.
        dimension: ConstraintDimension,
    },
    /// Two constraints whose dimensions do not go together.
    #[error("constraints of the dimensions {first} and {second} do not go together")]
    ExcludedPair {
        /// One dimension.
        first: ConstraintDimension,
        /// The other.
        second: ConstraintDimension,
    },
    /// The value of a constraint is outside the world.
    #[error("the constraint of the dimension {dimension} {problem}")]
    Value {
        /// The dimension.
        dimension: ConstraintDimension,
        /// What is wrong.
        problem: &'static str,
    },
    /// A wording that does not exist.
    #[error("there is no wording {wording}: they are 0, 1 and 2")]
    Wording {
        /// The wording.
        wording: u8,
    },
    /// The input has a thing twice, so that it may contradict itself.
    #[error("a thing stands in the input twice")]
    RepeatedThing,
    /// Too few things satisfy the constraints on what may be named.
    #[error("only {things} things may be named, and the task needs {needed}")]
    TooFewThings {
        /// Things that may be named.
        things: usize,
        /// Things that must be there to choose from.
        needed: usize,
    },
    /// What must be named fills the response, so that only one would be right.
    #[error("{required} things must be named, and there are {most} items at most: nothing is left to choose")]
    NoChoice {
        /// Things that must be named.
        required: usize,
        /// The most items that are allowed.
        most: usize,
    },
    /// A thing must be named that other constraints rule out.
    #[error("{item} must be named, and other constraints rule it out")]
    ContradictoryInclusion {
        /// The English name of the thing.
        item: String,
    },
    /// A weight, probability or list with which nothing can be drawn.
    #[error("nothing can be drawn: {problem}")]
    Sampler {
        /// What is wrong.
        problem: String,
    },
    /// No task with so many constraints was found.
    #[error("no task with {constraints} constraints was found in {attempts} attempts")]
    NoTask {
        /// Constraints of the task.
        constraints: usize,
        /// Attempts made.
        attempts: u32,
    },
    /// Too few rows passed their checks.
    #[error("{part}: only {made} of {wanted} rows were made in {attempts} attempts")]
    TooFewRows {
        /// What was being made.
        part: &'static str,
        /// Rows made.
        made: usize,
        /// Rows wanted.
        wanted: usize,
        /// Attempts made.
        attempts: u64,
    },
    /// An evaluation row that carries no task.
    #[error("evaluation row {id:?} has no key \"world\": it is not of this world")]
    MissingTask {
        /// The id of the row.
        id: String,
    },
    /// An evaluation row whose task cannot be read.
    #[error("the task of evaluation row {id:?} cannot be read")]
    UnreadableTask {
        /// The id of the row.
        id: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// An evaluation row whose prompt is not that of its task.
    #[error("evaluation row {id:?} has another prompt than its task")]
    PromptMismatch {
        /// The id of the row.
        id: String,
    },
    /// A task cannot be written as JSON.
    #[error("a task cannot be written as JSON")]
    Encode {
        /// What the serialiser says.
        #[from]
        source: serde_json::Error,
    },
    /// A row of the schema is invalid.
    #[error(transparent)]
    Row {
        /// What is wrong with it.
        #[from]
        source: RowError,
    },
}
