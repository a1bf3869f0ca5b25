//! The content of a journal when it is opened.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::file::Location;
use super::record::{JournalRecord, Line};
use crate::error::JournalError;
use crate::key::QuestionKey;

/// Longest line, its end included.
const MAX_LINE_BYTES: u64 = 256 << 20;

/// How every record begins.
const START: &[u8] = br#"{"key":""#;

/// Tokens and cost of questions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Questions that were finished, answered or not.
    pub questions: u64,
    /// Tokens of conversations.
    pub prompt_tokens: u64,
    /// Tokens of answers.
    pub completion_tokens: u64,
    /// Their cost, where prices were known.
    pub cost: f64,
    /// Answers of which the endpoint did not say how many tokens they took; they are in no count above.
    pub uncounted: u64,
}

impl Spent {
    /// All tokens.
    pub fn tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    /// What there is to say about the counts, where they are not whole.
    pub fn remark(&self) -> Option<String> {
        (self.uncounted > 0).then(|| {
            format!(
                "the endpoint does not count the tokens of {} answers: totals lack them, and caps on cost and tokens \
                 cannot work",
                self.uncounted
            )
        })
    }

    pub(crate) fn add(&mut self, record: &JournalRecord) {
        self.questions += 1;
        // The counts of tokens that an endpoint reports are not bounded.
        self.prompt_tokens = self.prompt_tokens.saturating_add(record.usage.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(record.usage.completion_tokens);
        self.cost += record.cost.unwrap_or_default();
        self.uncounted += u64::from(record.usage.is_partial);
    }
}

/// An incomplete last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornLine {
    /// The line, counted from 1.
    pub line: u64,
    /// Its length, before it was removed.
    pub bytes: u64,
}

/// The content of a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JournalReport {
    /// Questions with an answer, which are not asked again.
    pub answers: u64,
    /// Records of questions without one.
    pub failures: u64,
    /// The tokens and cost of all of them.
    pub spent: Spent,
    /// Records that were edited or damaged since they were written. They are not used: their questions are asked again.
    pub changed: u64,
    /// The first line with such a record.
    pub first_changed: Option<u64>,
    /// The incomplete line that a killed run left.
    pub torn: Option<TornLine>,
}

impl JournalReport {
    /// What a user should know of a journal that was opened, in lines.
    pub fn lines(&self, path: &Path) -> Vec<String> {
        let path = path.display();
        let torn =
            self.torn.map(|torn| format!("note: line {} of {path} was incomplete and is removed", torn.line));
        let changed = self.first_changed.map(|line| {
            format!(
                "note: {} records of {path}, the first in line {line}, were edited or damaged and are not used; their \
                 questions are asked again",
                self.changed
            )
        });
        let answers = (self.answers > 0).then(|| format!("{path} has {} answers already", self.answers));
        [torn, changed, answers].into_iter().flatten().collect()
    }
}

/// The records of a file, and where they end.
pub(super) struct Scan {
    pub index: HashMap<QuestionKey, Location>,
    pub rejections: HashMap<QuestionKey, Location>,
    pub report: JournalReport,
    /// The end of the last record.
    pub end: u64,
    /// Whether that record's line has its end, too.
    pub is_terminated: bool,
}

pub(super) fn scan(file: impl Read, path: &Path) -> Result<Scan, JournalError> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut scan = Scan {
        index: HashMap::new(),
        rejections: HashMap::new(),
        report: JournalReport::default(),
        end: 0,
        is_terminated: true,
    };
    let wrong = |line, reason: String| JournalError::Line { path: path.to_owned(), line, reason };
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let read = (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes);
        let read =
            read.map_err(|source| JournalError::File { action: "read", path: path.to_owned(), source })?
                as u64;
        let is_terminated = bytes.last() == Some(&b'\n');
        if read == 0 {
            break;
        }
        if read == MAX_LINE_BYTES && !is_terminated {
            return Err(wrong(line, format!("has more than {MAX_LINE_BYTES} bytes")));
        }
        match JournalRecord::of_line(&bytes) {
            Ok(Line::Record(record)) => scan.take(&record, read, is_terminated),
            Ok(Line::Changed(record)) => scan.pass(&record, line, read, is_terminated),
            Err(_) if !is_terminated && is_torn(&bytes) => {
                scan.report.torn = Some(TornLine { line, bytes: read });
            }
            Err(_) if !is_terminated => {
                let reason = "is the last and does not begin like a record of a journal";
                return Err(wrong(line, reason.to_owned()));
            }
            Err(error) => {
                return Err(wrong(line, format!("is not a record of a journal ({error})")));
            }
        }
    }
    Ok(scan)
}

impl Scan {
    /// Moves on to the next line. A changed record counts as well: its question was paid for.
    fn advance(&mut self, record: &JournalRecord, bytes: u64, is_terminated: bool) -> Location {
        let location = Location { offset: self.end, bytes };
        self.end += bytes;
        self.is_terminated = is_terminated;
        self.report.spent.add(record);
        location
    }

    /// Leaves out a record that was changed.
    fn pass(&mut self, record: &JournalRecord, line: u64, bytes: u64, is_terminated: bool) {
        self.advance(record, bytes, is_terminated);
        self.report.changed += 1;
        self.report.first_changed.get_or_insert(line);
    }

    fn take(&mut self, record: &JournalRecord, bytes: u64, is_terminated: bool) {
        let location = self.advance(record, bytes, is_terminated);
        if record.response.is_none() {
            self.report.failures += 1;
            if record.rejection.is_some() {
                self.rejections.insert(record.key, location);
            }
        } else if self.index.insert(record.key, location).is_none() {
            self.report.answers += 1;
        }
    }
}

/// Whether a line without an end is the beginning of a record, and not of a file that was named by mistake.
///
/// After a loss of power, a file may end in zeros that stand for bytes that never reached the disk.
fn is_torn(line: &[u8]) -> bool {
    let written = line.iter().position(|byte| *byte == 0).unwrap_or(line.len());
    let (written, zeros) = line.split_at(written);
    let start = START.get(..written.len()).unwrap_or(START);
    // What is cut off ends too early; a line that is wrong in another way is somebody's.
    let is_cut_off = |error: serde_json::Error| error.is_eof();
    written.starts_with(start)
        && zeros.iter().all(|byte| *byte == 0)
        && serde_json::from_slice::<JournalRecord>(written).is_err_and(is_cut_off)
}
