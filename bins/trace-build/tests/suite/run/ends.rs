//! Runs that end early, and what they say.

use std::time::Duration;

use chat_client::testing::{Action, ScriptedServer};
use trace_synthesis::testing::Slips;

use super::bench::{Bench, run};
use super::endpoint::{Endpoint, Faults};
use crate::common::{stderr, stdout};

#[test]
fn a_cap_ends_a_run_with_code_three_and_the_next_run_goes_on() {
    let bench = Bench::new(10);
    let endpoint = Endpoint::start(Slips::NONE, Faults::None, Duration::ZERO);
    let url = endpoint.server.base_url();
    let prices = "  input_price: 1\n  output_price: 2\n";
    let capped = bench.configure("out", &url, &format!("{prices}  max_cost: 0.001\n"), "");
    let output = run(&capped);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("run the same command again"), "{}", stderr(&output));
    let rejected = bench.rows("out/rejected.jsonl");
    assert!(rejected.iter().any(|row| row["reason"] == "not-asked"));
    // A request costs 20 millionths; those that were under way are finished.
    let asked = endpoint.server.requests();
    assert!((50..50 + 64).contains(&asked), "{asked}");

    let output = run(&bench.configure("out", &url, prices, ""));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(endpoint.answered_again(), 0);
    let said = stdout(&output);
    assert!(said.contains("10 seeds") && said.contains("cost 0.00"), "{said}");
    assert_eq!(bench.rows("out/sft.jsonl").len(), 10);
}

#[test]
fn a_wrong_key_ends_a_run_at_once() {
    let bench = Bench::new(300);
    let server = ScriptedServer::start(|_, _| Action::status(401)).unwrap();
    let output = run(&bench.configure("out", &server.base_url(), "  concurrency: 2\n", ""));
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("given up") && stderr(&output).contains("401"), "{}", stderr(&output));
    assert!(server.requests() < 20, "{}", server.requests());
}

#[test]
fn a_run_of_which_the_endpoint_refuses_every_seed_is_not_done() {
    let bench = Bench::new(2);
    let refuse = |words: &'static str| {
        ScriptedServer::start(move |_, _| {
            let body = serde_json::json!({"error": {"message": words}}).to_string();
            Action::Status { status: 400, headers: Vec::new(), body }
        })
        .unwrap()
    };
    for (name, words) in [("wrong", "That is wrong."), ("unsupported", "Unsupported parameter: 'logit_bias'")]
    {
        let output = run(&bench.configure(name, &refuse(words).base_url(), "", ""));
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn settings_that_the_endpoint_refuses_are_left_out_and_told() {
    let bench = Bench::new(4);
    let model = std::sync::Arc::new(trace_synthesis::testing::WorldModel::new(Slips::NONE));
    let server = ScriptedServer::start(move |request, _| {
        let body = request.json();
        if !body["temperature"].is_null() {
            let error = serde_json::json!({
                "message": "Unsupported value: 'temperature' does not support 0.8 with this model.",
                "param": "temperature",
                "code": "unsupported_value",
            });
            let body = serde_json::json!({"error": error}).to_string();
            return Action::Status { status: 400, headers: Vec::new(), body };
        }
        Action::answer(model.answer_to(&request.question(), body["seed"].as_u64().unwrap()))
    })
    .unwrap();
    let output = run(&bench.configure("out", &server.base_url(), "", ""));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("`temperature` left out").count(), 1, "{}", stderr(&output));
    assert_eq!(bench.rows("out/sft.jsonl").len(), 4);
}

#[test]
fn a_judge_of_its_own_has_a_journal_of_its_own() {
    let bench = Bench::new(8);
    let [generator, judge] = [(); 2].map(|()| Endpoint::start(Slips::NONE, Faults::None, Duration::ZERO));
    // The judge has to know the tasks, too; it is the same model behind another address.
    let shared = generator.model.clone();
    let other = ScriptedServer::start(move |request, _| {
        let seed = request.json()["seed"].as_u64().unwrap();
        Action::answer(shared.answer_to(&request.question(), seed))
    })
    .unwrap();
    drop(judge);
    let more = format!("judge:\n  endpoint: {}\n  model: fair\n", other.base_url());
    let output = run(&bench.configure("out", &generator.server.base_url(), "", &more));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let judged = bench.rows("out/judge.journal.jsonl");
    assert!(judged.len() > 40 && judged.iter().all(|record| record["model"] == "fair"));
    let written = bench.rows("out/journal.jsonl");
    assert!(written.iter().all(|record| record["model"] == "world"));
    assert_eq!(judged.len() as u64, other.requests());
}

#[test]
fn an_endpoint_that_holds_to_schemas_gets_them() {
    let bench = Bench::new(2);
    let endpoint = Endpoint::start(Slips::NONE, Faults::None, Duration::ZERO);
    let run_with = |endpoint_keys: &str, name: &str| {
        let output = run(&bench.configure(name, &endpoint.server.base_url(), endpoint_keys, ""));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let request = endpoint.server.last_request().unwrap();
        // The last question about a row is that about its four pairs.
        request.json()["response_format"]["json_schema"]["name"].clone()
    };
    assert_eq!(run_with("  structured_output: true\n", "structured"), "verdicts");
    assert!(run_with("", "plain").is_null());
}

#[test]
fn a_second_run_at_the_same_time_is_refused() {
    let bench = Bench::new(3);
    let endpoint = Endpoint::start(Slips::NONE, Faults::None, Duration::from_millis(300));
    let config = bench.configure("out", &endpoint.server.base_url(), "", "");
    let mut first = super::bench::command(&config).stderr(std::process::Stdio::null()).spawn().unwrap();
    while endpoint.server.requests() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = run(&config);
    assert_eq!(second.status.code(), Some(2));
    assert!(stderr(&second).contains("in use by another run"), "{}", stderr(&second));
    assert!(first.wait().unwrap().success());
}
