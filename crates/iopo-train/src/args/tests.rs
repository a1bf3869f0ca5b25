//! Claims about reading configurations.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::tensor::FloatDType;
use iopo_data::Template;
use iopo_loss::IopoVariant;
use iopo_model::LoraTargets;

use super::keys::{IGNORED, UNSUPPORTED};
use super::{ArgsError, Problem, TrainArgs};
use crate::{FineTuning, IntervalStrategy, LrScheduleKind, Objective, ReferenceConfig, TrainConfig};

/// The configuration that the paper's trainer comes with.
const PAPER: &str = "
### model
model_name_or_path: /path/to/sft_model

### method
stage: iopo
do_train: true
finetuning_type: lora
lora_target: all
pref_beta: 0.1
pref_loss: sigmoid  # [sigmoid (dpo), orpo, simpo]
simpo_gamma: 1.0
deepspeed: examples/deepspeed/ds_z3_offload_config.json

### dataset
dataset: trace_iopo
template: qwen
cutoff_len: 6000
max_samples: 120000
overwrite_cache: true
preprocessing_num_workers: 16

### output
output_dir: saves/qwen2-7b/lora/iopo
logging_steps: 100
save_steps: 500
plot_loss: true
overwrite_output_dir: true

### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 5.0e-6
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
ddp_timeout: 180000000

### eval
val_size: 0.1
per_device_eval_batch_size: 1
eval_strategy: steps
eval_steps: 500
report_to: none
";

/// What every configuration needs, and nothing else.
const MINIMAL: &str = "
model_name_or_path: model
dataset: rows.jsonl
output_dir: out
";

fn read(text: &str, overrides: &[&str]) -> Result<TrainArgs, ArgsError> {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    TrainArgs::from_yaml(text, Path::new("run.yaml"), &overrides)
}

/// The minimal configuration with more lines.
fn config(overrides: &[&str]) -> TrainConfig {
    read(MINIMAL, overrides).unwrap().validate().unwrap()
}

fn problems(result: Result<TrainArgs, ArgsError>) -> Vec<Problem> {
    match result.and_then(TrainArgs::validate) {
        Err(ArgsError::Invalid { problems, .. }) => problems,
        other => panic!("expected problems, got {other:?}"),
    }
}

fn problems_of(overrides: &[&str]) -> Vec<Problem> {
    problems(read(MINIMAL, overrides))
}

/// The messages, as a user reads them.
fn messages_of(overrides: &[&str]) -> Vec<String> {
    problems_of(overrides).iter().map(ToString::to_string).collect()
}

fn notice_keys(config: &TrainConfig) -> Vec<&str> {
    config.notices.iter().map(|notice| notice.key.as_str()).collect()
}

fn notices_of(overrides: &[&str]) -> Vec<String> {
    config(overrides).notices.into_iter().map(|notice| notice.key).collect()
}

#[test]
fn the_papers_configuration_runs_as_it_is() {
    let config = read(PAPER, &[]).unwrap().validate().unwrap();
    let Objective::Iopo(loss) = &config.objective else { panic!("{:?}", config.objective) };
    assert_eq!(loss.config().beta, 0.1);
    assert_eq!(loss.config().variant, IopoVariant::Full);
    let FineTuning::Lora(lora) = &config.fine_tuning else { panic!("{:?}", config.fine_tuning) };
    assert_eq!((lora.rank, lora.alpha, &lora.targets), (8, 16.0, &LoraTargets::All));
    assert_eq!((config.precision.weights, config.precision.adapter), (FloatDType::BF16, FloatDType::F32));
    assert_eq!(
        (config.template, config.cutoff_len, config.max_samples),
        (Template::Qwen, 6_000, Some(120_000))
    );
    assert_eq!((config.batch_size, config.accumulation, config.eval_batch_size), (1, 8, 1));
    assert_eq!((config.learning_rate, config.epochs, config.schedule), (5e-6, 3.0, LrScheduleKind::Cosine));
    assert_eq!(config.warmup_steps(101), 11);
    assert_eq!((config.val_size, config.eval), (0.1, IntervalStrategy::Steps(500)));
    assert_eq!(config.save.strategy, IntervalStrategy::Steps(500));
    assert_eq!(config.logging_steps, 100);
}

#[test]
fn the_papers_configuration_gets_one_line_for_each_key_without_meaning() {
    let config = read(PAPER, &[]).unwrap().validate().unwrap();
    assert_eq!(
        notice_keys(&config),
        ["ddp_timeout", "deepspeed", "overwrite_cache", "preprocessing_num_workers", "simpo_gamma"]
    );
    assert!(config.notices.iter().all(|notice| !notice.text.contains('\n')));
}

