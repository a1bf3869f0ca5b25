//! The elements of one JSON array, one at a time.

use std::io::{self, BufRead, Read};

use serde_json::Value;
use trace_schema::{DEFAULT_MAX_LINE_BYTES, DistinctKeys, foreign_text, python_to_json};

/// Reads a JSON array element by element; no more of it is in memory than one element.
///
/// It finds where an element ends, and leaves the element itself to `serde_json`. Errors
/// of an array are those of `serde_json` too, with line and column of the whole file.
#[derive(Debug)]
pub(super) struct ArrayElements<R> {
    reader: R,
    max_bytes: usize,
    /// The bytes of one element.
    element: Vec<u8>,
    /// Ends of lines before the next byte.
    lines: u64,
    /// Bytes between the last of them and the next byte.
    column: u64,
    /// The shortest tokens that mean the same as all bytes before the next one.
    before: &'static str,
}

/// Why there is no next element.
#[derive(Debug)]
pub(super) enum ArrayError {
    Read(io::Error),
    Syntax(serde_json::Error),
    TooLong { limit: usize },
}

const NOTHING: &str = "";
const OPENED: &str = "[";
const ELEMENT: &str = "[0";
const COMMA: &str = "[0,";
const CLOSED: &str = "[]";

/// How far an element reaches.
#[derive(Debug, Default)]
struct Scan {
    /// Brackets and braces that are open.
    depth: usize,
    in_string: bool,
    /// The byte before was a backslash that escapes this one.
    escaped: bool,
    done: bool,
}

impl Scan {
    /// How many of `bytes` belong to the element.
    fn advance(&mut self, bytes: &[u8]) -> usize {
        for (index, &byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        self.done = self.depth == 0;
                    }
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'[' | b'{' => self.depth += 1,
                    b']' | b'}' if self.depth > 0 => {
                        self.depth -= 1;
                        self.done = self.depth == 0;
                    }
                    // A number or a word ends where something else begins.
                    b',' | b']' | b' ' | b'\t' | b'\n' | b'\r' if self.depth == 0 => {
                        self.done = true;
                        return index;
                    }
                    _ => {}
                }
            }
            if self.done {
                return index + 1;
            }
        }
        bytes.len()
    }
}

impl<R: BufRead> ArrayElements<R> {
    /// The elements of the array that `reader` begins with.
    pub(super) fn new(reader: R) -> Self {
        let max_bytes = DEFAULT_MAX_LINE_BYTES;
        Self { reader, max_bytes, element: Vec::new(), lines: 0, column: 0, before: NOTHING }
    }

