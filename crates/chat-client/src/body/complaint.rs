//! What endpoints say about requests that they do not answer.

use serde_json::Value;

use crate::error::{About, ChatError, excerpt};

/// Keys under which the words of an error stand, the most telling first.
const WORDS: [&str; 10] = [
    "message",
    "detail",
    "details",
    "msg",
    "error_message",
    "error_msg",
    "error_description",
    "error",
    "errors",
    "title",
];

/// Parts of the names of errors, letters alone and small, and the status that each stands for; the first that is found
/// counts.
const NAMES: [(&str, u16); 36] = [
    ("insufficientquota", 402),
    ("insufficientbalance", 402),
    ("insufficientcredit", 402),
    ("billing", 402),
    ("paymentrequired", 402),
    ("ratelimit", 429),
    ("toomanyrequests", 429),
    ("throttl", 429),
    ("resourceexhausted", 429),
    ("overload", 503),
    ("unavailable", 503),
    ("timeout", 504),
    ("timedout", 504),
    ("deadlineexceeded", 504),
    ("badgateway", 502),
    ("servererror", 500),
    ("internalerror", 500),
    ("apierror", 500),
    ("apikey", 401),
    ("authentication", 401),
    ("unauthenticated", 401),
    ("unauthorized", 401),
    ("permission", 403),
    ("forbidden", 403),
    ("notfound", 404),
    ("unsupported", 400),
    ("unknownparameter", 400),
    ("invalidrequest", 400),
    ("badrequest", 400),
    ("invalidargument", 400),
    ("invalidvalue", 400),
    ("invalidparameter", 400),
    ("contextlength", 400),
    ("contentfilter", 400),
    ("contentpolicy", 400),
    ("internal", 500),
];

/// The names above that are looked for in the words of an error without a code: those for which it is worth to wait.
const IN_WORDS: [&str; 7] =
    ["ratelimit", "toomanyrequests", "overload", "temporarilyunavailable", "timedout", "timeout", "tryagain"];

/// Words of refusals that are about what a question says.
const POLICY: [&str; 7] = [
    "content policy",
    "content management policy",
    "content filter",
    "usage policies",
    "moderation",
    "flagged",
    "safety",
];

/// Words of refusals that are about the length of a question.
const LENGTH: [&str; 7] = [
    "context length",
    "context window",
    "maximum context",
    "context size",
    "too long",
    "too many tokens",
    "reduce the length",
];

/// Words of refusals that are about a setting, if they name one.
const UNSUPPORTED: [&str; 16] = [
    "unsupported",
    "not support",
    "n't support",
    "unrecognized",
    "unknown",
    "unexpected",
    "not recognized",
    "not accept",
    "not permitted",
    "not allowed",
    "only the default",
    "strictly positive",
    "greater than 0",
    "must be positive",
    " instead",
    "deprecated",
];

/// The settings of requests.
const SETTINGS: [&str; 16] = [
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "stop",
    "response_format",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "reasoning_effort",
    "chat_template_kwargs",
    "logit_bias",
    "logprobs",
];

/// Words right before the name of a setting.
const BEFORE: [&str; 17] = [
    "parameter",
    "parameters",
    "argument",
    "arguments",
    "supplied",
    "field",
    "property",
    "setting",
    "option",
    "support",
    "supported",
    "invalid value",
    "unknown",
    "unrecognized",
    "unexpected",
    "accept",
    "permitted",
];

/// Words right after it.
const AFTER: [&str; 15] = [
    "parameter",
    "argument",
    "is not",
    "isn't",
    "is un",
    "is deprecated",
    "not ",
    "does not support",
    "doesn't support",
    "unsupported",
    "extra",
    "must be",
    "should be",
    "has to be",
    "only",
];

/// An error in an endpoint's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub message: String,
    /// Its code as a status of HTTP, where it has one.
    pub status: Option<u16>,
    pub about: About,
}

