//! What the tests share.

use std::path::Path;
use std::time::Duration;

use chat_client::testing::{Action, Request, ScriptedServer};
use chat_client::{
    Answered, AskConfig, BlockingRuntime, Chat, ChatError, ChatRequest, EndpointConfig, Failure, HttpChat,
    Journal, JournaledClient, Question, Reply, RetryConfig,
};

/// A variable that cargo sets for tests, whose value stands in for an API key.
pub const KEY_VARIABLE: &str = "CARGO_MANIFEST_DIR";

pub fn server(script: impl Fn(&Request, u32) -> Action + Send + Sync + 'static) -> ScriptedServer {
    ScriptedServer::start(script).unwrap()
}

/// Answers each question with itself.
pub fn echo(request: &Request, _: u32) -> Action {
    Action::answer(format!("re: {}", request.question()))
}

/// An endpoint with short waits.
pub fn config(server: &ScriptedServer) -> EndpointConfig {
    let retry = RetryConfig {
        max_attempts: 4,
        base_delay: Duration::from_millis(2),
        max_delay: Duration::from_millis(20),
        ..RetryConfig::default()
    };
    EndpointConfig { retry, ..EndpointConfig::new(server.base_url(), "judge-1") }
}

pub fn init(config: EndpointConfig) -> HttpChat {
    config.init().unwrap()
}

/// One request to the server with its usual configuration.
pub fn send(server: &ScriptedServer) -> Result<Reply, Failure> {
    send_with(config(server))
}

pub fn send_with(config: EndpointConfig) -> Result<Reply, Failure> {
    ask_chat(&init(config), "why?")
}

pub fn ask_chat(chat: &dyn Chat, text: &str) -> Result<Reply, Failure> {
    BlockingRuntime::new().unwrap().chat(chat, &ChatRequest::user(text))
}

/// The error of the last attempt, and how many there were.
pub fn error(result: Result<Reply, Failure>) -> (ChatError, u32) {
    let failure = result.unwrap_err();
    (failure.error, failure.attempts)
}

pub fn question(number: usize) -> Question {
    Question::new(format!("row-{number}"), ChatRequest::user(format!("question {number}")))
}

pub fn questions(count: usize) -> impl Iterator<Item = Question> {
    (0..count).map(question)
}

pub fn client(chat: impl Chat + 'static, journal: &Path) -> JournaledClient {
    client_with(chat, journal, AskConfig::default())
}

pub fn client_with(chat: impl Chat + 'static, journal: &Path, config: AskConfig) -> JournaledClient {
    JournaledClient::new(chat, Journal::open(journal).unwrap(), config).unwrap()
}

pub fn ask_all(client: &JournaledClient, count: usize, max: usize) -> Vec<Answered> {
    BlockingRuntime::new().unwrap().ask_all(client, questions(count), max).collect()
}

pub fn content(answered: &Answered) -> &str {
    &answered.outcome.as_ref().unwrap().response.content
}

/// An error with its causes, as a program shows it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error} {error:?}"));
        cause = error.source();
    }
    text
}
