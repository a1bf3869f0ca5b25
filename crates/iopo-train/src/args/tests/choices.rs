//! Starts, and how the best model is chosen.

use super::*;

#[test]
fn training_from_scratch_is_full_and_without_adapters() {
    let scratch = "train_from_scratch=true";
    assert!(config(&[scratch, "finetuning_type=full"]).from_scratch);
    assert!(!config(&[]).from_scratch);
    for (overrides, part) in [
        (&[scratch][..], "finetuning_type: full"),
        (&[scratch, "finetuning_type=full", "adapter_name_or_path=sft"], "adapter_name_or_path"),
        (&[scratch, "finetuning_type=full", "stage=dpo", "ref_model_adapters=a"], "ref_model_adapters"),
    ] {
        let messages = messages_of(overrides);
        assert!(messages.len() == 1 && messages[0].contains(part), "{messages:?}");
    }
}

#[test]
fn the_best_model_is_chosen_by_the_loss_or_by_the_named_metric_in_its_direction() {
    let eval = ["val_size=2", "eval_strategy=epoch"];
    let choice = |more: &[&str]| {
        let choice = config(&[&eval[..], more].concat()).selection?;
        Some((choice.metric, choice.greater_is_better, choice.load_best, choice.patience))
    };
    let chosen =
        |metric: &str, greater, load_best, patience| Some((metric.to_owned(), greater, load_best, patience));
    assert_eq!(choice(&[]), None);
    assert_eq!(choice(&["load_best_model_at_end=true"]), chosen("loss", false, true, None));
    assert_eq!(choice(&["early_stopping_steps=3"]), chosen("loss", false, false, Some(3)));
    for name in ["metric_for_best_model=if_m", "metric_for_best_model=eval_if_m"] {
        assert_eq!(choice(&[name]), chosen("if_m", true, false, None));
        assert_eq!(choice(&[name, "greater_is_better=false"]), chosen("if_m", false, false, None));
    }
    let none = problems_of(&[&eval[..], &["early_stopping_steps=0"]].concat());
    assert!(matches!(none[..], [Problem::OutOfRange { key: "early_stopping_steps", .. }]));
    for key in ["load_best_model_at_end=true", "early_stopping_steps=3"] {
        let name = key.split_once('=').unwrap().0;
        assert_eq!(messages_of(&[key]), [format!("{name} needs evaluations: set eval_strategy")]);
    }
}

#[test]
fn an_evaluator_makes_held_out_rows_dispensable() {
    let args = || read(MINIMAL, &["eval_strategy=epoch"]).unwrap();
    assert!(matches!(problems(Ok(args()))[..], [Problem::Conflict { .. }]));
    assert!(args().validate_with_evaluator().is_ok());
}

#[test]
fn prompts_to_answer_make_held_out_rows_dispensable_and_bring_their_settings() {
    let prompts = ["eval_strategy=epoch", "eval_prompts=a.jsonl,b.jsonl"];
    let eval = |more: &[&str]| config(&[&prompts[..], more].concat()).eval_prompts.unwrap();
    let plain = eval(&[]);
    assert_eq!(plain.files, [Path::new("a.jsonl"), Path::new("b.jsonl")]);
    assert_eq!((plain.greedy, plain.samples, plain.logged), (true, 0, 16));
    let sampled = eval(&[
        "eval_decoding=sampled",
        "eval_num_samples=3",
        "eval_temperature=0.7",
        "eval_top_p=0.9",
        "eval_top_k=20",
        "eval_max_new_tokens=64",
        "seed=5",
    ]);
    assert_eq!((sampled.greedy, sampled.samples), (false, 3));
    let generation = &sampled.generation;
    assert_eq!((generation.temperature, generation.top_p, generation.top_k), (0.7, 0.9, 20));
    assert_eq!((generation.max_new_tokens, generation.seed), (64, 5));
    assert_eq!(eval(&["eval_decoding=both", "eval_seed=0"]).generation.seed, 0);
}

#[test]
fn settings_of_answers_that_nothing_looks_at_get_a_line() {
    let notices = |overrides: &[&str]| -> Vec<String> {
        config(overrides).notices.into_iter().map(|notice| notice.key).collect()
    };
    assert_eq!(notices(&["eval_prompts=a.jsonl"]), ["eval_prompts"]);
    assert_eq!(notices(&["eval_temperature=0.5", "val_size=2", "eval_strategy=epoch"]), ["eval_temperature"]);
    assert_eq!(
        notices(&["eval_prompts=a.jsonl", "eval_strategy=epoch", "eval_num_samples=4"]),
        ["eval_num_samples"]
    );
}

#[test]
fn the_share_of_prompts_followed_is_never_chosen_by_upside_down() {
    let prompts = ["eval_strategy=epoch", "eval_prompts=a.jsonl"];
    let with = |more: &[&str]| -> Vec<String> {
        [&prompts[..], more].concat().iter().map(|&s| s.to_owned()).collect()
    };
    let messages = |more: &[&str]| messages_of(&with(more).iter().map(String::as_str).collect::<Vec<_>>());
    for metric in ["if", "eval_if_strict", "if_inst_loose_sampled"] {
        let metric = format!("metric_for_best_model={metric}");
        let choice = config(&[&prompts[..], &[&metric]].concat()).selection.unwrap();
        assert!(choice.greater_is_better);
        assert!(config(&[&prompts[..], &[&metric, "greater_is_better=true"]].concat()).selection.is_some());
        let upside_down = messages(&[&metric, "greater_is_better=false"]);
        assert!(upside_down.len() == 1 && upside_down[0].contains("fewest instructions"), "{upside_down:?}");
    }
    let constant = messages(&["metric_for_best_model=eval_ref_if"]);
    assert!(constant.len() == 1 && constant[0].contains("does not change"), "{constant:?}");
    let unnamed = messages(&["load_best_model_at_end=true"]);
    assert!(unnamed.len() == 1 && unnamed[0].contains("set metric_for_best_model"), "{unnamed:?}");
    let ranges =
        messages(&["eval_temperature=0", "eval_top_p=0", "eval_num_samples=0", "eval_decoding=beam"]);
    assert_eq!(ranges.len(), 4, "{ranges:?}");
}
