//! What is made of a body.

use chat_client::testing::completion;
use chat_client::{ChatError, ChatResponse, FinishReason, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

fn parse(value: &Value) -> Result<ChatResponse, ChatError> {
    ChatResponse::parse(&value.to_string())
}

/// A good completion with one value replaced, or taken out by `None`.
fn with(pointer: &str, key: &str, value: Option<Value>) -> Value {
    let mut body = completion("blue");
    let object = body.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(key.to_owned(), value),
        None => object.remove(key),
    };
    body
}

#[test]
fn a_completion_is_read_whatever_else_it_holds() {
    let mut body = with("/choices/0/message", "reasoning_content", Some(json!({"any": ["thing"]})));
    body["system_fingerprint"] = json!(12);
    body["id"] = json!(12);
    let response = parse(&body).unwrap();
    assert_eq!((response.content.as_str(), response.finish_reason), ("blue", FinishReason::Stop));
    assert_eq!(response.usage, Usage { prompt_tokens: 10, completion_tokens: 5 });
    assert_eq!((response.model.as_deref(), response.id), (Some("scripted"), None));
}

#[test]
fn every_finish_reason_keeps_its_name() {
    for name in ["stop", "length", "content_filter", "tool_calls", "eos"] {
        let response = parse(&with("/choices/0", "finish_reason", Some(json!(name)))).unwrap();
        assert_eq!(response.finish_reason.name(), name);
    }
}

#[test]
fn a_missing_or_mistyped_part_is_named_by_its_path() {
    let message = "/choices/0/message";
    let cases = [
        (with("", "choices", None), "."),
        (with("", "choices", Some(json!({}))), "choices"),
        (with("", "usage", None), "."),
        (with("", "usage", Some(Value::Null)), "usage"),
        (with("/usage", "prompt_tokens", Some(json!(-1))), "usage.prompt_tokens"),
        (with("/usage", "completion_tokens", Some(json!("5"))), "usage.completion_tokens"),
        (with("/usage", "completion_tokens", None), "usage"),
        (with("/choices/0", "finish_reason", Some(Value::Null)), "choices[0].finish_reason"),
        (with("/choices/0", "finish_reason", None), "choices[0]"),
        (with("/choices/0", "message", None), "choices[0]"),
        (with("/choices/0", "message", Some(json!("blue"))), "choices[0].message"),
        (with(message, "content", None), "choices[0].message"),
        (with(message, "content", Some(json!(["blue"]))), "choices[0].message.content"),
        (with(message, "content", Some(json!(7))), "choices[0].message.content"),
        (json!([completion("blue")]), "[0]"),
        (Value::Null, "."),
    ];
    for (body, expected) in cases {
        let error = parse(&body).unwrap_err();
        assert!(!error.is_retryable(), "{error}");
        assert!(
            matches!(&error, ChatError::Malformed { path, .. } if path == expected),
            "{expected}: {error}"
        );
    }
}

#[test]
fn no_answer_is_an_error_of_its_kind_and_is_billed() {
    let null = with("/choices/0/message", "content", Some(Value::Null));
    let mut refused = null.clone();
    refused["choices"][0]["message"]["refusal"] = json!("I would rather not.");
    let empty = with("", "choices", Some(json!([])));
    let [null, refused, empty] = [null, refused, empty].map(|body| parse(&body).unwrap_err());
    assert!(matches!(&null, ChatError::NoContent { finish_reason: FinishReason::Stop, .. }), "{null}");
    assert!(matches!(&refused, ChatError::Refused { refusal, .. } if refusal == "I would rather not."));
    assert!(matches!(&empty, ChatError::NoChoices { .. }), "{empty}");
    assert_eq!([&null, &refused, &empty].map(ChatError::is_retryable), [false, false, true]);
    for error in [null, refused, empty] {
        assert_eq!(error.usage(), Some(Usage { prompt_tokens: 10, completion_tokens: 5 }));
    }
}

#[test]
fn an_error_under_the_status_of_success_is_an_error() {
    let error = |error: Value| parse(&json!({"error": error})).unwrap_err();
    let busy = error(json!({"message": "provider is busy", "code": 503}));
    assert!(busy.is_retryable() && busy.is_overload(), "{busy}");
    assert!(busy.to_string().contains("503: provider is busy"), "{busy}");
    assert!(!error(json!({"message": "no such model", "code": 404})).is_retryable());
    assert!(!error(json!("broken")).is_retryable());
    assert!(parse(&with("", "error", Some(Value::Null))).is_ok());
}

#[test]
fn what_is_not_json_is_shown_by_its_beginning() {
    let page = format!("<html>\n  <h1>502</h1> {}", "far too long ".repeat(100));
    let error = ChatResponse::parse(&page).unwrap_err();
    assert!(error.is_retryable());
    let text = error.to_string();
    assert!(text.contains("<html> <h1>502</h1> far") && text.chars().count() < 400, "{text}");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".*") {
        let _ = ChatResponse::parse(&text);
    }

    #[test]
    fn a_cut_body_is_never_an_answer(end in 0_usize..200) {
        let body = completion("blue").to_string();
        let end = end.min(body.len() - 1);
        let error = ChatResponse::parse(&body[..end]).unwrap_err();
        let is_not_json = matches!(error, ChatError::NotJson { .. });
        prop_assert!(is_not_json);
    }

    #[test]
    fn every_text_comes_out_as_it_went_in(text in "\\PC*[\n\t\"\\\\]?") {
        prop_assert_eq!(parse(&completion(text.clone())).unwrap().content, text);
    }
}
