//! Sending what an endpoint takes: settings that it refuses are renamed or left out, for the whole run.

use serde_json::{Map, Value};

use crate::error::ChatError;

/// The two names of the most tokens of a completion; reasoning models of OpenAI take the second alone.
const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// Keys without which a request asks something else.
const NEEDED: [&str; 2] = ["model", "messages"];

/// One thing that is sent otherwise than asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Rename { from: &'static str, to: &'static str },
    Drop(String),
}

/// What an endpoint has refused so far; it only grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Adaptation(Vec<Change>);

impl Adaptation {
    /// The body that the endpoint takes, as far as is known, and what is other in it, in words.
    pub(super) fn apply(&self, asked: &Map<String, Value>) -> (Map<String, Value>, Vec<String>) {
        let (mut body, mut words) = (asked.clone(), Vec::new());
        for change in &self.0 {
            match change {
                Change::Rename { from, to } => {
                    if let Some(value) = body.remove(*from) {
                        body.insert((*to).to_owned(), value);
                        words.push(format!("`{from}` sent as `{to}`"));
                    }
                }
                Change::Drop(key) => {
                    if body.remove(key).is_some() {
                        words.push(format!("`{key}` left out"));
                    }
                }
            }
        }
        (body, words)
    }

    /// Learns from an error what to send in the place of `sent`; the same body again where there is nothing to learn.
    pub(super) fn learn(&mut self, error: &ChatError, sent: &Map<String, Value>) {
        let Some(key) = error.setting() else { return };
        if !sent.contains_key(key) || NEEDED.contains(&key) {
            return;
        }
        let other =
            LIMITS.iter().position(|name| *name == key).map(|place| (LIMITS[place], LIMITS[1 - place]));
        let is_free = |to: &str| {
            let was_refused = |change: &Change| matches!(change, Change::Rename { from, .. } if *from == to);
            !sent.contains_key(to) && !self.0.iter().any(was_refused)
        };
        let change = match other {
            Some((from, to)) if is_free(to) => Change::Rename { from, to },
            _ => Change::Drop(key.to_owned()),
        };
        // Requests that were under way together are refused together.
        if !self.0.contains(&change) {
            self.0.push(change);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn refused(key: &str) -> ChatError {
        let body = json!({"error": {"message": "no", "code": "unsupported_parameter", "param": key}});
        ChatError::status(400, &body.to_string(), None)
    }

    fn body(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_limit_of_tokens_is_renamed_once_and_then_left_out() {
        let asked = body(json!({"model": "m", "messages": [], "max_tokens": 5, "seed": 1}));
        let mut adaptation = Adaptation::default();
        adaptation.learn(&refused("max_tokens"), &asked);
        let (renamed, words) = adaptation.apply(&asked);
        assert_eq!(renamed["max_completion_tokens"], 5);
        assert_eq!(words, ["`max_tokens` sent as `max_completion_tokens`"]);
        adaptation.learn(&refused("max_completion_tokens"), &renamed);
        let (without, words) = adaptation.apply(&asked);
        assert_eq!(without, body(json!({"model": "m", "messages": [], "seed": 1})));
        assert_eq!(words.len(), 2);
    }

    #[test]
    fn what_was_not_sent_or_is_the_question_is_not_left_out() {
        let asked = body(json!({"model": "m", "messages": [], "temperature": 0.0}));
        let mut adaptation = Adaptation::default();
        for key in ["top_p", "model", "messages", "messages[0].role"] {
            adaptation.learn(&refused(key), &asked);
        }
        assert_eq!(adaptation.apply(&asked), (asked.clone(), Vec::new()));
        adaptation.learn(&refused("temperature"), &asked);
        adaptation.learn(&refused("temperature"), &asked);
        assert_eq!(adaptation.apply(&asked).1, ["`temperature` left out"]);
    }
}
