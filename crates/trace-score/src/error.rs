//! Rows that cannot be scored or compared, and answers that cannot be read.

use thiserror::Error;

/// Rows, ratings or settings that cannot be scored or compared; the message names them and the run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ScoreError(String);

impl ScoreError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// A judge's answer that cannot be read. The judge should be asked again, and may be shown the message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct UnreadableAnswer(String);

impl UnreadableAnswer {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// So many ids are named; all are counted.
pub(crate) const MAX_IDS: usize = 10;

/// The first ids of a list.
pub(crate) fn some_ids(ids: &[impl AsRef<str>]) -> String {
    match ids.is_empty() {
        true => "none".to_owned(),
        false => {
            let ids = ids.iter().take(MAX_IDS).map(|id| format!("{:?}", id.as_ref()));
            ids.collect::<Vec<_>>().join(", ")
        }
    }
}
