//! Models that start from new weights and a new tokenizer.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;
use iopo_data::{Template, TemplateEncoder, TextTokenizer, TokenizerTraining, stream_texts, train_tokenizer};
use iopo_model::{CausalLm, Precision, families::qwen2, load_model};
use iopo_train::{MicroBatch, TrainArgs, TrainConfig, Trainer, sequence_log_probs};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::common::{names_in, train};

/// Sizes, tokenizer and fifty rows to learn by heart.
struct Workplace {
    dir: TempDir,
}

impl Workplace {
    fn new() -> Self {
        let place = Self { dir: tempdir().unwrap() };
        let colours = ["red", "green", "blue", "white", "black"];
        let things = ["house", "river", "tree", "stone", "bird", "road", "cloud", "field", "lamp", "door"];
        let rows: String = (0..50)
            .map(|i| {
                let (colour, thing) = (colours[i % 5], things[i / 5]);
                format!(
                    "{}\n",
                    json!({
                        "prompt": format!("Say three times: {colour} {thing}."),
                        "completion": vec![format!("{colour} {thing}"); 3].join(", "),
                    })
                )
            })
            .collect();
        fs::write(place.path("rows.jsonl"), rows).unwrap();
        let texts: Vec<String> =
            stream_texts(place.path("rows.jsonl")).unwrap().collect::<Result<_, _>>().unwrap();
        let config = TokenizerTraining { vocab_size: 320, ..TokenizerTraining::default() };
        let tokenizer = train_tokenizer(texts.into_iter(), &config).unwrap();
        tokenizer.write(&place.path("model")).unwrap();
        qwen2::of_sizes(tokenizer.vocab_size(), [64, 176, 2], [4, 2], true)
            .write(&place.path("model"))
            .unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self, out: &str, more: &[&str]) -> TrainConfig {
        let text = format!(
            "{{model_name_or_path: {:?}, output_dir: {:?}, dataset: {:?}, stage: sft, finetuning_type: full, \
             train_from_scratch: true, learning_rate: 5.0e-3, per_device_train_batch_size: 10, logging_steps: 1}}",
            self.path("model"),
            self.path(out),
            self.path("rows.jsonl"),
        );
        let more: Vec<String> = more.iter().map(|&line| line.to_owned()).collect();
        TrainArgs::from_yaml(&text, Path::new("test.yaml"), &more).unwrap().validate().unwrap()
    }

    fn weights(&self, out: &str) -> Vec<u8> {
        fs::read(self.path(out).join("model.safetensors")).unwrap()
    }
}

fn log_probs(model: &CausalLm, batch: &MicroBatch) -> Vec<f64> {
    sequence_log_probs(model, batch).unwrap().sum.try_into_vec_as::<f64>().unwrap()
}

#[test]
fn a_model_from_nothing_learns_fifty_rows_and_is_the_same_when_loaded() {
    let place = Workplace::new();
    let config = place.config("out", &["num_train_epochs=40", "warmup_steps=5", "save_strategy=no"]);
    let mut trainer = Trainer::new(config, &Device::flex()).unwrap();
    let summary = trainer.run(&mut ()).unwrap();
    let losses: Vec<f64> = summary.log.iter().filter_map(|entry| entry.get("loss")).collect();
    // A new model gives every token about the same chance, and each row is a sum over its tokens or a mean of them.
    assert!(losses[199] < losses[0] / 20.0, "{} {}", losses[0], losses[199]);

    let out = place.path("out");
    let loaded = load_model(&out, Precision::default(), &Device::flex()).unwrap();
    let rows: Vec<_> = trainer.data().train.iter().flat_map(|example| example.sequences()).collect();
    let batch = MicroBatch::new(&rows).unwrap();
    assert_eq!(log_probs(&loaded, &batch), log_probs(&trainer.policy().clone().valid(), &batch));
    // The folder stands alone: its tokenizer writes the same rows.
    let encoder = TemplateEncoder::new(TextTokenizer::from_dir(&out).unwrap(), Template::Chat).unwrap();
    assert_eq!(encoder.tokenizer().vocab_size(), loaded.config().vocab_size);
}

#[test]
fn the_final_folder_is_an_ordinary_one_that_says_which_token_ends_an_answer() {
    let place = Workplace::new();
    train(place.config("out", &["max_steps=1", "save_steps=1"])).unwrap();
    let model = [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    let names = names_in(&place.path("out"));
    assert!(model.iter().all(|name| names.iter().any(|found| found == name)), "{names:?}");
    let read =
        |name: &str| -> Value { serde_json::from_slice(&fs::read(place.path(name)).unwrap()).unwrap() };
    let tokenizer = TextTokenizer::from_dir(place.path("model")).unwrap();
    let expected =
        json!({ "eos_token_id": tokenizer.token_id("<|im_end|>"), "pad_token_id": tokenizer.pad_id() });
    assert_eq!(read("out/generation_config.json"), expected);
    assert_eq!(read("out/checkpoint-1/generation_config.json"), expected);
    assert_eq!(TextTokenizer::from_dir(place.path("out")).unwrap().eos_ids(), tokenizer.eos_ids());
    // One that the starting folder has is carried over, and names the token that was trained as well.
    fs::write(place.path("model/generation_config.json"), r#"{"eos_token_id": 5}"#).unwrap();
    train(place.config("second", &["max_steps=1", "save_strategy=no"])).unwrap();
    let both = json!({ "eos_token_id": [tokenizer.token_id("<|im_end|>"), 5] });
    assert_eq!(read("second/generation_config.json"), both);
}

#[test]
fn the_seed_decides_the_weights_and_a_resumed_run_ends_with_the_same() {
    let place = Workplace::new();
    let lines = ["max_steps=6", "save_steps=3"];
    for (out, seed) in [("a", "seed=1"), ("b", "seed=1"), ("c", "seed=2")] {
        train(place.config(out, &[&lines[..], &[seed]].concat())).unwrap();
    }
    assert!(place.weights("a") == place.weights("b"));
    assert!(place.weights("a") != place.weights("c"));
    fs::remove_dir_all(place.path("b/checkpoint-6")).unwrap();
    fs::remove_file(place.path("b/model.safetensors")).unwrap();
    train(place.config("b", &[&lines[..], &["seed=1", "resume_from_checkpoint=true"]].concat())).unwrap();
    assert!(place.weights("a") == place.weights("b"));
}

#[test]
fn without_the_key_a_folder_without_weights_is_an_error() {
    let place = Workplace::new();
    let error = train(place.config("out", &["train_from_scratch=false"])).unwrap_err();
    assert!(error.to_string().contains("model.safetensors"), "{error}");
}