impl Complaint {
    /// The error that a document is under a status of success, if it is one.
    pub fn in_success(value: &Value) -> Option<Self> {
        // Google's errors come as a list of one.
        let value = match value {
            Value::Array(values) => values.first().filter(|first| first.get("error").is_some())?,
            value => value,
        };
        let is_error = value.get("object").and_then(Value::as_str) == Some("error");
        let has_choices = value.get("choices").is_some_and(|choices| !choices.is_null());
        let has_words = || WORDS.iter().any(|key| value.get(key).is_some_and(is_text_or_list));
        if let Some(complaint) = Self::under(value, "error") {
            return Some(complaint);
        }
        (is_error || (!has_choices && has_words())).then(|| Self::of(value, None))
    }

    /// The error under a key, if there is one.
    pub fn under(value: &Value, key: &str) -> Option<Self> {
        let error = value.get(key).filter(|error| is_said(error))?;
        // `{"error": "Bad Request", "message": "..."}`: the words are those beside.
        let is_name = !error.is_object() && ["message", "detail"].iter().any(|key| value[*key].is_string());
        Some(Self::of(if is_name { value } else { error }, None))
    }

    /// The error that a body is under another status.
    pub fn of_status(status: u16, body: &str) -> Self {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let value = match &value {
            Value::Array(values) => values.first().unwrap_or(&value),
            value => value,
        };
        match Self::under(value, "error") {
            Some(complaint) => Self {
                about: match complaint.about {
                    About::Unsaid if status == 413 => About::Length,
                    about => about,
                },
                status: complaint.status.or(Some(status)),
                ..complaint
            },
            None if value.is_null() => Self {
                message: excerpt(body),
                status: Some(status),
                about: about(&Value::Null, &body.to_lowercase(), Some(status)),
            },
            None => Self::of(value, Some(status)),
        }
    }

    fn of(error: &Value, status: Option<u16>) -> Self {
        let message = words(error);
        let small = message.to_lowercase();
        let status = status.or_else(|| code(error)).or_else(|| code_in_words(&small));
        Self { about: about(error, &small, status), message: excerpt(&message), status }
    }

    /// The error of a body that came with a status of success.
    pub fn into_error(self) -> ChatError {
        let Self { message, status, about } = self;
        match status {
            Some(402) => ChatError::QuotaExhausted { message },
            code => ChatError::InBody { message, code, about },
        }
    }
}

