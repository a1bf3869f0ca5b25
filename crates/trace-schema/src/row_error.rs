//! The ways in which a row that parses can still be wrong.

use thiserror::Error;

/// A row whose parts do not fit together.
///
/// `field` names the part as the file does: `x1.description`, `y2`, `chosen`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RowError {
    /// The id is empty or blank.
    #[error("the id is empty")]
    EmptyId,
    /// A name is not in kebab case.
    #[error("{field} is {name:?}, not words of lower-case letters and digits with hyphens between them")]
    NotKebabCase {
        /// Which name.
        field: String,
        /// The name.
        name: String,
    },
    /// The task description is empty or blank.
    #[error("{field} is empty")]
    EmptyDescription {
        /// Where the description stands.
        field: String,
    },
    /// The text of a constraint is empty or blank.
    #[error("{field} is an empty constraint")]
    EmptyConstraint {
        /// Where the constraint stands.
        field: String,
    },
    /// A response is empty or blank.
    #[error("{field} is an empty response")]
    EmptyResponse {
        /// Which response.
        field: String,
    },
    /// The input is the text "NULL", with which the released format says that there is none.
    #[error("{field} is the text \"NULL\", which stands for no input: leave the key out")]
    NullInput {
        /// Where the input stands.
        field: String,
    },
    /// A label names none of the 26 dimensions, and the policy is [`UnknownLabels::Error`](crate::UnknownLabels::Error).
    #[error("unknown constraint dimension {label:?} at {field}")]
    UnknownLabel {
        /// Where the label stands.
        field: String,
        /// The label, verbatim.
        label: String,
    },
    /// A constraint has no label where the format needs one.
    #[error("{field} has no dimension, and this format needs one for every constraint")]
    MissingLabel {
        /// Where the constraint stands.
        field: String,
    },
    /// Both instructions of a group render to the same prompt, so there is no input preference to learn.
    #[error("x1 and x2 are the same instruction")]
    IdenticalInstructions,
    /// Two responses are the same text, so there is no output preference to learn.
    #[error("{first} and {second} are the same response")]
    IdenticalResponses {
        /// One of the two.
        first: String,
        /// The other.
        second: String,
    },
    /// `constraints_num` is not the length of `constraints_splits`.
    #[error("constraints_num is {stated}, but constraints_splits has {actual} entries")]
    ConstraintCount {
        /// The number that the row states.
        stated: usize,
        /// The number of constraints that it has.
        actual: usize,
    },
    /// `levels2` and `constraints_splits` differ in length.
    #[error("levels2 has {labels} entries, but constraints_splits has {constraints}")]
    LabelCount {
        /// The length of `levels2`.
        labels: usize,
        /// The length of `constraints_splits`.
        constraints: usize,
    },
    /// `constraints` is not `constraints_splits` joined by newlines.
    #[error("constraints is not constraints_splits joined by newlines: they part at character {position}")]
    JoinedConstraints {
        /// The first character, counted from 0, at which the two differ.
        position: usize,
    },
    /// `messages` has no message of the role "user".
    #[error("messages has no message with the role \"user\"")]
    MissingUserMessage,
    /// The user's message is not what description, constraints and input render to.
    #[error(
        "the user message is not the description, constraints and input: they part at character {position}"
    )]
    PromptMismatch {
        /// The first character, counted from 0, at which the two differ.
        position: usize,
    },
}

/// The first character at which two texts differ.
pub(crate) fn first_difference(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(l, r)| l == r).count()
}
