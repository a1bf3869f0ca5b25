//! Prices, caps and the bill.

use std::path::Path;

use chat_client::testing::{Action, ScriptedServer};
use chat_client::{Answered, AskConfig, AskError, Caps, HttpChat, Journal, JournaledClient, Prices, Usage};

use crate::common::{ask_all, client_with, config, echo, init, server};

const PRICES: Prices = Prices { input_per_million: 2.5, output_per_million: 10.0 };

/// 10 prompt tokens and 5 completion tokens at those prices.
const COST_OF_ONE: f64 = 75e-6;

fn run(server: &ScriptedServer, path: &Path, caps: Caps, max: usize) -> (Vec<Answered>, JournaledClient) {
    let config = AskConfig { prices: Some(PRICES), caps };
    let client = client_with(init(crate::common::config(server)), path, config);
    (ask_all(&client, 20, max), client)
}

fn answers(answered: &[Answered]) -> usize {
    answered.iter().filter(|answered| answered.outcome.is_ok()).count()
}

#[test]
fn the_bill_is_tokens_times_prices() {
    let usage = Usage::new(1_000_000, 500_000);
    assert_eq!(PRICES.cost(usage), 2.5 + 5.0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let server = server(echo);
    let (answered, client) = run(&server, &path, Caps::default(), 4);
    let spent = client.progress().spent;
    assert_eq!((answers(&answered), spent.questions, spent.tokens()), (20, 20, 300));
    assert!((spent.cost - 20.0 * COST_OF_ONE).abs() < 1e-12, "{}", spent.cost);
    drop(client);
    let reopened = Journal::open(&path).unwrap();
    assert_eq!(reopened.report().spent.questions, 20);
    assert!((reopened.report().spent.cost - spent.cost).abs() < 1e-12);
}

#[test]
fn each_cap_stops_further_questions_with_its_name() {
    let cases = [
        (Caps { max_questions: Some(7), ..Caps::default() }, "questions", 7),
        (Caps { max_tokens: Some(76), ..Caps::default() }, "tokens", 6),
        (Caps { max_cost: Some(4.5 * COST_OF_ONE), ..Caps::default() }, "cost", 5),
        (Caps { max_questions: Some(0), ..Caps::default() }, "questions", 0),
    ];
    for (caps, name, allowed) in cases {
        let folder = tempfile::tempdir().unwrap();
        let server = server(echo);
        // One at a time, so that nothing is under way when a cap is reached.
        let (answered, client) = run(&server, &folder.path().join("journal.jsonl"), caps, 1);
        assert_eq!((answered.len(), answers(&answered)), (20, allowed), "{name}");
        assert_eq!((server.requests(), client.progress().asked), (allowed as u64, allowed as u64));
        let error = answered[allowed].outcome.as_ref().unwrap_err();
        assert!(matches!(error, AskError::CapReached { unit, .. } if *unit == name), "{error}");
        assert!(error.is_unasked());
    }
}

#[test]
fn what_is_under_way_at_a_cap_is_finished_and_the_number_of_questions_is_exact() {
    let folder = tempfile::tempdir().unwrap();
    let slow = |request: &_, attempt| echo(request, attempt).after(std::time::Duration::from_millis(50));
    let server = server(slow);
    let caps = Caps { max_questions: Some(10), max_tokens: Some(15), ..Caps::default() };
    let (answered, _) = run(&server, &folder.path().join("a.jsonl"), caps, 4);
    // The first four start before any token is counted.
    assert_eq!((answers(&answered), server.requests()), (4, 4));
    let caps = Caps { max_questions: Some(10), ..Caps::default() };
    let (answered, _) = run(&server, &folder.path().join("b.jsonl"), caps, 8);
    assert_eq!((answers(&answered), server.requests()), (10, 14));
}

#[test]
fn a_cap_counts_earlier_runs_and_known_answers_are_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let server = server(echo);
    let caps = |max| Caps { max_questions: Some(max), ..Caps::default() };
    let counts: Vec<_> = [6, 6, 9].map(|max| answers(&run(&server, &path, caps(max), 3).0)).to_vec();
    assert_eq!((counts, server.requests()), (vec![6, 6, 9], 9));
}

#[test]
fn prices_and_caps_that_are_not_amounts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let server = server(echo);
    let refuse = |prices, max_cost| {
        let caps = Caps { max_cost, ..Caps::default() };
        let chat: HttpChat = init(config(&server));
        let client = JournaledClient::new(chat, Journal::open(&path).unwrap(), AskConfig { prices, caps });
        client.unwrap_err().to_string()
    };
    assert!(refuse(None, Some(1.0)).contains("needs the prices"));
    assert!(refuse(Some(PRICES), Some(f64::NAN)).contains("max_cost must be"));
    let negative = Prices { output_per_million: -1.0, ..PRICES };
    assert!(refuse(Some(negative), None).contains("a price must be"));
}

#[test]
fn a_cap_that_cannot_hold_stops_and_answers_without_counts_are_kept() {
    let uncounted = |_: &_, _| {
        Action::Json(
            serde_json::json!({"choices": [{"message": {"content": "blue"}, "finish_reason": "stop"}]}),
        )
    };
    let server = server(uncounted);
    let folder = tempfile::tempdir().unwrap();
    for (name, caps) in [
        ("tokens", Caps { max_tokens: Some(1_000), ..Caps::default() }),
        ("cost", Caps { max_cost: Some(1.0), ..Caps::default() }),
    ] {
        let (answered, client) = run(&server, &folder.path().join(name), caps, 1);
        assert_eq!((answers(&answered), client.progress().spent.uncounted), (1, 1));
        let error = answered[1].outcome.as_ref().unwrap_err();
        assert!(
            error.is_unasked() && error.to_string().contains(&format!("a cap on {name} cannot hold")),
            "{error}"
        );
    }
    let (answered, client) = run(&server, &folder.path().join("none"), Caps::default(), 1);
    assert_eq!(answers(&answered), 20);
    assert!(client.progress().spent.remark().unwrap().contains("of 20 answers"));
    let caps = Caps { max_questions: Some(3), ..Caps::default() };
    assert_eq!(answers(&run(&server, &folder.path().join("questions"), caps, 1).0), 3);
}