/// The example that LLaMA-Factory ships for DPO with LoRA.
#[test]
fn llama_factorys_dpo_example_runs_as_it_is() {
    let text = "
model_name_or_path: meta-llama/Meta-Llama-3-8B-Instruct
trust_remote_code: true
stage: dpo
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: all
pref_beta: 0.1
pref_loss: sigmoid
dataset: dpo_en_demo
template: llama3
cutoff_len: 2048
max_samples: 1000
overwrite_cache: true
preprocessing_num_workers: 16
dataloader_num_workers: 4
output_dir: saves/llama3-8b/lora/dpo
logging_steps: 10
save_steps: 500
plot_loss: true
overwrite_output_dir: true
save_only_model: false
report_to: none
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 5.0e-6
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
ddp_timeout: 180000000
resume_from_checkpoint: null
";
    let config = read(text, &[]).unwrap().validate().unwrap();
    assert!(matches!(config.objective, Objective::Dpo(_)));
    assert_eq!(config.resume, None);
    assert_eq!(
        notice_keys(&config),
        [
            "dataloader_num_workers",
            "ddp_timeout",
            "overwrite_cache",
            "preprocessing_num_workers",
            "trust_remote_code"
        ]
    );
}

#[test]
fn simpo_and_orpo_are_stages_and_losses_of_the_dpo_stage() {
    for overrides in [["stage=simpo", "seed=1"], ["stage=dpo", "pref_loss=simpo"]] {
        let Objective::Simpo(loss) = config(&overrides).objective else { panic!("{overrides:?}") };
        assert_eq!((loss.config().beta, loss.config().gamma), (0.1, 0.5));
    }
    assert!(matches!(config(&["stage=dpo", "pref_loss=orpo"]).objective, Objective::Orpo(_)));
    assert_eq!(notices_of(&["stage=dpo", "pref_loss=orpo"]), [""; 0]);
    assert_eq!(notices_of(&["stage=simpo", "pref_loss=simpo", "simpo_gamma=1.5"]), [""; 0]);
}

#[test]
fn the_likelihood_term_reaches_every_preference_loss() {
    let weight = |stage: &str| match config(&[stage, "pref_ftx=0.25"]).objective {
        Objective::Sft(_) | Objective::Custom(_) => 0.0,
        Objective::Dpo(loss) => loss.config().nll_weight,
        Objective::Simpo(loss) => loss.config().nll_weight,
        Objective::Orpo(loss) => loss.config().nll_weight,
        Objective::Iopo(loss) => loss.config().nll_weight,
    };
    for stage in ["stage=dpo", "stage=simpo", "stage=orpo", "stage=iopo"] {
        assert_eq!(weight(stage), 0.25, "{stage}");
    }
}

#[test]
fn iopo_variants_are_named_after_the_preferences_they_keep() {
    for (name, variant) in [
        ("full", IopoVariant::Full),
        ("simplified", IopoVariant::Simplified),
        ("input-only", IopoVariant::InputPreference),
        ("output-only", IopoVariant::OutputPreference),
    ] {
        let Objective::Iopo(loss) = config(&["stage=iopo", &format!("iopo_variant={name}")]).objective else {
            panic!("{name}")
        };
        assert_eq!(loss.config().variant, variant);
    }
}

#[test]
fn a_minimal_configuration_takes_the_documented_defaults_without_a_line() {
    let config = config(&[]);
    assert!(matches!(config.objective, Objective::Sft(_)));
    assert_eq!((config.batch_size, config.accumulation), (8, 1));
    assert_eq!((config.learning_rate, config.schedule), (5e-5, LrScheduleKind::Linear));
    assert_eq!(config.notices, []);
}

// --- keys without effect

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

// --- problems, one test for each

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
        vec!["template=vicuna"],
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

// --- overrides

#[test]
fn overrides_win_over_the_file_and_later_ones_over_earlier() {
    let args = read("seed: 1\nlearning_rate: 1.0\n", &["seed=2", "seed=3"]).unwrap();
    assert_eq!((args.seed, args.learning_rate), (3, 1.0));
}

#[test]
fn overrides_are_yaml_values() {
    let args = read(
        "max_samples: 5\nsimpo_gamma: 1.0\n",
        &[
            "max_samples=null",
            "simpo_gamma=",
            "learning_rate=5e-6",
            "dataset=[a, b]",
            "eval_dataset=c, d",
            "output_dir=runs/beta=0.1",
            " bf16 = true ",
            "save_steps=100.0",
        ],
    )
    .unwrap();
    assert_eq!((args.max_samples, args.simpo_gamma), (None, None));
    assert_eq!(args.learning_rate, 5e-6);
    assert_eq!(args.dataset, ["a", "b"]);
    assert_eq!(args.eval_dataset, ["c", "d"]);
    assert_eq!(args.output_dir.as_deref(), Some("runs/beta=0.1"));
    assert_eq!((args.bf16, args.save_steps), (true, 100));
}

#[test]
fn no_and_false_are_the_same_strategy() {
    for text in ["eval_strategy=no", "eval_strategy=false", "evaluation_strategy=no"] {
        assert_eq!(config(&[text]).eval, IntervalStrategy::No, "{text}");
    }
    assert_eq!(config(&["save_strategy=false"]).save.strategy, IntervalStrategy::No);
    let config = config(&["val_size=2", "evaluation_strategy=steps", "logging_steps=7"]);
    assert_eq!(config.eval, IntervalStrategy::Steps(7));
}

