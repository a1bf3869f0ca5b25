//! A run that is killed again and again.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use trace_schema::PreferenceGroup;
use trace_synthesis::testing::Slips;

use super::bench::{Bench, command, run};
use super::endpoint::{Endpoint, Faults};
use crate::common::stderr;

/// Most questions under way at once, and so most that a kill can make the program ask again.
const CONCURRENCY: u32 = 16;

/// Where runs are killed, as parts of all questions.
const KILLS: [f64; 5] = [0.07, 0.13, 0.41, 0.62, 0.9];

/// The number of seeds: 1,000 take minutes in a debug build.
fn seeds() -> usize {
    std::env::var("TRACE_BUILD_TEST_SEEDS").map_or(60, |seeds| seeds.parse().unwrap())
}

#[test]
fn a_run_that_is_killed_five_times_equals_one_that_is_not_and_asks_nothing_twice() {
    let bench = Bench::new(seeds());
    let held_out = "evaluation:\n  share: 0.05\n  counts: up-to-3\n";
    let start = || Endpoint::start(Slips::SOME, Faults::Some, Duration::ZERO);
    let endpoint = format!("  concurrency: {CONCURRENCY}\n");

    let whole = start();
    let config = bench.configure("whole", &whole.server.base_url(), &endpoint, held_out);
    let started = Instant::now();
    let output = run(&config);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let needed = whole.server.requests();
    assert_eq!(whole.answered_again(), 0);
    eprintln!("{} seeds: {needed} requests in {:.1?}", seeds(), started.elapsed());

    let killed = start();
    let config = bench.configure("killed", &killed.server.base_url(), &endpoint, held_out);
    for part in KILLS {
        let mut child = command(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = (needed as f64 * part) as u64;
        while killed.server.requests() < until {
            assert_eq!(child.try_wait().unwrap(), None, "the run ended before it was killed");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(!bench.path("killed/groups.jsonl").exists());
    let output = run(&config);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    let (mut one, mut other) = (bench.results("whole"), bench.results("killed"));
    // The summary has the configuration with the address of the endpoint and the folder.
    let summaries = [&mut one, &mut other].map(|files| {
        let mut summary: Value = serde_json::from_str(&files.remove("summary.json").unwrap()).unwrap();
        summary.as_object_mut().unwrap().remove("config").unwrap();
        summary
    });
    assert_eq!(summaries[0], summaries[1]);
    assert_eq!(
        one.keys().collect::<Vec<_>>(),
        ["eval.jsonl", "groups.jsonl", "pairs.jsonl", "rejected.jsonl", "sft.jsonl"]
    );
    assert_eq!(one, other);

    // What was under way at a kill may have been answered and not yet kept.
    let again = killed.answered_again();
    eprintln!("{again} answers were lost in {} kills", KILLS.len());
    assert!(again <= CONCURRENCY * KILLS.len() as u32, "{again}");
    let keys: Vec<Value> = bench
        .rows("killed/journal.jsonl")
        .into_iter()
        .filter(|record| record.get("response").is_some())
        .map(|record| record["key"].clone())
        .collect();
    let distinct: BTreeSet<&str> = keys.iter().map(|key| key.as_str().unwrap()).collect();
    assert_eq!((keys.len(), distinct.len()), (killed.answered(), killed.answered()));
    assert_eq!(killed.answered(), whole.answered());

    let before = killed.server.requests();
    assert_eq!(run(&config).status.code(), Some(0));
    assert_eq!(killed.server.requests(), before, "a finished run asked something");
    assert_right(&bench, &killed);
}

/// Every cell of every group is as it should be, by the world's verifiers.
fn assert_right(bench: &Bench, endpoint: &Endpoint) {
    let groups = bench.rows("killed/groups.jsonl");
    assert!(groups.len() * 3 > seeds(), "{} groups", groups.len());
    for group in groups {
        let group: PreferenceGroup = serde_json::from_value(group).unwrap();
        // The model forgets old tasks in long runs.
        let tasks = [&group.x1, &group.x2].map(|instruction| endpoint.model.task(&instruction.prompt()));
        let [Some(x1), Some(x2)] = tasks else {
            assert!(seeds() > 1000, "{}", group.id);
            continue;
        };
        let cells = [(&x1, &group.y1), (&x1, &group.y2), (&x2, &group.y1), (&x2, &group.y2)];
        let right = cells.map(|(task, response)| task.verdict(response).followed());
        assert_eq!(right, [true, false, false, true], "{}", group.id);
    }
}
