//! A file that remembers every answer.

mod file;
mod record;
mod scan;

pub use file::Journal;
pub(crate) use file::Location;
pub use record::{JournalRecord, RecordedResponse};
pub use scan::{JournalReport, Spent, TornLine};
