//! Rows that are a list of messages: sharegpt, and `messages` with roles.

use trace_schema::{Message, Role};

use super::fields::{self, MessageKeys, Row};
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
}

impl Conversation {
    pub(super) fn new(messages: &str, ranking: bool, keys: MessageKeys) -> Self {
        let [messages, chosen, rejected, system] =
            [messages, "chosen", "rejected", "system"].map(str::to_owned);
        Self { ranking, messages, chosen, rejected, system: Some(system), keys }
    }

    pub(super) fn read(&self, row: &Row) -> Result<Vec<ExampleText>, String> {
        let all = fields::required(row, &self.messages)?;
        let mut turns = fields::messages(all, &self.messages, &self.keys)?;
        let mut system = fields::optional_text(row, self.system.as_deref())?.map(Message::system);
        if turns[0].role == Role::System {
            system = Some(turns.remove(0));
        }
        match self.ranking {
            true => Ok(vec![self.read_ranking(row, system, turns)?]),
            false => completions(system, turns, &self.messages),
        }
    }

    /// An odd number of turns is one prompt. An even number is two: the first half is x₁
    /// and the second x₂, `chosen` the response to the one, `rejected` to the other.
    fn read_ranking(
        &self,
        row: &Row,
        system: Option<Message>,
        mut turns: Vec<Message>,
    ) -> Result<ExampleText, String> {
        let chosen = fields::response(row, &self.chosen, &self.keys)?;
        let rejected = fields::response(row, &self.rejected, &self.keys)?;
        let prompt = |turns: Vec<Message>| -> Result<Vec<Message>, String> {
            if !is_prompt(&turns) {
                let problem = "has to be one prompt (user and assistant in turn, the user first and last), or two prompts of equal length one after the other";
                return Err(turns_error(&self.messages, problem));
            }
            Ok(system.clone().into_iter().chain(turns).collect())
        };
        if !turns.len().is_multiple_of(2) {
            return Ok(ExampleText::Pair { prompt: prompt(turns)?, chosen, rejected });
        }
        let second = turns.split_off(turns.len() / 2);
        Ok(ExampleText::Group { x1: prompt(turns)?, y1: chosen, x2: prompt(second)?, y2: rejected })
    }
}

fn is_prompt(turns: &[Message]) -> bool {
    let mut roles = [Role::User, Role::Assistant].into_iter().cycle();
    !turns.len().is_multiple_of(2) && turns.iter().all(|turn| Some(turn.role) == roles.next())
}

/// Every answer of the model with the messages before it; each is trained on.
pub(super) fn completions(
    system: Option<Message>,
    turns: Vec<Message>,
    field: &str,
) -> Result<Vec<ExampleText>, String> {
    let mut said: Vec<Message> = system.into_iter().collect();
    let mut examples = Vec::new();
    for (index, turn) in turns.into_iter().enumerate() {
        if turn.role == Role::Assistant {
            if !said.iter().any(|message| message.role == Role::User) {
                return Err(turns_error(field, "begins with an answer to nothing"));
            }
            let response = fields::check_response(turn.content.clone(), &format!("{field}[{index}]"))?;
            examples.push(ExampleText::Completion { prompt: said.clone(), response });
        }
        said.push(turn);
    }
    match examples.is_empty() {
        true => Err(turns_error(field, "has no message from the assistant to train on")),
        false => Ok(examples),
    }
}

fn turns_error(field: &str, problem: &str) -> String {
    format!("\"{field}\" {problem}")
}
