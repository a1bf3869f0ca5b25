//! Problems, one test for each.

use super::*;

#[test]
fn an_unknown_key_is_answered_with_the_nearest_name() {
    for (typed, nearest) in [
        ("learning_rat", "learning_rate"),
        ("pref_betta", "pref_beta"),
        ("gradient_acumulation_steps", "gradient_accumulation_steps"),
        ("deepsped", "deepspeed"),
        ("lora_droput", "lora_dropout"),
    ] {
        let expected = Problem::UnknownKey { key: typed.to_owned(), suggestion: Some(nearest.to_owned()) };
        assert_eq!(problems_of(&[&format!("{typed}=1")]), [expected]);
    }
    assert_eq!(messages_of(&["pref_betta=1"]), ["unknown key `pref_betta`; did you mean `pref_beta`?"]);
    assert_eq!(messages_of(&["xyz=1"]), ["unknown key `xyz`"]);
}

#[test]
fn an_option_that_is_not_implemented_is_refused_unless_harmless() {
    assert_eq!(
        problems_of(&["quantization_bit=4"]),
        [Problem::Unsupported {
            key: "quantization_bit".to_owned(),
            value: "4".to_owned(),
            reason: "weights are f32 or bf16".to_owned()
        }]
    );
    for harmless in [
        "quantization_bit=null",
        "lora_dropout=0.0",
        "use_dora=false",
        "optim=adamw_torch_fused",
        "packing=false",
    ] {
        assert_eq!(notices_of(&[harmless]), [""; 0], "{harmless}");
    }
    for refused in ["lora_dropout=0.05", "optim=adafactor", "packing=true", "mask_history=true"] {
        assert!(matches!(problems_of(&[refused])[..], [Problem::Unsupported { .. }]), "{refused}");
    }
}

