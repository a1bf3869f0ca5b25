//! The file behind a journal.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use iopo_files::FileLock;

use super::record::{JournalRecord, Line};
use super::scan::{JournalReport, Scan, scan};
use crate::error::JournalError;
use crate::key::QuestionKey;

/// A file with one line for every finished question, which is only ever added to.
///
/// In memory there is a key and a place for each answer and rejection, and no text. Each record is handed to the system
/// in one piece as soon as it is finished, so a killed process loses at most the one that it was writing. The file is
/// locked as long as this value lives.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    report: JournalReport,
    state: Mutex<State>,
}

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub offset: u64,
    pub bytes: u64,
}

#[derive(Debug)]
struct State {
    file: FileLock,
    index: HashMap<QuestionKey, Location>,
    /// Questions with a kept rejection.
    rejections: HashMap<QuestionKey, Location>,
    end: u64,
    /// Why no further record can be written.
    closed_by: Option<String>,
}

impl Journal {
    /// Opens or creates a journal, and removes an incomplete last line that a killed run left.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`], [`JournalError::Line`] and, when the file cannot be opened or read, or a torn line
    /// cannot be removed, [`JournalError::File`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref().to_owned();
        let locked = FileLock::take(&path).map_err(|error| JournalError::File {
            action: "open",
            path: path.clone(),
            source: error.source,
        })?;
        let file = locked.ok_or_else(|| JournalError::Locked { path: path.clone() })?;
        let Scan { index, rejections, report, end, is_terminated } = scan(&*file, &path)?;
        let mut state = State { file, index, rejections, end, closed_by: None };
        let failed = |source| JournalError::File { action: "write to", path: path.clone(), source };
        state.mend(is_terminated).map_err(failed)?;
        Ok(Self { path, report, state: Mutex::new(state) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content of the journal when it was opened.
    pub fn report(&self) -> &JournalReport {
        &self.report
    }

    /// How many questions have an answer now.
    pub fn len(&self) -> usize {
        self.state().index.len()
    }

    /// Whether no question has an answer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record of an answered question.
    ///
    /// # Errors
    ///
    /// [`JournalError::File`], and [`JournalError::Unusable`] where another program wrote to the file.
    pub fn get(&self, key: &QuestionKey) -> Result<Option<JournalRecord>, JournalError> {
        self.find(key, false).map(|location| self.read(key, location)).transpose()
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// [`JournalError::File`], after which the written part of the record is removed and every further record is
    /// [`JournalError::Unusable`].
    pub fn append(&self, record: &JournalRecord) -> Result<(), JournalError> {
        self.add(record).map(|_| ())
    }

    /// The place of the answer to a question or, if asked for, of its rejection.
    pub(crate) fn find(&self, key: &QuestionKey, or_rejection: bool) -> Option<Location> {
        let state = self.state();
        let rejection = || state.rejections.get(key).filter(|_| or_rejection);
        state.index.get(key).or_else(rejection).copied()
    }

    /// An error if no record can be added any more.
    pub(crate) fn check_open(&self) -> Result<(), JournalError> {
        self.state().check_open(&self.path)
    }

    pub(crate) fn read(&self, key: &QuestionKey, place: Location) -> Result<JournalRecord, JournalError> {
        let line = self.state().read(place);
        let line = line.map_err(|source| self.failed("read", source))?;
        match JournalRecord::of_line(&line) {
            Ok(Line::Record(record)) if record.key == *key => Ok(record),
            _ => Err(self.changed(place)),
        }
    }

    pub(crate) fn changed(&self, place: Location) -> JournalError {
        let reason = format!("was changed from outside: the record at byte {} is gone", place.offset);
        JournalError::Unusable { path: self.path.clone(), reason }
    }

    pub(crate) fn add(&self, record: &JournalRecord) -> Result<Location, JournalError> {
        let line = record.to_line().map_err(|source| self.failed("write to", source))?;
        let mut state = self.state();
        state.check_open(&self.path)?;
        let place = state.write(&line);
        let place = place.map_err(|source| self.failed("write to", source))?;
        if record.response.is_some() {
            state.index.insert(record.key, place);
        } else if record.rejection.is_some() {
            state.rejections.insert(record.key, place);
        }
        Ok(place)
    }

    fn failed(&self, action: &'static str, source: io::Error) -> JournalError {
        JournalError::File { action, path: self.path.clone(), source }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic between two statements leaves at worst a record out of the index.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes the file end where its last record does, that record's line included.
    fn mend(&mut self, is_terminated: bool) -> io::Result<()> {
        if self.file.metadata()?.len() > self.end {
            self.file.set_len(self.end)?;
        }
        if !is_terminated {
            self.write(b"\n")?;
        }
        Ok(())
    }

    fn check_open(&self, path: &Path) -> Result<(), JournalError> {
        match &self.closed_by {
            Some(reason) => {
                let reason =
                    format!("takes no more records, since an earlier one could not be written: {reason}");
                Err(JournalError::Unusable { path: path.to_owned(), reason })
            }
            None if !self.file.is_at(path) => {
                let reason = "was moved or removed while a run was writing to it; answers would be lost";
                Err(JournalError::Unusable { path: path.to_owned(), reason: reason.to_owned() })
            }
            None => Ok(()),
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<Location> {
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(line));
        if let Err(error) = written {
            self.closed_by = Some(error.to_string());
            // The partial line is removed; if that fails too, opening the journal does it later.
            let _ = self.file.set_len(self.end);
            return Err(error);
        }
        let place = Location { offset: self.end, bytes: line.len() as u64 };
        self.end += place.bytes;
        Ok(place)
    }

    fn read(&mut self, place: Location) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.file.seek(SeekFrom::Start(place.offset))?;
        (&*self.file).take(place.bytes).read_to_end(&mut line)?;
        Ok(line)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // The records are the system's already; this helps against a loss of power, and a failure cannot be reported here.
        let _ = self.state().file.sync_data();
    }
}
