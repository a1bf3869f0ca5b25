//! Reads Python's syntax and writes that of the engine.

mod escape;
mod group;

use regex_syntax::hir::ClassUnicode;

use super::syntax::{folded, literal, render};
use super::{PatternError, PatternOptions};
use crate::python::chars::{range, single};

/// Groups within groups are read up to this depth.
const MAX_DEPTH: usize = 100;

#[derive(Debug, Clone, Copy)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
}

/// A part of an expression, translated.
enum Item {
    /// Something that may be repeated.
    Atom(String),
    /// A place, which may not.
    Anchor(String),
    /// Nothing, for a comment or for flags.
    Nothing,
}

/// What one member of a set stands for.
enum Member {
    Char(char),
    Category(ClassUnicode),
}

/// The reader of one expression.
pub(super) struct Parser<'p> {
    source: &'p str,
    chars: Vec<char>,
    at: usize,
    flags: Flags,
    depth: usize,
    /// Whether each group is closed, in the order of their numbers.
    closed: Vec<bool>,
    names: Vec<(String, usize)>,
}

type Translated<T = String> = Result<T, PatternError>;

impl<'p> Parser<'p> {
    /// The same expression for the engine.
    pub(super) fn translate(source: &'p str, options: PatternOptions) -> Translated {
        let flags =
            Flags { ignore_case: options.ignore_case, multi_line: options.multi_line, dot_all: false };
        let chars = source.chars().collect();
        let mut parser =
            Self { source, chars, at: 0, flags, depth: 0, closed: Vec::new(), names: Vec::new() };
        let translated = parser.alternatives()?;
        match parser.peek() {
            None => Ok(translated),
            Some(_) => Err(parser.invalid("unbalanced parenthesis")),
        }
    }

    fn invalid(&self, reason: &'static str) -> PatternError {
        PatternError::Invalid { pattern: self.source.to_owned(), reason, position: self.at }
    }

    fn unsupported(&self, what: &'static str) -> PatternError {
        PatternError::Unsupported { pattern: self.source.to_owned(), reason: format!("it uses {what}") }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> Translated {
        if self.depth > MAX_DEPTH {
            return Err(self.unsupported("more than 100 groups within one another"));
        }
        let mut translated = self.sequence()?;
        while self.eat('|') {
            translated.push('|');
            translated.push_str(&self.sequence()?);
        }
        Ok(translated)
    }

    fn sequence(&mut self) -> Translated {
        let mut translated = String::new();
        while self.peek().is_some_and(|c| c != '|' && c != ')') {
            if self.quantifier()?.is_some() {
                return Err(self.invalid("nothing to repeat"));
            }
            let item = self.item()?;
            let Some(quantifier) = self.quantifier()? else {
                if let Item::Atom(text) | Item::Anchor(text) = item {
                    translated.push_str(&text);
                }
                continue;
            };
            let Item::Atom(atom) = item else {
                return Err(self.invalid("nothing to repeat"));
            };
            let repeated = match () {
                () if self.eat('?') => format!("{atom}{quantifier}?"),
                () if self.eat('+') => format!("(?>{atom}{quantifier})"),
                () => format!("{atom}{quantifier}"),
            };
            if self.quantifier()?.is_some() {
                return Err(self.invalid("multiple repeat"));
            }
            translated.push_str(&repeated);
        }
        Ok(translated)
    }

    /// A quantifier, if one stands here; a brace that begins none is left for [`Self::item`].
    fn quantifier(&mut self) -> Result<Option<String>, PatternError> {
        match self.peek() {
            Some(mark @ ('*' | '+' | '?')) => {
                self.at += 1;
                Ok(Some(mark.to_string()))
            }
            Some('{') => self.braces(),
            _ => Ok(None),
        }
    }

    fn braces(&mut self) -> Result<Option<String>, PatternError> {
        let start = self.at;
        self.at += 1;
        if self.peek() == Some('}') {
            self.at = start;
            return Ok(None);
        }
        let least = self.digits();
        let most = if self.eat(',') { self.digits() } else { least.clone() };
        if !self.eat('}') {
            self.at = start;
            return Ok(None);
        }
        let bound = |digits: &str, absent: u64| match digits {
            "" => Some(absent),
            digits => digits.parse().ok(),
        };
        let limits = (bound(&least, 0), bound(&most, u64::MAX));
        let (Some(min), Some(max)) = limits else {
            return Err(self.invalid("the repetition number is too large"));
        };
        match (min, max) {
            _ if max < min => Err(self.invalid("min repeat greater than max repeat")),
            (min, u64::MAX) => Ok(Some(format!("{{{min},}}"))),
            (min, max) => Ok(Some(format!("{{{min},{max}}}"))),
        }
    }

    fn digits(&mut self) -> String {
        let rest = &self.chars[self.at..];
        let digits: String = rest.iter().take_while(|c| c.is_ascii_digit()).collect();
        self.at += digits.len();
        digits
    }

    fn item(&mut self) -> Translated<Item> {
        let Some(c) = self.next() else {
            return Ok(Item::Nothing);
        };
        match c {
            '.' if self.flags.dot_all => Ok(Item::Atom("(?s:.)".to_owned())),
            '.' => Ok(Item::Atom(r"[^\n]".to_owned())),
            '^' if self.flags.multi_line => Ok(Item::Anchor("(?m:^)".to_owned())),
            '^' => Ok(Item::Anchor(r"\A".to_owned())),
            '$' if self.flags.multi_line => Ok(Item::Anchor("(?m:$)".to_owned())),
            '$' => Ok(Item::Anchor(r"(?=\n?\z)".to_owned())),
            '(' => self.group(),
            '[' => self.set().map(Item::Atom),
            '\\' => self.escape(),
            c => Ok(Item::Atom(literal(c, self.flags.ignore_case))),
        }
    }

    fn set(&mut self) -> Translated {
        let negated = self.eat('^');
        let (mut members, mut categories) = (ClassUnicode::empty(), ClassUnicode::empty());
        let first = self.at;
        loop {
            if self.at > first && self.eat(']') {
                break;
            }
            match self.member()? {
                Member::Category(_) if self.is_range() => return Err(self.invalid("bad character range")),
                Member::Category(class) => categories.union(&class),
                Member::Char(start) if self.is_range() => {
                    self.at += 1;
                    match self.member()? {
                        Member::Char(end) if start <= end => members.union(&range(start, end)),
                        _ => return Err(self.invalid("bad character range")),
                    }
                }
                Member::Char(c) => members.union(&single(c)),
            }
        }
        let mut class = folded(members, self.flags.ignore_case);
        class.union(&categories);
        if negated {
            class.negate();
        }
        Ok(render(&class))
    }

    /// Whether a hyphen with an end after it stands here.
    fn is_range(&self) -> bool {
        self.peek() == Some('-') && self.chars.get(self.at + 1) != Some(&']')
    }

    fn member(&mut self) -> Translated<Member> {
        match self.next() {
            None => Err(self.invalid("unterminated character set")),
            Some('\\') => match self.next() {
                None => Err(self.invalid("bad escape (end of pattern)")),
                Some('b') => Ok(Member::Char('\x08')),
                Some(c) => self.escaped(c),
            },
            Some(c) => Ok(Member::Char(c)),
        }
    }
}
