//! Many questions: their order, and that each is asked once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chat_client::testing::Action;
use chat_client::{
    Answered, AskConfig, AskError, AskProgress, BlockingRuntime, ChatError, ChatRequest, ChatResponse,
    Journal, JournaledClient, LocalChat, Question, QuestionKey, Rejection,
};
use futures_util::{StreamExt, stream};
use proptest::prelude::*;

use crate::common::{ask_all, chain, client, config, content, echo, init, question, questions, server};

/// Answers with the question, and counts.
fn local(asked: &Arc<AtomicU64>) -> LocalChat {
    let asked = Arc::clone(asked);
    LocalChat::new("local", move |request: &ChatRequest| {
        asked.fetch_add(1, Ordering::Relaxed);
        Ok(ChatResponse::text(request.messages[0].content.clone()))
    })
}

fn journal() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    (folder, path)
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let (_folder, path) = journal();
    // The first of each ten is the slowest.
    let server = server(|request, attempt| {
        let number: u64 = request.question()[9..].parse().unwrap();
        echo(request, attempt).after(Duration::from_millis(3 * (10 - number % 10)))
    });
    let client = client(init(config(&server)), &path);
    let answered = ask_all(&client, 50, 10);
    assert_eq!(answered.len(), 50);
    for (number, answered) in answered.iter().enumerate() {
        assert_eq!(answered.index, number as u64);
        assert_eq!(content(answered), format!("re: question {number}"));
        assert_eq!(answered.key, Some(QuestionKey::of("judge-1", &question(number)).unwrap()));
    }
    assert!((2..=10).contains(&server.max_concurrency()), "{}", server.max_concurrency());
}

#[test]
fn a_slow_question_holds_up_no_other() {
    let (_folder, path) = journal();
    let server = server(|request, attempt| match request.question().as_str() {
        "question 0" => echo(request, attempt).after(Duration::from_secs(2)),
        _ => echo(request, attempt),
    });
    let client = client(init(config(&server)), &path);
    let runtime = BlockingRuntime::new().unwrap();
    let mut answers = runtime.ask_all(&client, questions(200), 4);
    assert_eq!(content(&answers.next().unwrap()), "re: question 0");
    // While the first was waited for, all others were asked and answered.
    assert_eq!((server.requests(), client.progress().done), (200, 200));
    assert_eq!(answers.count(), 199);
}

#[test]
fn questions_are_asked_while_earlier_answers_are_handed_out() {
    let (_folder, path) = journal();
    let chat = LocalChat::new("local", |request: &ChatRequest| {
        let is_first = request.messages[0].content == "question 0";
        std::thread::sleep(Duration::from_millis(if is_first { 300 } else { 2 }));
        Ok(ChatResponse::text("fine"))
    });
    let client = client(chat, &path);
    let runtime = BlockingRuntime::new().unwrap();
    let mut answers = runtime.ask_all(&client, questions(100_000), 4);
    answers.next().unwrap();
    let before = client.progress();
    // Answers to be handed out lie ready, and are taken slowly.
    assert!(before.done > 50, "{before:?}");
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(5));
        answers.next().unwrap();
    }
    assert!(client.progress().asked >= before.asked + 20, "{before:?} {:?}", client.progress());
}

#[test]
fn a_rerun_asks_only_what_is_missing() {
    let (_folder, path) = journal();
    let server = server(echo);
    let first = ask_all(&client(init(config(&server)), &path), 20, 4);
    let again = client(init(config(&server)), &path);
    let second = ask_all(&again, 30, 4);
    assert_eq!(server.requests(), 30);
    assert!(server.counts().values().all(|count| *count == 1));
    let is_known = |answered: &Answered| answered.outcome.as_ref().unwrap().from_journal;
    assert_eq!(second.iter().map(is_known).collect::<Vec<_>>(), [vec![true; 20], vec![false; 10]].concat());
    for (first, second) in first.iter().zip(&second) {
        let (first, second) = (first.outcome.as_ref().unwrap(), second.outcome.as_ref().unwrap());
        assert_eq!(
            (&first.response, first.attempts, first.latency),
            (&second.response, second.attempts, second.latency)
        );
    }
    assert_eq!((again.progress().from_journal, again.progress().done), (20, 10));
}

#[test]
fn a_failure_is_not_kept_as_an_answer() {
    let (_folder, path) = journal();
    let server = server(|request, attempt| if attempt == 1 { Action::status(400) } else { echo(request, 0) });
    let failed = ask_all(&client(init(config(&server)), &path), 3, 1);
    assert!(failed.iter().all(|answered| matches!(answered.outcome, Err(AskError::Failed(_)))));
    let again = client(init(config(&server)), &path);
    assert_eq!((again.journal().report().answers, again.journal().report().failures), (0, 3));
    assert_eq!(content(&ask_all(&again, 3, 1)[2]), "re: question 2");
}

