//! Rows of instruction, input and output, as LLaMA-Factory's alpaca format has them.

use trace_schema::Message;

use super::fields::{self, Row, Unused};
use super::message::MessageKeys;
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
    /// Whether an entry names the columns, which leaves others out.
    pub(super) is_named: bool,
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
            is_named: false,
        }
    }
}

impl Alpaca {
    pub(super) fn reads(&self, key: &str) -> bool {
        let optional = [&self.query, &self.system, &self.history].into_iter().flatten();
        let responses = match self.ranking {
            true => [&self.chosen, &self.rejected],
            false => [&self.response, &self.response],
        };
        optional.chain(responses).chain([&self.prompt]).any(|column| column == key)
    }

    pub(super) fn read(&self, row: &Row, unused: &mut Unused) -> Result<Vec<ExampleText>, String> {
        let prompt = self.prompt(row)?;
        // In this format a response is a string; the keys are for files that write a message.
        let keys = MessageKeys::new("from", "value");
        if !self.ranking {
            let response = keys.response(row, &self.response, unused)?;
            return Ok(vec![ExampleText::Completion { prompt, response }]);
        }
        let chosen = keys.response(row, &self.chosen, unused)?;
        let rejected = keys.response(row, &self.rejected, unused)?;
        fields::check_differ((&self.chosen, &chosen), (&self.rejected, &rejected))?;
        Ok(vec![ExampleText::Pair { prompt, chosen, rejected }])
    }

    fn prompt(&self, row: &Row) -> Result<Vec<Message>, String> {
        let mut messages: Vec<Message> =
            fields::optional_text(row, self.system.as_deref())?.map(Message::system).into_iter().collect();
        messages.extend(self.earlier_turns(row)?);
        let instruction = fields::text(fields::required(row, &self.prompt)?, &self.prompt)?;
        let question = match fields::optional_text(row, self.query.as_deref())? {
            Some(query) if instruction.is_empty() => query.to_owned(),
            Some(query) => format!("{instruction}\n{query}"),
            None => instruction.to_owned(),
        };
        messages.push(fields::question(question, &self.prompt)?);
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
            messages.push(fields::question(fields::text(question, &field)?.to_owned(), &field)?);
            let answer = fields::text(answer, &field)?;
            fields::check_response(answer, &field)?;
            messages.push(Message::assistant(answer));
        }
        Ok(messages)
    }
}
