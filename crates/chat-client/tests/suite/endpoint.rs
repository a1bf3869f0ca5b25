//! Servers that misbehave, and settings that cannot work.

use std::time::{Duration, Instant};

use chat_client::testing::{Action, completion};
use chat_client::{ChatError, ConfigError, EndpointConfig, RetryConfig};

use crate::common::{KEY_VARIABLE, ask_chat, chain, config, echo, error, init, send, send_with, server};

/// One attempt, and half a second for it.
fn impatient(server: &chat_client::testing::ScriptedServer) -> EndpointConfig {
    let retry = RetryConfig { max_attempts: 1, ..RetryConfig::default() };
    EndpointConfig { request_timeout: Duration::from_millis(500), retry, ..config(server) }
}

#[test]
fn a_server_that_hangs_or_trickles_runs_into_the_timeout() {
    for action in [
        Action::Hang,
        Action::Trickle(Duration::from_millis(20)),
        Action::answer("late").after(Duration::from_secs(5)),
    ] {
        let server = server(move |_, _| action.clone());
        let start = Instant::now();
        let (error, _) = error(send_with(impatient(&server)));
        assert!(matches!(error, ChatError::Timeout { .. }), "{error}");
        assert!(error.is_retryable() && error.is_overload());
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
}

#[test]
fn a_slow_answer_within_the_timeout_is_an_answer() {
    let server = server(|_, _| Action::Trickle(Duration::from_micros(10)));
    assert!(send(&server).unwrap().response.content.starts_with("An answer"));
}

#[test]
fn a_cut_body_is_reported_with_its_length() {
    let server = server(|_, _| Action::Cut(30));
    let (error, attempts) = error(send(&server));
    assert!(matches!(error, ChatError::CutBody { received: 30, .. }), "{error}");
    assert_eq!(attempts, 4);
}

#[test]
fn a_closed_connection_and_no_http_at_all_are_failed_connections() {
    for action in [Action::Close, Action::Raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())] {
        let server = server(move |_, _| action.clone());
        let (error, attempts) = error(send(&server));
        assert!(matches!(error, ChatError::Connection { .. }), "{error}");
        assert_eq!(attempts, 4);
    }
}

#[test]
fn a_huge_body_is_refused_whether_or_not_its_length_is_declared() {
    let huge = "x".repeat(100_000);
    let told = Action::answer(huge.clone());
    let untold = Action::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", completion(huge)).into_bytes());
    for action in [told, untold] {
        let server = server(move |_, _| action.clone());
        let (error, attempts) =
            error(send_with(EndpointConfig { max_response_bytes: 50_000, ..config(&server) }));
        assert!(matches!(error, ChatError::TooLarge { limit: 50_000 }), "{error}");
        assert_eq!(attempts, 1);
        send(&server).unwrap();
    }
}

#[test]
fn wrong_encodings_and_pages_are_not_json() {
    let latin = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\"caf\xe9\"".to_vec();
    let page = Action::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>".to_vec());
    for action in [Action::Raw(latin), page] {
        let server = server(move |_, _| action.clone());
        let (error, attempts) = error(send(&server));
        assert!(matches!(error, ChatError::NotJson { .. }), "{error}");
        assert_eq!(attempts, 4);
    }
}

#[test]
fn a_redirection_is_not_followed() {
    let other = server(echo);
    let location = format!("{}/chat/completions", other.base_url());
    for status in [301, 302, 307, 308] {
        let headers = vec![("Location".to_owned(), location.clone())];
        let server =
            server(move |_, _| Action::Status { status, headers: headers.clone(), body: String::new() });
        let with_key = EndpointConfig { api_key_env: Some(KEY_VARIABLE.to_owned()), ..config(&server) };
        let (error, attempts) = error(send_with(with_key));
        assert!(matches!(error, ChatError::Redirect { status: found } if found == status), "{error}");
        assert_eq!((attempts, other.requests()), (1, 0));
    }
}

#[test]
fn the_words_of_the_endpoint_are_in_the_error() {
    let server = server(|_, _| Action::Status {
        status: 404,
        headers: Vec::new(),
        body: r#"{"error": {"message": "The model `judge-1` does not exist"}}"#.to_owned(),
    });
    let text = error(send(&server)).0.to_string();
    assert_eq!(text, "the endpoint answered with status 404: The model `judge-1` does not exist");
}

#[test]
fn overload_halves_the_limit_and_answers_raise_it() {
    let server = server(|_, attempt| if attempt == 1 { Action::status(429) } else { Action::answer("yes") });
    let chat = init(EndpointConfig { max_concurrency: 8, ..config(&server) });
    assert_eq!(chat.concurrency_limit(), 8);
    ask_chat(&chat, "why?").unwrap();
    assert_eq!(chat.concurrency_limit(), 4);
    for _ in 0..40 {
        ask_chat(&chat, "why?").unwrap();
    }
    assert_eq!(chat.concurrency_limit(), 8);
}

#[test]
fn https_to_a_server_without_tls_is_a_failed_connection() {
    let server = server(echo);
    let base_url = server.base_url().replace("http:", "https:");
    match (EndpointConfig { base_url, ..impatient(&server) }).init() {
        Ok(chat) => {
            let (error, _) = error(ask_chat(&chat, "why?"));
            assert!(matches!(error, ChatError::Connection { .. }), "{}", chain(&error));
        }
        // So it is on a machine without certificates.
        Err(error) => assert!(matches!(error, ConfigError::Client { .. }), "{}", chain(&error)),
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn settings_that_cannot_work_are_named() {
    let endpoint = |url: &str| EndpointConfig::new(url, "m").init().unwrap_err().to_string();
    assert!(endpoint("localhost:8000/v1").contains("begins with localhost:"));
    assert!(endpoint("").contains("is not valid"));
    assert!(endpoint("ftp://host/v1").contains("begins with ftp:"));
    assert!(endpoint("http://host/v1?api-version=1").contains("after ? or #"));
    let with_password = endpoint("http://me:hunter2@host/v1");
    assert!(with_password.contains("password") && !with_password.contains("hunter2"));
    let good = || EndpointConfig::new("http://host/v1", "m");
    let named = |config: EndpointConfig| config.init().unwrap_err().to_string();
    assert!(named(EndpointConfig { max_concurrency: 0, ..good() }).contains("max_concurrency"));
    assert!(named(EndpointConfig { request_timeout: Duration::ZERO, ..good() }).contains("request_timeout"));
    assert!(named(EndpointConfig { model: " ".to_owned(), ..good() }).contains("model"));
    let variable = Some("CHAT_CLIENT_NO_SUCH_VARIABLE".to_owned());
    assert!(
        named(EndpointConfig { api_key_env: variable, ..good() }).contains("CHAT_CLIENT_NO_SUCH_VARIABLE")
    );
    good().init().unwrap();
}
