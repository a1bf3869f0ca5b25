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
    assert_eq!(response.usage, Usage::new(10, 5));
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
fn an_answer_is_whole_where_the_model_ended_it() {
    let is_whole = |name: &str| {
        parse(&with("/choices/0", "finish_reason", Some(json!(name)))).unwrap().finish_reason.is_whole()
    };
    for name in
        ["stop", "STOP", "FINISH_REASON_STOP", "eos", "eos_token", "end_turn", "stop_sequence", "COMPLETE"]
    {
        assert!(is_whole(name), "{name}");
    }
    for name in ["length", "content_filter", "tool_calls", "tool_use", "language"] {
        assert!(!is_whole(name), "{name}");
    }
    assert!(parse(&with("/choices/0", "finish_reason", None)).unwrap().finish_reason.is_whole());
}

#[test]
fn a_missing_or_mistyped_part_is_named_by_its_path() {
    let message = "/choices/0/message";
    let cases = [
        (with("", "choices", None), "choices"),
        (with("", "choices", Some(json!({}))), "choices"),
        (with("/choices/0", "message", None), "choices[0].message"),
        (with("/choices/0", "message", Some(json!("blue"))), "choices[0].message"),
        (with(message, "content", Some(json!([{"type": "image"}]))), "choices[0].message.content"),
        (with(message, "content", Some(json!(7))), "choices[0].message.content"),
        (json!([completion("blue")]), "choices"),
        (Value::Null, "choices"),
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
fn an_answer_without_whole_counts_is_an_answer() {
    for (usage, expected) in [
        (None, (0, 0, true)),
        (Some(Value::Null), (0, 0, true)),
        (Some(json!([])), (0, 0, true)),
        (Some(json!({"prompt_tokens": null, "completion_tokens": null})), (0, 0, true)),
        (Some(json!({"prompt_tokens": 12})), (12, 0, true)),
        (Some(json!({"prompt_tokens": -1, "completion_tokens": 5})), (0, 5, true)),
        (Some(json!({"input_tokens": 12, "output_tokens": 5})), (12, 5, false)),
        (Some(json!({"prompt_tokens": 12.0, "completion_tokens": "5"})), (12, 5, false)),
    ] {
        let response = parse(&with("", "usage", usage.clone())).unwrap();
        let Usage { prompt_tokens, completion_tokens, is_partial } = response.usage;
        assert_eq!((prompt_tokens, completion_tokens, is_partial), expected, "{usage:?}");
        assert_eq!(response.content, "blue");
    }
}

#[test]
fn an_unknown_reason_is_no_error_and_reasons_have_one_name() {
    for (reason, expected) in [
        (None, FinishReason::Unknown),
        (Some(Value::Null), FinishReason::Unknown),
        (Some(json!("")), FinishReason::Unknown),
        (Some(json!(7)), FinishReason::Unknown),
        (Some(json!("STOP")), FinishReason::Stop),
        (Some(json!("MAX_TOKENS")), FinishReason::Length),
        (Some(json!("max_tokens")), FinishReason::Length),
        (Some(json!("FINISH_REASON_MAX_TOKENS")), FinishReason::Length),
        (Some(json!("model_length")), FinishReason::Length),
        (Some(json!("MAX TOKENS")), FinishReason::Length),
        (Some(json!("maxTokens")), FinishReason::Length),
        (Some(json!("token limit")), FinishReason::Length),
        (Some(json!("model_context_window_exceeded")), FinishReason::Length),
        (Some(json!("max_time")), FinishReason::Length),
        (Some(json!("Truncated")), FinishReason::Length),
        (Some(json!({"type": "length"})), FinishReason::Length),
        (Some(json!({"type": "stop"})), FinishReason::Stop),
        (Some(json!("SAFETY")), FinishReason::ContentFilter),
        (Some(json!("Content Filter")), FinishReason::ContentFilter),
        (Some(json!("guardrail_intervened")), FinishReason::ContentFilter),
        (Some(json!("SPII")), FinishReason::ContentFilter),
    ] {
        let response = parse(&with("/choices/0", "finish_reason", reason.clone())).unwrap();
        assert_eq!(response.finish_reason, expected, "{reason:?}");
        let written = serde_json::to_string(&response.finish_reason).unwrap();
        assert_eq!(serde_json::from_str::<FinishReason>(&written).unwrap(), expected);
    }
}

#[test]
fn content_may_be_a_list_of_parts_or_the_text_of_a_completion() {
    let content = |content: Value| parse(&with("/choices/0/message", "content", Some(content))).unwrap();
    assert_eq!(
        content(json!([{"type": "text", "text": "bl"}, {"type": "text", "text": "ue"}])).content,
        "blue"
    );
    assert_eq!(content(json!(["bl", "ue"])).content, "blue");
    assert_eq!(content(json!({"type": "text", "text": "blue"})).content, "blue");
    let thought = content(json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "blue"},
    ]));
    assert_eq!((thought.content.as_str(), thought.reasoning.as_deref()), ("blue", Some("hm")));
    let completion = json!({"choices": [{"text": "blue", "finish_reason": "stop"}]});
    assert_eq!(parse(&completion).unwrap().content, "blue");
}

