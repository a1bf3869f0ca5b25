//! The file behind a journal.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use iopo_files::FileLock;

use super::error::JournalError;
use super::record::JournalRecord;
use super::scan::{JournalReport, Scan, scan};
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
    /// Questions that will have no answer.
    rejections: HashMap<QuestionKey, Location>,
    end: u64,
    /// Why nothing more can be written.
    closed_by: Option<String>,
}

impl Journal {
    /// Opens a journal, or starts one, and takes off what a killed run left of its last line.
    ///
    /// # Errors
    ///
    /// [`JournalError::Open`], [`JournalError::Locked`], [`JournalError::Read`], [`JournalError::Corrupt`],
    /// [`JournalError::TooLong`] and [`JournalError::Foreign`], with the file as it was; [`JournalError::Write`] where
    /// the torn line cannot be taken off.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref().to_owned();
        let locked = FileLock::take(&path)
            .map_err(|error| JournalError::Open { path: path.clone(), source: error.source })?;
        let file = locked.ok_or_else(|| JournalError::Locked { path: path.clone() })?;
        let Scan { index, rejections, report, end, is_terminated } = scan(&*file, &path)?;
        let mut state = State { file, index, rejections, end, closed_by: None };
        state.mend(is_terminated).map_err(|source| JournalError::Write { path: path.clone(), source })?;
        Ok(Self { path, report, state: Mutex::new(state) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was found when the journal was opened.
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
    /// [`JournalError::Read`], and [`JournalError::Changed`] where another program wrote to the file.
    pub fn get(&self, key: &QuestionKey) -> Result<Option<JournalRecord>, JournalError> {
        self.find(key, false).map(|location| self.read(key, location)).transpose()
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// [`JournalError::Encode`]; [`JournalError::Write`], after which what was written of the record is taken off and
    /// all further records are [`JournalError::Closed`].
    pub fn append(&self, record: &JournalRecord) -> Result<(), JournalError> {
        self.add(record).map(|_| ())
    }

    /// Where the answer to a question is, or, if that is asked for, the reason why it will have none.
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
        let line = line.map_err(|source| JournalError::Read { path: self.path.clone(), source })?;
        match serde_json::from_slice::<JournalRecord>(&line) {
            Ok(record) if record.key == *key => Ok(record),
            _ => Err(self.changed(place)),
        }
    }

    pub(crate) fn changed(&self, place: Location) -> JournalError {
        JournalError::Changed { path: self.path.clone(), offset: place.offset }
    }

    pub(crate) fn add(&self, record: &JournalRecord) -> Result<Location, JournalError> {
        let mut line = serde_json::to_vec(record)
            .map_err(|source| JournalError::Encode { path: self.path.clone(), source })?;
        line.push(b'\n');
        let mut state = self.state();
        state.check_open(&self.path)?;
        let place = state.write(&line);
        let place = place.map_err(|source| JournalError::Write { path: self.path.clone(), source })?;
        if record.response.is_some() {
            state.index.insert(record.key, place);
        } else if record.rejection.is_some() {
            state.rejections.insert(record.key, place);
        }
        Ok(place)
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
            Some(reason) => Err(JournalError::Closed { path: path.to_owned(), reason: reason.clone() }),
            None => Ok(()),
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<Location> {
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(line));
        if let Err(error) = written {
            self.closed_by = Some(error.to_string());
            // Half a line is taken off; where that fails too, opening the journal again does it.
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
        // The records are the system's already; this helps against a loss of power, and nobody is left to tell.
        let _ = self.state().file.sync_data();
    }
}
