//! The key is in the header alone.

use std::error::Error;
use std::sync::{Arc, Mutex};

use chat_client::testing::Action;
use chat_client::{AskConfig, BlockingRuntime, EndpointConfig, Journal, JournaledClient};

use crate::common::{KEY_VARIABLE, chain, config, init, questions, server};

const KEY: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_key_is_in_no_error_journal_progress_or_debug_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    // An endpoint that repeats the key wherever it can.
    let server = server(|request, attempt| {
        let key = request.headers["authorization"].clone();
        let body = format!(r#"{{"error": {{"message": "Incorrect key {key}"}}}}"#);
        let status =
            |status, body: &str| Action::Status { status, headers: Vec::new(), body: body.to_owned() };
        match (request.question().as_str(), attempt) {
            ("question 0", _) => status(403, &body),
            ("question 1", _) => status(500, &key),
            ("question 2", _) => Action::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{key}").into_bytes()),
            ("question 3", _) => Action::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes()),
            ("question 4", _) => Action::Close,
            ("question 5", _) => Action::Json(serde_json::json!({"choices": key})),
            _ => Action::answer(format!("Your key is {key}.")),
        }
    });
    let config = EndpointConfig { api_key_env: Some(KEY_VARIABLE.to_owned()), ..config(&server) };
    let chat = init(config.clone());
    let seen = Arc::new(Mutex::new(String::new()));
    let observer = {
        let seen = Arc::clone(&seen);
        move |progress: &chat_client::AskProgress| seen.lock().unwrap().push_str(&format!("{progress:?}"))
    };
    let journal = Journal::open(&path).unwrap();
    let client =
        JournaledClient::with_observer(chat.clone(), journal, AskConfig::default(), observer).unwrap();
    let answered: Vec<_> = BlockingRuntime::new().unwrap().ask_all(&client, questions(7), 3).collect();

    let mut shown = format!("{config:?} {chat:?} {client:?} {answered:?}");
    let errors: Vec<_> = answered.iter().filter_map(|answered| answered.outcome.as_ref().err()).collect();
    assert_eq!(errors.len(), 6);
    errors.iter().for_each(|error| shown.push_str(&chain(*error as &dyn Error)));
    shown.push_str(&seen.lock().unwrap());
    shown.push_str(&std::fs::read_to_string(&path).unwrap());
    assert!(!shown.contains(KEY), "{shown}");
    assert!(
        shown.contains("Incorrect key Bearer [redacted]") && shown.contains("Your key is Bearer [redacted].")
    );
    // The key did reach the endpoint.
    assert!(server.last_request().unwrap().headers["authorization"].contains(KEY));
}

/// The key with every character, or every other one, in the place of itself spelled by a function.
fn spelled(spell: impl Fn(char) -> String, every: usize) -> String {
    KEY.chars()
        .enumerate()
        .map(|(place, letter)| if place % every == 0 { spell(letter) } else { letter.to_string() })
        .collect()
}

fn escapes() -> Vec<String> {
    let spellings: [fn(char) -> String; 6] = [
        |letter| format!("\\u{:04x}", u32::from(letter)),
        |letter| format!("\\u{:04X}", u32::from(letter)),
        |letter| if letter == '/' { "\\/".to_owned() } else { letter.to_string() },
        // JSON in a text of JSON.
        |letter| format!("\\\\u{:04x}", u32::from(letter)),
        |letter| format!("%{:02X}", u32::from(letter)),
        |letter| format!("&#x{:x};", u32::from(letter)),
    ];
    spellings.iter().flat_map(|spell| [1, 2].map(|every| spelled(spell, every))).collect()
}

#[test]
fn a_key_that_is_echoed_in_escapes_is_redacted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let escapes = escapes();
    let bodies: Vec<(u16, String)> = escapes
        .iter()
        .flat_map(|key| {
            let answer = |content: &str| {
                format!(r#"{{"choices": [{{"message": {{"content": "{content}"}}, "finish_reason": "stop"}}]}}"#)
            };
            [
                (200, answer(key)),
                (200, format!(r#"{{"choices": [{{"message": {{"content": "a", "reasoning": "{key}"}}}}], "model": "{key}"}}"#)),
                (200, format!(r#"{{"choices": [{{"message": {{"content": "a"}}, "finish_reason": "{key}"}}], "id": "{key}"}}"#)),
                (200, format!(r#"{{"error": {{"message": "Incorrect key {key}"}}}}"#)),
                (200, format!(r#"{{"error": {{"{key}": 1}}}}"#)),
                (200, format!("no JSON: {key}")),
                (401, format!(r#"{{"error": {{"message": "Incorrect key {key}"}}}}"#)),
                (400, format!("<p>Incorrect key {key}</p>")),
            ]
        })
        .collect();
    let count = bodies.len();
    let server = server(move |request, _| {
        let number: usize = request.question()["question ".len()..].parse().unwrap();
        let (status, body) = bodies[number].clone();
        match status {
            200 => Action::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes()),
            status => Action::Status { status, headers: Vec::new(), body },
        }
    });
    let retry = chat_client::RetryConfig { max_attempts: 1, ..Default::default() };
    let config = EndpointConfig { api_key_env: Some(KEY_VARIABLE.to_owned()), retry, ..config(&server) };
    let client =
        JournaledClient::new(init(config), Journal::open(&path).unwrap(), AskConfig::default()).unwrap();
    let answered: Vec<_> = BlockingRuntime::new().unwrap().ask_all(&client, questions(count), 1).collect();
    let mut shown = format!("{answered:?} {:?} {:?}", client.reasons(), client.given_up());
    for error in answered.iter().filter_map(|answered| answered.outcome.as_ref().err()) {
        shown.push_str(&chain(error as &dyn Error));
    }
    shown.push_str(&std::fs::read_to_string(&path).unwrap());
    // The debug output of texts escapes backslashes once more.
    let shown = shown.replace("\\\\", "\\");
    for key in escapes.iter().chain([&KEY.to_owned()]) {
        assert!(!shown.contains(key), "{key} in {shown}");
    }
    assert!(shown.matches("[redacted]").count() >= count, "{shown}");
}

#[test]
fn a_key_that_is_split_over_the_events_of_a_stream_is_redacted() {
    let (start, end) = KEY.split_at(KEY.len() / 2);
    let chunk = |text: &str, reason: &str| {
        format!(
            "data: {{\"choices\": [{{\"delta\": {{\"content\": \"{text}\"}}, \"finish_reason\": {reason}}}]}}\n\n"
        )
    };
    let body = chunk(start, "null") + &chunk(end, "\"stop\"");
    let server = server(move |_, _| Action::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes()));
    let config = EndpointConfig { api_key_env: Some(KEY_VARIABLE.to_owned()), ..config(&server) };
    let reply = crate::common::send_with(config).unwrap();
    assert_eq!(reply.response.content, "[redacted]");
}
