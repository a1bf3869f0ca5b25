//! Datasets as streams: rows of text in, encoded rows out.

use std::num::NonZero;

use super::{EncodeError, EncodeReport, EncodedExample, Encoder};
use crate::dataset::DatasetError;
use crate::example::{Task, TaskError, TextExample};
use crate::ordered::OrderedMap;

/// The examples of one row of a dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncodedRow {
    /// The examples that were kept: none to two.
    pub examples: Vec<EncodedExample>,
    /// The outcome of all of them.
    pub report: EncodeReport,
}

/// A row that could not be read, or converted, or encoded.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The dataset's files.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A row that is not what the stage needs.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A row that cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl PrepareError {
    /// Whether the error is that of one row, and no other row need have it: the row is broken, or the template or the
    /// tokenizer refuses it.
    pub fn is_of_a_row(&self) -> bool {
        match self {
            Self::Dataset(error) => error.is_of_a_row(),
            Self::Encode(error) => matches!(error, EncodeError::Template { .. }),
            Self::Task(_) => false,
        }
    }
}

impl Encoder {
    /// Converts one row to examples of `task`, and encodes them.
    ///
    /// # Errors
    ///
    /// [`TaskError`], and those of [`Encoder::encode`].
    pub fn encode_row(&self, row: TextExample, task: Task) -> Result<EncodedRow, PrepareError> {
        Ok(self.encode_examples(&row.into_task(task)?)?)
    }

    /// Encodes a stream of rows, such as [`stream_dataset`](crate::stream_dataset) gives, on
    /// `threads` threads.
    ///
    /// Results come in the order of the rows and do not depend on the number of threads. At most
    /// 128 rows for each thread are in memory, however many there are: reading waits until they
    /// are asked for. After a row's error the stream continues with the next row.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Threads`]; and, of each row, [`PrepareError`].
    pub fn encode_rows<'a, I>(
        &'a self,
        rows: I,
        task: Task,
        threads: NonZero<usize>,
    ) -> Result<impl Iterator<Item = Result<EncodedRow, PrepareError>> + use<'a, I>, EncodeError>
    where
        I: Iterator<Item = Result<TextExample, DatasetError>> + Send,
    {
        Ok(OrderedMap::new(rows, threads, move |row: Result<_, _>| self.encode_row(row?, task))?)
    }

    /// The kept examples of encoded rows, and one report about all of them.
    ///
    /// # Errors
    ///
    /// The first row's error, and [`EncodeError::NothingKept`] when every row is left out.
    pub fn collect<E: From<EncodeError>>(
        &self,
        rows: impl IntoIterator<Item = Result<EncodedRow, E>>,
    ) -> Result<(Vec<EncodedExample>, EncodeReport), E> {
        let (mut examples, mut report) = (Vec::new(), EncodeReport::default());
        for row in rows {
            let row = row?;
            examples.extend(row.examples);
            report.append(row.report);
        }
        if examples.is_empty() {
            let report = Box::new(report);
            return Err(EncodeError::NothingKept { cutoff_len: self.cutoff_len, report }.into());
        }
        Ok((examples, report))
    }
}
