//! Reference log-probs ahead of training: when they are computed, kept, trusted and refused.

use std::f64::consts::LN_2;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, FloatDType};
use iopo_data::{EncodedExample, TextTokenizer};
use iopo_model::{CausalLm, LoraConfig, Parameters, Precision, load_model};
use iopo_train::{
    Engine, LogEntry, MicroBatch, Notice, Observer, Precompute, ReferencePolicy, ReferenceProgress,
    TrainError, TrainSummary, Trainer, WeightedBatch, load_data, micro_step,
};
use tempfile::tempdir;

use crate::common::{
    adapted, base, config, copy_folder, fixture, fresh_lora, full, names_in, tiny, trained_adapter,
};

/// Bytes before the first record of a file, and of a record: docs of the format are in the code.
const HEADER: usize = 40;
const RECORD: usize = 48;

/// Counts passes through the reference.
#[derive(Default)]
struct Counter {
    /// Sequences found and computed at the end.
    found: usize,
    computed: usize,
    passes: usize,
    reports: usize,
    notices: Vec<String>,
}

impl Observer for Counter {
    fn on_reference(&mut self, progress: &ReferenceProgress<'_>) {
        self.passes += usize::from(progress.computed > self.computed);
        (self.found, self.computed) = (progress.found, progress.computed);
        self.reports += 1;
        assert!(progress.found + progress.computed <= progress.total);
    }
    fn on_notice(&mut self, notice: &Notice) {
        self.notices.push(notice.text.clone());
    }
}

/// The first groups of the quickstart as token ids.
fn groups(count: usize) -> Vec<EncodedExample> {
    let config = config(Path::new("unused"), &[]);
    let data = load_data(&config, TextTokenizer::from_dir(tiny()).unwrap()).unwrap();
    data.train.into_iter().take(count).collect()
}

fn precompute(
    model: CausalLm,
    examples: &[EncodedExample],
    dir: &Path,
    tokens: usize,
) -> (ReferencePolicy, Counter) {
    let mut counter = Counter::default();
    let options = Precompute { dir: dir.to_owned(), tokens };
    let examples: Vec<&EncodedExample> = examples.iter().collect();
    let reference = ReferencePolicy::frozen(model).precompute(&examples, &options, &mut counter).unwrap();
    assert!(!reference.is_live());
    (reference, counter)
}

/// How many sequences of three groups have to be computed.
fn computed(model: CausalLm, examples: &[EncodedExample], dir: &Path) -> usize {
    precompute(model, examples, dir, 4_096).1.computed
}

fn numbers(reference: &ReferencePolicy, examples: &[EncodedExample]) -> Vec<f64> {
    let sequences: Vec<_> = examples.iter().flat_map(EncodedExample::sequences).collect();
    let sums = reference.log_probs(&MicroBatch::new(&sequences).unwrap()).unwrap();
    sums.try_into_vec_as::<f64>().unwrap()
}

fn cache_files(dir: &Path) -> Vec<PathBuf> {
    let names = names_in(dir).into_iter().filter(|name| name.ends_with(".logps"));
    names.map(|name| dir.join(name)).collect()
}

// --- what is a miss

#[test]
fn what_is_there_is_not_computed_again() {
    let (dir, groups) = (tempdir().unwrap(), groups(3));
    let (first, counter) = precompute(base(FloatDType::F32), &groups, dir.path(), 4_096);
    assert_eq!((counter.found, counter.computed, counter.passes), (0, 12, 1));
    let (second, counter) = precompute(base(FloatDType::F32), &groups, dir.path(), 4_096);
    // One report, before anything is computed, and none after a pass.
    assert_eq!((counter.found, counter.computed, counter.reports), (12, 0, 1));
    assert_eq!(numbers(&first, &groups), numbers(&second, &groups));
}

#[test]
fn numbers_from_the_disk_are_those_of_the_model() {
    let (dir, groups) = (tempdir().unwrap(), groups(6));
    let live = numbers(&ReferencePolicy::frozen(adapted(FloatDType::F32)), &groups);
    for (tokens, passes) in [(1, 6), (500, 0), (100_000, 1)] {
        let dir = dir.path().join(tokens.to_string());
        let (cached, counter) = precompute(adapted(FloatDType::F32), &groups, &dir, tokens);
        assert!(passes == 0 || counter.passes == passes, "{tokens}: {} passes", counter.passes);
        for (cached, live) in numbers(&cached, &groups).iter().zip(&live) {
            // Three units of the last place of an f32 up to 512.
            assert!((cached - live).abs() < 1e-4, "{cached} {live}");
        }
    }
}

