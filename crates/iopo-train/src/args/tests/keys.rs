//! Keys without effect, and the page that lists all keys.

use super::*;
use crate::args::Interval;

#[test]
fn a_key_that_another_stage_uses_gets_a_line() {
    let preference = [
        "pref_beta=0.2",
        "pref_loss=hinge",
        "pref_ftx=1.0",
        "simpo_gamma=1.0",
        "dpo_label_smoothing=0.1",
        "iopo_label_smoothing=0.1",
        "iopo_variant=simplified",
        "reference_free=true",
    ];
    let unused = |stage: &str| -> BTreeSet<String> {
        preference
            .iter()
            .flat_map(|key| {
                // Smoothing has no meaning for a hinge, so each key is set alone.
                notices_of(&[stage, key])
            })
            .collect()
    };
    let set = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect::<BTreeSet<_>>();
    let all: Vec<&str> =
        preference.iter().filter_map(|pair| pair.split_once('=')).map(|pair| pair.0).collect();
    let but = |used: &[&str]| set(&all.iter().copied().filter(|key| !used.contains(key)).collect::<Vec<_>>());
    assert_eq!(unused("stage=sft"), set(&all));
    assert_eq!(
        unused("stage=dpo"),
        but(&["pref_beta", "pref_loss", "pref_ftx", "dpo_label_smoothing", "reference_free"])
    );
    assert_eq!(unused("stage=simpo"), but(&["pref_beta", "pref_ftx", "simpo_gamma"]));
    assert_eq!(unused("stage=orpo"), but(&["pref_beta", "pref_ftx"]));
    assert_eq!(
        unused("stage=iopo"),
        but(&[
            "pref_beta",
            "pref_loss",
            "pref_ftx",
            "iopo_label_smoothing",
            "iopo_variant",
            "reference_free"
        ])
    );
}

#[test]
fn lora_keys_get_a_line_where_no_adapter_is_made() {
    let keys = ["lora_rank=4", "lora_alpha=4", "lora_target=q_proj", "use_rslora=true"];
    let with = |more: &[&str]| notices_of(&[&keys, more].concat());
    let all = ["lora_rank", "lora_alpha", "lora_target", "use_rslora"];
    assert_eq!(with(&[]), [""; 0]);
    assert_eq!(with(&["finetuning_type=full"]), all);
    // An adapter that is trained on keeps its shape.
    assert_eq!(with(&["adapter_name_or_path=sft"]), all);
    assert_eq!(with(&["adapter_name_or_path=sft", "create_new_adapter=true"]), [""; 0]);
    assert_eq!(with(&["create_new_adapter=true"]), ["create_new_adapter"]);
    assert_eq!(
        notices_of(&["finetuning_type=full", "adapter_name_or_path=sft", "create_new_adapter=true"]),
        ["create_new_adapter", "adapter_name_or_path"]
    );
}

#[test]
fn a_key_that_another_one_outranks_gets_a_line() {
    let eval = ["val_size=2", "eval_strategy=epoch"];
    for (overrides, key) in [
        (vec!["max_steps=5", "num_train_epochs=1"], "num_train_epochs"),
        (vec!["warmup_steps=5", "warmup_ratio=0.1"], "warmup_ratio"),
        (vec!["lr_scheduler_type=constant", "warmup_ratio=0.1"], "warmup_ratio"),
        (vec!["lr_scheduler_type=constant", "warmup_steps=3"], "warmup_steps"),
        (vec!["save_strategy=no", "save_steps=5"], "save_steps"),
        (vec!["save_strategy=no", "save_total_limit=5"], "save_total_limit"),
        (vec!["save_strategy=epoch", "save_steps=5"], "save_steps"),
        (vec!["eval_steps=5"], "eval_steps"),
        ([&eval[..], &["eval_steps=5"]].concat(), "eval_steps"),
        (vec!["eval_on_start=true"], "eval_on_start"),
        (vec!["metric_for_best_model=loss"], "metric_for_best_model"),
        ([&eval[..], &["greater_is_better=true"]].concat(), "greater_is_better"),
        (vec!["val_size=0.1"], "val_size"),
        (vec!["eval_dataset=more.jsonl"], "eval_dataset"),
        (vec!["resume_from_checkpoint=true", "overwrite_output_dir=true"], "overwrite_output_dir"),
        (vec!["finetuning_type=full", "bf16=true"], "bf16"),
    ] {
        assert_eq!(notices_of(&overrides), [key], "{overrides:?}");
    }
}

