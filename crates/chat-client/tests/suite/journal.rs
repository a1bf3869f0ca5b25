//! A journal after good and bad days.

use std::fs;
use std::path::Path;

use chat_client::{
    AskError, BlockingRuntime, ChatRequest, ChatResponse, FinishReason, Journal, JournalError, JournalRecord,
    LocalChat, Question, QuestionKey, RecordedResponse, TornLine, Usage,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::common::{ask_all, client, question};

fn record(number: usize, content: Option<&str>) -> JournalRecord {
    let question = Question::new(format!("row-{number}"), ChatRequest::user("Why?"));
    JournalRecord {
        key: QuestionKey::of("m", &question).unwrap(),
        tag: question.tag,
        model: "m".to_owned(),
        response: content.map(|content| RecordedResponse {
            content: content.to_owned(),
            reasoning: Some("hm".to_owned()),
            finish_reason: FinishReason::Length,
            model: Some("m-0613".to_owned()),
            id: None,
        }),
        error: content.is_none().then(|| "no answer".to_owned()),
        rejection: None,
        attempts: 2,
        latency_ms: 1234,
        usage: Usage::new(3, 4),
        cost: Some(0.25),
        changes: Vec::new(),
        time_ms: 1_790_000_000_000,
    }
}

fn written(path: &Path, records: &[JournalRecord]) -> Vec<u8> {
    let journal = Journal::open(path).unwrap();
    records.iter().for_each(|record| journal.append(record).unwrap());
    drop(journal);
    fs::read(path).unwrap()
}

#[test]
fn a_record_is_one_line_that_begins_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = written(&folder.path().join("j"), &[record(1, Some("two\nlines"))]);
    let key = record(1, None).key;
    let body = format!(
        concat!(
            r#"{{"key":"{}","tag":"row-1","model":"m","#,
            r#""response":{{"content":"two\nlines","reasoning":"hm","finish_reason":"length","model":"m-0613"}},"#,
            r#""attempts":2,"latency_ms":1234,"usage":{{"prompt_tokens":3,"completion_tokens":4}},"#,
            r#""cost":0.25,"time_ms":1790000000000"#,
        ),
        key
    );
    let digest = &base16ct::lower::encode_string(&Sha256::digest(format!("{body}}}")))[..32];
    let expected = format!("{body},\"digest\":\"{digest}\"}}\n");
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn a_journal_that_is_cut_at_any_byte_keeps_every_whole_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let records = [record(1, Some("naïve 蓝")), record(2, None), record(3, Some(""))];
    let whole = written(&path, &records);
    let ends: Vec<usize> =
        whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end).collect();
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let journal = Journal::open(&path).unwrap();
        // A record is whole also where only the end of its line is missing.
        let kept = ends.iter().filter(|end| cut >= **end).count();
        let report = *journal.report();
        assert_eq!((report.answers + report.failures, report.spent.questions), (kept as u64, kept as u64));
        let start = kept.checked_sub(1).map_or(0, |last| (ends[last] + 1).min(cut));
        let torn = (cut > start).then(|| TornLine { line: kept as u64 + 1, bytes: (cut - start) as u64 });
        assert_eq!(report.torn, torn, "{cut}");
        // It goes on as if nothing had happened.
        records[kept..].iter().for_each(|record| journal.append(record).unwrap());
        assert_eq!(journal.get(&records[2].key).unwrap().as_ref(), Some(&records[2]));
        drop(journal);
        assert_eq!(fs::read(&path).unwrap(), whole, "{cut}");
    }
}

#[test]
fn zeros_after_a_loss_of_power_are_a_torn_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let whole = written(&path, &[record(1, Some("a")), record(2, Some("b"))]);
    let end = whole.len() / 2 + 40;
    fs::write(&path, [&whole[..end], &[0; 500]].concat()).unwrap();
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.report().answers, 1);
    assert!(journal.report().torn.is_some());
}

