//! One message of a row, with the role and the marks that it has.

use serde_json::Value;
use trace_schema::{Message, Purpose, Role, Unread, excerpt, flag, refused};

use super::fields::{self, Row, Unused};

/// The keys of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MessageKeys {
    pub(super) role: String,
    pub(super) content: String,
    /// Names of user, assistant and system beside the usual ones.
    pub(super) names: [Option<String>; 3],
}

/// A message, and whether it is trained on where it is an answer: a `weight` of 0 or `train: false` denies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) message: Message,
    pub(super) is_trained: bool,
}

impl MessageKeys {
    pub(super) fn new(role: &str, content: &str) -> Self {
        Self { role: role.to_owned(), content: content.to_owned(), names: Default::default() }
    }

    /// The keys that a list of messages uses: `role` and `content`, or `from` and `value`.
    pub(super) fn of(messages: &Value) -> Self {
        match messages.get(0).is_some_and(|first| first.get("from").is_some()) {
            true => Self::new("from", "value"),
            false => Self::new("role", "content"),
        }
    }

    fn role_named(&self, name: &str) -> Option<Role> {
        let roles = [Role::User, Role::Assistant, Role::System];
        let own = self.names.iter().zip(roles).find(|(own, _)| own.as_deref() == Some(name));
        match (own, name) {
            (Some((_, role)), _) => Some(role),
            (_, "user" | "human") => Some(Role::User),
            (_, "assistant" | "gpt") => Some(Role::Assistant),
            (_, "system") => Some(Role::System),
            _ => None,
        }
    }

    /// Reads a message at its place: in the list `field`, or `field` itself.
    pub(super) fn message(
        &self,
        value: &Value,
        field: &str,
        index: Option<usize>,
        unused: &mut Unused,
    ) -> Result<Turn, String> {
        let place = || index.map_or_else(|| field.to_owned(), |index| format!("{field}[{index}]"));
        let within = |key: &str| format!("{}.{key}", place());
        let Value::Object(row) = value else {
            return Err(fields::wrong_type(value, &place(), "a message"));
        };
        let get = |key: &str| -> Result<&str, String> {
            let value = row.get(key).ok_or_else(|| fields::missing(&within(key)))?;
            value.as_str().ok_or_else(|| fields::wrong_type(value, &within(key), "a string"))
        };
        let name = get(&self.role)?;
        let role = self.role_named(name).ok_or_else(|| unknown_role(&within(&self.role), name))?;
        let mut is_trained = true;
        for (key, value) in row.iter().filter(|(key, _)| **key != self.role && **key != self.content) {
            match (key.as_str(), Unread::of(key, value, Purpose::Training)) {
                ("weight" | "train" | "loss", _) if !value.is_null() => {
                    is_trained &=
                        is_wanted(value, role).map_err(|rule| format!("\"{}\" {rule}", within(key)))?;
                }
                (_, Unread::Silent) => {}
                (_, Unread::Refused(instead)) => return Err(refused(&within(key), instead)),
                (_, Unread::Counted) => {
                    let list = if index.is_some() { "[]" } else { "" };
                    unused.insert(format!("{field}{list}.{}", excerpt(key)));
                }
            }
        }
        let content = get(&self.content)?;
        match role {
            Role::User if content.trim().is_empty() => {
                return Err(fields::empty_prompt(&within(&self.content)));
            }
            Role::Assistant => fields::check_response(content, &within(&self.content))?,
            _ => {}
        }
        Ok(Turn { message: Message { role, content: content.to_owned() }, is_trained })
    }

    /// A response: a string, a message of the assistant, or a list of one.
    pub(super) fn response(&self, row: &Row, field: &str, unused: &mut Unused) -> Result<String, String> {
        let (turn, place) = match fields::required(row, field)? {
            Value::String(response) => {
                fields::check_response(response, field)?;
                return Ok(response.clone());
            }
            Value::Array(messages) if messages.len() == 1 => {
                (self.message(&messages[0], field, Some(0), unused)?, format!("{field}[0]"))
            }
            one @ Value::Object(_) => (self.message(one, field, None, unused)?, field.to_owned()),
            other => return Err(fields::wrong_type(other, field, "a string or one message")),
        };
        self.whole_response(turn, &place)
    }

    /// The text of a message that is a response as a whole.
    pub(super) fn whole_response(&self, turn: Turn, place: &str) -> Result<String, String> {
        if turn.message.role != Role::Assistant {
            return Err(self.out_of_turn(place, turn.message.role, "a response is from the assistant"));
        }
        match turn.is_trained {
            true => Ok(turn.message.content),
            false => Err(format!("\"{place}\" is marked as not to be trained on; leave the row out")),
        }
    }

    pub(super) fn out_of_turn(&self, place: &str, role: Role, rule: &str) -> String {
        format!("\"{place}.{}\" is {role}: {rule}", self.role)
    }
}

/// Whether a message is to be trained on, by its mark.
fn is_wanted(mark: &Value, role: Role) -> Result<bool, &'static str> {
    match flag(mark) {
        Some(true) if mark.is_boolean() && role != Role::Assistant => {
            Err("is true, and only the assistant's messages are trained on")
        }
        Some(wanted) => Ok(wanted),
        None => Err("is neither 1 or true nor 0 or false: a message is trained on or not"),
    }
}

fn unknown_role(field: &str, role: &str) -> String {
    let role = excerpt(role);
    format!("\"{field}\" is \"{role}\": known roles are system, user (human) and assistant (gpt)")
}
