//! Configurations, right and wrong.

use super::bench::{Bench, command, run};
use crate::common::{program, stderr, stdout};

#[test]
fn all_problems_of_a_configuration_are_reported_at_once() {
    let bench = Bench::new(1);
    let path = bench.path("wrong.yaml");
    let text = "seed: many\nseds: x\noutput: out\ngenerator:\n  endpoint: http://127.0.0.1:1/v1\n  modle: m\n  \
                max_cost: 1\nvotes: 0\ncounts: up-to-99\nattempts:\n  answers: 2\nsampling:\n  expansion:\n    \
                temprature: 1\nchecks: lax\nevaluation:\n  rows: 5\n  share: 0.5\nsimilarity:\n  threshold: 7\n";
    std::fs::write(&path, text).unwrap();
    let output = run(&path);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    for expected in [
        "`seeds` is missing",
        "unknown key `seds`; did you mean `seeds`?",
        "`seed` should be a whole number from 0, found \"many\"",
        "`generator.model` is missing",
        "unknown key `generator.modle`; did you mean `generator.model`?",
        "`generator.max_cost` needs `input_price` and `output_price`",
        "`votes` should be a whole number from 1",
        "`counts` should be paper-training",
        "unknown key `attempts.answers`; did you mean `attempts.answer`?",
        "unknown key `sampling.expansion.temprature`",
        "`checks` should be strict or paper, found \"lax\"",
        "`evaluation.rows` and `share` exclude each other",
        "`similarity.threshold` should be a number from 0.1 to 1, found 7",
    ] {
        assert!(said.contains(expected), "{expected:?} is missing in\n{said}");
    }
    assert!(said.contains("13 problems"), "{said}");
}

#[test]
fn references_in_values_are_filled_in_or_reported() {
    let bench = Bench::new(1);
    let base = bench.path("data").display().to_string();
    let text = |seeds: &str| {
        format!(
            "output: {base}/out\nseeds: {seeds}\ngenerator:\n  endpoint: ${{oc.env:TRACE_BUILD_TEST_URL,none}}\n  \
             model: '???'\nvotes: '3.0'\nsend_seed: 'yes'\nexpected_response_tokens: 1_000\n"
        )
    };
    let path = bench.path("references.yaml");
    std::fs::write(&path, text("${output}/seeds-${judge.model}.jsonl")).unwrap();
    let said = stderr(&run(&path));
    for expected in [
        "2 problems",
        "`seeds` holds `${judge.model}`, and the configuration has no key `judge.model`",
        "`generator` is `???`, a value that is still to be given",
    ] {
        assert!(said.contains(expected), "{expected:?} is missing in\n{said}");
    }
    std::fs::write(&path, text("${output}/seeds.jsonl").replace("???", "world")).unwrap();
    let said = stderr(&run(&path));
    assert!(said.contains("out/seeds.jsonl") && !said.contains("problem"), "{said}");
}

#[test]
fn a_missing_key_is_reported_before_anything_is_asked() {
    let bench = Bench::new(1);
    let config =
        bench.configure("out", "http://127.0.0.1:1/v1", "  api_key_env: TRACE_BUILD_NO_SUCH_KEY\n", "");
    let output = run(&config);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("TRACE_BUILD_NO_SUCH_KEY"), "{}", stderr(&output));
}

#[test]
fn an_override_with_an_unknown_variable_is_refused() {
    let bench = Bench::new(1);
    std::fs::create_dir(bench.path("prompts")).unwrap();
    let prompts = format!("prompts: {}\n", bench.path("prompts").display());
    let config = bench.configure("out", "http://127.0.0.1:1/v1", "", &prompts);
    let write = |name: &str, text: &str| std::fs::write(bench.path("prompts").join(name), text).unwrap();
    write("structuring.en.txt", "Take {{ instrution }} apart.");
    let said = stderr(&run(&config));
    assert!(said.contains("`instrution`") && said.contains("did you mean `instruction`?"), "{said}");
    write("structuring.en.txt", "Take it apart.");
    assert!(stderr(&run(&config)).contains("does not use the variable `instruction`"));
    write("structuring.en.txt", "Take {{ instruction }} apart.");
    write("strcturing.zh.txt", "x");
    let said = stderr(&run(&config));
    assert!(said.contains("did you mean `structuring.zh.txt`?"), "{said}");
    std::fs::remove_file(bench.path("prompts/strcturing.zh.txt")).unwrap();
    let shown = stdout(&command(&config).arg("--print-prompts").output().unwrap());
    assert!(shown.contains("===== structuring.en.txt\nTake {{ instruction }} apart.\n"), "{shown}");
}

#[test]
fn prompts_are_printed_without_a_configuration() {
    let output = program("run").arg("--print-prompts").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let shown = stdout(&output);
    for kind in [
        "completeness",
        "expansion",
        "judge",
        "perturbation",
        "rationality",
        "redundancy",
        "repair",
        "response",
        "structuring",
        "worse-response",
    ] {
        for language in ["en", "zh"] {
            assert!(shown.contains(&format!("===== {kind}.{language}.txt\n")), "{kind}.{language}");
        }
    }
}