#[test]
fn keys_of_the_reference_say_when_they_are_idle() {
    let keys = ["ref_model=m", "ref_model_adapters=a", "precompute_ref_log_probs=false", "reference_cache=c"];
    let names = ["ref_model", "ref_model_adapters", "precompute_ref_log_probs", "reference_cache"];
    for idle in ["stage=sft", "stage=simpo", "reference_free=true"] {
        let stage = if idle.starts_with("stage") { idle } else { "stage=dpo" };
        let lines = [&keys[..], &[stage, idle]].concat();
        assert_eq!(notices_of(&lines), names, "{idle}");
        assert_eq!(config(&lines).reference, ReferenceConfig::default());
    }
    assert_eq!(notices_of(&["stage=dpo", "precompute_ref_log_probs=false", "reference_cache=c"]), names[3..]);
    assert_eq!(config(&["stage=dpo"]).reference.cache, Some("out/reference_cache".into()));
    let other = config(&[&keys[..2], &["stage=dpo", "reference_cache=c"]].concat());
    assert!(other.reference.is_another() && other.reference.cache == Some("c".into()));
    assert_eq!(notice_keys(&other), ["ref_model"]);
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_what_it_should_be() {
    for (text, key) in [
        ("learning_rate=fast", "learning_rate"),
        ("learning_rate=[1e-3]", "learning_rate"),
        ("save_steps=0.5", "save_steps"),
        ("save_steps=many", "save_steps"),
        ("bf16=1", "bf16"),
        ("bf16=yes!", "bf16"),
        ("dataset={a: b}", "dataset"),
        ("dataset=[a, 1]", "dataset"),
        // A folder called 7 would be found instead.
        ("output_dir=007", "output_dir"),
        ("template=[qwen]", "template"),
        ("eval_strategy=1", "eval_strategy"),
        ("max_steps=1000000000000", "max_steps"),
        ("per_device_train_batch_size=18446744073709551615", "per_device_train_batch_size"),
        ("cutoff_len=1e12", "cutoff_len"),
        ("template_date=tomorrow", "template_date"),
        ("template_date=2024-02-30", "template_date"),
    ] {
        let found = problems_of(&[text]);
        assert!(matches!(found[..], [Problem::WrongType { key: k, .. }] if k == key), "{text}: {found:?}");
    }
    assert_eq!(messages_of(&["learning_rate=fast"]), ["`learning_rate` should be a number, found \"fast\""]);
}

#[test]
fn a_number_outside_its_range_is_named_with_the_range() {
    for text in [
        "pref_beta=0",
        "pref_beta=-1",
        "pref_ftx=-0.1",
        "simpo_gamma=-1",
        "dpo_label_smoothing=0.5",
        "iopo_label_smoothing=-0.1",
        "lora_rank=0",
        "lora_alpha=0",
        "cutoff_len=1",
        "max_samples=0",
        "val_size=-0.1",
        "val_size=2.5",
        "logging_steps=0",
        "save_steps=0",
        "save_total_limit=0",
        "per_device_train_batch_size=0",
        "gradient_accumulation_steps=0",
        "learning_rate=0",
        "learning_rate=-1e-3",
        "learning_rate=inf",
        "num_train_epochs=0",
        "max_steps=0",
        "max_steps=-2",
        "warmup_ratio=1.5",
        "warmup_steps=-1",
        "weight_decay=-0.1",
        "adam_beta1=1",
        "adam_beta2=1.0",
        "adam_epsilon=0",
        "max_grad_norm=-1",
        "seed=-1",
        "eval_steps=0",
        "per_device_eval_batch_size=0",
    ] {
        let key = text.split_once('=').unwrap().0;
        for stage in ["stage=sft", "stage=iopo"] {
            let found = problems_of(&[stage, text]);
            assert!(
                matches!(found[..], [Problem::OutOfRange { key: k, .. }] if k == key),
                "{text}: {found:?}"
            );
        }
    }
    // Just inside.
    for text in ["adam_beta2=0.99999999999", "warmup_ratio=1", "val_size=0.999", "max_grad_norm=0", "seed=0"]
    {
        assert!(read(MINIMAL, &[text]).unwrap().validate().is_ok(), "{text}");
    }
}

#[test]
fn a_name_that_is_none_of_the_known_ones_lists_them() {
    for (text, key, known) in [
        ("stage=kto", "stage", "sft, dpo, simpo, orpo, iopo"),
        ("finetuning_type=freeze", "finetuning_type", "full, lora"),
        (
            "lr_scheduler_type=polynomial",
            "lr_scheduler_type",
            "cosine, linear, constant, constant_with_warmup",
        ),
        ("length_policy=cut", "length_policy", "error, drop, truncate-response, reference"),
        ("save_strategy=best", "save_strategy", "no, steps, epoch"),
        ("eval_strategy=often", "eval_strategy", "no, steps, epoch"),
        ("iopo_variant=half", "iopo_variant", "full, simplified, input-only, output-only"),
        ("unknown_labels=drop", "unknown_labels", "error, keep"),
        ("template=vicuna", "template", "qwen, llama3, chat"),
        ("group_passes=three", "group_passes", "one, two"),
        ("eval_decoding=beam", "eval_decoding", "greedy, sampled, both"),
    ] {
        let found = problems_of(&[text]);
        let expected = Problem::UnknownName {
            key,
            value: text.split_once('=').unwrap().1.to_owned(),
            known: known.to_owned(),
        };
        assert_eq!(found, [expected], "{text}");
    }
    for stage in ["sft", "dpo", "iopo"] {
        let found = problems_of(&[&format!("stage={stage}"), "pref_loss=kto_pair"]);
        assert!(matches!(found[..], [Problem::UnknownName { key: "pref_loss", .. }]), "{stage}: {found:?}");
    }
    // The paper's own stage has no SimPO or ORPO form.
    assert!(matches!(
        problems_of(&["stage=iopo", "pref_loss=simpo"])[..],
        [Problem::UnknownName { key: "pref_loss", .. }]
    ));
}

#[test]
fn a_key_without_a_default_is_missing() {
    let found = problems(read("", &[]));
    let missing = ["model_name_or_path", "output_dir", "dataset"].map(|key| Problem::Missing { key });
    assert_eq!(found, missing);
}

#[test]
fn keys_that_exclude_each_other_are_a_conflict() {
    for overrides in [
        vec!["do_train=false"],
        vec!["fp16=true"],
        vec!["val_size=0.1", "eval_dataset=a", "eval_strategy=steps"],
        vec!["eval_strategy=steps"],
        vec!["lora_target=lm_head"],
        vec!["lora_target=[]"],
        vec!["stage=dpo", "pref_loss=hinge", "dpo_label_smoothing=0.1"],
        vec!["stage=iopo", "pref_loss=exo_pair"],
    ] {
        let found = problems_of(&overrides);
        assert!(matches!(found[..], [Problem::Conflict { .. }]), "{overrides:?}: {found:?}");
    }
}

#[test]
fn all_problems_of_reading_are_reported_at_once() {
    let error = read(MINIMAL, &["learning_rat=1", "save_steps=x", "packing=true"]).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("run.yaml: 3 problems in the configuration:\n  - "), "{text}");
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn all_problems_of_values_are_reported_at_once() {
    let found = problems(read(
        "",
        &[
            "stage=x",
            "pref_beta=0",
            "template=vicuna",
            "cutoff_len=0",
            "warmup_steps=-1",
            "seed=-1",
            "adam_beta1=2",
        ],
    ));
    assert_eq!(found.len(), 10, "{found:?}");
}

#[test]
fn long_values_are_cut_in_messages() {
    let long = "x".repeat(10_000);
    for text in [format!("learning_rate={long}"), format!("{long}=1"), format!("optim={long}")] {
        assert!(messages_of(&[&text])[0].len() < 300);
    }
}
