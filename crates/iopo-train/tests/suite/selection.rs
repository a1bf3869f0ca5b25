//! Evaluations by a program's own metrics, and the best model among those evaluated.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use iopo_model::{CausalLm, Parameters, Precision, load_adapter, load_model};
use iopo_train::{
    ArgsError, Evaluator, EvaluatorError, Observer, StartReference, TrainError, TrainSummary, Trainer,
};
use serde_json::Value;
use tempfile::tempdir;

use crate::common::{args, copy_folder, names_in, tiny, train, trained_adapter, trained_values};

type Weights = BTreeMap<String, Vec<f64>>;

/// Gives the metrics that a test has written down, and remembers what it has seen.
struct Scripted {
    name: &'static str,
    /// By update; an update that is not there fails, as a process that is killed does.
    values: BTreeMap<usize, f64>,
    seen: Arc<Mutex<BTreeMap<usize, Weights>>>,
}

impl Evaluator for Scripted {
    fn evaluate(
        &mut self,
        policy: &CausalLm,
        step: usize,
        _observer: &mut dyn Observer,
    ) -> Result<BTreeMap<String, f64>, EvaluatorError> {
        self.seen.lock().unwrap().insert(step, weights(policy));
        let value = *self.values.get(&step).ok_or("the machine was switched off")?;
        Ok(BTreeMap::from([(self.name.to_owned(), value)]))
    }
}

fn weights(policy: &CausalLm) -> Weights {
    let parameters = policy.parameters().into_iter();
    parameters.map(|p| (p.name, p.values.try_into_vec_as::<f64>().unwrap())).collect()
}

/// Six updates, each evaluated; what the run gave, and the weights that were evaluated.
struct Run {
    result: Result<TrainSummary, TrainError>,
    seen: BTreeMap<usize, Weights>,
    /// The trainer's model at the end.
    policy: Weights,
}

fn run(out: &Path, name: &'static str, values: &[f64], more: &[&str]) -> Run {
    let metric = format!("metric_for_best_model=eval_{name}");
    let lines =
        ["max_samples=4", "max_steps=6", "eval_strategy=steps", "eval_steps=1", "save_strategy=no", &metric];
    let config = args(out, &[&lines, more].concat()).validate_with_evaluator().unwrap();
    let seen = Arc::default();
    let values = [f64::NAN].iter().chain(values).copied().enumerate().collect();
    let scripted = Scripted { name, values, seen: Arc::clone(&seen) };
    let mut trainer = Trainer::new(config, &Device::flex()).unwrap().with_evaluator(scripted);
    let result = trainer.run(&mut ());
    let seen = seen.lock().unwrap().clone();
    Run { result, seen, policy: weights(trainer.policy()) }
}

fn final_weights(out: &Path) -> Weights {
    let base = load_model(&tiny(), Precision::default(), &Device::flex()).unwrap();
    weights(&load_adapter(base, out).unwrap())
}

fn state(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join("trainer_state.json")).unwrap()).unwrap()
}

fn checkpoints(out: &Path) -> Vec<String> {
    names_in(out).into_iter().filter(|name| name.starts_with("checkpoint")).collect()
}

const LOAD_BEST: &str = "load_best_model_at_end=true";

#[test]
fn the_final_model_is_the_best_one_in_the_metrics_own_direction() {
    let values = [0.3, 0.9, 0.5, 0.1, 0.5, 0.4];
    for (name, more, best) in [
        ("if_m", &[LOAD_BEST][..], 2),
        ("own_loss", &[LOAD_BEST], 4),
        ("if_m", &[LOAD_BEST, "greater_is_better=false"], 4),
        ("own_loss", &[LOAD_BEST, "greater_is_better=true"], 2),
        ("if_m", &[], 6),
    ] {
        let dir = tempdir().unwrap();
        let run = run(dir.path(), name, &values, more);
        let summary = run.result.unwrap();
        assert_eq!(final_weights(dir.path()), run.seen[&best], "{name} {more:?}");
        assert_eq!(run.policy, run.seen[&best]);
        assert_ne!(run.seen[&2], run.seen[&4]);
        let chosen = if more.is_empty() { 2 } else { best };
        assert_eq!(summary.selection.best_global_step, Some(chosen));
        assert_eq!(summary.selection.best_metric, Some(values[chosen - 1]));
        let state = state(dir.path());
        assert_eq!(
            (&state["best_global_step"], &state["best_metric"]),
            (&chosen.into(), &values[chosen - 1].into())
        );
        assert_eq!(state["metric_for_best_model"], format!("eval_{name}"));
    }
}