#[test]
fn a_client_that_keeps_rejections_says_the_same_of_them_in_every_run() {
    let (_folder, path) = journal();
    let refusal = serde_json::json!({
        "choices": [{"message": {"content": null, "refusal": "No."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    });
    let server = server(move |request, attempt| match request.question().as_str() {
        "question 0" => Action::Json(refusal.clone()),
        "question 1" => Action::status(422),
        "question 2" => Action::status(404),
        _ => echo(request, attempt),
    });
    let run = || {
        let client = client(init(config(&server)), &path).keeping_rejections();
        ask_all(&client, 4, 1).into_iter().map(|answered| answered.outcome).collect::<Vec<_>>()
    };
    let told = |outcome: &Result<_, AskError>| match outcome {
        Err(AskError::Rejected { rejection, reason, from_journal }) => {
            Some((*rejection, reason.clone(), *from_journal))
        }
        _ => None,
    };
    let expected = |from_journal| {
        let status = "the endpoint answered with status 422: ".to_owned();
        [
            Some((Rejection::Refused, "the model refused: No.".to_owned(), from_journal)),
            Some((Rejection::InvalidRequest, status, from_journal)),
        ]
    };
    let first = run();
    assert_eq!(first[..2].iter().map(told).collect::<Vec<_>>(), expected(false));
    assert!(matches!(first[2], Err(AskError::Failed(_))) && first[3].is_ok());
    let second = run();
    assert_eq!(second[..2].iter().map(told).collect::<Vec<_>>(), expected(true));
    // Only the question without a final word was asked again, until a client comes that keeps no rejections.
    assert_eq!(server.requests(), 5);
    let again = ask_all(&client(init(config(&server)), &path), 4, 1);
    assert!(again[..3].iter().all(|answered| matches!(answered.outcome, Err(AskError::Failed(_)))));
    assert_eq!(server.requests(), 8);
}

#[test]
fn a_question_that_is_there_twice_is_asked_once_and_answered_twice() {
    let (_folder, path) = journal();
    let asked = Arc::new(AtomicU64::new(0));
    let client = client(local(&asked), &path);
    let numbers = [0, 0, 1, 0, 1, 2];
    let answered: Vec<_> =
        BlockingRuntime::new().unwrap().ask_all(&client, numbers.map(question), 6).collect();
    let found: Vec<_> = answered.iter().map(|answered| content(answered).to_owned()).collect();
    assert_eq!(found, numbers.map(|number| format!("question {number}")));
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[test]
fn the_same_words_under_another_tag_are_another_question() {
    let (_folder, path) = journal();
    let asked = Arc::new(AtomicU64::new(0));
    let client = client(local(&asked), &path);
    let votes = (0..5).map(|vote| Question::new(format!("row-1/vote-{vote}"), ChatRequest::user("good?")));
    assert_eq!(BlockingRuntime::new().unwrap().ask_all(&client, votes, 2).count(), 5);
    assert_eq!(asked.load(Ordering::Relaxed), 5);
}

#[test]
fn a_stopped_run_finishes_what_is_under_way() {
    let (_folder, path) = journal();
    let server = server(|request, attempt| echo(request, attempt).after(Duration::from_millis(100)));
    let client = client(init(config(&server)), &path);
    let runtime = BlockingRuntime::new().unwrap();
    let mut answers = runtime.ask_all(&client, questions(100), 5);
    assert!(answers.next().unwrap().outcome.is_ok());
    client.stop_signal().stop();
    let rest: Vec<_> = answers.collect();
    assert_eq!(rest.len(), 99);
    let unasked = rest.iter().filter(|answered| matches!(answered.outcome, Err(AskError::Stopped))).count();
    let answered = rest.iter().filter(|answered| answered.outcome.is_ok()).count();
    assert_eq!((unasked + answered, answered as u64), (99, server.requests() - 1));
    assert_eq!(client.progress().in_flight, 0);
}

#[test]
fn a_dropped_run_leaves_a_journal_that_goes_on() {
    let (_folder, path) = journal();
    let server = server(|request, attempt| echo(request, attempt).after(Duration::from_millis(30)));
    {
        let client = client(init(config(&server)), &path);
        let runtime = BlockingRuntime::new().unwrap();
        assert_eq!(runtime.ask_all(&client, questions(40), 8).take(9).count(), 9);
        let start = Instant::now();
        while client.progress().in_flight > 0 && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(client.progress().in_flight, 0);
    }
    // The tasks that held the journal are gone with their runtime.
    let client = client(init(config(&server)), &path);
    let known = client.journal().report().answers;
    let asked = server.requests();
    assert!(known >= 9 && client.journal().report().torn.is_none());
    assert!(ask_all(&client, 40, 8).iter().all(|answered| answered.outcome.is_ok()));
    assert_eq!(server.requests() - asked, 40 - known);
}

#[test]
fn a_panic_of_the_responder_is_an_error_of_its_question() {
    let (_folder, path) = journal();
    let chat = LocalChat::new("local", |request: &ChatRequest| match request.messages[0].content.as_str() {
        "question 1" => panic!("no idea"),
        "question 2" => Err(ChatError::local(std::io::Error::other("no model"))),
        _ => Ok(ChatResponse::text("fine")),
    });
    let answered = ask_all(&client(chat, &path), 4, 2);
    let is_answered: Vec<_> = answered.iter().map(|answered| answered.outcome.is_ok()).collect();
    assert_eq!(is_answered, [true, false, false, true]);
    assert!(chain(answered[1].outcome.as_ref().unwrap_err()).contains("panic"), "{:?}", answered[1]);
    assert!(chain(answered[2].outcome.as_ref().unwrap_err()).contains("no model"), "{:?}", answered[2]);
    // The journal has the causes, too.
    let lines = std::fs::read_to_string(&path).unwrap();
    assert!(lines.contains(r#""error":"the local responder failed: no model""#), "{lines}");
}

#[test]
fn an_invalid_question_is_an_error_of_its_own() {
    let (_folder, path) = journal();
    let client = client(local(&Arc::default()), &path);
    let all = [question(0), Question::new("none", ChatRequest::default()), question(1)];
    let answered: Vec<_> = BlockingRuntime::new().unwrap().ask_all(&client, all, 2).collect();
    assert!(matches!(&answered[1].outcome, Err(error @ AskError::Invalid(_)) if error.is_unasked()));
    assert_eq!((answered[1].key, content(&answered[2])), (None, "question 1"));
}

#[test]
fn progress_is_reported_and_ends_with_the_totals() {
    let (_folder, path) = journal();
    let server = server(|request, attempt| match (request.question().as_str(), attempt) {
        ("question 3", _) => Action::status(404),
        (_, 1) => Action::status(500),
        _ => echo(request, attempt),
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let seen = Arc::clone(&seen);
        move |progress: &AskProgress| seen.lock().unwrap().push(*progress)
    };
    let journal = Journal::open(&path).unwrap();
    let chat = init(config(&server));
    let client = JournaledClient::with_observer(chat, journal, AskConfig::default(), observer).unwrap();
    ask_all(&client, 6, 3);
    let last = client.progress();
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|progress| progress.in_flight <= 3) && seen.iter().any(|now| now.in_flight == 3));
    assert!(seen.contains(&last), "{last:?}");
    // A question is under way or finished, and never both.
    assert!(seen.iter().all(|now| now.spent.questions + now.in_flight <= now.asked));
    assert_eq!((last.asked, last.done, last.failed, last.retries, last.in_flight), (6, 5, 1, 5, 0));
    assert_eq!((last.spent.questions, last.spent.prompt_tokens, last.spent.completion_tokens), (6, 50, 25));
}

/// The outcomes of `count` questions, one at a time, of an endpoint that answers the first `good` ones and then says this.
fn run_out(good: usize, count: usize, said: &Action) -> (Vec<Answered>, JournaledClient, u64) {
    let (_folder, path) = journal();
    let said = said.clone();
    let server = server(move |request, attempt| {
        let number: usize = request.question()["question ".len()..].parse().unwrap();
        if number < good { echo(request, attempt) } else { said.clone() }
    });
    let client = client(init(config(&server)), &path);
    let answered = ask_all(&client, count, 1);
    (answered, client, server.requests())
}

fn refusal(status: u16, words: &str) -> Action {
    let body = serde_json::json!({"error": {"message": words}}).to_string();
    Action::Status { status, headers: Vec::new(), body }
}

#[test]
fn a_refusal_that_would_hit_every_question_stops_a_run_in_the_endpoint_s_words() {
    for (status, words, good, asked) in [
        (401, "Incorrect key", 0, 1),
        (404, "no such model", 0, 1),
        (402, "no money", 3, 4),
        (400, "Unknown parameter: 'frequency_penalty'", 0, 1),
        (400, "this is wrong", 0, 5),
        (422, "this is wrong", 0, 5),
        (403, "not you", 0, 5),
        (401, "Incorrect key", 3, 8),
    ] {
        let (answered, client, requests) = run_out(good, 30, &refusal(status, words));
        assert_eq!(requests, asked, "{status} {words}");
        assert!(client.given_up().unwrap().contains(words), "{:?}", client.given_up());
        let last = answered.last().unwrap().outcome.as_ref().unwrap_err();
        assert!(matches!(last, AskError::GivenUp { reason } if reason.contains(words)) && last.is_unasked());
        assert_eq!(client.reasons().len(), 1);
        assert_eq!(client.reasons()[0].1, asked - good as u64);
    }
}

#[test]
fn refusals_of_single_questions_stop_no_run() {
    for (status, words, good) in [
        (400, "The prompt was flagged by our content policy", 0),
        (403, "Your input was flagged by moderation", 0),
        (400, "maximum context length is 4096 tokens", 0),
        (413, "large", 0),
        (400, "this is wrong", 1),
    ] {
        let (answered, client, requests) = run_out(good, 30, &refusal(status, words));
        assert_eq!((requests, client.given_up()), (30, None), "{status} {words}");
        assert_eq!(answered.iter().filter(|answered| answered.outcome.is_ok()).count(), good);
    }
}

#[test]
fn a_rejection_is_not_kept_before_the_endpoint_has_answered_anything() {
    let (_folder, path) = journal();
    let server = server(|request, attempt| if attempt == 1 { Action::status(400) } else { echo(request, 0) });
    let run = || ask_all(&client(init(config(&server)), &path).keeping_rejections(), 2, 1);
    assert!(run().iter().all(|answered| matches!(answered.outcome, Err(AskError::Failed(_)))));
    assert!(run().iter().all(|answered| answered.outcome.is_ok()));
}

#[tokio::test]
async fn questions_may_come_as_a_stream_and_answers_go_as_one() {
    let (_folder, path) = journal();
    let client = client(local(&Arc::default()), &path);
    let slow = stream::iter(0..20).then(|number| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        question(number)
    });
    let answers = client.ask_all(Box::pin(slow), 4).into_stream();
    let found: Vec<_> = answers.map(|answered| content(&answered).to_owned()).collect().await;
    assert_eq!(found, (0..20).map(|number| format!("question {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_blocking_call_on_a_runtime_is_an_error() {
    let (_folder, path) = journal();
    let client = client(local(&Arc::default()), &path);
    let runtime = BlockingRuntime::new().unwrap();
    assert!(matches!(runtime.ask(&client, question(0)), Err(AskError::InsideRuntime)));
    let answered: Vec<_> = runtime.ask_all(&client, questions(3), 2).collect();
    assert!(matches!(answered[..], [Answered { outcome: Err(AskError::InsideRuntime), .. }]));
    assert!(client.ask(question(0)).await.is_ok());
}

#[test]
fn a_run_whose_runtime_is_gone_ends_with_errors() {
    let (_folder, path) = journal();
    let server = server(|_, _| Action::Hang);
    let client = client(init(config(&server)), &path);
    let mut answers = client.ask_each(questions(3), 2);
    let mut next = |time| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(Duration::from_millis(time), answers.next()).await })
    };
    assert!(next(300).is_err());
    // Each call has a runtime of its own, and ends what the call before it began.
    for _ in 0..3 {
        let answered = next(20_000).unwrap().unwrap();
        assert!(matches!(answered.outcome, Err(AskError::NoRuntime)), "{answered:?}");
    }
    assert!(next(20_000).unwrap().is_none());
}

#[test]
fn without_a_runtime_a_question_is_an_error() {
    let (_folder, path) = journal();
    let client = client(local(&Arc::default()), &path);
    let outcome = futures_util::FutureExt::now_or_never(client.ask(question(0))).unwrap();
    assert!(matches!(outcome, Err(AskError::NoRuntime)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]
    #[test]
    fn any_questions_at_any_width_get_their_own_answers(
        numbers in prop::collection::vec(0_usize..30, 0..60), max in 0_usize..12,
    ) {
        let (_folder, path) = journal();
        let asked = Arc::new(AtomicU64::new(0));
        let client = client(local(&asked), &path);
        let list = numbers.clone().into_iter().map(question);
        let answered: Vec<_> = BlockingRuntime::new().unwrap().ask_all(&client, list, max).collect();
        let found: Vec<_> = answered.iter().map(|answered| content(answered).to_owned()).collect();
        let expected: Vec<_> = numbers.iter().map(|number| format!("question {number}")).collect();
        prop_assert_eq!(found, expected);
        let different: std::collections::BTreeSet<_> = numbers.iter().collect();
        prop_assert_eq!(asked.load(Ordering::Relaxed), different.len() as u64);
    }
}
