//! One connection to a scripted server, kept alive from request to request: what is asked and what happens then.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Log, Script};

/// Serves until either side ends the connection; what fails here is the test's own doing, and the client's to notice.
pub(super) async fn serve(mut stream: TcpStream, script: Arc<Script>, log: Arc<Log>) {
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = read_request(&mut stream, &mut buffer).await {
        let (attempt, in_flight) = log.enter(&request);
        let action = script(&request, attempt);
        let is_open = act(&mut stream, action).await;
        drop(in_flight);
        if !is_open.unwrap_or(false) {
            break;
        }
    }
}

/// The next request, or nothing at the end of the connection or of HTTP.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let mut request = Request::parse_head(&buffer[..end]);
            let length = request.headers.get("content-length").and_then(|value| value.parse().ok());
            let total = end + 4 + length.unwrap_or(0_usize);
            if buffer.len() >= total {
                request.body = buffer[end + 4..total].to_vec();
                buffer.drain(..total);
                return Ok(Some(request));
            }
        }
        // Input that is not HTTP, a greeting of TLS for instance, may never end.
        let is_http = buffer.first().is_none_or(u8::is_ascii_uppercase);
        if !is_http || stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Carries out an action, and returns whether the connection stays open.
async fn act(stream: &mut TcpStream, mut action: Action) -> io::Result<bool> {
    while let Action::Delay(delay, later) = action {
        sleep(delay).await;
        action = *later;
    }
    match action {
        Action::Json(body) => stream.write_all(&response(200, &[], &body.to_string())).await.map(|()| true),
        Action::Status { status, headers, body } => {
            stream.write_all(&response(status, &headers, &body)).await.map(|()| true)
        }
        Action::Raw(bytes) => finish(stream, &bytes).await,
        Action::Cut(bytes) => {
            let whole = usual_response();
            let head = whole.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_default() + 4;
            finish(stream, &whole[..(head + bytes).min(whole.len())]).await
        }
        Action::Trickle(pause) => {
            for byte in usual_response() {
                stream.write_all(&[byte]).await?;
                sleep(pause).await;
            }
            Ok(true)
        }
        Action::Hang => stream.read_u8().await.map(|_| false),
        Action::Close | Action::Delay(..) => Ok(false),
    }
}

async fn finish(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<bool> {
    stream.write_all(bytes).await?;
    stream.shutdown().await.map(|()| false)
}

fn usual_response() -> Vec<u8> {
    response(200, &[], &completion("An answer that does not come in one piece.").to_string())
}

fn response(status: u16, headers: &[(String, String)], body: &str) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{head}\r\n{body}").into_bytes()
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The path, `/v1/chat/completions` for instance.
    pub path: String,
    /// The headers, their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The body as JSON; null for a body that is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The text of the last message; empty without messages.
    pub fn question(&self) -> String {
        let body = self.json();
        let last = body["messages"].as_array().and_then(|messages| messages.last());
        last.and_then(|message| message["content"].as_str()).unwrap_or_default().to_owned()
    }

    /// Reads the head of a request, without its body.
    pub(super) fn parse_head(head: &[u8]) -> Self {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        Self { path, headers, body: Vec::new() }
    }
}

/// What happens to one request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Status 200 with this body.
    Json(Value),
    /// Another status.
    Status {
        /// The HTTP status.
        status: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// No answer, until the client leaves.
    Hang,
    /// The head of an answer and so many bytes of its body, and then the end of the connection.
    Cut(usize),
    /// The end of the connection before anything is written.
    Close,
    /// These bytes as they are, and then the end of the connection.
    Raw(Vec<u8>),
    /// An answer whose bytes come one by one, with this much time between them.
    Trickle(Duration),
    /// Another action, later.
    Delay(Duration, Box<Action>),
}

impl Action {
    /// A [`completion`] with this text.
    pub fn answer(text: impl Into<String>) -> Self {
        Self::Json(completion(text))
    }

    /// A status with no headers or body of its own.
    pub fn status(status: u16) -> Self {
        Self::Status { status, headers: Vec::new(), body: String::new() }
    }

    /// Status 429 with this value of `Retry-After`.
    pub fn retry_after(value: impl Into<String>) -> Self {
        let headers = vec![("Retry-After".to_owned(), value.into())];
        Self::Status { status: 429, headers, body: r#"{"error": {"message": "slow down"}}"#.to_owned() }
    }

    /// The same, later.
    pub fn after(self, delay: Duration) -> Self {
        Self::Delay(delay, Box::new(self))
    }
}

/// A chat completion with this text, of 10 prompt tokens and 5 completion tokens.
pub fn completion(text: impl Into<String>) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "scripted",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text.into()},
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    })
}
