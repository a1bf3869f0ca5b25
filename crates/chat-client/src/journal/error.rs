//! Every way in which a journal can fail.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A journal that cannot be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be opened or made.
    #[error("cannot open {}", path.display())]
    Open {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process, or another part of this one, writes to it.
    #[error("{} is in use by another run; wait for it to end, or name another journal", path.display())]
    Locked {
        /// The journal.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line that is no record.
    #[error("line {line} of {} is no record of a journal; nothing was changed", path.display())]
    Corrupt {
        /// The journal.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A line longer than any record.
    #[error("line {line} of {} has more than {limit} bytes; nothing was changed", path.display())]
    TooLong {
        /// The journal.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The limit.
        limit: u64,
    },
    /// A file whose only beginning of a line is not that of a record.
    #[error("the last line of {}, line {line}, does not begin like a record of a journal; nothing was changed", path.display())]
    Foreign {
        /// The journal.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// A record that is no longer where it was.
    #[error("{} was changed from outside: the record at byte {offset} is gone", path.display())]
    Changed {
        /// The journal.
        path: PathBuf,
        /// Where the record was.
        offset: u64,
    },
    /// A record has no JSON form.
    #[error("a record for {} cannot be written as JSON", path.display())]
    Encode {
        /// The journal.
        path: PathBuf,
        /// What the serialiser says.
        source: serde_json::Error,
    },
    /// A record cannot be written; none will be after it.
    #[error("cannot write to {}", path.display())]
    Write {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An earlier record could not be written.
    #[error("{} takes no more records, since an earlier one could not be written: {reason}", path.display())]
    Closed {
        /// The journal.
        path: PathBuf,
        /// What the system said then.
        reason: String,
    },
}