#[test]
fn resuming_takes_true_false_or_a_folder() {
    let resume = |text: &str| config(&[text]).resume;
    assert_eq!(resume("resume_from_checkpoint=false"), None);
    assert_eq!(resume("resume_from_checkpoint=true"), Some("".into()));
    assert_eq!(resume("resume_from_checkpoint=out/checkpoint-5"), Some("out/checkpoint-5".into()));
}

#[test]
fn an_override_without_a_key_or_equals_sign_is_refused() {
    for text in ["learning_rate", "=3", " =3", ""] {
        assert!(matches!(read(MINIMAL, &[text]), Err(ArgsError::Override { .. })), "{text}");
    }
}

#[test]
fn an_override_whose_value_is_not_yaml_is_refused() {
    for text in ["dataset=[a", "output_dir=*nowhere", "output_dir='a"] {
        assert!(matches!(read(MINIMAL, &[text]), Err(ArgsError::OverrideValue { .. })), "{text}");
    }
}

// --- files

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = TrainArgs::from_file(Path::new("nowhere.yaml"), &[]).unwrap_err();
    assert!(matches!(error, ArgsError::Read { .. }));
    assert_eq!(error.to_string(), "cannot read nowhere.yaml");
}

#[test]
fn a_file_that_is_not_utf8_is_a_read_error() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"seed: 1\n# \xff\xfe\n").unwrap();
    let error = TrainArgs::from_file(file.path(), &[]).unwrap_err();
    assert!(matches!(error, ArgsError::Read { .. }), "{error:?}");
}

#[test]
fn a_file_larger_than_any_configuration_is_refused_unread() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![b'#'; 2 << 20]).unwrap();
    let error = TrainArgs::from_file(file.path(), &[]).unwrap_err();
    assert!(matches!(error, ArgsError::TooLarge { .. }), "{error:?}");
}

#[test]
fn an_empty_file_leaves_everything_to_defaults_and_overrides() {
    for text in ["", "\n\n", "# nothing\n", "null\n", "---\n"] {
        let mut args = read(text, &[]).unwrap();
        args.origin = String::new();
        assert_eq!(args, TrainArgs::default(), "{text:?}");
    }
    assert!(read("", &["model_name_or_path=m", "dataset=d", "output_dir=o"]).unwrap().validate().is_ok());
}

#[test]
fn what_is_not_a_map_is_not_a_configuration() {
    for text in ["- a\n- b\n", "42\n", "just text\n", "a: 1\n---\nb: 2\n", "a: [1\n", "{", "%"] {
        assert!(matches!(read(text, &[]), Err(ArgsError::Yaml { .. })), "{text:?}");
    }
}

#[test]
fn a_key_that_is_given_twice_is_refused() {
    let error = read("seed: 1\nlearning_rate: 1.0\nseed: 2\n", &[]).unwrap_err();
    assert!(matches!(error, ArgsError::Yaml { .. }));
    assert!(error.to_string().contains("seed"), "{error}");
}

#[test]
fn numbers_that_are_none_are_refused_and_never_taken_for_the_default() {
    for value in [".nan", ".inf", "-.inf", "nan", "inf", "1e400"] {
        let result = read(&format!("{MINIMAL}\nlearning_rate: {value}\n"), &[]).and_then(TrainArgs::validate);
        assert!(result.is_err(), "{value}: {result:?}");
    }
}

/// Ten lists of ten references each make 10^10 items out of half a kilobyte.
#[test]
fn references_to_references_do_not_multiply() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let item = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![item; 10].join(",")));
    }
    // Multiplied, they would be ten thousand million items.
    let started = Instant::now();
    assert!(read(&text, &[]).is_err());
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn depth_does_not_overflow_the_stack() {
    let text = format!("dataset: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(read(&text, &[]), Err(ArgsError::Yaml { .. })));
    assert!(read(MINIMAL, &[text.trim().replacen(": ", "=", 1).as_str()]).is_err());
}

// --- starts and choices

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
fn the_best_model_is_chosen_by_the_loss_unless_told_otherwise_and_by_the_metrics_direction() {
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
    let drawn = eval(&[
        "eval_decoding=sampled",
        "eval_num_samples=3",
        "eval_temperature=0.7",
        "eval_top_p=0.9",
        "eval_top_k=20",
        "eval_max_new_tokens=64",
        "seed=5",
    ]);
    assert_eq!((drawn.greedy, drawn.samples), (false, 3));
    let generation = &drawn.generation;
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

// --- documentation

/// Every `key` in the first column of a table of the page.
fn documented() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(path).unwrap();
    let first_cells =
        page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next().map(str::to_owned));
    first_cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_known() {
    let known: BTreeSet<String> = TrainArgs::known_keys()
        .into_iter()
        .chain(IGNORED.iter().map(|ignored| ignored.key))
        .chain(UNSUPPORTED.iter().map(|unsupported| unsupported.key))
        .map(str::to_owned)
        .collect();
    let documented = documented();
    let difference: Vec<_> = known.symmetric_difference(&documented).collect();
    assert!(difference.is_empty(), "in one place only: {difference:?}");
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