    /// The next element; `None` after the last, if nothing but white space follows.
    ///
    /// After an error there is no next element.
    pub(super) fn next_element(&mut self) -> Result<Option<Value>, ArrayError> {
        loop {
            let next = self.peek()?;
            self.before = match (self.before, next) {
                (NOTHING, Some(b'[')) => OPENED,
                (OPENED | ELEMENT, Some(b']')) => CLOSED,
                (ELEMENT, Some(b',')) => COMMA,
                (CLOSED, None) => return Ok(None),
                (OPENED | COMMA, Some(_)) => return self.element().map(Some),
                _ => {
                    self.element.clear();
                    return Err(self.explain());
                }
            };
            self.skip(1)?;
        }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Result<Option<u8>, ArrayError> {
        loop {
            let bytes = fill(&mut self.reader)?;
            let Some(&first) = bytes.first() else { return Ok(None) };
            let blank = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
            if blank == 0 {
                return Ok(Some(first));
            }
            self.skip(blank)?;
        }
    }

    fn element(&mut self) -> Result<Value, ArrayError> {
        self.element.clear();
        let mut scan = Scan::default();
        while !scan.done {
            let bytes = fill(&mut self.reader)?;
            if bytes.is_empty() {
                break;
            }
            let used = scan.advance(bytes);
            self.element.extend_from_slice(&bytes[..used]);
            self.reader.consume(used);
            if self.element.len() > self.max_bytes {
                return Err(ArrayError::TooLong { limit: self.max_bytes });
            }
        }
        let after = place_after(self.lines, self.column, &self.element);
        let mut parsed = serde_json::from_slice(&self.element);
        if parsed.is_err()
            && let Some(json) = python_to_json(&self.element)
        {
            self.element = json;
            parsed = serde_json::from_slice(&self.element);
        }
        let Ok(DistinctKeys(value)) = parsed else {
            return Err(self.explain());
        };
        (self.lines, self.column) = after;
        self.before = ELEMENT;
        Ok(value)
    }

    /// What the element of an error is, where it is something else than JSON.
    pub(super) fn foreign_text(&self) -> Option<String> {
        match std::str::from_utf8(&self.element) {
            Ok(text) => foreign_text(text).map(|kind| format!("it looks like {kind}")),
            // Without a length the text is whole, but for a character that is cut off at its end.
            Err(error) => error.error_len().map(|_| {
                let line = self.lines + 1;
                format!("the row that begins in line {line} is not UTF-8; save the file as UTF-8")
            }),
        }
    }

    /// The error of `serde_json` at this place, with line and column.
    ///
    /// It is given blanks up to here, the tokens that stand for what came before, the bytes of the
    /// element and one byte more.
    fn explain(&mut self) -> ArrayError {
        let indent = match self.lines {
            0 => self.column.saturating_sub(self.before.len() as u64),
            _ => self.column,
        };
        let document = self
            .before
            .as_bytes()
            .chain(io::repeat(b'\n').take(self.lines))
            .chain(io::repeat(b' ').take(indent))
            .chain(self.element.as_slice())
            .chain((&mut self.reader).take(1));
        match serde_json::from_reader::<_, Vec<DistinctKeys>>(io::BufReader::new(document)) {
            Err(error) if error.is_io() => ArrayError::Read(error.into()),
            Err(error) => ArrayError::Syntax(error),
            Ok(_) => ArrayError::Syntax(serde::de::Error::custom("not an array of rows")),
        }
    }

    /// Consumes bytes that the reader has in its buffer.
    fn skip(&mut self, count: usize) -> Result<(), ArrayError> {
        let bytes = &fill(&mut self.reader)?[..count];
        (self.lines, self.column) = place_after(self.lines, self.column, bytes);
        self.reader.consume(count);
        Ok(())
    }
}

/// Ends of lines, and bytes since the last of them, once `bytes` were read.
fn place_after(lines: u64, column: u64, bytes: &[u8]) -> (u64, u64) {
    match bytes.iter().rposition(|&byte| byte == b'\n') {
        Some(last) => {
            let ends = bytes.iter().filter(|&&byte| byte == b'\n').count();
            (lines + ends as u64, (bytes.len() - last - 1) as u64)
        }
        None => (lines, column + bytes.len() as u64),
    }
}

/// Bytes that can be read without waiting; none at the end.
fn fill(reader: &mut impl BufRead) -> Result<&[u8], ArrayError> {
    while let Err(error) = reader.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(ArrayError::Read(error));
        }
    }
    reader.fill_buf().map_err(ArrayError::Read)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;

    /// All elements, and the error after them.
    fn read(document: &[u8], buffer: usize) -> (Vec<Value>, Option<String>) {
        let mut elements = ArrayElements::new(io::BufReader::with_capacity(buffer, document));
        let mut values = Vec::new();
        loop {
            match elements.next_element() {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return (values, None),
                Err(ArrayError::Syntax(error)) => return (values, Some(error.to_string())),
                Err(other) => return (values, Some(format!("{other:?}"))),
            }
        }
    }

    /// Elements and error are those of a parser that has the whole document.
    fn check(document: &[u8]) {
        let whole = serde_json::from_reader::<_, Vec<DistinctKeys>>(document)
            .map(|values| values.into_iter().map(|DistinctKeys(value)| value).collect::<Vec<_>>());
        for buffer in [1, 3, 4096] {
            let (values, error) = read(document, buffer);
            match &whole {
                Ok(expected) => assert_eq!((&values, error), (expected, None)),
                Err(expected) => {
                    let text = String::from_utf8_lossy(document);
                    assert_eq!(error, Some(expected.to_string()), "{text:?}");
                }
            }
        }
    }

    const DOCUMENT: &str = concat!(
        "[{\"a\": \"x \\\" ] } , \\\\\", \"b\": [1, {\"c\": []}]},\n\n",
        "  7.5e3 ,null,\t\"水]\"\r\n, [[], [\"]\"]] , true , {} ]\n"
    );

    #[test]
    fn elements_are_those_of_the_whole_array() {
        check(DOCUMENT.as_bytes());
        check(b"[]");
        check(b" \n[ ] \n ");
    }

    #[test]
    fn every_error_is_reported_as_for_the_whole_array() {
        for document in [
            "",
            " ",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1,,2]",
            "[1]]",
            "[1] 2",
            "[1}",
            "[}",
            "[{\"a\":1]]",
            "[{\"a\" 1}]",
            "[tru]",
            "[trux, 1]",
            "[nulll]",
            "[1.]",
            "[01]",
            "[\"a",
            "[\"a\nb\"]",
            "[\"\\q\"]",
            "[{\"a\":",
            "[1,\n{\"a\":\n\n]",
            "[1,\n2\n3]",
            "\n\n[\n1,\n]",
            "[\u{c}1]",
            "[1]\u{0}",
            "[1e999]",
            "[{\"a\": 1, \"a\":\n2}, 3]",
        ] {
            check(document.as_bytes());
        }
        check(b"[\"\xff\"]");
        check(b"[1, \xef\xbb\xbf2]");
    }

    #[test]
    fn a_truncated_array_is_an_error_wherever_it_ends() {
        let whole = DOCUMENT.trim_end().as_bytes();
        for length in 0..whole.len() {
            check(&whole[..length]);
        }
    }

    proptest! {
        #[test]
        fn changed_bytes_are_reported_as_for_the_whole_array(
            changes in prop::collection::vec((1..DOCUMENT.len(), prop::sample::select(b"[]{},:\"\\ \n01ae-\xff".to_vec())), 1..4)
        ) {
            let mut document = DOCUMENT.as_bytes().to_vec();
            for (index, byte) in changes {
                document[index] = byte;
            }
            check(&document);
        }
    }

    #[test]
    fn an_element_without_end_is_not_kept() {
        let endless = b"[1, \"".chain(io::repeat(b'a'));
        let mut elements = ArrayElements::new(io::BufReader::new(endless));
        elements.max_bytes = 100_000;
        assert!(matches!(elements.next_element(), Ok(Some(_))));
        assert!(matches!(elements.next_element(), Err(ArrayError::TooLong { limit: 100_000 })));
        assert!(elements.element.len() < 110_000);
    }

    /// Counts the bytes that were asked for.
    struct Counting<R>(R, Rc<Cell<usize>>);

    impl<R: Read> Read for Counting<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(buffer)?;
            self.1.set(self.1.get() + count);
            Ok(count)
        }
    }

    #[test]
    fn no_more_is_read_than_a_buffer_ahead() {
        let document = format!("[{}]", vec!["{\"key\": \"value\"}"; 10_000].join(","));
        let read = Rc::new(Cell::new(0));
        let counting = Counting(document.as_bytes(), Rc::clone(&read));
        let mut elements = ArrayElements::new(io::BufReader::with_capacity(512, counting));
        for row in 1..=10_000 {
            assert!(matches!(elements.next_element(), Ok(Some(_))));
            assert!(read.get() <= row * 17 + 512, "{} bytes read for {row} rows", read.get());
        }
        assert!(matches!(elements.next_element(), Ok(None)));
    }
}
