//! Lines of a file, as text, with everything that can be wrong with bytes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use iopo_files::open_text;

use crate::{JsonlError, RowLocation};

/// The longest line that a reader accepts by default: 16 MiB.
pub const DEFAULT_MAX_LINE_BYTES: usize = 16 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One line that is not blank.
pub(crate) struct Line<'a> {
    /// The file, as the caller named it.
    pub(crate) file: &'a str,
    /// The text without the end of the line.
    pub(crate) text: &'a str,
    /// The line, counted from 1.
    pub(crate) row: u64,
    /// Whether the line had an end; only the last line of a file can lack it.
    pub(crate) terminated: bool,
}

/// Reads lines one at a time into one buffer.
#[derive(Debug)]
pub(crate) struct LineReader<R> {
    reader: R,
    pub(crate) file: String,
    pub(crate) max_line_bytes: usize,
    buffer: Vec<u8>,
    /// The line in the buffer, counted from 1.
    pub(crate) row: u64,
    /// Nothing more can be read.
    finished: bool,
}

impl LineReader<BufReader<File>> {
    pub(crate) fn open(path: &Path) -> Result<Self, JsonlError> {
        let file = path.display().to_string();
        match open_text(path) {
            Ok(reader) => Ok(Self::new(reader, file)),
            Err(source) => Err(JsonlError::Open { file, source }),
        }
    }
}

impl<R: BufRead> LineReader<R> {
    pub(crate) fn new(reader: R, file: String) -> Self {
        let max_line_bytes = DEFAULT_MAX_LINE_BYTES;
        Self { reader, file, max_line_bytes, buffer: Vec::new(), row: 0, finished: false }
    }

    /// The next line that is not blank; `None` at the end of the file.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line<'_>>, JsonlError> {
        while self.fill()? {
            if !self.buffer.trim_ascii().is_empty() {
                return self.line().map(Some);
            }
        }
        Ok(None)
    }

    fn location(&self, row: u64) -> RowLocation {
        RowLocation { file: self.file.clone(), row, id: None }
    }

    fn wrong(&self, row: u64, reason: String) -> JsonlError {
        JsonlError::Line { at: self.location(row), reason }
    }

    /// The line in the buffer as text.
    fn line(&self) -> Result<Line<'_>, JsonlError> {
        let terminated = self.buffer.ends_with(b"\n");
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(Line {
                file: &self.file,
                text: text.trim_end_matches(['\r', '\n']),
                row: self.row,
                terminated,
            }),
            Err(error) => {
                let valid = error.valid_up_to();
                let reason = format!("not UTF-8 after byte {valid} of the line; save the file as UTF-8");
                Err(self.wrong(self.row, reason))
            }
        }
    }

    /// Reads one line into the buffer; false at the end of the file.
    fn fill(&mut self) -> Result<bool, JsonlError> {
        if self.finished {
            return Ok(false);
        }
        self.row += 1;
        self.buffer.clear();
        // The longest line, its end and a byte order mark fit, so that a full buffer means a line that is too long.
        let cap = self.max_line_bytes.saturating_add(2 + BYTE_ORDER_MARK.len());
        let mut limited = (&mut self.reader).take(cap as u64);
        if let Err(source) = limited.read_until(b'\n', &mut self.buffer) {
            return Err(self.broken(source));
        }
        // Not only in the first line: files that were joined have a mark where each of them begins.
        if self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.drain(..BYTE_ORDER_MARK.len());
        }
        let end = self.buffer.ends_with(b"\n");
        let length = self.buffer.len() - usize::from(end) - usize::from(self.buffer.ends_with(b"\r\n"));
        if length > self.max_line_bytes {
            if !end {
                self.skip_rest_of_line()?;
            }
            let limit = self.max_line_bytes;
            let reason = format!(
                "the line is longer than {limit} bytes; is this a JSONL file, with one document per line?"
            );
            return Err(self.wrong(self.row, reason));
        }
        self.finished = !end;
        Ok(!self.buffer.is_empty())
    }

    /// Drops the rest of a line that is too long without keeping it in memory.
    fn skip_rest_of_line(&mut self) -> Result<(), JsonlError> {
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(self.broken(source)),
            };
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(chunk.len(), |index| index + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(());
            }
            if used == 0 {
                self.finished = true;
                return Ok(());
            }
        }
    }

    /// The error of a reader that failed; nothing more is read from it.
    fn broken(&mut self, source: std::io::Error) -> JsonlError {
        self.finished = true;
        JsonlError::Read { at: self.location(self.row), source }
    }
}