#[test]
fn ignored_keys_get_one_line_unless_they_ask_for_what_happens_anyway() {
    assert_eq!(notices_of(&["report_to=wandb"]), ["report_to"]);
    for silent in ["report_to=none", "save_only_model=false", "trust_remote_code=false", "tf32=null"] {
        assert_eq!(notices_of(&[silent]), [""; 0], "{silent}");
    }
}

/// With this variable set, the test below rewrites the page.
const REWRITE: &str = "REWRITE_DOCS";

#[test]
fn tables_of_the_configuration_page_are_those_of_the_keys() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let mut page = written.clone();
    for Table { title, markdown } in tables() {
        let start = format!("<!-- keys: {title} -->");
        let (before, rest) = page.split_once(&start).unwrap_or_else(|| panic!("the page lacks {start}"));
        let (_, after) = rest.split_once("<!-- end of keys -->").unwrap();
        page = format!("{before}{start}\n\n{markdown}\n<!-- end of keys -->{after}");
    }
    if std::env::var_os(REWRITE).is_some() {
        std::fs::write(&path, &page).unwrap();
    } else {
        assert!(
            page == written,
            "tables of docs/configuration.md are out of date: run {REWRITE}=1 cargo test -p iopo-train --lib configuration_page"
        );
    }
}

#[test]
fn the_table_for_a_terminal_has_every_key_with_its_default_and_range() {
    let text = TrainArgs::keys_as_text();
    assert!(text.contains("\n  lora_rank\n      inner size of new adapters;"), "{text}");
    assert!(text.contains("(integer; 1 or more; default 8)"), "{text}");
    assert!(text.contains("(name; qwen, llama3, chat; default chat)"), "{text}");
    for key in TrainArgs::known_keys() {
        assert!(text.contains(&format!("\n  {key}\n")), "{key}");
    }
    for (key, text_of_it) in
        [("deepspeed", "training runs on one device"), ("packing", "batches have no padding")]
    {
        let (keys, meaning) = text
            .lines()
            .zip(text.lines().skip(1))
            .find(|(keys, _)| {
                keys.strip_prefix("  ").is_some_and(|keys| keys.split(", ").any(|found| found == key))
            })
            .unwrap();
        assert!(meaning.contains(text_of_it), "{keys}: {meaning}");
    }
}

/// Keys of LLaMA-Factory's and Ray's, transformers' and TRL's own configurations, beside those in the examples.
#[test]
fn keys_of_other_programs_are_accepted_with_a_line_or_refused_by_name_but_never_unknown() {
    let ray = "{ray_run_name: a, ray_storage_path: ./saves, ray_num_workers: 4, placement_strategy: PACK, \
               resources_per_worker: {GPU: 1}, ray_init_kwargs: {runtime_env: {env_vars: {}}}, fsdp: full_shard, \
               use_swanlab: true, quantization_method: bnb, double_quantization: false, enable_thinking: false, \
               image_max_pixels: 262144, vllm_maxlen: 4096, do_sample: true}";
    let args = read(ray, &["model_name_or_path=m", "dataset=d", "output_dir=o"]).unwrap();
    assert_eq!(args.validate().unwrap().notices.len(), 14);
    for (refused, reason) in [
        ("quantization_bit=4", "weights are f32 or bf16"),
        ("beta=0.1", "set pref_beta"),
        ("loss_type=sigmoid", "set pref_loss"),
        ("max_prompt_length=512", "set cutoff_len"),
        ("use_apollo=true", "APOLLO is not implemented"),
        ("ref_model_quantization_bit=8", "weights are f32 or bf16"),
        ("add_special_tokens=<x>", "the vocabulary is the model's own"),
        ("load_in_4bit='True'", "weights are f32 or bf16"),
    ] {
        let [message] = <[String; 1]>::try_from(messages_of(&[refused])).unwrap();
        assert!(message.contains(" is not supported: ") && message.contains(reason), "{message}");
    }
    for harmless in
        ["use_muon='False'", "quantization_bit='0'", "fp8=off", "label_smoothing='0.0'", "use_swanlab=no"]
    {
        assert_eq!(notices_of(&[harmless]), [""; 0], "{harmless}");
    }
}

