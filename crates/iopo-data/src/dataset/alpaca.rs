//! Rows of instruction, input and output, as LLaMA-Factory's alpaca format has them.

use super::FieldError;
use super::fields::{self, MessageKeys, Row};
use crate::example::ExampleText;
use crate::message::Message;

/// Which column says what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alpaca {
    pub(super) ranking: bool,
    pub(super) prompt: String,
    pub(super) query: String,
    pub(super) response: String,
    pub(super) chosen: String,
    pub(super) rejected: String,
    pub(super) system: String,
    pub(super) history: String,
}

impl Default for Alpaca {
    fn default() -> Self {
        Self {
            ranking: false,
            prompt: "instruction".to_owned(),
            query: "input".to_owned(),
            response: "output".to_owned(),
            chosen: "chosen".to_owned(),
            rejected: "rejected".to_owned(),
            system: "system".to_owned(),
            history: "history".to_owned(),
        }
    }
}

impl Alpaca {
    pub(super) fn read(&self, row: &Row) -> Result<Vec<ExampleText>, FieldError> {
        let prompt = self.prompt(row)?;
        // In this format a response is a string; the keys are for files that write a message.
        let keys = MessageKeys::new("from", "value");
        let response = |field: &str| fields::response(row, field, &keys);
        Ok(vec![if self.ranking {
            ExampleText::Pair { prompt, chosen: response(&self.chosen)?, rejected: response(&self.rejected)? }
        } else {
            ExampleText::Completion { prompt, response: response(&self.response)? }
        }])
    }

    fn prompt(&self, row: &Row) -> Result<Vec<Message>, FieldError> {
        let mut messages: Vec<Message> =
            fields::optional_text(row, &self.system)?.map(Message::system).into_iter().collect();
        if let Some(history) = row.get(&self.history).filter(|history| !history.is_null()) {
            for (index, turn) in fields::list(history, &self.history)?.iter().enumerate() {
                let field = format!("{}[{index}]", self.history);
                let [question, answer] = fields::list(turn, &field)? else {
                    return Err(FieldError::Turns { field, problem: "has to be one question and one answer" });
                };
                messages.push(Message::user(fields::text(question, &field)?));
                messages.push(Message::assistant(fields::text(answer, &field)?));
            }
        }
        let instruction = fields::text(fields::required(row, &self.prompt)?, &self.prompt)?;
        let question = match fields::optional_text(row, &self.query)? {
            Some(query) => format!("{instruction}\n{query}"),
            None => instruction.to_owned(),
        };
        if question.trim().is_empty() {
            return Err(FieldError::EmptyPrompt { field: self.prompt.clone() });
        }
        messages.push(Message::user(question));
        Ok(messages)
    }
}
