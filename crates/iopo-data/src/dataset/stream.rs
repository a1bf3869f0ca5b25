//! Rows that come one at a time, in any format.

use std::fmt;
use std::path::{Path, PathBuf};

use super::DatasetError;
use crate::example::TextExample;

/// The examples of a dataset one at a time, as [`stream_dataset`](crate::stream_dataset) reads them.
///
/// An error that is [of a row](DatasetError::is_of_a_row) is followed by the next row; any other ends it.
pub struct DatasetRows {
    path: PathBuf,
    examples: Box<Examples>,
    state: State,
}

pub(super) type Examples = dyn Iterator<Item = Result<TextExample, DatasetError>> + Send;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NothingYet,
    Reading,
    Ended,
}

impl DatasetRows {
    pub(super) fn new(path: &Path, examples: Box<Examples>) -> Self {
        Self { path: path.to_owned(), examples, state: State::NothingYet }
    }
}

impl fmt::Debug for DatasetRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatasetRows")
            .field("path", &self.path)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Iterator for DatasetRows {
    type Item = Result<TextExample, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Ended {
            return None;
        }
        let next = match self.examples.next() {
            None if self.state == State::NothingYet => Some(Err(super::no_rows(&self.path))),
            next => next,
        };
        let goes_on = match &next {
            None => false,
            Some(Ok(_)) => true,
            Some(Err(error)) => error.is_of_a_row(),
        };
        self.state = if goes_on { State::Reading } else { State::Ended };
        next
    }
}
