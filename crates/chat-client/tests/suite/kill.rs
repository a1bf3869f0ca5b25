//! Runs that are killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chat_client::Journal;
use chat_client::{EndpointConfig, QuestionKey};

use crate::common::{ask_all, client, config, echo, question, server};

const QUESTIONS: usize = 150;
const AT_ONCE: usize = 8;
const RUN: &str = "CHAT_CLIENT_TEST_RUN";

/// The process that is killed: it asks the server and the journal that the variable names.
#[test]
fn asks_when_it_is_started_by_the_test_below() {
    let Ok(run) = std::env::var(RUN) else { return };
    let (url, journal) = run.split_once(' ').unwrap();
    let chat = EndpointConfig::new(url, "judge-1").init().unwrap();
    ask_all(&client(chat, Path::new(journal)), QUESTIONS, AT_ONCE);
}

#[test]
fn after_a_kill_no_kept_answer_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let server = server(|request, attempt| echo(request, attempt).after(Duration::from_millis(15)));
    let mut kept: BTreeMap<String, u32> = BTreeMap::new();
    let kills = 3;
    for kill in 1..=kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["kill::asks_when_it_is_started_by_the_test_below", "--exact"])
            .env(RUN, format!("{} {}", server.base_url(), path.display()))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while server.requests() < 40 * kill {
            assert!(start.elapsed() < Duration::from_secs(60), "{} requests", server.requests());
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let counts = server.counts();
        // What was kept before this run was not asked in it.
        kept.iter().for_each(|(question, count)| assert_eq!(counts[question], *count, "{question}"));
        let journal = Journal::open(&path).unwrap();
        let is_kept = |number| {
            let key = QuestionKey::of("judge-1", &question(number)).unwrap();
            journal.get(&key).unwrap().is_some()
        };
        kept = (0..QUESTIONS)
            .filter(|number| is_kept(*number))
            .map(|number| format!("question {number}"))
            .map(|question| (question.clone(), counts[&question]))
            .collect();
        assert!(kept.len() as u64 >= 20 * kill, "{}", kept.len());
    }
    let last = client(config(&server).init().unwrap(), &path);
    assert!(ask_all(&last, QUESTIONS, AT_ONCE).iter().all(|answered| answered.outcome.is_ok()));
    let counts = server.counts();
    kept.iter().for_each(|(question, count)| assert_eq!(counts[question], *count, "{question}"));
    assert_eq!(counts.len(), QUESTIONS);
    // Twice was asked only what was under way at a kill.
    let twice = server.requests() - QUESTIONS as u64;
    assert!(twice <= kills * AT_ONCE as u64, "{twice}");
}
