//! The expressions that rules have as arguments: lists of numbers and of texts.

use crate::complexbench::python_error::PythonError;
use crate::python::float;

/// The deepest nesting of brackets that is evaluated.
const MAX_DEPTH: usize = 32;

/// The value of an expression. Truth values are the numbers 0 and 1, as in Python's comparisons.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Number(f64),
    Text(String),
    List(Vec<Literal>),
    None,
}

/// Evaluates literals of numbers, texts and lists, with `+`, `-` and `*` between numbers, and `float("inf")`.
///
/// Nothing else is evaluated, and nothing is looked up: this takes the place of the official program's `eval`. As there,
/// an error of syntax anywhere comes before an error of evaluation.
fn evaluate(text: &str) -> Result<Literal, PythonError> {
    let mut parser = Parser { rest: text, whole: text, failed: None };
    let value = parser.sum(0)?;
    let rest = parser.skip_space();
    let word = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    let goes_on =
        rest.starts_with(['(', '[', '.', '/', '%', '<', '>', '=', '!']) || OPERATORS.contains(&word);
    match (rest.is_empty(), parser.failed) {
        (true, None) => Ok(value),
        (true, Some(error)) => Err(error),
        _ if goes_on => Err(PythonError::Unsupported(text.to_owned())),
        _ => Err(PythonError::Syntax(text.to_owned())),
    }
}

/// The members of the list that an expression is.
pub(super) fn evaluate_list(text: &str) -> Result<Vec<Literal>, PythonError> {
    match evaluate(text)? {
        Literal::List(members) => Ok(members),
        _ => Err(PythonError::Type("the argument is not a list")),
    }
}

/// Words that go on with an expression.
const OPERATORS: [&str; 6] = ["and", "if", "in", "is", "not", "or"];

struct Parser<'a> {
    rest: &'a str,
    whole: &'a str,
    /// The first error of evaluation.
    failed: Option<PythonError>,
}

impl<'a> Parser<'a> {
    /// Keeps the first error of evaluation; what it stands for has no value.
    fn fail(&mut self, error: PythonError) -> Literal {
        self.failed.get_or_insert(error);
        Literal::None
    }

    fn combine(&mut self, a: Literal, b: Literal, operation: impl Fn(f64, f64) -> f64) -> Literal {
        match (a, b) {
            (Literal::Number(a), Literal::Number(b)) => Literal::Number(operation(a, b)),
            _ => self.fail(PythonError::Type("operands are not both numbers")),
        }
    }

    fn syntax(&self) -> PythonError {
        PythonError::Syntax(self.whole.to_owned())
    }

