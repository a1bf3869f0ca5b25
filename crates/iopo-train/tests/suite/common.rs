//! What the tests share.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, FloatDType};
use iopo_data::{TextTokenizer, TokenSequence};
use iopo_model::{CausalLm, LoraConfig, Parameters, Precision, load_adapter, load_model};
use iopo_train::{TrainArgs, TrainConfig, TrainError, TrainSummary, Trainer, load_data};

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

pub fn tiny() -> PathBuf {
    fixture("models/qwen2-tiny")
}

/// An adapter of [`tiny`] after five updates.
pub fn trained_adapter() -> PathBuf {
    fixture("golden/train_lora/adapter_final")
}

/// IOPO on the quickstart's groups, with more lines.
pub fn config(out: &Path, more: &[&str]) -> TrainConfig {
    args(out, more).validate().unwrap()
}

/// As [`config`], before it is checked.
pub fn args(out: &Path, more: &[&str]) -> TrainArgs {
    let text = format!(
        "{{model_name_or_path: {:?}, output_dir: {out:?}, dataset_dir: {:?}, dataset: groups.jsonl, template: qwen, \
         stage: iopo, learning_rate: 1.0e-3, per_device_train_batch_size: 2, logging_steps: 1}}",
        tiny(),
        fixture("quickstart"),
    );
    let more: Vec<String> = more.iter().map(|&line| line.to_owned()).collect();
    TrainArgs::from_yaml(&text, Path::new("test.yaml"), &more).unwrap()
}

/// Runs a configuration to its end.
pub fn train(config: TrainConfig) -> Result<TrainSummary, TrainError> {
    Trainer::new(config, &Device::flex())?.run(&mut ())
}

/// The sequences of the first `examples` examples of the quickstart's groups, example by example.
pub fn examples(more: &[&str], examples: usize) -> Vec<Vec<TokenSequence>> {
    let config = config(Path::new("unused"), more);
    let data = load_data(&config, TextTokenizer::from_dir(tiny()).unwrap()).unwrap();
    data.train.iter().take(examples).map(|example| example.sequences()).collect()
}

pub fn base(dtype: FloatDType) -> CausalLm {
    load_model(&tiny(), Precision::uniform(dtype), &Device::flex()).unwrap()
}

pub fn adapted(dtype: FloatDType) -> CausalLm {
    load_adapter(base(dtype), &trained_adapter()).unwrap()
}

/// A new adapter on the tiny model, ready to be trained.
pub fn fresh_lora(dtype: FloatDType) -> CausalLm {
    base(dtype).attach_lora(&LoraConfig::default(), 1).unwrap().train()
}

/// The tiny model, all of it ready to be trained.
pub fn full(dtype: FloatDType) -> CausalLm {
    base(dtype).set_require_grad(true).train()
}

/// Trained values by name.
pub fn trained_values(model: &CausalLm) -> BTreeMap<String, Vec<f64>> {
    let parameters = model.trainable_parameters().into_iter();
    parameters.map(|p| (p.name, p.values.try_into_vec_as::<f64>().unwrap())).collect()
}

/// |a − b| / |b| over all values.
pub fn relative_difference(a: &BTreeMap<String, Vec<f64>>, b: &BTreeMap<String, Vec<f64>>) -> f64 {
    assert!(a.keys().eq(b.keys()));
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>();
    let pairs = || a.values().flatten().zip(b.values().flatten());
    let difference = squares(&mut pairs().map(|(x, y)| x - y));
    (difference / squares(&mut b.values().flatten().copied())).sqrt()
}

/// Names in a folder, in order.
pub fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names_in(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}
