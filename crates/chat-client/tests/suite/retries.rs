//! What is sent again, when, and how often.

use std::time::{Duration, Instant, SystemTime};

use chat_client::testing::Action;
use chat_client::{BlockingRuntime, ChatError, ChatRequest, EndpointConfig, RetryConfig};

use crate::common::{config, error, init, send, send_with, server};

#[test]
fn statuses_that_pass_are_retried_up_to_the_limit() {
    for status in [408, 409, 429, 500, 502, 503, 504, 529] {
        let server = server(move |_, _| Action::status(status));
        let (error, attempts) = error(send(&server));
        assert!(matches!(error, ChatError::Status { status: found, .. } if found == status), "{error}");
        assert_eq!((attempts, server.requests()), (4, 4), "{status}");
    }
}

#[test]
fn statuses_that_stay_are_not_retried() {
    for status in [400, 401, 403, 404, 413, 422] {
        let server = server(move |_, _| Action::status(status));
        let (error, attempts) = error(send(&server));
        assert!(matches!(error, ChatError::Status { status: found, .. } if found == status), "{error}");
        assert_eq!((attempts, server.requests()), (1, 1), "{status}");
    }
}

#[test]
fn an_answer_after_failures_counts_them() {
    let server = server(|_, attempt| match attempt {
        1 => Action::status(500),
        2 => Action::Close,
        3 => Action::Cut(9),
        _ => Action::answer("at last"),
    });
    let reply = send(&server).unwrap();
    assert_eq!((reply.response.content.as_str(), reply.attempts, server.requests()), ("at last", 4, 4));
}

#[test]
fn a_used_up_quota_is_not_retried() {
    let server = server(|_, _| Action::Status {
        status: 429,
        headers: Vec::new(),
        body: r#"{"error": {"message": "no money", "type": "insufficient_quota"}}"#.to_owned(),
    });
    let (error, attempts) = error(send(&server));
    assert!(matches!(&error, ChatError::QuotaExhausted { message } if message == "no money"), "{error}");
    assert_eq!(attempts, 1);
}

#[test]
fn retry_after_in_seconds_is_waited_for() {
    let server = server(|_, attempt| match attempt {
        1 => Action::retry_after("1"),
        _ => Action::answer("yes"),
    });
    let start = Instant::now();
    assert_eq!(send(&server).unwrap().attempts, 2);
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn retry_after_as_a_date_is_waited_for() {
    let server = server(|_, attempt| match attempt {
        1 => Action::retry_after(httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3))),
        _ => Action::answer("yes"),
    });
    let start = Instant::now();
    assert_eq!(send(&server).unwrap().attempts, 2);
    // Dates have whole seconds, of which up to one is cut off.
    assert!(start.elapsed() >= Duration::from_millis(1900), "{:?}", start.elapsed());
}

#[test]
fn a_wait_beyond_the_limit_ends_the_request_and_holds_up_no_other() {
    let server = server(|request, _| match request.question().as_str() {
        "why?" => Action::retry_after("3600"),
        _ => Action::answer("yes"),
    });
    let chat = init(config(&server));
    let start = Instant::now();
    let (error, attempts) = error(crate::common::ask_chat(&chat, "why?"));
    assert_eq!((error.retry_after(), attempts), (Some(Duration::from_secs(3600)), 1));
    crate::common::ask_chat(&chat, "another").unwrap();
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_deadline_ends_all_attempts_and_tells_the_last_error() {
    let server = server(|_, attempt| if attempt == 1 { Action::status(500) } else { Action::Hang });
    let deadline = Duration::from_millis(300);
    let config = EndpointConfig { deadline: Some(deadline), ..config(&server) };
    let (error, attempts) = error(send_with(config));
    assert!(matches!(&error, ChatError::Deadline { after, last: Some(_) } if *after == deadline), "{error}");
    assert!(error.to_string().contains("status 500"), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(attempts, 2);
}

#[test]
fn a_refused_connection_is_retried() {
    let base_url = server(|_, _| Action::Hang).base_url();
    let config = EndpointConfig { base_url, ..config(&server(|_, _| Action::Hang)) };
    let (error, attempts) = error(send_with(config));
    assert!(matches!(error, ChatError::Connection { .. }), "{error}");
    assert_eq!(attempts, 4);
}

/// Refuses settings as OpenAI does: by `param`, `code` and words.
fn refusal(name: &str, words: &str) -> Action {
    let body =
        serde_json::json!({"error": {"message": words, "param": name, "code": "unsupported_parameter"}});
    Action::Status { status: 400, headers: Vec::new(), body: body.to_string() }
}

#[test]
fn a_setting_that_is_refused_is_renamed_or_left_out_for_the_whole_run() {
    let server = server(|request, _| {
        let body = request.json();
        match () {
            () if !body["max_tokens"].is_null() => {
                refusal("max_tokens", "Use 'max_completion_tokens' instead.")
            }
            () if body["temperature"] == 0.0 => {
                refusal("temperature", "Only the default (1) value is supported.")
            }
            () => Action::answer(body["max_completion_tokens"].to_string()),
        }
    });
    // One attempt is for the question, and not for what is learned.
    let retry = RetryConfig { max_attempts: 1, ..RetryConfig::default() };
    let chat = init(EndpointConfig { retry, ..config(&server) });
    let request = ChatRequest { max_tokens: Some(70), temperature: Some(0.0), ..ChatRequest::user("why?") };
    let runtime = BlockingRuntime::new().unwrap();
    let reply = runtime.chat(&chat, &request).unwrap();
    assert_eq!((reply.response.content.as_str(), reply.attempts), ("70", 3));
    assert_eq!(reply.changes, ["`max_tokens` sent as `max_completion_tokens`", "`temperature` left out"]);
    let again = runtime.chat(&chat, &request).unwrap();
    assert_eq!((again.attempts, again.changes.len(), server.requests()), (1, 2, 4));
}

#[test]
fn a_setting_that_is_refused_although_it_is_left_out_is_an_error() {
    let server = server(|_, _| refusal("temperature", "Not with this model."));
    let chat = init(config(&server));
    let request = ChatRequest { temperature: Some(0.0), ..ChatRequest::user("why?") };
    let (error, attempts) = error(BlockingRuntime::new().unwrap().chat(&chat, &request));
    assert_eq!((error.to_string().contains("Not with this model."), attempts), (true, 2));
}