#[test]
fn the_metrics_stand_in_the_log_beside_those_of_the_held_out_rows() {
    let dir = tempdir().unwrap();
    let run = run(dir.path(), "if_m", &[0.25; 6], &["val_size=1", "eval_steps=3"]);
    let summary = run.result.unwrap();
    let lines: Vec<_> = summary.log.iter().filter(|entry| entry.get("eval_if_m").is_some()).collect();
    assert_eq!(lines.iter().map(|entry| entry.step).collect::<Vec<_>>(), [3, 6]);
    assert!(
        lines.iter().all(|entry| entry.get("eval_loss").is_some() && entry.get("eval_if_m") == Some(0.25))
    );
    assert_eq!(summary.evaluation.unwrap().get("if_m"), Some(0.25));
}

#[test]
fn an_evaluation_before_the_first_update_is_logged_and_chooses_nothing() {
    let dir = tempdir().unwrap();
    let config = [
        "max_samples=4",
        "max_steps=2",
        "val_size=1",
        "eval_strategy=epoch",
        "eval_on_start=true",
        LOAD_BEST,
        "learning_rate=1e-9",
    ];
    let summary = train(args(dir.path(), &config).validate().unwrap()).unwrap();
    assert_eq!((summary.log[0].step, summary.log[0].epoch), (0, 0.0));
    assert!(summary.log[0].get("eval_loss").is_some());
    assert!(summary.selection.best_global_step > Some(0));
}

#[test]
fn training_stops_after_as_many_evaluations_without_a_better_model() {
    for (name, values, steps) in [
        ("if_m", [0.1, 0.4, 0.3, 0.4, 0.5, 0.6], 4),
        ("own_loss", [0.9, 0.4, 0.5, 0.4, 0.3, 0.2], 4),
        ("if_m", [0.1, 0.2, 0.1, 0.3, 0.1, 0.4], 6),
    ] {
        let dir = tempdir().unwrap();
        let run = run(dir.path(), name, &values, &["early_stopping_steps=2", LOAD_BEST, "logging_steps=3"]);
        let summary = run.result.unwrap();
        assert_eq!(summary.steps, steps, "{name} {values:?}");
        // The mean that was not due yet is logged all the same.
        assert_eq!(summary.log.iter().rev().find(|entry| entry.get("loss").is_some()).unwrap().step, steps);
        assert_eq!(final_weights(dir.path()), run.seen[&if steps == 4 { 2 } else { 6 }]);
    }
}

#[test]
fn what_is_not_a_number_is_not_the_best() {
    let dir = tempdir().unwrap();
    let nan = f64::NAN;
    let first = run(dir.path(), "if_m", &[nan, 0.1, nan, 0.2, nan, nan], &[LOAD_BEST]);
    assert_eq!(first.result.unwrap().selection.best_global_step, Some(4));
    assert_eq!(final_weights(dir.path()), first.seen[&4]);
    let dir = tempdir().unwrap();
    let never = run(dir.path(), "if_m", &[nan; 6], &[LOAD_BEST]);
    assert_eq!(never.result.unwrap().selection.best_global_step, None);
    assert_eq!(final_weights(dir.path()), never.seen[&6]);
}

#[test]
fn the_best_checkpoint_outlives_rotation_and_its_predecessors_do_not() {
    let values = [0.1, 0.2, 0.9, 0.3, 0.4, 0.5];
    for (more, kept) in [
        (&["save_strategy=no"][..], &["checkpoint-3"][..]),
        (&["save_strategy=steps", "save_steps=2", "save_total_limit=1"], &["checkpoint-3", "checkpoint-6"]),
        (
            &["save_strategy=steps", "save_steps=1", "save_total_limit=2"],
            &["checkpoint-3", "checkpoint-5", "checkpoint-6"],
        ),
        (
            &["save_strategy=steps", "save_steps=2"],
            &["checkpoint-2", "checkpoint-3", "checkpoint-4", "checkpoint-6"],
        ),
    ] {
        let dir = tempdir().unwrap();
        run(dir.path(), "if_m", &values, &[more, &[LOAD_BEST]].concat()).result.unwrap();
        assert_eq!(checkpoints(dir.path()), kept, "{more:?}");
    }
}

