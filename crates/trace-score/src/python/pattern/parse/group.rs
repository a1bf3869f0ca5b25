//! Everything that begins with a parenthesis.

use super::{Flags, Item, Parser, Translated};

impl Parser<'_> {
    /// What follows an opening parenthesis.
    pub(super) fn group(&mut self) -> Translated<Item> {
        if !self.eat('?') {
            return self.capture(None);
        }
        match self.next() {
            Some(':') => self.enclosed("(?:"),
            Some('>') => self.enclosed("(?>"),
            Some('=') => self.enclosed("(?="),
            Some('!') => self.enclosed("(?!"),
            Some('<') if self.eat('=') => self.enclosed("(?<="),
            Some('<') if self.eat('!') => self.enclosed("(?<!"),
            Some('P') if self.eat('<') => {
                let name = self.name('>')?;
                self.capture(Some(name))
            }
            Some('P') if self.eat('=') => {
                let name = self.name(')')?;
                let number = self.names.iter().find(|(known, _)| *known == name).map(|&(_, number)| number);
                self.reference(number.unwrap_or(usize::MAX))
            }
            Some('#') => {
                while self.peek().is_some_and(|c| c != ')') {
                    self.at += 1;
                }
                self.close().map(|()| Item::Nothing)
            }
            Some('(') => Err(self.unsupported("a conditional")),
            Some(c) if c == '-' || "aiLmsux".contains(c) => {
                self.at -= 1;
                self.flagged()
            }
            _ => Err(self.invalid("unknown extension")),
        }
    }

    fn capture(&mut self, name: Option<String>) -> Translated<Item> {
        let index = self.closed.len();
        self.closed.push(false);
        if let Some(name) = name {
            if self.names.iter().any(|(known, _)| *known == name) {
                return Err(self.invalid("redefinition of group name"));
            }
            self.names.push((name, index + 1));
        }
        let item = self.enclosed("(")?;
        self.closed[index] = true;
        Ok(item)
    }

    fn enclosed(&mut self, opening: &str) -> Translated<Item> {
        let flags = self.flags;
        self.depth += 1;
        let inner = self.alternatives()?;
        self.depth -= 1;
        self.flags = flags;
        self.close()?;
        Ok(Item::Atom(format!("{opening}{inner})")))
    }

    fn close(&mut self) -> Translated<()> {
        match self.eat(')') {
            true => Ok(()),
            false => Err(self.invalid("missing ), unterminated subpattern")),
        }
    }

    fn name(&mut self, end: char) -> Translated {
        let mut name = String::new();
        while let Some(c) = self.next() {
            match c {
                c if c == end && name.is_empty() => return Err(self.invalid("missing group name")),
                c if c == end => return Ok(name),
                c if c == '_' || c.is_alphabetic() || (!name.is_empty() && c.is_alphanumeric()) => {
                    name.push(c)
                }
                _ => return Err(self.invalid("bad character in group name")),
            }
        }
        Err(self.invalid("missing group name"))
    }

    /// Flags for the whole expression, at its start, or for one group.
    fn flagged(&mut self) -> Translated<Item> {
        let at_start = self.at == 2;
        let before = self.flags;
        let mut on = true;
        loop {
            match self.next() {
                Some('-') if on => on = false,
                Some(flag) if "imsu".contains(flag) => set_flag(&mut self.flags, flag, on),
                Some(flag) if "aLx".contains(flag) => {
                    return Err(self.unsupported("the flags a, L or x"));
                }
                Some(')') if on && at_start => return Ok(Item::Nothing),
                Some(')') if on => {
                    return Err(self.invalid("global flags not at the start of the expression"));
                }
                Some(':') => {
                    let item = self.enclosed("(?:");
                    self.flags = before;
                    return item;
                }
                _ => return Err(self.invalid("unknown flag")),
            }
        }
    }
}

fn set_flag(flags: &mut Flags, flag: char, on: bool) {
    match flag {
        'i' => flags.ignore_case = on,
        'm' => flags.multi_line = on,
        's' => flags.dot_all = on,
        // Every text is Unicode.
        _ => {}
    }
}
