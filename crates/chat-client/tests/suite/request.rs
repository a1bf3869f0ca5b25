//! What is sent, and what makes two questions the same.

use chat_client::{ChatError, ChatRequest, Message, Question, QuestionKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{config, echo, init, send_with, server};

fn full_request() -> ChatRequest {
    ChatRequest {
        messages: vec![Message::system("Be brief."), Message::user("Why?"), Message::assistant("So.")],
        temperature: Some(0.7),
        top_p: Some(0.95),
        max_tokens: Some(256),
        seed: Some(7),
        stop: vec!["END".to_owned()],
        response_format: Some(json!({"type": "json_object"})),
        extra: json!({"repetition_penalty": 1.1}).as_object().unwrap().clone(),
    }
}

#[test]
fn every_field_is_in_the_body_under_its_name() {
    let expected = json!({
        "model": "judge-1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "So."},
        ],
        "temperature": 0.7, "top_p": 0.95, "max_tokens": 256, "seed": 7, "stop": ["END"],
        "response_format": {"type": "json_object"}, "repetition_penalty": 1.1,
    });
    assert_eq!(full_request().body("judge-1").unwrap(), expected);
}

#[test]
fn what_is_not_set_is_not_sent() {
    let body = ChatRequest::user("Why?").body("m").unwrap();
    assert_eq!(body, json!({"model": "m", "messages": [{"role": "user", "content": "Why?"}]}));
}

#[test]
fn the_server_gets_the_body_the_path_and_the_key() {
    let server = server(echo);
    let config = chat_client::EndpointConfig {
        base_url: format!("{}//", server.base_url()),
        api_key_env: Some(crate::common::KEY_VARIABLE.to_owned()),
        ..config(&server)
    };
    send_with(config).unwrap();
    let request = server.last_request().unwrap();
    assert_eq!(request.path, "/v1/chat/completions");
    assert_eq!(request.headers["authorization"], format!("Bearer {}", env!("CARGO_MANIFEST_DIR")));
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.json(), ChatRequest::user("why?").body("judge-1").unwrap());
}

#[test]
fn without_a_variable_no_key_is_sent() {
    let server = server(echo);
    send_with(config(&server)).unwrap();
    assert!(!server.last_request().unwrap().headers.contains_key("authorization"));
}

#[test]
fn an_invalid_request_is_not_sent() {
    let server = server(echo);
    let chat = init(config(&server));
    let extra = |key: &str| json!({key: true}).as_object().unwrap().clone();
    let good = ChatRequest::user("Why?");
    let invalid = [
        ("no messages", ChatRequest::default()),
        ("temperature", ChatRequest { temperature: Some(f64::NAN), ..good.clone() }),
        ("temperature", ChatRequest { temperature: Some(-0.1), ..good.clone() }),
        ("top_p", ChatRequest { top_p: Some(0.0), temperature: Some(0.0), ..good.clone() }),
        ("max_tokens", ChatRequest { max_tokens: Some(0), ..good.clone() }),
        ("\"stream\"", ChatRequest { extra: extra("stream"), ..good.clone() }),
        ("\"model\"", ChatRequest { extra: extra("model"), ..good }),
    ];
    let runtime = chat_client::BlockingRuntime::new().unwrap();
    for (word, request) in invalid {
        let failure = runtime.chat(&chat, &request).unwrap_err();
        assert_eq!(failure.attempts, 0);
        assert!(
            matches!(&failure.error, ChatError::InvalidRequest { reason } if reason.contains(word)),
            "{word}"
        );
    }
    assert_eq!(server.requests(), 0);
}

/// The digest of `{"request":{"messages":[{"content":"Why?","role":"user"}],"model":"m"},"tag":"row-1/vote-0"}`,
/// by coreutils' sha256sum.
#[test]
fn a_key_is_the_digest_of_the_sorted_request() {
    let question = Question::new("row-1/vote-0", ChatRequest::user("Why?"));
    let key = QuestionKey::of("m", &question).unwrap().to_string();
    assert_eq!(key, KEY_OF_WHY);
}

const KEY_OF_WHY: &str = "802793e3801adfc56bbedcb11f1f47983243516e0b79c6f06efabf4d901c72c1";

#[test]
fn whatever_is_different_makes_another_key() {
    let question = |tag: &str, request| Question::new(tag, request);
    let base = full_request();
    let keys = [
        QuestionKey::of("m", &question("a", base.clone())),
        QuestionKey::of("m2", &question("a", base.clone())),
        QuestionKey::of("m", &question("b", base.clone())),
        QuestionKey::of("m", &question("a", ChatRequest { temperature: Some(0.0), ..base.clone() })),
        QuestionKey::of("m", &question("a", ChatRequest { temperature: None, ..base.clone() })),
        QuestionKey::of("m", &question("a", ChatRequest { stop: Vec::new(), ..base.clone() })),
        QuestionKey::of("m", &question("a", ChatRequest { seed: Some(8), ..base })),
    ];
    let keys: std::collections::BTreeSet<_> = keys.into_iter().map(Result::unwrap).collect();
    assert_eq!(keys.len(), 7);
}

proptest! {
    #[test]
    fn the_order_of_keys_in_an_object_does_not_matter(
        entries in prop::collection::btree_map("[a-zäß_]{1,6}x", any::<i64>(), 1..8),
        tag in ".*",
    ) {
        let request = |entries: &mut dyn Iterator<Item = (&String, &i64)>| {
            let object: serde_json::Map<String, Value> =
                entries.map(|(key, value)| (key.clone(), json!(value))).collect();
            let response_format = Some(json!({"schema": object.clone()}));
            ChatRequest { response_format, extra: object, ..ChatRequest::user("Why?") }
        };
        let forward = Question::new(tag.clone(), request(&mut entries.iter()));
        let backward = Question::new(tag, request(&mut entries.iter().rev()));
        let key = QuestionKey::of("m", &forward).unwrap();
        prop_assert_eq!(key, QuestionKey::of("m", &backward).unwrap());
        prop_assert_eq!(key.to_string().parse::<QuestionKey>(), Ok(key));
    }

    #[test]
    fn what_is_no_key_is_not_read_as_one(text in ".{0,70}") {
        let is_key = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        prop_assert_eq!(text.parse::<QuestionKey>().is_ok(), is_key);
    }
}
