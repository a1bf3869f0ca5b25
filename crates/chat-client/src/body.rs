//! What the body of a response says, in the forms in which endpoints say it.

mod complaint;
mod events;

use serde_json::Value;

pub(crate) use complaint::Complaint;

use crate::error::ChatError;
use crate::response::{ChatResponse, FinishReason, Usage};

/// The document of a body: JSON as it is, or the chunks of a stream of events put together.
pub(crate) fn document(body: &str) -> Result<Value, serde_json::Error> {
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    match events::is_stream(body) {
        true => events::assemble(body),
        false => serde_json::from_str(body),
    }
}

/// The answer of a document.
pub(crate) fn completion(value: &Value) -> Result<ChatResponse, ChatError> {
    if let Some(complaint) = Complaint::in_success(value) {
        return Err(complaint.into_error());
    }
    let usage = usage(value.get("usage"));
    let choices = match value.get("choices") {
        Some(Value::Array(choices)) => choices,
        Some(Value::Null) => return Err(ChatError::NoChoices { usage }),
        Some(_) => return Err(malformed("choices", "it is not a list")),
        None => return Err(malformed("choices", "it is missing")),
    };
    let choice = choices.first().ok_or(ChatError::NoChoices { usage })?;
    let finish_reason = FinishReason::of_value(choice.get("finish_reason"));
    let complaint = Complaint::under(choice, "error");
    if complaint.is_some() || finish_reason.is_broken_off() {
        return Err(match complaint {
            Some(complaint) if complaint.status.is_some() => complaint.into_error(),
            complaint => {
                let message = complaint.map(|complaint| complaint.message).unwrap_or_default();
                ChatError::BrokenOff { finish_reason, message, usage }
            }
        });
    }
    let said = match (choice.get("message"), choice.get("text")) {
        (Some(Value::Object(message)), _) => Said::of(
            message.get("content"),
            [message.get("reasoning_content"), message.get("reasoning")],
            message.get("refusal"),
        )?,
        (None | Some(Value::Null), Some(Value::String(text))) => {
            Said { content: Some(text.clone()), ..Said::default() }
        }
        (None, _) => return Err(malformed("choices[0].message", "it is missing")),
        (Some(_), _) => return Err(malformed("choices[0].message", "it is not an object")),
    };
    if said.is_textless {
        return Err(malformed("choices[0].message.content", "no part has a text"));
    }
    if !said.refusal.is_empty() {
        return Err(ChatError::refused(&said.refusal, usage));
    }
    let content = match said.content {
        Some(content) => content,
        // The tokens ended within the reasoning.
        None if finish_reason == FinishReason::Length => String::new(),
        None => return Err(ChatError::NoContent { finish_reason, usage }),
    };
    let text_of = |key| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(ChatResponse {
        content,
        reasoning: Some(said.reasoning).filter(|reasoning| !reasoning.is_empty()),
        finish_reason,
        usage,
        model: text_of("model"),
        id: text_of("id"),
    })
}

fn malformed(path: &str, reason: &str) -> ChatError {
    ChatError::Malformed { path: path.to_owned(), reason: reason.to_owned() }
}

/// The counts that are there, as numbers or as texts.
fn usage(value: Option<&Value>) -> Usage {
    let count = |keys: [&str; 2]| {
        let counts = keys.iter().filter_map(|key| value.and_then(|usage| usage.get(*key)));
        counts.filter_map(whole).next()
    };
    let prompt = count(["prompt_tokens", "input_tokens"]);
    let completion = count(["completion_tokens", "output_tokens"]);
    Usage {
        prompt_tokens: prompt.unwrap_or_default(),
        completion_tokens: completion.unwrap_or_default(),
        is_partial: prompt.is_none() || completion.is_none(),
    }
}

/// A whole number from 0: 3, 3.0 or "3".
fn whole(value: &Value) -> Option<u64> {
    let number = match value {
        Value::String(text) => return text.trim().parse().ok(),
        Value::Number(number) => number,
        _ => return None,
    };
    let of_float = |float: f64| {
        // Beyond 2⁵³ a double has no whole numbers of its own.
        (float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float)).then_some(float as u64)
    };
    number.as_u64().or_else(|| number.as_f64().and_then(of_float))
}

/// The texts of a message, or of a part of one in a stream.
#[derive(Default)]
struct Said {
    /// Absent for null and for no key.
    content: Option<String>,
    reasoning: String,
    refusal: String,
    /// Whether there are parts and none has a text; in a stream the text may come later.
    is_textless: bool,
}

impl Said {
    /// From `content`, which is a text, null, or a list of parts, and what stands beside it.
    fn of(
        content: Option<&Value>,
        reasoning: [Option<&Value>; 2],
        refusal: Option<&Value>,
    ) -> Result<Self, ChatError> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        // Some endpoints give the same reasoning under both names.
        let reasoning = reasoning.map(text).into_iter().find(|text| !text.is_empty());
        let mut said =
            Self { reasoning: reasoning.unwrap_or_default(), refusal: text(refusal), ..Self::default() };
        match content {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => said.content = Some(text.clone()),
            Some(Value::Array(parts)) => said.add_parts(parts),
            Some(part @ Value::Object(_)) => said.add_parts(std::slice::from_ref(part)),
            Some(_) => {
                return Err(malformed("choices[0].message.content", "it is neither a text nor a list"));
            }
        }
        Ok(said)
    }

    /// Parts without a text, as images and hidden reasoning are, say nothing.
    fn add_parts(&mut self, parts: &[Value]) {
        let with_text = parts.iter().filter(|part| self.add_part(part)).count();
        self.is_textless = with_text == 0 && !parts.is_empty();
    }

    /// Adds a part, and says whether it has a text. A part is a text, or an object with a text; its type may say that it
    /// is reasoning or a refusal.
    fn add_part(&mut self, part: &Value) -> bool {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        let text = match part {
            Value::String(text) => Some(text.clone()),
            _ => ["text", "content", "thinking", "reasoning", "refusal"]
                .iter()
                .find_map(|key| part.get(key).and_then(joined)),
        };
        let Some(text) = text else { return false };
        let place = match kind {
            "thinking" | "reasoning" | "reasoning_text" => &mut self.reasoning,
            "refusal" => &mut self.refusal,
            _ => self.content.get_or_insert_default(),
        };
        place.push_str(&text);
        true
    }
}

/// A text, or the texts of those parts of a list that have one.
fn joined(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part.as_str().or_else(|| part.get("text")?.as_str()));
            let texts: Vec<_> = texts.collect();
            (parts.is_empty() || !texts.is_empty()).then(|| texts.concat())
        }
        // `{"text": {"value": "..."}}` is the form of OpenAI's assistants.
        Value::Object(text) => text.get("value")?.as_str().map(str::to_owned),
        _ => None,
    }
}