/// Whether an error is there: some endpoints send an empty one with every answer.
fn is_said(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(errors) => !errors.is_empty(),
        Value::Object(error) => !error.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

fn is_text_or_list(words: &Value) -> bool {
    matches!(words, Value::String(_) | Value::Array(_)) && is_said(words)
}

/// The words of an error, or its JSON where it has none.
fn words(error: &Value) -> String {
    match error {
        Value::String(text) => text.clone(),
        Value::Array(errors) => errors.iter().map(words).collect::<Vec<_>>().join("; "),
        Value::Object(map) => {
            let said = WORDS.iter().filter_map(|key| map.get(*key)).find(|words| is_said(words));
            // OpenRouter passes on what the provider says.
            let raw = error.pointer("/metadata/raw").and_then(Value::as_str).map(|raw| format!(": {raw}"));
            said.map_or_else(|| error.to_string(), words) + &raw.unwrap_or_default()
        }
        other => other.to_string(),
    }
}

/// The code of an error as a status of HTTP: a number, a number as a text, or a name.
fn code(error: &Value) -> Option<u16> {
    let keys = ["code", "status_code", "status", "type"];
    let values = || keys.iter().filter_map(|key| error.get(key));
    let number = |value: &Value| {
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        (400.0..=599.0).contains(&number).then_some(number as u16)
    };
    let names = || values().filter_map(Value::as_str).filter_map(named_status);
    // An empty account is told under 429 as well, and waiting does not help it.
    names().find(|status| *status == 402).or_else(|| values().find_map(number)).or_else(|| names().next())
}

fn named_status(name: &str) -> Option<u16> {
    let letters = letters(name);
    NAMES.iter().find(|(part, _)| letters.contains(part)).map(|(_, status)| *status)
}

/// The status that words without a code stand for.
fn code_in_words(words: &str) -> Option<u16> {
    let letters = letters(words);
    let part = IN_WORDS.iter().find(|part| letters.contains(**part))?;
    named_status(part).or(Some(503))
}

fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// What a refusal is about, as far as its code and its words, in small letters, say.
fn about(error: &Value, words: &str, status: Option<u16>) -> About {
    let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = letters(text("code")) + " " + &letters(text("type"));
    let has = |all: &[&str]| all.iter().any(|part| words.contains(part));
    if ["contentfilter", "contentpolicy", "moderation"].iter().any(|part| name.contains(part)) || has(&POLICY)
    {
        return About::Policy;
    }
    // vLLM names the context too.
    let is_limit = || ["max_tokens", "max_completion_tokens"].iter().any(|name| words.contains(name));
    if words.contains("is too large") && is_limit() {
        return About::Limit;
    }
    if status == Some(413) || name.contains("contextlength") || has(&LENGTH) {
        return About::Length;
    }
    let is_unsupported =
        ["unsupported", "unknownparameter", "extraforbidden"].iter().any(|part| name.contains(part));
    match (is_unsupported || has(&UNSUPPORTED)).then(|| setting(error, words)).flatten() {
        Some(setting) => About::Setting(setting),
        None => About::Unsaid,
    }
}

/// The setting that a refusal names: in `param`, as the place of FastAPI's `detail`, or in its words.
fn setting(error: &Value, words: &str) -> Option<String> {
    let place = error.pointer("/detail/0/loc").and_then(Value::as_array).and_then(|place| place.last());
    let place = place.or(error.pointer("/0/loc").and_then(Value::as_array).and_then(|place| place.last()));
    let named = error.get("param").or(place).and_then(Value::as_str).filter(|name| !name.is_empty());
    let in_words = || {
        let found = SETTINGS.iter().filter_map(|name| Some((mention(words, name)?, *name)));
        found.min().map(|(_, name)| name.to_owned())
    };
    named.map(excerpt).or_else(in_words).or_else(|| argument(words))
}

/// Where words mention a setting: in quotes or, where it is no ordinary word, beside words about settings. Elsewhere it
/// may be a word of the question, which some refusals repeat.
fn mention(words: &str, name: &str) -> Option<usize> {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let is_quote = |character: char| matches!(character, '\'' | '"' | '`' | '‘' | '’' | '“' | '”');
    let is_ordinary = matches!(name, "seed" | "stop");
    let mut places = words.match_indices(name).map(|(place, _)| place);
    places.find(|place| {
        let (before, after) = (&words[..*place], &words[place + name.len()..]);
        if before.ends_with(|last| is_quote(last) || last == '.') && after.starts_with(is_quote) {
            return true;
        }
        let is_word = !before.ends_with(is_part) && !after.starts_with(is_part);
        let before = before.trim_end_matches([' ', ':']);
        // Its value may follow: "temperature=0 is not supported".
        let after = after.trim_start_matches(|next: char| !next.is_alphabetic() && !is_quote(next));
        let is_told = BEFORE.iter().any(|part| before.ends_with(part))
            || AFTER.iter().any(|part| after.starts_with(part));
        is_word && !is_ordinary && is_told
    })
}

/// A setting of any name, which words introduce: "unrecognized request argument supplied: top_a".
fn argument(words: &str) -> Option<String> {
    ["parameter", "argument supplied", "argument", "field", "property"].iter().find_map(|before| {
        let (_, rest) = words.split_once(before)?;
        let rest = rest.trim_start_matches([' ', ':', '\'', '"', '`', 's']);
        let name: String =
            rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
        name.contains('_').then_some(name)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn status(value: Value) -> Option<u16> {
        Complaint::in_success(&value).unwrap().status
    }

    fn about(message: &str, error: Value) -> About {
        let mut error = error;
        error["message"] = message.into();
        Complaint::of_status(400, &json!({"error": error}).to_string()).about
    }

    #[test]
    fn codes_are_read_as_numbers_texts_and_names() {
        for (code, expected) in [
            (json!(429), 429),
            (json!("429"), 429),
            (json!(503.0), 503),
            (json!("rate_limit_exceeded"), 429),
            (json!("RESOURCE_EXHAUSTED"), 429),
            (json!("ThrottlingException"), 429),
            (json!("overloaded_error"), 503),
            (json!("server_error"), 500),
            (json!("InternalServerError"), 500),
            (json!("timeout"), 504),
            (json!("invalid_api_key"), 401),
            (json!("model_not_found"), 404),
            (json!("unsupported_value"), 400),
            (json!("insufficient_quota"), 402),
        ] {
            for key in ["code", "type", "status"] {
                let error = json!({"message": "no", key: code});
                assert_eq!(status(json!({"error": error})), Some(expected), "{key} {code}");
                assert_eq!(status(json!({"object": "error", "message": "no", key: code})), Some(expected));
            }
        }
        assert_eq!(status(json!({"error": "Rate limit reached, try again"})), Some(429));
        assert_eq!(status(json!({"error": "broken"})), None);
        assert_eq!(status(json!({"error": {"message": "no", "code": 40001}})), None);
    }

    #[test]
    fn the_words_are_found_wherever_they_stand() {
        for (value, expected) in [
            (json!({"error": {"message": "a b"}}), "a b"),
            (json!({"error": "a b"}), "a b"),
            (json!({"error": true, "message": "a b"}), "a b"),
            (json!({"error": "Bad Request", "message": "a b"}), "a b"),
            (json!({"object": "error", "message": "a b"}), "a b"),
            (json!({"detail": "a b"}), "a b"),
            (json!({"detail": [{"loc": ["body"], "msg": "a"}, {"msg": "b"}]}), "a; b"),
            (json!({"message": "a b"}), "a b"),
            (json!({"errors": [{"message": "a b"}], "success": false}), "a b"),
            (json!([{"error": {"message": "a b"}}]), "a b"),
            (json!({"error": {"message": "a", "metadata": {"raw": "b"}}}), "a: b"),
            (json!({"error": {"reason": 7}}), "{\"reason\":7}"),
        ] {
            assert_eq!(Complaint::in_success(&value).unwrap().message, expected, "{value}");
        }
        for value in [
            json!({"error": null, "choices": []}),
            json!({"error": {}, "choices": []}),
            json!({"error": "", "choices": []}),
            json!({"error": false, "choices": [], "message": "fine"}),
            json!({"choices": []}),
            json!({}),
        ] {
            assert_eq!(Complaint::in_success(&value), None, "{value}");
        }
    }

    #[test]
    fn a_refusal_says_what_it_is_about() {
        let setting = |name: &str| About::Setting(name.to_owned());
        for (message, error, expected) in [
            (
                "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
                json!({}),
                setting("max_tokens"),
            ),
            ("no", json!({"code": "unsupported_value", "param": "temperature"}), setting("temperature")),
            ("`temperature` is deprecated for this model.", json!({}), setting("temperature")),
            ("Unknown field 'seed'", json!({}), setting("seed")),
            ("Unrecognized request argument supplied: top_a", json!({}), setting("top_a")),
            ("temperature=0 is not supported", json!({}), setting("temperature")),
            ("This model does not support the top_p parameter", json!({}), setting("top_p")),
            ("Unsupported parameter: temperature", json!({}), setting("temperature")),
            ("Your prompt \"what temperature does water boil at\" is not allowed", json!({}), About::Unsaid),
            ("Your prompt \"please do not stop\" is not allowed", json!({}), About::Unsaid),
            ("Your prompt \"tell me the temperature\" is not allowed", json!({}), About::Unsaid),
            ("Unknown error, we had to stop.", json!({}), About::Unsaid),
            ("temperature must be at most 2", json!({}), About::Unsaid),
            ("This model's maximum context length is 4096 tokens", json!({}), About::Length),
            (
                "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is \
                 4096 tokens and your request has 20 input tokens",
                json!({}),
                About::Limit,
            ),
            ("no", json!({"code": "context_length_exceeded"}), About::Length),
            ("The prompt triggered our content management policy", json!({}), About::Policy),
            ("no", json!({"code": "content_filter"}), About::Policy),
            ("no", json!({}), About::Unsaid),
        ] {
            assert_eq!(about(message, error), expected, "{message}");
        }
        let detail = json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]});
        assert_eq!(Complaint::of_status(422, &detail.to_string()).about, setting("seed"));
    }
}
