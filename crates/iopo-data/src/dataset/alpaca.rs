//! Rows of instruction, input and output, as LLaMA-Factory's alpaca format has them.

use trace_schema::Message;

use super::fields::{self, MessageKeys, Row};
use crate::example::ExampleText;

/// The columns of the format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alpaca {
    pub(super) ranking: bool,
    pub(super) prompt: String,
    pub(super) query: Option<String>,
    pub(super) response: String,
    pub(super) chosen: String,
    pub(super) rejected: String,
    pub(super) system: Option<String>,
    pub(super) history: Option<String>,
}

impl Default for Alpaca {
    fn default() -> Self {
        Self {
            ranking: false,
            prompt: "instruction".to_owned(),
            query: Some("input".to_owned()),
            response: "output".to_owned(),
            chosen: "chosen".to_owned(),
            rejected: "rejected".to_owned(),
            system: Some("system".to_owned()),
            history: Some("history".to_owned()),
        }
    }
}

impl Alpaca {
    pub(super) fn read(&self, row: &Row) -> Result<Vec<ExampleText>, String> {
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

    fn prompt(&self, row: &Row) -> Result<Vec<Message>, String> {
        let mut messages: Vec<Message> =
            fields::optional_text(row, self.system.as_deref())?.map(Message::system).into_iter().collect();
        messages.extend(self.earlier_turns(row)?);
        let instruction = fields::text(fields::required(row, &self.prompt)?, &self.prompt)?;
        let question = match fields::optional_text(row, self.query.as_deref())? {
            Some(query) => format!("{instruction}\n{query}"),
            None => instruction.to_owned(),
        };
        if question.trim().is_empty() {
            return Err(fields::empty_prompt(&self.prompt));
        }
        messages.push(Message::user(question));
        Ok(messages)
    }

    /// The questions and answers before this one: a list of pairs of strings.
    fn earlier_turns(&self, row: &Row) -> Result<Vec<Message>, String> {
        let Some(column) = &self.history else {
            return Ok(Vec::new());
        };
        let Some(history) = row.get(column).filter(|history| !history.is_null()) else {
            return Ok(Vec::new());
        };
        let mut messages = Vec::new();
        for (index, turn) in fields::list(history, column)?.iter().enumerate() {
            let field = format!("{column}[{index}]");
            let [question, answer] = fields::list(turn, &field)? else {
                return Err(format!("\"{field}\" has to be one question and one answer"));
            };
            messages.push(Message::user(fields::text(question, &field)?));
            messages.push(Message::assistant(fields::text(answer, &field)?));
        }
        Ok(messages)
    }
}
