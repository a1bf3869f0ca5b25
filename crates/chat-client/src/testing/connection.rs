//! One connection to a scripted server, kept alive from request to request.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::action::{Action, completion};
use super::request::Request;
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
        // What is not HTTP, a greeting of TLS for instance, may never end.
        let is_http = buffer.first().is_none_or(u8::is_ascii_uppercase);
        if !is_http || stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Does what is told, and says whether the connection goes on.
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
