//! Everything that begins with a backslash.

use super::{Item, Member, Parser, Translated};
use crate::python::pattern::syntax::{boundary, category, control, literal, render};

impl Parser<'_> {
    pub(super) fn escape(&mut self) -> Translated<Item> {
        let Some(c) = self.next() else {
            return Err(self.invalid("bad escape (end of pattern)"));
        };
        match c {
            'A' => return Ok(Item::Anchor(r"\A".to_owned())),
            'Z' => return Ok(Item::Anchor(r"\z".to_owned())),
            'b' | 'B' => return Ok(Item::Anchor(boundary(c == 'B'))),
            '1'..='9' if !self.is_octal_escape() => return self.numbered_reference(),
            _ => {}
        }
        Ok(Item::Atom(match self.escaped(c)? {
            Member::Char(c) => literal(c, self.flags.ignore_case),
            Member::Category(class) => render(&class),
        }))
    }

    /// Whether the digit just read and the next two are an octal number.
    fn is_octal_escape(&self) -> bool {
        let digits = self.chars.get(self.at - 1..self.at + 2);
        digits.is_some_and(|digits| digits.iter().all(|c| c.is_digit(8)))
    }

    fn numbered_reference(&mut self) -> Translated<Item> {
        let start = self.at - 1;
        self.at += usize::from(self.peek().is_some_and(|c| c.is_ascii_digit()));
        let digits: String = self.chars[start..self.at].iter().collect();
        self.reference(digits.parse().unwrap_or(usize::MAX))
    }

    pub(super) fn reference(&mut self, group: usize) -> Translated<Item> {
        match self.closed.get(group.wrapping_sub(1)) {
            None => Err(self.invalid("invalid group reference")),
            Some(false) => Err(self.invalid("cannot refer to an open group")),
            Some(true) if self.flags.ignore_case => Err(self.unsupported("a backreference without case")),
            Some(true) => Ok(Item::Atom(format!(r"(?:\{group})"))),
        }
    }

    /// What `\c` stands for, in a set and outside.
    pub(super) fn escaped(&mut self, c: char) -> Translated<Member> {
        if let Some(class) = category(c) {
            return Ok(Member::Category(class));
        }
        if let Some(control) = control(c) {
            return Ok(Member::Char(control));
        }
        let value = match c {
            'x' => self.number(2, 16)?,
            'u' => self.number(4, 16)?,
            'U' => self.number(8, 16)?,
            'N' => return Err(self.unsupported("a character by name")),
            '0'..='7' => {
                self.at -= 1;
                self.octal()?
            }
            c if c.is_ascii_alphanumeric() => return Err(self.invalid("bad escape")),
            c => return Ok(Member::Char(c)),
        };
        match char::from_u32(value) {
            Some(c) => Ok(Member::Char(c)),
            None => Err(self.invalid("bad escape")),
        }
    }

    fn number(&mut self, length: usize, radix: u32) -> Translated<u32> {
        let digits: Option<String> =
            self.chars.get(self.at..self.at + length).map(|digits| digits.iter().collect());
        let all_digits = |digits: &String| digits.chars().all(|c| c.is_digit(radix));
        match digits.filter(all_digits).map(|digits| u32::from_str_radix(&digits, radix)) {
            Some(Ok(value)) => {
                self.at += length;
                Ok(value)
            }
            _ => Err(self.invalid("incomplete escape")),
        }
    }

    fn octal(&mut self) -> Translated<u32> {
        let rest = &self.chars[self.at..];
        let length = rest.iter().take(3).take_while(|c| c.is_digit(8)).count();
        match self.number(length, 8)? {
            value if value > 0o377 => Err(self.invalid("octal escape value outside of range 0-0o377")),
            value => Ok(value),
        }
    }
}
