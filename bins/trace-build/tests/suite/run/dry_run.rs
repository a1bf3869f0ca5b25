//! What a dry run shows.

use std::time::Duration;

use trace_synthesis::testing::Slips;

use super::bench::{Bench, command, run};
use super::endpoint::{Endpoint, Faults};
use crate::common::{stderr, stdout};

#[test]
fn a_dry_run_shows_every_kind_of_prompt_and_asks_nothing() {
    let bench = Bench::new(50);
    let endpoint = Endpoint::start(Slips::NONE, Faults::None, Duration::ZERO);
    let prices = "  input_price: 0.5\n  output_price: 1.5\n";
    let config = bench.configure("out", &endpoint.server.base_url(), prices, "");
    let output = command(&config).arg("--dry-run").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let shown = stdout(&output);
    for kind in [
        "expansion",
        "structuring",
        "quality-control",
        "response",
        "evaluation",
        "worse-response",
        "perturbation",
        "rationality",
    ] {
        assert!(
            shown.contains(&format!("===== seed-000000: {kind}, about")),
            "{kind} is missing in\n{shown}"
        );
    }
    assert!(shown.contains("Name some things, as request 0 says.") && !shown.contains("seed-000001"));
    assert!(shown.contains("50 seeds, 0 of them held out") && shown.contains("cost "), "{shown}");
    assert!(!bench.path("out").exists());
    assert_eq!(endpoint.server.requests(), 0);

    // A model that never errs asks for what was foreseen, up to rows whose groups have no x2.
    let foreseen: u64 = shown
        .lines()
        .filter_map(|line| {
            line.split_once("about ").filter(|_| line.starts_with("generator") || line.starts_with("judge"))
        })
        .map(|(_, rest)| rest.split(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(run(&config).status.code(), Some(0));
    let asked = endpoint.server.requests();
    assert!(asked.abs_diff(foreseen) * 5 < foreseen, "{asked} asked, {foreseen} foreseen");
}

#[test]
fn the_configuration_of_the_docs_is_right() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/building-data.md");
    let text = std::fs::read_to_string(docs).unwrap();
    let blocks: Vec<&str> =
        text.split("```yaml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    assert!(!blocks.is_empty());
    for (number, block) in blocks.iter().enumerate() {
        let bench = Bench::new(30);
        std::fs::write(bench.path("build.yaml"), block).unwrap();
        std::fs::write(bench.path("trace_evaluation.jsonl"), "").unwrap();
        let output = command("build.yaml".as_ref())
            .arg("--dry-run")
            .current_dir(bench.folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "block {number}: {}", stderr(&output));
    }
}

/// Characters that command a terminal or reorder what it shows.
const HOSTILE: [char; 4] = ['\u{1b}', '\u{7}', '\u{202e}', '\u{9b}'];

#[test]
fn hostile_texts_of_seeds_and_configurations_stay_texts() {
    let bench = Bench::new(1);
    let seed =
        serde_json::json!({"id": "a", "instruction": "Name \u{1b}[2J\u{7}\u{9b}2J some \u{202e}things."});
    std::fs::write(bench.path("seeds.jsonl"), format!("{seed}\n")).unwrap();
    let config = bench.configure("out", "http://127.0.0.1:1/v1", "", "");
    let output = command(&config).arg("--dry-run").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let shown = stdout(&output);
    assert!(
        shown.contains("Name \\u001b[2J\\u0007\\u009b2J some \\u202ethings.") && !shown.contains(HOSTILE)
    );

    for more in [
        "\"bad\\e[2Jkey\\u202e\\nerror: all is lost\": 1\n",
        "vote_rule: \"\\e[2J\\u202e\"\n",
        "judge: \"\\a\\e\"\n",
    ] {
        let output = run(&bench.configure("out", "http://127.0.0.1:1/v1", "", more));
        assert_eq!(output.status.code(), Some(2));
        let said = stderr(&output);
        assert!(said.contains("\\u001b") && !said.contains(HOSTILE), "{said}");
        assert!(!said.contains("\nerror:"), "{said}");
    }
}
