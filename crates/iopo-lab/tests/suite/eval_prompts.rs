//! Prompts that are answered and checked at evaluations.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use iopo_lab::{LabError, trainer};
use iopo_train::{LogEntry, TrainArgs, TrainConfig, TrainSummary};
use serde_json::{Value, json};
use tempfile::tempdir;
use trace_world::{CountDistribution, TaskSampler, world_rng};

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/qwen2-tiny")
}

fn train(config: TrainConfig) -> Result<TrainSummary, LabError> {
    Ok(trainer(config, &Device::flex())?.run(&mut ())?)
}

fn refused(config: TrainConfig) -> String {
    trainer(config, &Device::flex()).unwrap_err().to_string()
}

/// Names in a folder, in order.
fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // The record of them says the same once more.
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

/// Rows to learn by heart, and the prompts of the same rows: four of the world and two of IFEval.
struct Files {
    rows: PathBuf,
    world: PathBuf,
    ifeval: PathBuf,
}

fn files(dir: &Path) -> Files {
    let sampler = TaskSampler::new(CountDistribution::up_to(1));
    let mut rng = world_rng(5, 0);
    let (mut rows, mut world, mut ifeval) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..4 {
        let task = sampler.sample(&mut rng).unwrap();
        rows.push(json!({"prompt": task.prompt(), "completion": task.respond(&mut rng)}));
        world.push(serde_json::to_value(task.to_eval_row(format!("w{number}"), "test").unwrap()).unwrap());
    }
    for (key, word) in [(7, "river"), (9, "stone")] {
        let prompt = format!("Say {word} in lower case.");
        rows.push(json!({"prompt": prompt, "completion": format!("a {word} here")}));
        let ids = json!(["keywords:existence", "change_case:english_lowercase"]);
        let kwargs = json!([{"keywords": [word]}, {}]);
        ifeval.push(json!({"key": key, "prompt": prompt, "instruction_id_list": ids, "kwargs": kwargs}));
    }
    let write = |name: &str, rows: &[Value]| {
        let path = dir.join(name);
        fs::write(&path, rows.iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
        path
    };
    Files {
        rows: write("rows.jsonl", &rows),
        world: write("world.jsonl", &world),
        ifeval: write("ifeval.jsonl", &ifeval),
    }
}

impl Files {
    /// Supervised training of the whole tiny model on the rows, evaluated every eight updates.
    fn args(&self, out: &Path, more: &[&str]) -> TrainArgs {
        let text = format!(
            "{{model_name_or_path: {:?}, output_dir: {out:?}, dataset: {:?}, template: qwen, stage: sft, \
             finetuning_type: full, learning_rate: 3.0e-3, lr_scheduler_type: constant, per_device_train_batch_size: 6, \
             max_steps: 48, logging_steps: 8, eval_strategy: steps, save_strategy: 'no', eval_max_new_tokens: 64, \
             eval_prompts: [{:?}, {:?}]}}",
            tiny(),
            self.rows,
            self.world,
            self.ifeval
        );
        let more: Vec<String> = more.iter().map(|&line| line.to_owned()).collect();
        TrainArgs::from_yaml(&text, Path::new("test.yaml"), &more).unwrap()
    }

    fn config(&self, out: &Path, more: &[&str]) -> TrainConfig {
        self.args(out, more).validate().unwrap()
    }
}

fn values(summary: &TrainSummary, name: &str) -> Vec<f64> {
    summary.log.iter().filter_map(|entry| entry.get(name)).collect()
}

fn evaluations(log: &[LogEntry]) -> Vec<&LogEntry> {
    log.iter().filter(|entry| entry.get("eval_if").is_some()).collect()
}

fn answers(out: &Path, step: usize) -> Vec<Value> {
    let text = fs::read_to_string(out.join(format!("eval_answers/step-{step}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_model_that_learns_the_answers_follows_more_prompts_and_the_first_best_one_is_kept() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("out");
    let more = ["eval_on_start=true", "metric_for_best_model=eval_if", "load_best_model_at_end=true"];
    let summary = train(files(dir.path()).config(&out, &more)).unwrap();
    for name in ["eval_if", "eval_if_constraints", "eval_if_strict", "eval_if_loose", "eval_if_inst_strict"] {
        let shares = values(&summary, name);
        assert_eq!(shares.len(), 7, "{name}");
        assert!(shares[0] <= 0.5 && shares[6] > shares[0], "{name}: {shares:?}");
        // The reference is the start, and does not move.
        let reference = values(&summary, &name.replace("eval_", "eval_ref_"));
        assert_eq!(reference, vec![shares[0]; 7], "{name}");
    }
    assert_eq!(values(&summary, "eval_if_strict")[6], 1.0);
    let shares = values(&summary, "eval_if");
    let best = shares[1..].iter().copied().fold(0.0, f64::max);
    let first = shares[1..].iter().position(|&share| share == best).unwrap();
    assert_eq!(summary.selection.best_metric, Some(best));
    assert_eq!(summary.selection.best_global_step, Some(8 * (first + 1)));
}

#[test]
fn answers_of_policy_and_reference_stand_side_by_side() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("out");
    let more = ["eval_decoding=both", "eval_num_samples=2", "eval_log_answers=3", "eval_steps=48"];
    let summary = train(files(dir.path()).config(&out, &more)).unwrap();
    assert_eq!(names_in(&out.join("eval_answers")), ["step-48.jsonl"]);
    let rows = answers(&out, 48);
    let told: Vec<_> =
        rows.iter().map(|row| (row["id"].as_str().unwrap(), row["decoding"].as_str().unwrap())).collect();
    let of = |id| [(id, "greedy"), (id, "sampled"), (id, "sampled")];
    assert_eq!(told, [of("w0"), of("w2"), of("7")].concat());
    assert_eq!(
        (&rows[6]["format"], &rows[6]["policy"]["answer"]),
        (&json!("ifeval"), &json!("a river here"))
    );
    assert_eq!(
        (&rows[6]["policy"]["strict"], &rows[6]["reference"]["strict"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&rows[0]["policy"]["constraints"].as_array().unwrap().len(), &rows[0]["step"]),
        (&1, &json!(48))
    );
    assert!(rows[2]["sample"] == 1 && rows[0]["sample"].is_null());
    let [both, greedy, sampled] = ["eval_if_strict", "eval_if_strict_greedy", "eval_if_strict_sampled"]
        .map(|name| values(&summary, name)[0]);
    assert_eq!(both, (greedy + sampled) / 2.0);
    assert_eq!(greedy, 1.0);
}

#[test]
fn a_named_reference_answers_in_the_place_of_the_start() {
    let dir = tempdir().unwrap();
    let files = files(dir.path());
    let learned = dir.path().join("learned");
    let expected = train(files.config(&learned, &["eval_steps=48"])).unwrap();
    let pairs = dir.path().join("pairs.jsonl");
    fs::write(&pairs, "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n").unwrap();
    let (data, reference) = (format!("dataset={pairs:?}"), format!("ref_model={learned:?}"));
    let more = ["stage=dpo", "max_steps=1", "eval_on_start=true", "learning_rate=1e-9", &data, &reference];
    for precomputed in ["precompute_ref_log_probs=true", "precompute_ref_log_probs=false"] {
        let out = dir.path().join(precomputed);
        let summary = train(files.config(&out, &[&more[..], &[precomputed]].concat())).unwrap();
        for name in ["if", "if_strict", "if_inst_loose"] {
            let learned = values(&expected, &format!("eval_{name}"))[0];
            assert_eq!(values(&summary, &format!("eval_ref_{name}")), [learned; 2], "{name}");
            let start = values(&expected, &format!("eval_ref_{name}"))[0];
            assert_eq!(values(&summary, &format!("eval_{name}")), [start; 2], "{name}");
            assert!(learned > start);
        }
    }
}

#[test]
fn a_resumed_run_measures_what_an_uninterrupted_one_does() {
    let dir = tempdir().unwrap();
    let files = files(dir.path());
    let settings = [
        "max_steps=16",
        "eval_steps=4",
        "save_strategy=steps",
        "save_steps=8",
        "eval_decoding=both",
        "metric_for_best_model=eval_if_loose",
    ];
    let whole = dir.path().join("whole");
    let expected = train(files.config(&whole, &settings)).unwrap();
    assert_eq!(evaluations(&expected.log).len(), 4);
    let checkpoint = format!("resume_from_checkpoint={:?}", whole.join("checkpoint-8"));
    let resumed = dir.path().join("resumed");
    let summary = train(files.config(&resumed, &[&settings[..], &[&checkpoint]].concat())).unwrap();
    assert_eq!(summary.log, expected.log);
    assert_eq!(summary.selection, expected.selection);
    for step in [12, 16] {
        assert_eq!(answers(&resumed, step), answers(&whole, step));
    }
    // Shares of other prompts, or by other rules, say nothing about those that chose so far.
    let ifeval = fs::read_to_string(&files.ifeval).unwrap();
    let stricter = dir.path().join("stricter.jsonl");
    fs::write(
        &stricter,
        ifeval.replace("stone", "stone\", \"lower").replacen("Say stone\", \"lower", "Say stone", 1),
    )
    .unwrap();
    for files_of in [vec![&files.ifeval], vec![&files.world, &stricter]] {
        let prompts = format!("eval_prompts={files_of:?}");
        let more = [&settings[..], &[&checkpoint, &prompts]].concat();
        let error = train(files.config(&dir.path().join("other"), &more)).unwrap_err().to_string();
        assert!(error.contains("eval_prompts"), "{error}");
    }
}

#[test]
fn early_stopping_waits_for_more_prompts_followed_and_not_for_fewer() {
    let dir = tempdir().unwrap();
    // Nothing is learned, so every evaluation but the first is none better.
    let more =
        ["learning_rate=1e-12", "eval_steps=1", "metric_for_best_model=if_strict", "early_stopping_steps=3"];
    let summary = train(files(dir.path()).config(&dir.path().join("out"), &more)).unwrap();
    assert_eq!((summary.steps, summary.selection.best_global_step), (4, Some(1)));
}

#[test]
fn files_that_cannot_be_used_are_refused_with_their_place_before_anything_is_written() {
    let dir = tempdir().unwrap();
    let files = files(dir.path());
    let world = fs::read_to_string(&files.world).unwrap();
    let ifeval = fs::read_to_string(&files.ifeval).unwrap();
    let first = world.lines().next().unwrap();
    for (name, text, parts) in [
        ("torn", format!("{first}\n{{\"id\": 3"), &["torn.jsonl", "2"][..]),
        (
            "other-prompt",
            world.replace("Name ", "Call ").replace("List ", "Call "),
            &["other-prompt.jsonl", "1"],
        ),
        ("rule", world.replacen("\"wording\":", "\"words\":", 1), &["rule.jsonl", "row 1", "w0"]),
        ("twice", format!("{first}\n{first}\n"), &["twice.jsonl", "\"w0\""]),
        ("kind", ifeval.replacen("english_lowercase", "klingon", 1), &["kind.jsonl", "key 7", "klingon"]),
        ("neither", "{\"prompt\": \"a\"}\n".to_owned(), &["neither.jsonl", "instruction_id_list", "world"]),
        ("empty", String::new(), &["empty.jsonl", "no rows"]),
    ] {
        let path = dir.path().join(format!("{name}.jsonl"));
        fs::write(&path, text).unwrap();
        let out = dir.path().join("out");
        let prompts = format!("eval_prompts={path:?}");
        let message = refused(files.config(&out, &[&prompts]));
        assert!(parts.iter().all(|part| message.contains(part)), "{name}: {message}");
        assert!(message.starts_with("eval_prompts: "), "{message}");
        assert!(!out.exists());
    }
    let gone = files.config(&dir.path().join("out"), &["eval_prompts=gone.jsonl"]);
    let message = refused(gone);
    assert!(message.contains("gone.jsonl"), "{message}");
}

#[test]
fn a_metric_that_the_prompts_do_not_give_is_refused_before_training() {
    let dir = tempdir().unwrap();
    let files = files(dir.path());
    let world = format!("eval_prompts={:?}", files.world);
    for metric in ["if_strict", "if_greedy"] {
        let metric = format!("metric_for_best_model={metric}");
        let config = files.config(&dir.path().join("out"), &[&metric, &world]);
        let message = refused(config);
        assert!(message.contains("an evaluation gives eval_if, eval_if_constraints"), "{message}");
    }
}

#[test]
fn a_new_run_in_an_old_folder_leaves_no_old_answers() {
    let dir = tempdir().unwrap();
    let (files, out) = (files(dir.path()), dir.path().join("out"));
    train(files.config(&out, &["max_steps=3", "eval_steps=1"])).unwrap();
    train(files.config(&out, &["max_steps=2", "eval_steps=2", "overwrite_output_dir=true"])).unwrap();
    assert_eq!(names_in(&out.join("eval_answers")), ["step-2.jsonl"]);
}