    fn skip_space(&mut self) -> &'a str {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
        self.rest
    }

    fn eat(&mut self, mark: char) -> bool {
        let after = self.skip_space().strip_prefix(mark);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn sum(&mut self, depth: usize) -> Result<Literal, PythonError> {
        let mut value = self.product(depth)?;
        loop {
            let sign = match () {
                () if self.eat('+') => 1.0,
                () if self.eat('-') => -1.0,
                () => return Ok(value),
            };
            let other = self.product(depth)?;
            value = self.combine(value, other, |a, b| a + sign * b);
        }
    }

    fn product(&mut self, depth: usize) -> Result<Literal, PythonError> {
        let mut value = self.signed(depth)?;
        while self.eat('*') {
            if self.rest.starts_with('*') {
                return Err(PythonError::Unsupported(self.whole.to_owned()));
            }
            let other = self.signed(depth)?;
            value = self.combine(value, other, |a, b| a * b);
        }
        Ok(value)
    }

    fn signed(&mut self, depth: usize) -> Result<Literal, PythonError> {
        let (mut negative, mut signed) = (false, false);
        loop {
            match () {
                () if self.eat('-') => negative = !negative,
                () if self.eat('+') => {}
                () => break,
            }
            signed = true;
        }
        match self.atom(depth)? {
            Literal::Number(value) => Ok(Literal::Number(if negative { -value } else { value })),
            _ if signed => Ok(self.fail(PythonError::Type("bad operand of a sign"))),
            value => Ok(value),
        }
    }

    fn atom(&mut self, depth: usize) -> Result<Literal, PythonError> {
        if depth > MAX_DEPTH {
            return Err(PythonError::Unsupported(self.whole.to_owned()));
        }
        match self.skip_space().chars().next() {
            Some('[') => {
                self.eat('[');
                self.list(depth)
            }
            Some('(') => {
                self.eat('(');
                let value = self.sum(depth + 1)?;
                if self.eat(')') { Ok(value) } else { Err(self.syntax()) }
            }
            Some(quote @ ('"' | '\'')) => self.text(quote).map(Literal::Text),
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => self.name(),
            _ => Err(self.syntax()),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Literal, PythonError> {
        let mut items = Vec::new();
        loop {
            if self.eat(']') {
                return Ok(Literal::List(items));
            }
            items.push(self.sum(depth + 1)?);
            if !self.eat(',') && !self.skip_space().starts_with(']') {
                return Err(self.syntax());
            }
        }
    }

    fn text(&mut self, quote: char) -> Result<String, PythonError> {
        let mut text = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                _ if c == quote => {
                    self.rest = &self.rest[1 + at + 1..];
                    return Ok(text);
                }
                '\n' => break,
                '\\' => match chars.next().map(|(_, escaped)| escaped) {
                    Some(c @ ('\\' | '\'' | '"')) => text.push(c),
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    _ => return Err(PythonError::Unsupported(self.whole.to_owned())),
                },
                c => text.push(c),
            }
        }
        Err(self.syntax())
    }

    fn number(&mut self) -> Result<Literal, PythonError> {
        let part = |(at, c): (usize, char)| {
            let after_e = self.rest[..at].ends_with(['e', 'E']);
            c.is_ascii_alphanumeric() || c == '.' || c == '_' || (after_e && (c == '+' || c == '-'))
        };
        let end = self.rest.char_indices().find(|&place| !part(place)).map_or(self.rest.len(), |(at, _)| at);
        let (digits, rest) = self.rest.split_at(end);
        let whole = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        let padded = whole && digits.starts_with('0') && digits.contains(|c| ('1'..='9').contains(&c));
        match float(digits) {
            Some(value) if !padded => {
                self.rest = rest;
                Ok(Literal::Number(value))
            }
            _ => Err(self.syntax()),
        }
    }

    fn name(&mut self) -> Result<Literal, PythonError> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        match name {
            "True" => Ok(Literal::Number(1.0)),
            "False" => Ok(Literal::Number(0.0)),
            "None" => Ok(Literal::None),
            "float" if self.eat('(') => {
                let quote = self.skip_space().chars().next().filter(|c| ['"', '\''].contains(c));
                let text =
                    self.text(quote.ok_or_else(|| PythonError::Unsupported(self.whole.to_owned()))?)?;
                match float(&text) {
                    Some(value) if self.eat(')') => Ok(Literal::Number(value)),
                    Some(_) => Err(self.syntax()),
                    None if self.eat(')') => Ok(self.fail(PythonError::Value(text))),
                    None => Err(self.syntax()),
                }
            }
            _ if self.skip_space().starts_with(['(', '"', '\'']) => {
                Err(PythonError::Unsupported(self.whole.to_owned()))
            }
            _ => Ok(self.fail(PythonError::Name(name.to_owned()))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn list(values: &[f64]) -> Literal {
        Literal::List(values.iter().copied().map(Literal::Number).collect())
    }

    #[test]
    fn bounds_are_evaluated() {
        for (text, expected) in [
            ("[1,5]", list(&[1.0, 5.0])),
            ("[ 300 , 10_000, ]", list(&[300.0, 10_000.0])),
            ("[-1, 2*3+1, 1e3, .5]", list(&[-1.0, 7.0, 1e3, 0.5])),
            ("[1, float('inf')]", list(&[1.0, f64::INFINITY])),
            ("[(2), True, 0, 00]", list(&[2.0, 1.0, 0.0, 0.0])),
            ("[]", list(&[])),
        ] {
            assert_eq!(evaluate(text).unwrap(), expected, "{text}");
        }
        let texts = Literal::List(vec![
            Literal::Text("a\"".to_owned()),
            Literal::Text("b'".to_owned()),
            Literal::None,
        ]);
        assert_eq!(evaluate(r#"['a"', "b\'", None]"#).unwrap(), texts);
    }

    #[test]
    fn other_expressions_are_errors_of_their_kind() {
        for (text, name) in [
            ("[1,", "SyntaxError"),
            ("[1 2]", "SyntaxError"),
            ("[01]", "SyntaxError"),
            ("[1，2]", "SyntaxError"),
            ("[,]", "SyntaxError"),
            ("[\"a]", "SyntaxError"),
            ("[a,b]", "NameError"),
            ("[你好]", "NameError"),
            ("['a'+1]", "TypeError"),
            ("[-'a']", "TypeError"),
            ("[float('x')]", "ValueError"),
            ("[__import__('os')]", ""),
            ("[1,2][0]", ""),
            ("[2**9999]", ""),
            ("[a, b]\nforbidden_word:[c]", "SyntaxError"),
            ("[a, b if c]", "SyntaxError"),
            ("[1, 2] if 1 else 2", ""),
        ] {
            assert_eq!(evaluate(text).unwrap_err().python_name(), name, "{text}");
        }
        assert!(evaluate(&"[".repeat(100_000)).is_err());
        assert!(evaluate(&"-".repeat(100_000)).is_err());
    }
}