/// The evaluation after the fifth update fails, as if the process had been killed there.
#[test]
fn a_killed_and_resumed_run_ends_with_the_same_best_model() {
    let values = [0.1, 0.8, 0.3, 0.2, 0.6, 0.7];
    for more in [
        &["save_strategy=no"][..],
        &["save_strategy=steps", "save_steps=2", "save_total_limit=1"],
        &["save_strategy=steps", "save_steps=1", "early_stopping_steps=4"],
    ] {
        let lines = [more, &[LOAD_BEST]].concat();
        let (whole, killed) = (tempdir().unwrap(), tempdir().unwrap());
        run(whole.path(), "if_m", &values, &lines).result.unwrap();
        let error = run(killed.path(), "if_m", &values[..4], &lines).result.unwrap_err();
        assert!(matches!(error, TrainError::Evaluator { step: 5, .. }), "{error}");
        let again = [&lines[..], &["resume_from_checkpoint=true"]].concat();
        run(killed.path(), "if_m", &values, &again).result.unwrap();
        for file in ["adapter_model.safetensors", "trainer_log.jsonl"] {
            assert!(
                fs::read(whole.path().join(file)).unwrap() == fs::read(killed.path().join(file)).unwrap(),
                "{more:?} {file}"
            );
        }
        let best = |dir: &Path| {
            [
                &state(dir)["best_metric"],
                &state(dir)["best_global_step"],
                &state(dir)["evaluations_since_best"],
            ]
            .map(Value::clone)
        };
        assert_eq!(best(whole.path()), best(killed.path()));
        assert_eq!(checkpoints(whole.path()), checkpoints(killed.path()));
    }
}

#[test]
fn the_best_checkpoint_outlives_rotation_however_the_resumed_one_is_named() {
    let values = [0.1, 0.8, 0.3, 0.2, 0.6, 0.7];
    let lines = ["save_strategy=steps", "save_steps=2", "save_total_limit=1", LOAD_BEST];
    let dir = tempdir().unwrap();
    let first = run(dir.path(), "if_m", &values[..4], &lines);
    first.result.unwrap_err();
    let roundabout = dir.path().join("checkpoint-2/../checkpoint-4");
    let again = format!("resume_from_checkpoint={}", roundabout.display());
    run(dir.path(), "if_m", &values, &[&lines[..], &[&again]].concat()).result.unwrap();
    assert_eq!(checkpoints(dir.path()), ["checkpoint-2", "checkpoint-6"]);
    assert_eq!(final_weights(dir.path()), first.seen[&2]);
}

/// Killed when the best checkpoint was on disk, and the one before it not yet removed.
#[test]
fn a_resumed_run_removes_the_best_checkpoint_that_no_longer_is() {
    let lines = ["save_strategy=no", LOAD_BEST];
    let dir = tempdir().unwrap();
    run(dir.path(), "if_m", &[0.1, 0.8], &lines).result.unwrap_err();
    assert_eq!(checkpoints(dir.path()), ["checkpoint-2"]);
    copy_folder(&dir.path().join("checkpoint-2"), &dir.path().join("checkpoint-1"));
    let again = ["resume_from_checkpoint=true"];
    let values = [0.1, 0.8, 0.1, 0.1, 0.1, 0.1];
    run(dir.path(), "if_m", &values, &[&lines[..], &again].concat()).result.unwrap();
    assert_eq!(checkpoints(dir.path()), ["checkpoint-2"]);
}

#[test]
fn a_resumed_run_chooses_as_it_did_before() {
    let dir = tempdir().unwrap();
    let lines = ["save_strategy=steps", "save_steps=2", LOAD_BEST];
    run(dir.path(), "if_m", &[0.9, 0.1, 0.1, 0.1], &lines).result.unwrap_err();
    let again = [&lines[..], &["resume_from_checkpoint=true"]].concat();
    let reason = |name, more: &[&str]| {
        run(dir.path(), name, &[0.1; 6], &[&again, more].concat()).result.unwrap_err().to_string()
    };
    assert!(reason("other", &[]).contains("by eval_if_m, this one does by eval_other"));
    let turned = reason("if_m", &["greater_is_better=false"]);
    assert!(turned.contains("greater_is_better: true there, false here"), "{turned}");
    let other_rows = reason("if_m", &["eval_dataset=eval_groups.jsonl"]);
    assert!(other_rows.contains("held-out examples: 0, hash"), "{other_rows}");
    fs::remove_dir_all(dir.path().join("checkpoint-1")).unwrap();
    assert!(reason("if_m", &[]).contains("its checkpoint is not there"));
}

#[test]
fn the_held_out_loss_chooses_where_no_metric_is_named() {
    let dir = tempdir().unwrap();
    let lines = [
        "max_samples=4",
        "max_steps=4",
        "val_size=1",
        "eval_strategy=epoch",
        "save_strategy=no",
        "finetuning_type=full",
        LOAD_BEST,
    ];
    let summary = train(args(dir.path(), &lines).validate().unwrap()).unwrap();
    let losses: Vec<(usize, f64)> =
        summary.log.iter().filter_map(|entry| Some((entry.step, entry.get("eval_loss")?))).collect();
    let best = losses.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!(
        (summary.selection.best_global_step, summary.selection.best_metric),
        (Some(best.0), Some(best.1))
    );
    assert!(dir.path().join("model.safetensors").is_file());
}

