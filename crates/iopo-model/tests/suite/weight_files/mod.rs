//! Weights of Hugging Face folders: what loads, what is written, and one test for every way to be wrong.

mod errors;
mod folders;
mod headers;
mod hostile;
mod loading;
mod names;
mod quantised;
mod writing;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::{Stored, StoredTensors, edit_tensors, read_tensors, write_tensors};
use burn::tensor::Device;
use half::bf16;
use iopo_model::{CausalLm, Precision, WeightsError, load_model};
use safetensors::Dtype;
use serde_json::json;

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const NORM: &str = "model.norm.weight";

fn try_load(dir: &Path) -> Result<CausalLm, WeightsError> {
    load_model(dir, Precision::default(), &Device::flex())
}

/// The message of a folder that does not load.
fn load_error(dir: &Path) -> String {
    try_load(dir).unwrap_err().to_string()
}

fn f32s(stored: &Stored) -> Vec<f32> {
    assert_eq!(stored.0, Dtype::F32);
    stored.2.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Rewrites every tensor in another type.
fn convert(dir: &Path, dtype: Dtype, bytes: impl Fn(f32) -> Vec<u8>) {
    edit_tensors(&dir.join(WEIGHTS), |tensors| {
        for stored in tensors.values_mut() {
            *stored = (dtype, stored.1.clone(), f32s(stored).into_iter().flat_map(&bytes).collect());
        }
    });
}

fn to_bf16(dir: &Path) {
    convert(dir, Dtype::BF16, |value| bf16::from_f32(value).to_le_bytes().to_vec());
}

/// Splits the weights over two files with an index.
fn shard(dir: &Path) {
    let all = read_tensors(&dir.join(WEIGHTS));
    let mut map = serde_json::Map::new();
    for (number, parity) in [(1, 0), (2, 1)] {
        let file = format!("model-0000{number}-of-00002.safetensors");
        let half =
            all.clone().into_iter().enumerate().filter(|(i, _)| i % 2 == parity).map(|(_, entry)| entry);
        let half = half.collect::<StoredTensors>();
        map.extend(half.keys().map(|name| (name.clone(), json!(file))));
        write_tensors(&dir.join(file), &half);
    }
    fs::write(dir.join(INDEX), json!({ "metadata": {}, "weight_map": map }).to_string()).unwrap();
    fs::remove_file(dir.join(WEIGHTS)).unwrap();
}

fn files_in(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