#[test]
fn a_broken_line_in_the_middle_is_an_error_that_names_it_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let records = [1, 2, 3].map(|number| record(number, Some("a")));
    let whole = String::from_utf8(written(&path, &records)).unwrap();
    for (from, to) in [("row-2\"", "row-2"), ("\"tag\":\"row-2\"", "\"tag\":7"), ("row-2\",", "row-2\"\n,")] {
        let broken = whole.replace(from, to);
        fs::write(&path, &broken).unwrap();
        let error = Journal::open(&path).unwrap_err();
        assert!(matches!(&error, JournalError::Line { line: 2, .. }), "{error}");
        assert!(error.to_string().contains("line 2 of"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), broken);
    }
}

#[test]
fn an_edited_answer_is_not_taken_and_its_question_is_open_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let records = [1, 2, 3].map(|number| record(number, Some("right")));
    let whole = String::from_utf8(written(&path, &records)).unwrap();
    let second = whole.lines().nth(1).unwrap();
    // Another answer, other counts, another spelling of the same, another digest.
    for edited in [
        second.replace("right", "wrong"),
        second.replace("\"completion_tokens\":4", "\"completion_tokens\":5"),
        second.replace("\"attempts\":2", "\"attempts\": 2"),
        second.replace("\"digest\":", "\"digest\": "),
        second.replace(",\"digest\":\"", ",\"digest\":\"0"),
    ] {
        fs::write(&path, whole.replace(second, &edited)).unwrap();
        let journal = Journal::open(&path).unwrap();
        let report = *journal.report();
        assert_eq!((report.answers, report.changed, report.first_changed), (2, 1, Some(2)), "{edited}");
        assert!(journal.get(&records[1].key).unwrap().is_none());
        assert_eq!(journal.get(&records[2].key).unwrap().as_ref(), Some(&records[2]));
        assert!(report.lines(&path)[0].contains("the first in line 2, were edited or damaged"));
        // The new answer stands beside the edited one, which stays.
        journal.append(&records[1]).unwrap();
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.get(&records[1].key).unwrap().as_ref(), Some(&records[1]));
        assert!(fs::read_to_string(&path).unwrap().contains(&edited));
    }
}

#[test]
fn lines_of_an_earlier_version_are_taken_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let old = serde_json::to_string(&record(1, Some("a"))).unwrap() + "\n";
    fs::write(&path, &old).unwrap();
    let journal = Journal::open(&path).unwrap();
    assert_eq!((journal.report().answers, journal.report().changed), (1, 0));
    assert_eq!(journal.get(&record(1, None).key).unwrap(), Some(record(1, Some("a"))));
}

