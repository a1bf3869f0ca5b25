//! A list of messages, and the order that they must have: the same for every format and every template.

use trace_schema::{Message, Role};

use super::fields::{self, Row, Unused};
use super::message::{MessageKeys, Turn};

/// A list of messages: its system text, and the turns after it.
#[derive(Debug)]
pub(super) struct Dialogue<'a> {
    field: &'a str,
    keys: &'a MessageKeys,
    pub(super) system: Option<Message>,
    pub(super) turns: Vec<Turn>,
    /// The place of the first turn in the list.
    from: usize,
}

impl<'a> Dialogue<'a> {
    /// Reads the list `field`; its system text is its first message, or the column `system`.
    pub(super) fn read(
        row: &Row,
        field: &'a str,
        system: Option<&str>,
        keys: &'a MessageKeys,
        unused: &mut Unused,
    ) -> Result<Self, String> {
        let list = fields::list(fields::required(row, field)?, field)?;
        if list.is_empty() {
            return Err(fields::empty_prompt(field));
        }
        let turn = |(index, one)| keys.message(one, field, Some(index), unused);
        let mut turns = list.iter().enumerate().map(turn).collect::<Result<Vec<Turn>, String>>()?;
        let column = fields::optional_text(row, system)?;
        let first = match turns.first().map(|first| first.message.role) {
            Some(Role::System) => Some(turns.remove(0).message.content).filter(|text| !text.is_empty()),
            _ => None,
        };
        let from = list.len() - turns.len();
        if let (Some(name), Some(column), Some(first)) = (system, column, &first)
            && column != first
        {
            return Err(format!("\"{name}\" and \"{field}[0]\" are two system texts; leave one out"));
        }
        let system = first.or_else(|| column.map(str::to_owned)).map(Message::system);
        Ok(Self { field, keys, system, turns, from })
    }

    /// Checks that user and assistant take turns, the user first.
    pub(super) fn check_turns(&self) -> Result<(), String> {
        let expected = [Role::User, Role::Assistant].into_iter().cycle();
        match self.turns.iter().zip(expected).position(|(turn, expected)| turn.message.role != expected) {
            None => Ok(()),
            Some(index) => {
                let rule = "after an optional system text, user and assistant take turns, the user first";
                let role = self.turns[index].message.role;
                Err(self.keys.out_of_turn(&self.place(index), role, rule))
            }
        }
    }

    /// The messages of a prompt: in turn, and the user has the last word.
    pub(super) fn into_prompt(self) -> Result<Vec<Message>, String> {
        self.check_turns()?;
        match self.turns.last() {
            None => Err(format!("\"{}\" has no question", self.field)),
            Some(last) if last.message.role != Role::User => {
                let place = self.place(self.turns.len() - 1);
                Err(self.keys.out_of_turn(&place, last.message.role, "a prompt ends with the user"))
            }
            Some(_) => {
                let turns = self.turns.into_iter().map(|turn| turn.message);
                Ok(self.system.into_iter().chain(turns).collect())
            }
        }
    }

    /// Takes the last message off, as the response to the others.
    pub(super) fn pop_response(&mut self) -> Result<Option<String>, String> {
        let Some(last) = self.turns.pop() else { return Ok(None) };
        self.keys.whole_response(last, &self.place(self.turns.len())).map(Some)
    }

    /// Both halves, each with the system text.
    pub(super) fn halves(mut self) -> [Self; 2] {
        let half = self.turns.len() / 2;
        let turns = self.turns.split_off(half);
        let second = Self { system: self.system.clone(), turns, from: self.from + half, ..self };
        [self, second]
    }

    /// The place of a turn in its row.
    pub(super) fn place(&self, turn: usize) -> String {
        format!("{}[{}]", self.field, self.from + turn)
    }
}
