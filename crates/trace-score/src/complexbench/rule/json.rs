//! The keys of a JSON object, as Python's `json.loads` reads it.

use std::collections::HashSet;

/// The deepest nesting that is read; Python gives up before its recursion limit of 1,000.
const MAX_DEPTH: usize = 900;

/// The longest whole number that Python turns into an `int`.
const MAX_DIGITS: usize = 4300;

/// The keys of the object that `text` is, or `None` if it is not one JSON object.
///
/// NaN, Infinity and lone surrogates are accepted, and of equal keys one is kept, as Python does.
pub(super) fn object_keys(text: &str) -> Option<HashSet<String>> {
    let mut parser = Parser { rest: text };
    parser.skip_space();
    let keys = parser.rest.starts_with('{').then(|| parser.object(0))??;
    parser.skip_space();
    parser.rest.is_empty().then_some(keys)
}

/// The first part of a text, from a brace to the brace that closes it by count.
///
/// Braces inside of strings are counted too, and a closing brace before the first opening one spoils the count: so the
/// official code finds it.
pub(super) fn first_braces(text: &str) -> &str {
    let (mut depth, mut start) = (0_i64, 0);
    if !text.contains('{') {
        return "";
    }
    for (at, c) in text.char_indices() {
        match c {
            '{' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return &text[start..=at];
                }
            }
            _ => {}
        }
    }
    ""
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, mark: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(mark)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.rest.chars().next()? {
            '{' => self.object(depth).map(drop),
            '[' => self.array(depth),
            '"' => self.string().map(drop),
            _ => {
                let words = ["null", "true", "false", "NaN", "Infinity", "-Infinity"];
                match words.iter().find(|word| self.rest.starts_with(**word)) {
                    Some(word) => self.eat(word),
                    None => self.number(),
                }
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<HashSet<String>> {
        let mut keys = HashSet::new();
        self.eat("{")?;
        self.skip_space();
        if self.eat("}").is_some() {
            return Some(keys);
        }
        loop {
            keys.insert(self.string()?);
            self.skip_space();
            self.eat(":")?;
            self.skip_space();
            self.value(depth + 1)?;
            self.skip_space();
            if self.eat("}").is_some() {
                return Some(keys);
            }
            self.eat(",")?;
            self.skip_space();
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.eat("[")?;
        self.skip_space();
        if self.eat("]").is_some() {
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            self.skip_space();
            if self.eat("]").is_some() {
                return Some(());
            }
            self.eat(",")?;
            self.skip_space();
        }
    }

    fn string(&mut self) -> Option<String> {
        self.eat("\"")?;
        let mut text = String::new();
        loop {
            let c = self.rest.chars().next()?;
            self.rest = &self.rest[c.len_utf8()..];
            match c {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\u{1f}' => return None,
                c => text.push(c),
            }
        }
    }

    /// One escaped character; a lone surrogate becomes the replacement character.
    fn escape(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(match c {
            '"' | '\\' | '/' => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = self.unit()?;
                let ahead = self.rest.strip_prefix("\\u").and_then(hex_unit);
                match (unit, ahead) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        self.rest = self.rest.get(6..)?;
                        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))?
                    }
                    _ => char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let unit = hex_unit(self.rest)?;
        self.rest = self.rest.get(4..)?;
        Some(unit)
    }

    fn digits(&mut self) -> usize {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        self.rest = &self.rest[count..];
        count
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.eat("-");
        let whole = if self.eat("0").is_some() { 1 } else { self.digits() };
        let mut is_whole = true;
        if let Some(fraction) = self.rest.strip_prefix('.').filter(|rest| starts_with_digit(rest)) {
            self.rest = fraction;
            self.digits();
            is_whole = false;
        }
        if let Some(exponent) = self.rest.strip_prefix(['e', 'E']) {
            let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if starts_with_digit(unsigned) {
                self.rest = unsigned;
                self.digits();
                is_whole = false;
            }
        }
        (whole > 0 && !(is_whole && whole > MAX_DIGITS)).then_some(())
    }
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn hex_unit(text: &str) -> Option<u32> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
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
        assert!(object_keys(&nested(500)).is_some());
        assert!(object_keys(&nested(100_000)).is_none());
        assert!(object_keys(&format!("{{\"a\":{}}}", "9".repeat(4300))).is_some());
        assert!(object_keys(&format!("{{\"a\":{}}}", "9".repeat(4301))).is_none());
    }

    #[test]
    fn braces_are_matched_by_count() {
        assert_eq!(first_braces("x {a{b}} {c}"), "{a{b}}");
        assert_eq!(first_braces("{\"}\"}"), "{\"}");
        assert_eq!(first_braces("} {a}"), "");
        assert_eq!(first_braces("{"), "");
    }
}
