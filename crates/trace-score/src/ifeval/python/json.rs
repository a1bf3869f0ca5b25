//! What `json.loads` accepts.

use thiserror::Error;

use super::strings::strip;

/// The deepest nesting that is judged.
///
/// Python 3.11 gives up with a `RecursionError` when 1000 calls are open. From a function that the main program calls,
/// `json.loads` was measured to reach 994 levels, and one fewer for each further call; the official program has six
/// calls open when it comes to a document.
pub const MAX_JSON_DEPTH: usize = 990;

/// The most digits that Python turns into a whole number.
const MAX_INTEGER_DIGITS: usize = 4300;

/// Why `json.loads` does not return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JsonFault {
    /// The text is no document.
    #[error("not a JSON document")]
    Invalid,
    /// The document is nested deeper than [`MAX_JSON_DEPTH`].
    #[error("nested deeper than {MAX_JSON_DEPTH} levels")]
    TooDeep,
}

/// Judges whether `json.loads(text)` returns.
///
/// Beyond the standard it takes `NaN`, `Infinity` and `-Infinity`; lone surrogates and repeated keys are no errors, a
/// whole number of more than 4300 digits and a byte order mark are.
///
/// # Errors
///
/// [`JsonFault::Invalid`] where Python raises a `ValueError`, and [`JsonFault::TooDeep`] where it raises a
/// `RecursionError`.
///
/// # Source
///
/// `Modules/_json.c` of CPython 3.11.
pub fn check_json(text: &str) -> Result<(), JsonFault> {
    let mut scanner = Scanner { rest: text.as_bytes(), depth: 0 };
    scanner.skip_space();
    scanner.value()?;
    scanner.skip_space();
    match scanner.rest.is_empty() {
        true => Ok(()),
        false => Err(JsonFault::Invalid),
    }
}

/// What is left to read. Bytes suffice: everything but the inside of strings is ASCII.
struct Scanner<'a> {
    rest: &'a [u8],
    depth: usize,
}

type Scan = Result<(), JsonFault>;

impl Scanner<'_> {
    fn skip_space(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) -> usize {
        let count = self.rest.iter().take_while(|&&byte| wanted(byte)).count();
        self.rest = &self.rest[count..];
        count
    }

    fn take(&mut self, prefix: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, prefix: &[u8]) -> Scan {
        match self.take(prefix) {
            true => Ok(()),
            false => Err(JsonFault::Invalid),
        }
    }

    fn value(&mut self) -> Scan {
        match self.rest.first().copied() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string(),
            Some(b'n') => self.expect(b"null"),
            Some(b't') => self.expect(b"true"),
            Some(b'f') => self.expect(b"false"),
            Some(b'N') => self.expect(b"NaN"),
            Some(b'I') => self.expect(b"Infinity"),
            Some(_) if self.take(b"-Infinity") => Ok(()),
            Some(_) => self.number(),
            None => Err(JsonFault::Invalid),
        }
    }

    fn nested(&mut self, scan: impl Fn(&mut Self) -> Scan) -> Scan {
        if self.depth == MAX_JSON_DEPTH {
            return Err(JsonFault::TooDeep);
        }
        self.depth += 1;
        self.rest = &self.rest[1..];
        let result = scan(self);
        self.depth -= 1;
        result
    }

    fn object(&mut self) -> Scan {
        self.items(b"}", |scanner| {
            scanner.string()?;
            scanner.skip_space();
            scanner.expect(b":")?;
            scanner.skip_space();
            scanner.value()
        })
    }

    fn array(&mut self) -> Scan {
        self.items(b"]", Self::value)
    }

    /// Items with commas between them, up to `end`.
    fn items(&mut self, end: &[u8], item: impl Fn(&mut Self) -> Scan) -> Scan {
        self.skip_space();
        if self.take(end) {
            return Ok(());
        }
        loop {
            item(self)?;
            self.skip_space();
            if self.take(end) {
                return Ok(());
            }
            self.expect(b",")?;
            self.skip_space();
        }
    }

    fn string(&mut self) -> Scan {
        self.expect(b"\"")?;
        loop {
            self.skip_while(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            if self.take(b"\"") {
                return Ok(());
            }
            // A control character or the end of the text is no escape either.
            self.expect(b"\\")?;
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Scan {
        if self.take(b"u") {
            let digits = self.rest.iter().take(4).take_while(|byte| byte.is_ascii_hexdigit()).count();
            self.rest = &self.rest[digits..];
            return if digits == 4 { Ok(()) } else { Err(JsonFault::Invalid) };
        }
        match self.rest.split_first() {
            Some((b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', rest)) => {
                self.rest = rest;
                Ok(())
            }
            _ => Err(JsonFault::Invalid),
        }
    }

    /// A number; where a fraction or an exponent is not complete the number ends before it, as in Python, and what
    /// follows is refused by the caller.
    fn number(&mut self) -> Scan {
        self.take(b"-");
        let digits = match self.take(b"0") {
            true => 1,
            false => self.skip_while(|byte| byte.is_ascii_digit()),
        };
        if digits == 0 {
            return Err(JsonFault::Invalid);
        }
        let fraction = self.part(|scanner| scanner.take(b"."));
        let exponent = self.part(|scanner| {
            let marked = scanner.take(b"e") || scanner.take(b"E");
            let _ = marked && (scanner.take(b"+") || scanner.take(b"-"));
            marked
        });
        match fraction || exponent || digits <= MAX_INTEGER_DIGITS {
            true => Ok(()),
            false => Err(JsonFault::Invalid),
        }
    }

    /// Takes a mark and the digits after it, or nothing.
    fn part(&mut self, mark: impl Fn(&mut Self) -> bool) -> bool {
        let before = self.rest;
        let complete = mark(self) && self.skip_while(|byte| byte.is_ascii_digit()) > 0;
        if !complete {
            self.rest = before;
        }
        complete
    }
}

/// The document in a response: without white space and a Markdown fence around it.
pub(crate) fn without_fence(text: &str) -> &str {
    let mut inner = strip(text);
    for opening in ["```json", "```Json", "```JSON", "```"] {
        inner = inner.strip_prefix(opening).unwrap_or(inner);
    }
    strip(inner.strip_suffix("```").unwrap_or(inner))
}