#[test]
fn a_changed_token_costs_the_sequences_that_hold_it() {
    let (dir, mut groups) = (tempdir().unwrap(), groups(3));
    assert_eq!(computed(base(FloatDType::F32), &groups, dir.path()), 12);
    let EncodedExample::Group { x1, .. } = &mut groups[1] else { panic!("no group") };
    // Each instruction and each response is in two of a group's sequences.
    x1[3] ^= 1;
    assert_eq!(computed(base(FloatDType::F32), &groups, dir.path()), 2);
    let EncodedExample::Group { y2: second, .. } = &mut groups[1] else { panic!("no group") };
    let last = second.len() - 1;
    second[last] ^= 1;
    assert_eq!(computed(base(FloatDType::F32), &groups, dir.path()), 2);
    assert_eq!(cache_files(dir.path()).len(), 1);
}

/// The same tokens, parted elsewhere into prompt and completion, have another log-prob.
#[test]
fn where_the_completion_begins_is_part_of_a_sequence() {
    let (dir, mut groups) = (tempdir().unwrap(), groups(1));
    computed(base(FloatDType::F32), &groups, dir.path());
    let EncodedExample::Group { x1, y1, .. } = &mut groups[0] else { panic!("no group") };
    x1.push(y1.remove(0));
    assert!(computed(base(FloatDType::F32), &groups, dir.path()) > 0);
}

#[test]
fn another_model_adapter_or_precision_finds_nothing() {
    let (dir, groups) = (tempdir().unwrap(), groups(1));
    let one_weight = full(FloatDType::F32).update_trainable(|name, values| {
        (name == "model.norm.weight").then(|| {
            let first = values.clone().narrow(0, 0, 1) + 1e-3;
            let rest = values.clone().narrow(0, 1, values.dims()[0] - 1);
            burn::tensor::Tensor::cat(vec![first, rest], 0)
        })
    });
    let mut scaled = adapted(FloatDType::F32);
    scaled.model.layers[1].mlp.up_proj.lora.as_mut().unwrap().scale *= 2.0;
    let bf16 = Precision { weights: FloatDType::BF16, ..Precision::default() };
    let models = [
        base(FloatDType::F32),
        one_weight,
        load_model(&fixture("models/qwen2-tiny-tied"), Precision::default(), &Device::flex()).unwrap(),
        adapted(FloatDType::F32),
        scaled,
        base(FloatDType::F64),
        load_model(&tiny(), bf16, &Device::flex()).unwrap(),
    ];
    let total = models.len();
    for model in models {
        assert_eq!(computed(model, &groups, dir.path()), 4);
    }
    assert_eq!(cache_files(dir.path()).len(), total);
}

#[test]
fn nothing_else_is_a_miss() {
    let (dir, groups) = (tempdir().unwrap(), groups(1));
    computed(base(FloatDType::F32), &groups, dir.path());
    // The same weights in another folder; new adapters, which change nothing, of any seed and rank;
    // a model that can be trained.
    let moved = dir.path().join("moved");
    copy_folder(&tiny(), &moved);
    let fresh = |rank, seed| {
        let config = LoraConfig { rank, ..LoraConfig::default() };
        base(FloatDType::F32).attach_lora(&config, seed).unwrap().train()
    };
    for model in [
        load_model(&moved, Precision::default(), &Device::flex()).unwrap(),
        fresh(8, 1),
        fresh(2, 2),
        full(FloatDType::F32),
    ] {
        assert_eq!(computed(model, &groups, dir.path()), 0);
    }
}

// --- bad days

