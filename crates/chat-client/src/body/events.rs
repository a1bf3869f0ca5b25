//! Streams of events, which some endpoints send although JSON was asked for.

use serde_json::{Map, Value, json};

use super::complaint::Complaint;
use super::{Said, joined};

/// Whether a body is a stream: its first line that says something is a field of an event.
///
/// # Source
///
/// The HTML standard, section 9.2, server-sent events; lines that begin with a colon are comments.
pub(super) fn is_stream(body: &str) -> bool {
    let first = body.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(':'));
    first.is_some_and(|line| ["data:", "event:", "id:", "retry:"].iter().any(|field| line.starts_with(field)))
}

/// The data of all events up to `[DONE]`: documents of JSON, one after the other.
fn data(body: &str) -> String {
    let data = body.lines().filter_map(|line| line.trim_start().strip_prefix("data:"));
    data.take_while(|data| data.trim() != "[DONE]").collect::<Vec<_>>().join("\n")
}

/// The chunks as one completion. One that ends without a reason is half, and has an error in its choice.
pub(super) fn assemble(body: &str) -> Result<Value, serde_json::Error> {
    let (mut head, mut whole) = (Map::new(), Whole::default());
    for chunk in serde_json::Deserializer::from_str(&data(body)).into_iter::<Value>() {
        let chunk = chunk?;
        if Complaint::in_success(&chunk).is_some() {
            return Ok(chunk);
        }
        for key in ["id", "model", "usage"] {
            if let Some(value) = chunk.get(key).filter(|value| !value.is_null()) {
                head.insert(key.to_owned(), value.clone());
            }
        }
        if let Some(choices) = chunk.get("choices").and_then(Value::as_array) {
            let is_first =
                |choice: &&Value| choice.get("index").is_none_or(|index| index.as_u64() == Some(0));
            choices.iter().filter(is_first).for_each(|choice| whole.add(choice));
        }
    }
    let choices = if whole.has_begun { vec![whole.into_choice()] } else { Vec::new() };
    head.insert("choices".to_owned(), choices.into());
    Ok(Value::Object(head))
}

/// The parts of the first choice so far.
#[derive(Default)]
struct Whole {
    has_begun: bool,
    said: Said,
    finish_reason: Value,
    error: Value,
}

impl Whole {
    fn add(&mut self, choice: &Value) {
        self.has_begun = true;
        for (key, kept) in [("finish_reason", &mut self.finish_reason), ("error", &mut self.error)] {
            if let Some(value) = choice.get(key).filter(|value| !value.is_null()) {
                *kept = value.clone();
            }
        }
        let text = choice.get("text").and_then(joined);
        self.said.content = match (self.said.content.take(), text) {
            (content, None) => content,
            (content, Some(text)) => Some(content.unwrap_or_default() + &text),
        };
        // The last chunk of some endpoints has the whole message, after all of its parts.
        let is_open = self.said.content.is_none();
        let message = choice.get("message").filter(|message| message.is_object() && is_open);
        let Some(part) = choice.get("delta").filter(|delta| delta.is_object()).or(message) else { return };
        let beside = [part.get("reasoning_content"), part.get("reasoning")];
        let Ok(more) = Said::of(part.get("content"), beside, part.get("refusal")) else {
            self.error = "a part of the stream of events is no text".into();
            return;
        };
        self.said.reasoning += &more.reasoning;
        self.said.refusal += &more.refusal;
        if let Some(content) = more.content {
            self.said.content.get_or_insert_default().push_str(&content);
        }
    }

    fn into_choice(self) -> Value {
        let Self { said: Said { content, reasoning, refusal, .. }, finish_reason, mut error, .. } = self;
        if finish_reason.is_null() && error.is_null() {
            error = "the stream of events ended without a finish_reason".into();
        }
        json!({
            "message": {"content": content, "reasoning_content": reasoning, "refusal": refusal},
            "finish_reason": finish_reason,
            "error": error,
        })
    }
}
