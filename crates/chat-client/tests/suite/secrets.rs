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
            ("question 0", _) => status(401, &body),
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