#[test]
fn a_killed_computation_goes_on_where_it_was() {
    let (dir, groups) = (tempdir().unwrap(), groups(2));
    let (whole, _) = precompute(base(FloatDType::F32), &groups, dir.path(), 4_096);
    let file = cache_files(dir.path()).remove(0);
    let bytes = fs::read(&file).unwrap();
    assert_eq!(bytes.len(), HEADER + 8 * RECORD);
    // At every byte of the last record, and in the middle.
    for length in (bytes.len() - RECORD..bytes.len()).chain([HEADER, HEADER + 3 * RECORD + 5]) {
        fs::write(&file, &bytes[..length]).unwrap();
        let (resumed, counter) = precompute(base(FloatDType::F32), &groups, dir.path(), 4_096);
        let records = (length - HEADER) / RECORD;
        assert_eq!((counter.found, counter.computed), (records, 8 - records), "{length}");
        // A torn record is not dropped in silence.
        assert_eq!(counter.notices.len(), usize::from(!(length - HEADER).is_multiple_of(RECORD)), "{length}");
        for (resumed, whole) in numbers(&resumed, &groups).iter().zip(numbers(&whole, &groups)) {
            assert!((resumed - whole).abs() < 1e-4, "{resumed} {whole}");
        }
        assert_eq!(fs::read(&file).unwrap().len(), bytes.len());
    }
}

#[test]
fn damage_is_reported_and_recomputed() {
    let (dir, groups) = (tempdir().unwrap(), groups(2));
    precompute(base(FloatDType::F32), &groups, dir.path(), 4_096);
    let file = cache_files(dir.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    // The log-prob of the third record.
    bytes[HEADER + 2 * RECORD + 35] ^= 0x40;
    fs::write(&file, bytes).unwrap();
    let (_, counter) = precompute(base(FloatDType::F32), &groups, dir.path(), 4_096);
    assert_eq!((counter.found, counter.computed), (7, 1));
    let [notice] = &counter.notices[..] else { panic!("{:?}", counter.notices) };
    assert!(notice.contains("1 incomplete or damaged records") && notice.contains(".logps"), "{notice}");
}

#[test]
fn a_file_of_something_else_is_refused_by_name() {
    let (dir, groups) = (tempdir().unwrap(), groups(1));
    precompute(base(FloatDType::F32), &groups, dir.path(), 4_096);
    let file = cache_files(dir.path()).remove(0);
    fs::write(&file, "something else").unwrap();
    let options = Precompute { dir: dir.path().to_owned(), tokens: 1 };
    let error = ReferencePolicy::frozen(base(FloatDType::F32))
        .precompute(&[&groups[0]], &options, &mut ())
        .unwrap_err();
    assert!(matches!(&error, TrainError::ReferenceCache { file: named } if *named == file), "{error}");
}

#[test]
fn two_at_once_compute_everything_once() {
    let (dir, groups) = (tempdir().unwrap(), groups(4));
    let run = || precompute(base(FloatDType::F32), &groups, dir.path(), 1).1.computed;
    let computed = std::thread::scope(|scope| {
        let both = [scope.spawn(run), scope.spawn(run)];
        both.map(|thread| thread.join().unwrap()).iter().sum::<usize>()
    });
    assert_eq!(computed, 16);
    let file = cache_files(dir.path()).remove(0);
    assert_eq!(fs::metadata(file).unwrap().len() as usize, HEADER + 16 * RECORD);
}

#[test]
fn a_model_that_gives_no_number_leaves_none() {
    let (dir, groups) = (tempdir().unwrap(), groups(1));
    let broken = full(FloatDType::F32)
        .update_trainable(|name, values| (name == "model.norm.weight").then(|| values.full_like(f64::NAN)));
    let options = Precompute { dir: dir.path().to_owned(), tokens: 1 };
    let error = ReferencePolicy::frozen(broken).precompute(&[&groups[0]], &options, &mut ()).unwrap_err();
    assert!(matches!(error, TrainError::ReferenceNotFinite { .. }), "{error}");
    assert_eq!(fs::metadata(cache_files(dir.path()).remove(0)).unwrap().len() as usize, HEADER);
}

// --- runs

/// Four groups in two updates an epoch, six updates.
fn short<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["max_samples=4", "max_steps=6"], more].concat()
}

fn run(out: &Path, more: &[&str]) -> (TrainSummary, Counter) {
    let mut counter = Counter::default();
    let mut trainer = Trainer::new(config(out, &short(more)), &Device::flex()).unwrap();
    (trainer.run(&mut counter).unwrap(), counter)
}

fn fail(out: &Path, more: &[&str]) -> TrainError {
    Trainer::new(config(out, &short(more)), &Device::flex()).and_then(|mut t| t.run(&mut ())).unwrap_err()
}

fn values(summary: &TrainSummary, key: &str) -> Vec<f64> {
    summary.log.iter().filter_map(|entry: &LogEntry| entry.get(key)).collect()
}