#[test]
fn numbers_and_flags_may_stand_in_quotes_and_whole_numbers_may_have_a_point() {
    let text =
        "lora_rank: '16'\nseed: \"7\"\nsave_steps: 3.0\nmax_steps: '5.0'\nbf16: 'true'\npref_beta: '0.2'\n";
    let args = read(text, &[]).unwrap();
    assert_eq!((args.lora_rank, args.seed, args.save_steps, args.max_steps), (16, 7, 3, 5));
    assert_eq!((args.bf16, args.pref_beta), (true, 0.2));
    let text = "learning_rate: '5e-6'\nmax_samples: 1_000\nbf16: 'Yes'\nplot_loss: 'off'\ndo_train: on\nsave_strategy: 'off'\n\
                eval_strategy: no\nseed: null\nlora_alpha: ~\n";
    let args = read(text, &[]).unwrap();
    assert_eq!(
        (args.learning_rate, args.max_samples, args.seed, args.lora_alpha),
        (5e-6, Some(1_000), 42, None)
    );
    assert_eq!((args.bf16, args.plot_loss, args.do_train), (true, false, true));
    assert_eq!((args.save_strategy, args.eval_strategy), (Interval::No, Some(Interval::No)));
}

#[test]
fn an_identity_has_the_keys_of_the_loss_and_of_training_as_users_write_them() {
    let identity = |overrides: &[&str]| config(overrides).identity();
    let iopo = identity(&["stage=iopo", "iopo_variant=simplified"]);
    for (key, value) in [
        ("stage", json!("iopo")),
        ("iopo_variant", json!("simplified")),
        ("pref_loss", json!("sigmoid")),
        ("lora_alpha", json!(16.0)),
        ("lora_target", json!("all")),
        ("lr_scheduler_type", json!("linear")),
        ("learning_rate", json!(5e-5)),
        ("seed", json!(42)),
    ] {
        assert_eq!(iopo.get(key), Some(&value), "{key}");
    }
    assert!(!iopo.contains_key("simpo_gamma") && !iopo.contains_key("logging_steps"));
    // A key that nothing reads decides nothing, and neither does the way in which a value is written.
    assert_eq!(identity(&["stage=sft", "pref_beta=0.3", "lora_alpha=16"]), identity(&["stage=sft"]));
    assert_eq!(identity(&["adapter_name_or_path=a", "lora_rank=4"]), identity(&["adapter_name_or_path=a"]));
    assert_ne!(identity(&["stage=dpo", "pref_beta=0.3"]), identity(&["stage=dpo"]));
}

#[test]
fn lists_of_keys_are_sorted_and_name_no_key_twice() {
    let ignored: Vec<_> = IGNORED.iter().map(|ignored| ignored.key).collect();
    let unsupported: Vec<_> = UNSUPPORTED.iter().map(|unsupported| unsupported.key).collect();
    assert!(ignored.is_sorted() && unsupported.is_sorted());
    let mut all = [TrainArgs::known_keys(), ignored, unsupported].concat();
    let total = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), total);
}
