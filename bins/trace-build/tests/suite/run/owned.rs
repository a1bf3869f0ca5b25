//! A run replaces and removes what a run wrote, once it has built something.

use std::time::Duration;

use trace_synthesis::testing::Slips;

use super::bench::{Bench, run};
use super::endpoint::{Endpoint, Faults};
use crate::common::{failure, stderr};

/// Where nobody answers.
const DOWN: &str = "http://127.0.0.1:9/v1";
const FILES: [&str; 6] =
    ["sft.jsonl", "pairs.jsonl", "groups.jsonl", "eval.jsonl", "rejected.jsonl", "summary.json"];

#[test]
fn files_of_a_users_are_neither_emptied_nor_removed() {
    let bench = Bench::new(3);
    let endpoint = Endpoint::start(Slips::NONE, Faults::None, Duration::ZERO);
    for name in FILES {
        for url in [DOWN, &endpoint.server.base_url()] {
            let out = bench.path("out");
            std::fs::create_dir_all(&out).unwrap();
            std::fs::write(out.join(name), "mine").unwrap();
            // Pairs that are not wanted would be removed.
            let errors = failure(&run(&bench.configure("out", url, "  attempts: 1\n", "pairs: false\n")));
            assert!(errors.contains(name) && errors.contains("trace-build run did not write it"), "{errors}");
            assert_eq!(std::fs::read_to_string(out.join(name)).unwrap(), "mine");
            std::fs::remove_dir_all(&out).unwrap();
        }
    }
    assert_eq!(endpoint.server.requests(), 0);
}

#[test]
fn a_run_whose_endpoint_is_down_leaves_the_files_of_the_run_before() {
    let bench = Bench::new(3);
    let endpoint = Endpoint::start(Slips::NONE, Faults::None, Duration::ZERO);
    let output = run(&bench.configure("out", &endpoint.server.base_url(), "", ""));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let before = bench.results("out");
    assert_eq!(bench.rows("out/sft.jsonl").len(), 3);
    // Another seed asks other questions, which the journal does not answer.
    let output = run(&bench.configure("out", DOWN, "  attempts: 1\n", "seed: 99\n"));
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("stay as they were"), "{}", stderr(&output));
    assert_eq!(bench.results("out"), before);
    // Back again, it replaces them.
    let output = run(&bench.configure("out", &endpoint.server.base_url(), "", "seed: 99\n"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_ne!(bench.results("out"), before);
}

#[test]
fn a_run_does_not_write_over_its_seeds() {
    let bench = Bench::new(2);
    let out = bench.path("out");
    std::fs::create_dir_all(&out).unwrap();
    std::fs::hard_link(bench.path("seeds.jsonl"), out.join("sft.jsonl")).unwrap();
    let errors = failure(&run(&bench.configure("out", DOWN, "", "")));
    assert!(errors.contains("is an input and would be overwritten"), "{errors}");
}
