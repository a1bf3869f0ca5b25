//! What `json.loads` accepts.

use std::collections::HashSet;

use thiserror::Error;

use super::strings::strip;

/// The deepest nesting that is judged.
///
/// Python 3.11 gives up with a `RecursionError` when 1000 calls are open. From a function that the main program calls,
/// `json.loads` was measured to reach 994 levels, and one fewer for each further call; the official program has six
/// calls open when it comes to a document.
pub(crate) const MAX_JSON_DEPTH: usize = 990;

/// The most digits that Python turns into a whole number.
const MAX_INTEGER_DIGITS: usize = 4300;

/// Where `json.loads` raises an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum JsonFault {
    /// The text is not a document.
    #[error("not a JSON document")]
    Invalid,
    /// The document is nested deeper than [`MAX_JSON_DEPTH`].
    #[error("nested deeper than {MAX_JSON_DEPTH} levels")]
    TooDeep,
}

/// Judges whether `json.loads(text)` returns.
///
/// Beyond the standard it takes `NaN`, `Infinity` and `-Infinity`; lone surrogates and repeated keys are
/// accepted, a whole number of more than 4300 digits and a byte order mark are not.
///
/// # Errors
///
/// [`JsonFault::Invalid`] where Python raises a `ValueError`, and [`JsonFault::TooDeep`] where it raises a
/// `RecursionError`.
///
/// # Source
///
/// `Modules/_json.c` of CPython 3.11.
pub(crate) fn check_json(text: &str) -> Result<(), JsonFault> {
    scan(text).map(drop)
}

/// The keys of the object that `text` is, or `None` if `json.loads` does not return one.
///
/// Of equal keys one is kept. A key with a lone surrogate stands as it is written, in quotes.
pub(crate) fn object_keys(text: &str) -> Option<HashSet<String>> {
    let keys = scan(text).ok()?;
    let is_object = text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{');
    let read = |key: &[u8]| {
        serde_json::from_slice(key).unwrap_or_else(|_| String::from_utf8_lossy(key).into_owned())
    };
    is_object.then(|| keys.into_iter().map(read).collect())
}

/// The keys of the outermost object as they are written, quotes included.
fn scan(text: &str) -> Result<Vec<&[u8]>, JsonFault> {
    let mut scanner = Scanner { rest: text.as_bytes(), depth: 0, keys: Vec::new() };
    scanner.skip_space();
    scanner.value()?;
    scanner.skip_space();
    match scanner.rest.is_empty() {
        true => Ok(scanner.keys),
        false => Err(JsonFault::Invalid),
    }
}

/// What is left to read. Bytes suffice: everything but the inside of strings is ASCII.
struct Scanner<'a> {
    rest: &'a [u8],
    depth: usize,
    /// The keys of the outermost object.
    keys: Vec<&'a [u8]>,
}

type Scan = Result<(), JsonFault>;

impl<'a> Scanner<'a> {
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
            Some(b'"') => self.string().map(drop),
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
            let key = scanner.string()?;
            if scanner.depth == 1 {
                scanner.keys.push(key);
            }
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

    /// A string as it is written, quotes included.
    fn string(&mut self) -> Result<&'a [u8], JsonFault> {
        let start = self.rest;
        self.expect(b"\"")?;
        loop {
            self.skip_while(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            if self.take(b"\"") {
                return Ok(&start[..start.len() - self.rest.len()]);
            }
            // A control character or the end of the text is not an escape.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_as_python_reads_them() {
        for (text, keys) in [
            ("{}", Some(0)),
            (" {\"a\": [1, -0.5e+3, null], \"a\": {\"b\": \"\"}}\n", Some(1)),
            ("{\"\\u0061\": NaN, \"b\": -Infinity, \"\\ud83d\\ude00\": \"\\ud800\"}", Some(3)),
            ("{\"\\ud800\": 1, \"a\": 2}", Some(2)),
            ("{\"a\": 1,}", None),
            ("{\"a\": 01}", None),
            ("{\"a\": .5}", None),
            ("{\"a\": 1.}", None),
            ("{'a': 1}", None),
            ("{\"a\": \"\n\"}", None),
            ("{\"a\": 1} x", None),
            ("[1]", None),
            ("", None),
        ] {
            assert_eq!(object_keys(text).map(|keys| keys.len()), keys, "{text}");
        }
        assert!(object_keys("{\"\\ud83d\\ude00\": 1}").is_some_and(|keys| keys.contains("😀")));
    }

    #[test]
    fn depth_and_digits_are_limited() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object_keys(&nested(MAX_JSON_DEPTH - 1)).is_some());
        assert!(object_keys(&nested(100_000)).is_none());
        assert!(object_keys(&format!("{{\"a\":{}}}", "9".repeat(4300))).is_some());
        assert!(object_keys(&format!("{{\"a\":{}}}", "9".repeat(4301))).is_none());
    }
}