#[test]
fn parts_without_a_text_are_passed_over() {
    let content = |content: Value| parse(&with("/choices/0/message", "content", Some(content)));
    for part in [
        json!({"type": "redacted_thinking", "data": "abc"}),
        json!({"type": "image_url", "image_url": {"url": "data:"}}),
        json!({"type": "tool_use", "id": "a", "input": {}}),
        json!({"type": "reference", "reference_ids": [1]}),
        json!({"type": "text", "text": null}),
        json!({"type": "thinking", "thinking": [{"type": "reference"}]}),
    ] {
        let response = content(json!([part, {"type": "text", "text": "blue"}, part])).unwrap();
        assert_eq!((response.content.as_str(), response.reasoning), ("blue", None), "{part}");
        assert!(matches!(content(json!([part])), Err(ChatError::Malformed { .. })), "{part}");
    }
}

#[test]
fn reasoning_beside_the_content_is_kept_beside_it() {
    for key in ["reasoning_content", "reasoning"] {
        let response = parse(&with("/choices/0/message", key, Some(json!("hm")))).unwrap();
        assert_eq!((response.content.as_str(), response.reasoning.as_deref()), ("blue", Some("hm")));
    }
    // Tokens that end within it leave a cut answer, and not a refusal.
    let mut cut = with("/choices/0/message", "content", Some(Value::Null));
    cut["choices"][0]["finish_reason"] = json!("length");
    let cut = parse(&cut).unwrap();
    assert_eq!((cut.content.as_str(), cut.finish_reason), ("", FinishReason::Length));
}

#[test]
fn half_an_answer_is_never_an_answer() {
    for word in [
        "error",
        "ERROR",
        "abort",
        "cancelled",
        "insufficient_system_resource",
        "unfinished",
        "preempted",
        "pause_turn",
        "pauseTurn",
        "server_shutdown",
        "connection_lost",
        "time-out",
        "MALFORMED_FUNCTION_CALL",
    ] {
        let error = parse(&with("/choices/0", "finish_reason", Some(json!(word)))).unwrap_err();
        assert!(matches!(&error, ChatError::BrokenOff { .. }) && error.is_retryable(), "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.usage(), Some(Usage::new(10, 5)));
    }
    let told = json!({"code": 502, "message": "Provider disconnected"});
    let error = parse(&with("/choices/0", "error", Some(told))).unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("502: Provider disconnected"), "{error}");
    let error = parse(&with("/choices/0", "error", Some(json!("went away")))).unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("went away"), "{error}");
}

/// A stream of chunks of a chat completion.
fn stream(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

fn delta(delta: Value, finish_reason: Value) -> Value {
    json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})
}

#[test]
fn a_stream_of_events_is_put_together() {
    let chunks = [
        delta(json!({"role": "assistant", "content": null, "reasoning_content": "hm"}), Value::Null),
        delta(json!({"content": "bl"}), Value::Null),
        delta(json!({"content": "ue"}), json!("stop")),
        json!({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}),
    ];
    let plain = stream(&chunks);
    for body in [
        format!("{plain}data: [DONE]\n\n"),
        plain.clone(),
        format!(": comment\n\n{plain}").replace('\n', "\r\n"),
        plain.replace("\n\n", "\n").replace("data: ", "data:"),
        format!("event: message\nid: 1\n{plain}"),
    ] {
        let response = ChatResponse::parse(&body).unwrap();
        assert_eq!(
            (response.content.as_str(), response.reasoning.as_deref()),
            ("blue", Some("hm")),
            "{body}"
        );
        assert_eq!((response.finish_reason, response.usage), (FinishReason::Stop, Usage::new(10, 5)));
        assert_eq!((response.id.as_deref(), response.model.as_deref()), (Some("c"), Some("m")));
    }
}

#[test]
fn a_part_of_a_stream_may_have_no_text() {
    let body = stream(&[
        delta(json!({"content": [{"type": "reference", "reference_ids": [1]}]}), Value::Null),
        delta(json!({"content": [{"type": "text", "text": "blue"}]}), json!("stop")),
    ]);
    assert_eq!(ChatResponse::parse(&body).unwrap().content, "blue");
}

#[test]
fn a_stream_without_an_end_is_half() {
    let half = stream(&[delta(json!({"content": "bl"}), Value::Null)]);
    for body in [half.clone(), format!("{half}data: [DONE]\n\n")] {
        let error = ChatResponse::parse(&body).unwrap_err();
        assert!(matches!(error, ChatError::BrokenOff { .. }) && error.is_retryable(), "{error}");
    }
    let failed = format!("{half}data: {}\n\n", json!({"error": {"code": 503, "message": "busy"}}));
    let error = ChatResponse::parse(&failed).unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("503: busy"), "{error}");
    assert!(matches!(ChatResponse::parse("data: [DONE]\n\n"), Err(ChatError::NoChoices { .. })));
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
        assert_eq!(error.usage(), Some(Usage::new(10, 5)));
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
    assert!(error(json!({"message": "slow down", "code": "rate_limit_exceeded"})).is_overload());
    assert!(error(json!({"message": "slow down", "code": "429"})).is_overload());
    let detail = parse(&json!({"detail": "Not authenticated"})).unwrap_err();
    assert_eq!(detail.to_string(), "the endpoint answered with an error: Not authenticated");
    let old = json!({"object": "error", "message": "overloaded", "type": "ServerError", "code": 503});
    assert!(parse(&old).unwrap_err().is_overload());
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
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_text_makes_the_parser_panic(text in ".*") {
        let _ = ChatResponse::parse(&text);
    }

    #[test]
    fn a_cut_stream_is_never_an_answer(share in 0.0_f64..1.0) {
        let chunks = ["bl", "ue"].map(|part| delta(json!({"content": part}), Value::Null));
        let before = stream(&chunks) + "data: {\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"sto";
        let end = (share * before.len() as f64) as usize;
        prop_assert!(ChatResponse::parse(&before[..end]).is_err());
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
