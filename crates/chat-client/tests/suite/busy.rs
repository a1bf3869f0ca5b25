//! How busy an endpoint is kept, and what a large run takes.

use std::time::{Duration, Instant};

use chat_client::testing::Action;
use chat_client::{BlockingRuntime, ChatRequest, ChatResponse, EndpointConfig, LocalChat};

use crate::common::{ask_all, client, config, echo, init, questions, server};

const LATENCY: Duration = Duration::from_millis(200);

/// The share of `width` places that are taken on average, over all of a run.
fn share(width: usize, rounds: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let server = server(|request, attempt| echo(request, attempt).after(LATENCY));
    let chat = init(EndpointConfig { max_concurrency: width, ..config(&server) });
    let client = client(chat, &folder.path().join("journal.jsonl"));
    let start = Instant::now();
    let answered = ask_all(&client, width * rounds, width);
    let elapsed = start.elapsed();
    assert!(answered.iter().all(|answered| answered.outcome.is_ok()));
    assert!(server.max_concurrency() <= width as u64);
    (LATENCY * rounds as u32).as_secs_f64() / elapsed.as_secs_f64()
}

#[test]
fn nine_tenths_of_the_places_are_taken() {
    // Other programs may take the processor away for a while, but not make the client faster than it is.
    let best = (0..3).map(|_| share(64, 20)).find(|share| *share >= 0.9);
    assert!(best.is_some());
}

#[test]
#[ignore = "a measurement: wide runs over 20 rounds; run it alone"]
fn the_share_of_places_that_are_taken() {
    for width in [8, 64, 256] {
        let line = format!("{width} at once: {:.3} of the places are taken\n", share(width, 20));
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    }
}

#[test]
fn an_endpoint_that_bears_less_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    // More than about ten requests a tenth of a second are too many.
    let window = std::sync::Mutex::new((Instant::now(), 0_u32));
    let server = server(move |request, attempt| {
        let mut window = window.lock().unwrap();
        if window.0.elapsed() > Duration::from_millis(100) {
            *window = (Instant::now(), 0);
        }
        window.1 += 1;
        if window.1 > 10 {
            Action::status(429)
        } else {
            echo(request, attempt).after(Duration::from_millis(50))
        }
    });
    let mut config = config(&server);
    config.max_concurrency = 64;
    config.retry.max_attempts = 30;
    config.retry.max_delay = Duration::from_millis(200);
    let chat = init(config);
    let client = client(chat.clone(), &folder.path().join("journal.jsonl"));
    assert!(ask_all(&client, 200, 64).iter().all(|answered| answered.outcome.is_ok()));
    assert!(chat.concurrency_limit() < 48, "{}", chat.concurrency_limit());
}

/// Peak resident memory of this process in KiB, where the system reports it.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

#[test]
#[ignore = "a measurement: 120,000 answers of about 1,400 characters; run it alone"]
fn a_large_run_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let chat = LocalChat::new("local", |request: &ChatRequest| {
        Ok(ChatResponse::text(request.messages[0].content.repeat(100)))
    });
    let client = client(chat, &folder.path().join("journal.jsonl"));
    let runtime = BlockingRuntime::new().unwrap();
    for run in ["asked", "known"] {
        let (before, start) = (peak_kib().unwrap(), Instant::now());
        let answers = runtime.ask_all(&client, questions(120_000), 256);
        let count = answers.filter(|answered| answered.outcome.is_ok()).count();
        assert_eq!(count, 120_000);
        let grown = peak_kib().unwrap() - before;
        let line = format!("{run}: {:?}, peak + {} MiB\n", start.elapsed(), grown / 1024);
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
        assert!(grown < 64 * 1024, "{grown} KiB");
    }
}