#[test]
fn training_with_numbers_equals_training_with_the_model() {
    for more in [&[][..], &["finetuning_type=full"], &["stage=dpo"], &["pref_loss=ipo"]] {
        let outs = [(); 2].map(|()| tempdir().unwrap());
        let held_out = ["val_size=1", "eval_strategy=epoch"];
        let (cached, counter) = run(outs[0].path(), &[more, &held_out].concat());
        let (live, none) =
            run(outs[1].path(), &[more, &held_out, &["precompute_ref_log_probs=false"]].concat());
        assert!(counter.computed > 0 && none.reports == 0);
        assert!(!outs[1].path().join("reference_cache").exists());
        for key in ["loss", "eval_loss", "grad_norm"] {
            let (cached, live) = (values(&cached, key), values(&live, key));
            assert!(!live.is_empty() && cached.len() == live.len());
            for (cached, live) in cached.iter().zip(live) {
                // Sums of up to 361 in f32 differ by some 3e-5, and Adam carries that from update to update.
                assert!((cached - live).abs() < 1e-4 * (1.0 + live), "{more:?} {key}: {cached} {live}");
            }
        }
    }
}

#[test]
fn a_run_finds_what_another_run_with_the_same_folder_computed() {
    let shared = tempdir().unwrap();
    let folder = format!("reference_cache={}", shared.path().display());
    let held_out = ["val_size=1", "eval_strategy=epoch"];
    let outs = [(); 2].map(|()| tempdir().unwrap());
    let (_, first) = run(outs[0].path(), &[&held_out[..], &[&folder]].concat());
    // Training and held-out rows.
    assert_eq!((first.found, first.computed), (0, 16));
    // Another rank, loss, learning rate and split of the same rows.
    let other = ["lora_rank=2", "pref_loss=ipo", "learning_rate=1e-4", "seed=7", "max_steps=1"];
    let (_, second) = run(outs[1].path(), &[&held_out[..], &other, &[&folder]].concat());
    assert_eq!((second.found, second.computed, second.reports), (16, 0, 1));
    assert!(!outs[0].path().join("reference_cache").exists());
}

#[test]
fn overwriting_results_keeps_the_numbers() {
    let dir = tempdir().unwrap();
    run(dir.path(), &["max_steps=1"]);
    let (_, counter) = run(dir.path(), &["max_steps=1", "overwrite_output_dir=true", "seed=3"]);
    assert_eq!((counter.found, counter.computed), (16, 0));
}

#[test]
fn a_resumed_run_reads_the_numbers_of_its_start() {
    let dir = tempdir().unwrap();
    run(dir.path(), &["save_steps=3"]);
    let before = fs::read(dir.path().join("trainer_log.jsonl")).unwrap();
    let (_, counter) = run(
        dir.path(),
        &["save_steps=3", &format!("resume_from_checkpoint={}", dir.path().join("checkpoint-3").display())],
    );
    assert_eq!((counter.found, counter.computed), (16, 0));
    assert!(fs::read(dir.path().join("trainer_log.jsonl")).unwrap() == before);
}

#[test]
fn a_run_from_an_sft_adapter_is_compared_with_the_adapter() {
    let dir = tempdir().unwrap();
    let adapter = format!("adapter_name_or_path={}", trained_adapter().display());
    for more in [&[][..], &["create_new_adapter=true"], &["finetuning_type=full"]] {
        let lines = [more, &["max_steps=1", "overwrite_output_dir=true", &adapter]].concat();
        let (summary, _) = run(dir.path(), &lines);
        assert!((values(&summary, "loss")[0] - LN_2).abs() < 1e-5);
    }
    // The adapter as it is, and merged: two references, and neither is the model under it.
    let files = cache_files(&dir.path().join("reference_cache"));
    assert_eq!(files.len(), 2);
    run(dir.path(), &["max_steps=1", "overwrite_output_dir=true"]);
    assert_eq!(cache_files(&dir.path().join("reference_cache")).len(), 3);
}

/// The first loss of a run whose first batch is all four groups, without a trainer.
fn first_loss(policy: &CausalLm, reference: CausalLm) -> f64 {
    let config = config(Path::new("unused"), &[]);
    let reference = ReferencePolicy::frozen(reference);
    let groups = groups(4);
    let sequences: Vec<_> = groups.iter().flat_map(EncodedExample::sequences).collect();
    let batch = WeightedBatch { batch: MicroBatch::new(&sequences).unwrap(), weight: 1.0 };
    micro_step(policy, Some(&reference), &*config.objective, &batch, &Engine::new(1_024)).unwrap().loss
}