#[test]
fn a_metric_that_is_not_there_or_there_twice_ends_the_run() {
    let failed = |name, more: &[&str]| {
        let dir = tempdir().unwrap();
        run(dir.path(), name, &[0.5; 6], more).result.unwrap_err()
    };
    let missing = failed("if_m", &["metric_for_best_model=eval_ifm"]);
    let expected = "metric_for_best_model: eval_ifm is not measured; an evaluation gives eval_if_m";
    assert_eq!(missing.to_string(), expected);
    // Before an hour of training, where there is an evaluation.
    let dir = tempdir().unwrap();
    let early = run(dir.path(), "if_m", &[0.5; 6], &["metric_for_best_model=eval_ifm", "eval_on_start=true"]);
    assert_eq!(early.result.unwrap_err().to_string(), expected);
    assert_eq!(early.seen.into_keys().collect::<Vec<_>>(), [0]);
    assert!(failed("loss", &["val_size=1"]).to_string().starts_with("loss: an evaluator measures this"));
}

#[test]
fn nothing_to_evaluate_is_an_error_with_and_without_the_promise_of_an_evaluator() {
    let dir = tempdir().unwrap();
    let lines = ["max_samples=4", "max_steps=2", "eval_strategy=epoch", LOAD_BEST];
    assert!(matches!(args(dir.path(), &lines).validate(), Err(ArgsError::Invalid { .. })));
    let config = args(dir.path(), &lines).validate_with_evaluator().unwrap();
    assert!(train(config).unwrap_err().to_string().contains("the best model cannot be chosen"));
}

#[test]
fn prompts_that_no_evaluator_answers_are_refused_before_anything_is_written() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("out");
    let lines = ["max_samples=4", "max_steps=1", "eval_strategy=epoch", "eval_prompts=prompts.jsonl"];
    let message = train(args(&out, &lines).validate().unwrap()).unwrap_err().to_string();
    assert!(message.starts_with("eval_prompts: this program answers no prompts"), "{message}");
    assert!(!out.exists());
}

#[test]
fn evaluators_start_before_the_first_update_with_the_model_that_the_policy_is_compared_with() {
    /// Fails at its start if what it is shown is not what the test expects.
    struct Starts(fn(&CausalLm, StartReference<'_>) -> bool);
    impl Evaluator for Starts {
        fn on_start(
            &mut self,
            policy: &CausalLm,
            reference: StartReference<'_>,
            _observer: &mut dyn Observer,
        ) -> Result<(), EvaluatorError> {
            if (self.0)(policy, reference) { Ok(()) } else { Err("another start".into()) }
        }
        fn evaluate(
            &mut self,
            _policy: &CausalLm,
            _step: usize,
            _observer: &mut dyn Observer,
        ) -> Result<BTreeMap<String, f64>, EvaluatorError> {
            Ok(BTreeMap::new())
        }
    }
    let dir = tempdir().unwrap();
    let run = |name: &str, more: &[&str], expected| {
        let lines = ["max_samples=4", "max_steps=1", "eval_strategy=epoch"];
        let config =
            args(&dir.path().join(name), &[&lines, more].concat()).validate_with_evaluator().unwrap();
        Trainer::new(config, &Device::flex()).unwrap().with_evaluator(Starts(expected)).run(&mut ())
    };
    run("start", &[], |_, reference| matches!(reference, StartReference::Policy)).unwrap();
    let reference = format!("ref_model_adapters={}", trained_adapter().display());
    run("model", &[&reference], |policy, reference| match reference {
        StartReference::Model(model) => weights(model) != weights(policy),
        _ => false,
    })
    .unwrap();
    // Before anything is written.
    let refused = run("refused", &[], |_, _| false).unwrap_err();
    assert!(matches!(refused, TrainError::Evaluator { step: 0, .. }), "{refused}");
    assert!(!dir.path().join("refused").exists());
}

#[test]
fn an_evaluator_sees_a_model_without_gradients() {
    struct Looks;
    impl Evaluator for Looks {
        fn evaluate(
            &mut self,
            policy: &CausalLm,
            _step: usize,
            _observer: &mut dyn Observer,
        ) -> Result<BTreeMap<String, f64>, EvaluatorError> {
            Ok(BTreeMap::from([("trained".to_owned(), trained_values(policy).len() as f64)]))
        }
    }
    let dir = tempdir().unwrap();
    let lines = ["max_samples=4", "max_steps=1", "eval_strategy=epoch"];
    let config = args(dir.path(), &lines).validate_with_evaluator().unwrap();
    let summary = Trainer::new(config, &Device::flex()).unwrap().with_evaluator(Looks).run(&mut ()).unwrap();
    assert_eq!(summary.evaluation.unwrap().get("trained"), Some(0.0));
}
