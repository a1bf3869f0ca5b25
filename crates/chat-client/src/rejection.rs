//! Questions that will have no answer.

use serde::{Deserialize, Serialize};

/// Why a question would be asked in vain at any other time, too: it is the question itself that has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rejection {
    /// The model does not want to answer, or a filter has taken its words.
    Refused,
    /// The endpoint does not take the request, which is too long for the model for instance: 400, 413 or 422.
    InvalidRequest,
}