#[test]
fn another_reference_is_what_the_policy_is_compared_with() {
    let model = format!("ref_model={}", tiny().display());
    let adapter = format!("adapter_name_or_path={}", trained_adapter().display());
    let reference_adapter = format!("ref_model_adapters={}", trained_adapter().display());
    let trained = || adapted(FloatDType::F32).train();
    let fresh = || fresh_lora(FloatDType::F32);
    for precompute in ["precompute_ref_log_probs=true", "precompute_ref_log_probs=false"] {
        for (lines, expected) in [
            (&[&model[..], &adapter][..], first_loss(&trained(), base(FloatDType::F32))),
            (&[&reference_adapter], first_loss(&fresh(), adapted(FloatDType::F32))),
            (&[&model, &reference_adapter], first_loss(&fresh(), adapted(FloatDType::F32))),
            (&[&model, &adapter, &reference_adapter], LN_2),
        ] {
            let dir = tempdir().unwrap();
            let one = ["max_steps=1", "per_device_train_batch_size=4", precompute];
            let (summary, _) = run(dir.path(), &[lines, &one].concat());
            let found = values(&summary, "loss")[0];
            assert!((found - expected).abs() < 1e-5, "{lines:?}: {found} {expected}");
            let same = (expected - LN_2).abs() < 1e-9;
            assert!(same || (found - LN_2).abs() > 1e-3, "{lines:?}: {found}");
            let notices = config(dir.path(), lines).notices;
            assert!(notices.iter().any(|notice| notice.text.contains("need not be ln 2")), "{notices:?}");
        }
    }
}

#[test]
fn a_reference_with_another_vocabulary_is_refused() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("out");
    let other = format!("ref_model={}", fixture("models/llama3-tiny").display());
    let error = fail(&out, &[&other]);
    assert!(error.to_string().contains("cannot be the reference of this policy"), "{error}");
    // The same number of tokens, two of which are exchanged.
    let swapped = dir.path().join("swapped");
    copy_folder(&tiny(), &swapped);
    let tokenizer = fs::read_to_string(swapped.join("tokenizer.json")).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&tokenizer).unwrap();
    let vocabulary = value["model"]["vocab"].as_object_mut().unwrap();
    let (a, b) = (vocabulary["a"].clone(), vocabulary["b"].clone());
    vocabulary.insert("a".to_owned(), b);
    vocabulary.insert("b".to_owned(), a);
    fs::write(swapped.join("tokenizer.json"), value.to_string()).unwrap();
    let error = fail(&out, &[&format!("ref_model={}", swapped.display())]);
    assert!(error.to_string().contains("cannot be the reference of this policy"), "{error}");
    let error = fail(&out, &["ref_model=nowhere"]);
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert!(!out.exists());
}

#[test]
fn the_reference_itself_is_never_the_output() {
    let dir = tempdir().unwrap();
    let model = dir.path().join("model");
    copy_folder(&tiny(), &model);
    let error = fail(&model, &[&format!("ref_model={}", model.display()), "overwrite_output_dir=true"]);
    assert!(error.to_string().contains("choose another output_dir"), "{error}");
}

#[test]
fn a_run_with_another_reference_is_not_resumed() {
    let dir = tempdir().unwrap();
    run(dir.path(), &["save_steps=3", "max_steps=3"]);
    let other = format!("ref_model_adapters={}", trained_adapter().display());
    for precompute in ["precompute_ref_log_probs=true", "precompute_ref_log_probs=false"] {
        let error = fail(dir.path(), &["max_steps=3", "resume_from_checkpoint=true", &other, precompute]);
        assert!(error.to_string().contains("another reference"), "{error}");
    }
    // Nothing was computed for a run that may not go on.
    assert_eq!(cache_files(&dir.path().join("reference_cache")).len(), 1);
}

#[test]
fn rows_outside_the_data_have_no_number() {
    let dir = tempdir().unwrap();
    let mut trainer = Trainer::new(config(dir.path(), &short(&["max_steps=1"])), &Device::flex()).unwrap();
    trainer.run(&mut ()).unwrap();
    let groups = groups(5);
    assert!(trainer.evaluate(&groups[..4]).is_ok());
    let error = trainer.evaluate(&groups[4..]).unwrap_err();
    assert!(matches!(error, TrainError::NotPrecomputed { sequence: 0 }), "{error}");
}
