//! Rows that are a list of messages: sharegpt, and `messages` with roles.

use trace_schema::{Message, Role};

use super::dialogue::Dialogue;
use super::fields::{self, Row, Unused};
use super::message::{MessageKeys, Turn};
use crate::example::ExampleText;

/// The columns of the format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conversation {
    pub(super) ranking: bool,
    pub(super) messages: String,
    pub(super) chosen: String,
    pub(super) rejected: String,
    pub(super) system: Option<String>,
    pub(super) keys: MessageKeys,
    /// Whether an entry names the columns, which leaves others out.
    pub(super) is_named: bool,
}

impl Conversation {
    pub(super) fn new(messages: &str, ranking: bool, keys: MessageKeys) -> Self {
        let [messages, chosen, rejected, system] =
            [messages, "chosen", "rejected", "system"].map(str::to_owned);
        Self { ranking, messages, chosen, rejected, system: Some(system), keys, is_named: false }
    }

    pub(super) fn reads(&self, key: &str) -> bool {
        key == self.messages
            || self.system.as_deref() == Some(key)
            || self.ranking && (key == self.chosen || key == self.rejected)
    }

    pub(super) fn read(&self, row: &Row, unused: &mut Unused) -> Result<Vec<ExampleText>, String> {
        let dialogue = Dialogue::read(row, &self.messages, self.system.as_deref(), &self.keys, unused)?;
        match self.ranking {
            true => Ok(vec![self.read_ranking(row, dialogue, unused)?]),
            false => self.completions(dialogue),
        }
    }

    /// An odd number of turns is one prompt. An even number is two: the first half is x₁
    /// and the second x₂, `chosen` the response to the one, `rejected` to the other.
    fn read_ranking(
        &self,
        row: &Row,
        dialogue: Dialogue<'_>,
        unused: &mut Unused,
    ) -> Result<ExampleText, String> {
        let chosen = self.keys.response(row, &self.chosen, unused)?;
        let rejected = self.keys.response(row, &self.rejected, unused)?;
        fields::check_differ((&self.chosen, &chosen), (&self.rejected, &rejected))?;
        if !dialogue.turns.len().is_multiple_of(2) {
            return Ok(ExampleText::Pair { prompt: dialogue.into_prompt()?, chosen, rejected });
        }
        match dialogue.halves().map(Dialogue::into_prompt) {
            [Ok(x1), Ok(x2)] if x1 == x2 => Err(self.turns_error("is the same prompt twice")),
            [Ok(x1), Ok(x2)] => Ok(ExampleText::Group { x1, y1: chosen, x2, y2: rejected }),
            _ => Err(self.turns_error(
                "has to be one prompt (user and assistant in turn, the user first and last), or two prompts of equal \
                 length one after the other",
            )),
        }
    }

    /// Every answer of the model that is to be trained on, with the messages before it.
    fn completions(&self, dialogue: Dialogue<'_>) -> Result<Vec<ExampleText>, String> {
        dialogue.check_turns()?;
        if let Some((Turn { message: Message { role: Role::User, .. }, .. }, before)) =
            dialogue.turns.split_last()
        {
            let place = dialogue.place(before.len());
            return Err(format!("\"{place}\" is a question without an answer; leave it out, or answer it"));
        }
        let mut said: Vec<Message> = dialogue.system.into_iter().collect();
        let mut examples = Vec::new();
        for Turn { message, is_trained } in dialogue.turns {
            if message.role == Role::Assistant && is_trained {
                let (prompt, response) = (said.clone(), message.content.clone());
                examples.push(ExampleText::Completion { prompt, response });
            }
            said.push(message);
        }
        match examples.is_empty() {
            true => Err(self.turns_error("has no message from the assistant to train on")),
            false => Ok(examples),
        }
    }

    fn turns_error(&self, problem: &str) -> String {
        format!("\"{}\" {problem}", self.messages)
    }
}
