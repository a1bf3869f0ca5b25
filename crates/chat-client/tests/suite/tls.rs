//! An endpoint over https, with a certificate that is trusted, and one that is not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use chat_client::testing::completion;
use chat_client::{ChatError, EndpointConfig, RetryConfig};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::{ask_chat, chain};

const RUN: &str = "CHAT_CLIENT_TEST_TLS";

/// The process below, which trusts the certificates that its environment names.
#[test]
fn asks_over_https_when_it_is_started_by_the_test_below() {
    let Ok(run) = std::env::var(RUN) else { return };
    let (url, expected) = run.split_once(' ').unwrap();
    let retry = RetryConfig { max_attempts: 1, ..RetryConfig::default() };
    let chat = EndpointConfig { retry, ..EndpointConfig::new(url, "m") }.init().unwrap();
    match (expected, ask_chat(&chat, "why?").map_err(|failure| failure.error)) {
        ("trusted", Ok(reply)) => assert_eq!(reply.response.content, "in private"),
        ("distrusted", Err(error @ ChatError::Connection { .. })) => {
            assert!(chain(&error).contains("InvalidCertificate"), "{}", chain(&error));
        }
        (expected, found) => panic!("{expected}: {found:?}"),
    }
    std::process::exit(7);
}

/// Answers one request on each connection whose handshake succeeds.
fn serve(listener: &TcpListener, config: &Arc<ServerConfig>) {
    for stream in listener.incoming() {
        let connection = ServerConnection::new(Arc::clone(config)).unwrap();
        // A client that does not trust the certificate leaves.
        let _ = answer(StreamOwned::new(connection, stream.unwrap()));
    }
}

fn answer(stream: StreamOwned<ServerConnection, TcpStream>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let body = completion("in private").to_string();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    reader.get_mut().write_all((head + &body).as_bytes())?;
    reader.get_mut().flush()
}

fn run(url: &str, certificates: &Path, expected: &str) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["tls::asks_over_https_when_it_is_started_by_the_test_below", "--exact"])
        .env(RUN, format!("{url} {expected}"))
        .env("SSL_CERT_FILE", certificates)
        .env_remove("SSL_CERT_DIR")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(7), "{expected}");
}

#[test]
fn a_certificate_is_believed_only_where_the_system_trusts_it() {
    let folder = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("https://localhost:{}/v1", listener.local_addr().unwrap().port());
    std::thread::spawn(move || serve(&listener, &Arc::new(config)));
    for (expected, certificate) in [("trusted", own), ("distrusted", other)] {
        let path = folder.path().join(expected);
        std::fs::write(&path, certificate.cert.pem()).unwrap();
        run(&url, &path, expected);
    }
}