/// A file whose one line begins like a record and is whole is somebody's, and is not a torn record.
#[test]
fn a_whole_line_that_only_begins_like_a_record_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.jsonl");
    for text in ["{\"key\":\"a\",\"value\":1}", "{\"key\":\"a\",\"val", "{\"key\":\"a\"}\u{0}\u{0}"] {
        fs::write(&path, text).unwrap();
        assert!(matches!(Journal::open(&path), Err(JournalError::Line { line: 1, .. })), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

/// What is written to a file without a name is lost at the end.
#[cfg(unix)]
#[test]
fn a_journal_that_was_removed_takes_no_more_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let journal = Journal::open(&path).unwrap();
    journal.append(&record(1, Some("a"))).unwrap();
    fs::remove_file(&path).unwrap();
    let error = journal.append(&record(2, Some("a"))).unwrap_err();
    assert!(error.to_string().contains("was moved or removed"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_device_is_no_journal() {
    assert!(matches!(Journal::open("/dev/null"), Err(JournalError::File { .. })));
}

#[test]
fn a_file_that_is_no_journal_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    for text in
        ["my only notes", "\u{0}\u{0}notes", "{\"id\": 1}", "{\"id\": 1}\n", "\n", "{\"key\":\"\u{0}x"]
    {
        fs::write(&path, text).unwrap();
        let error = Journal::open(&path).unwrap_err();
        assert!(matches!(error, JournalError::Line { line: 1, .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_journal_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let journal = Journal::open(&path).unwrap();
    assert!(matches!(Journal::open(&path), Err(JournalError::Locked { .. })));
    drop(journal);
    assert!(Journal::open(&path).unwrap().is_empty());
}

#[test]
fn a_missing_folder_is_an_error_with_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let error = Journal::open(folder.path().join("gone/journal.jsonl")).unwrap_err();
    assert!(
        matches!(&error, JournalError::File { path, .. } if path.ends_with("gone/journal.jsonl")),
        "{error}"
    );
}

#[test]
fn a_record_that_was_changed_from_outside_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let journal = Journal::open(&path).unwrap();
    journal.append(&record(1, Some("a"))).unwrap();
    fs::write(&path, "something else").unwrap();
    let error = journal.get(&record(1, None).key).unwrap_err();
    assert!(error.to_string().ends_with("the record at byte 0 is gone"), "{error}");
}

const RUN: &str = "CHAT_CLIENT_TEST_FULL_DISK";

/// The process below, whose files may not grow beyond a limit.
#[test]
fn asks_until_the_disk_is_full_when_it_is_started_by_the_test_below() {
    let Some(path) = std::env::var_os(RUN) else { return };
    let chat = LocalChat::new("m", |_: &ChatRequest| Ok(ChatResponse::text("x".repeat(1000))));
    let client = client(chat, Path::new(&path));
    let answered = ask_all(&client, 60, 1);
    let kept = answered.iter().filter(|answered| answered.outcome.is_ok()).count();
    let rest = &answered[kept..];
    assert!(rest.iter().all(|answered| matches!(answered.outcome, Err(AskError::Journal { .. }))));
    assert_eq!((answered.len(), client.progress().asked), (60, kept as u64 + 1));
    // Nor does a later call ask what cannot be kept, and it says why.
    let alone = BlockingRuntime::new().unwrap().ask(&client, question(99));
    assert!(
        matches!(&alone, Err(AskError::Journal { source }) if source.to_string().contains("large")),
        "{alone:?}"
    );
    assert_eq!(client.progress().asked, kept as u64 + 1);
    let again = client.journal().append(&record(1, Some("a")));
    assert!(again.unwrap_err().to_string().contains("takes no more records"));
    std::process::exit(100 + kept as i32);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_run_and_leaves_whole_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let test = "journal::asks_until_the_disk_is_full_when_it_is_started_by_the_test_below";
    // Without the signal, a write beyond the limit is an error.
    let status = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$1\" --exact"])
        .args([std::env::current_exe().unwrap().to_str().unwrap(), test])
        .env(RUN, &path)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    let kept = status.code().unwrap() - 100;
    assert!((3..30).contains(&kept), "{status}");
    let journal = Journal::open(&path).unwrap();
    assert_eq!((journal.report().answers, journal.report().torn), (kept as u64, None));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".*", "[\u{0}-\u{1f}\u{2028}\"\\\\]*"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
    #[test]
    fn every_record_comes_out_as_it_went_in(
        content in prop::option::of(text()), reason in text(), tag in text(),
        numbers in any::<[u32; 4]>(), cost in prop::option::of(0.0..1e6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut record = record(1, content.as_deref());
        if let Some(response) = &mut record.response {
            response.finish_reason = serde_json::from_value(reason.into()).unwrap();
        }
        let usage = Usage::new(numbers[0].into(), numbers[1].into());
        let latency_ms = numbers[2].into();
        let record = JournalRecord { tag, usage, latency_ms, attempts: numbers[3], cost, ..record };
        let bytes = written(&path, std::slice::from_ref(&record));
        prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
        let journal = Journal::open(&path).unwrap();
        let found = journal.get(&record.key).unwrap();
        let expected = record.response.is_some().then_some(record);
        prop_assert_eq!(found, expected);
    }
}
