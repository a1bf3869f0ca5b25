//! Small models and folders, for the tests of this folder.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use iopo_model::{
    CausalLm, DecoderConfig, INITIALIZER_RANGE, NamedTensor, NormPlacement, Parameters, Precision,
    Predictions, QueryKeyNorm, SegmentSpan, TokenLayout, families::qwen2, kernels::Activation, load_model,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A model of `fixtures/models`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models")).join(name)
}

/// The adapter that PEFT wrote for qwen2-tiny.
pub(crate) fn peft_fixture() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/golden/train_lora/adapter_final"))
        .to_owned()
}

pub(crate) fn load(dir: &Path, dtype: FloatDType) -> CausalLm {
    load_model(dir, Precision::uniform(dtype), &Device::flex()).unwrap()
}

/// Every parameter trained, on an autodiff device.
pub(crate) fn trainable(model: CausalLm) -> CausalLm {
    model.set_require_grad(true).train()
}

/// A writable copy of a model of `fixtures/models`.
pub(crate) fn copy_of(name: &str) -> TempDir {
    copy_of_folder(&fixture(name))
}

pub(crate) fn copy_of_folder(source: &Path) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

pub(crate) fn edit_json(path: &Path, edit: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let mut value: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    edit(value.as_object_mut().unwrap());
    fs::write(path, value.to_string()).unwrap();
}

/// Type, shape and bytes.
pub(crate) type Stored = (Dtype, Vec<usize>, Vec<u8>);
pub(crate) type StoredTensors = BTreeMap<String, Stored>;

pub(crate) fn read_tensors(path: &Path) -> StoredTensors {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, v)| (name.to_owned(), (v.dtype(), v.shape().to_vec(), v.data().to_vec())))
        .collect()
}

pub(crate) fn write_tensors(path: &Path, tensors: &StoredTensors) {
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, data))| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

pub(crate) fn edit_tensors(path: &Path, edit: impl FnOnce(&mut StoredTensors)) {
    let mut tensors = read_tensors(path);
    edit(&mut tensors);
    write_tensors(path, &tensors);
}

pub(crate) fn floats(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().try_into_vec_as().unwrap()
}

/// The parameters' values, or their gradients', by name.
pub(crate) fn by_name(tensors: Vec<NamedTensor>) -> BTreeMap<String, Vec<f64>> {
    tensors.into_iter().map(|tensor| (tensor.name, floats(tensor.values))).collect()
}

/// One sequence that begins at position 0.
pub(crate) fn sequence(tokens: &[u32]) -> TokenLayout {
    TokenLayout::sequence(tokens.to_vec(), 0).unwrap()
}

pub(crate) fn span(start: usize, end: usize, parent: Option<usize>) -> SegmentSpan {
    SegmentSpan { range: start..end, parent }
}

/// Some tokens of a vocabulary of at least 1000.
pub(crate) const PROBE: [u32; 12] = [17, 905, 3, 3, 411, 999, 0, 268, 52, 740, 17, 905];

pub(crate) fn logits(model: &CausalLm, tokens: &[u32]) -> Vec<f64> {
    let hidden = model.hidden_states(&sequence(tokens)).unwrap();
    model.logits(hidden).into_data().try_into_vec_as().unwrap()
}

/// Logits of `PROBE` as their bits, so that equal means equal.
pub(crate) fn probe_bits(model: &CausalLm) -> Vec<u64> {
    logits(model, &PROBE).into_iter().map(f64::to_bits).collect()
}

/// Every parameter's name, shape and bits.
pub(crate) fn parameter_bits(model: &CausalLm) -> Vec<(String, Vec<usize>, Vec<u64>)> {
    let bits = |values: Tensor<1>| floats(values).into_iter().map(f64::to_bits).collect();
    model.parameters().into_iter().map(|p| (p.name, p.shape, bits(p.values))).collect()
}

/// Largest absolute value.
pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()))
}

/// Fails unless all differences stay within `relative` of the largest expected value.
///
/// Relative to the largest and not to each, because sums of terms of that size are what was rounded.
pub(crate) fn assert_close(what: &str, actual: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(actual.len(), expected.len(), "{what}: number of values");
    assert!(actual.iter().chain(expected).all(|value| value.is_finite()), "{what}: not finite");
    let scale = largest(expected);
    let difference = actual.iter().zip(expected).fold(0.0, |d: f64, (a, e)| d.max((a - e).abs()));
    println!(
        "{what}: max|difference| {difference:.2e}, max|expected| {scale:.3}, relative {:.2e}",
        difference / scale
    );
    assert!(difference <= relative * scale, "{what}: {difference:e} of {scale} is beyond {relative:e}");
}

/// Normal numbers of the given standard deviation, by the sum of twelve uniform ones.
pub(crate) fn normals(rng: &mut ChaCha8Rng, n: usize, deviation: f64) -> Vec<f64> {
    let normal = |rng: &mut ChaCha8Rng| (0..12).map(|_| rng.random_range(-0.5..0.5)).sum::<f64>();
    (0..n).map(|_| deviation * normal(rng)).collect()
}

pub(crate) fn tensor<const D: usize>(values: &[f64], shape: [usize; D], dtype: FloatDType) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&Device::flex(), dtype.into()))
}

/// What a random model has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Family {
    Qwen2 {
        tied: bool,
    },
    /// With biases everywhere, and heads wider than `hidden / heads`.
    LlamaBiased,
}

/// Writes a model of vocabulary 13, hidden 12, 2 layers, 4 heads over 2 key-value heads.
///
/// Weights are large enough for scores of several units: attention is far from uniform.
pub(crate) fn random_folder(family: Family, seed: u64) -> TempDir {
    let (vocab, hidden, mlp, kv) = (13, 12, 20, 2);
    let (head_dim, tied, biases) = match family {
        Family::Qwen2 { tied } => (hidden / 4, tied, [true, false, false]),
        Family::LlamaBiased => (6, false, [true, true, true]),
    };
    // An odd head cannot be rotated: Qwen2's heads are 12 / 6 wide.
    let (heads, head_dim) = if head_dim % 2 == 0 { (4, head_dim) } else { (6, 2) };
    let config = json!({
        "model_type": if matches!(family, Family::LlamaBiased) { "llama" } else { "qwen2" },
        "vocab_size": vocab, "hidden_size": hidden, "intermediate_size": mlp, "num_hidden_layers": 2,
        "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": head_dim,
        "rms_norm_eps": 1e-5, "rope_theta": 100.0, "hidden_act": "silu",
        "attention_bias": biases[1], "mlp_bias": biases[2], "tie_word_embeddings": tied,
    });
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut tensors = StoredTensors::new();
    let mut put = |name: String, shape: &[usize], mean: f64, deviation: f64| {
        let values = normals(&mut rng, shape.iter().product(), deviation);
        let bytes = values.iter().flat_map(|value| (mean + value).to_le_bytes()).collect();
        tensors.insert(name, (Dtype::F64, shape.to_vec(), bytes));
    };
    let linear = |name: String, [out, input]: [usize; 2], biased: bool| {
        let weight = (format!("{name}.weight"), vec![out, input], 0.0, 1.5 / (input as f64).sqrt());
        [Some(weight), biased.then(|| (format!("{name}.bias"), vec![out], 0.0, 0.3))].into_iter().flatten()
    };
    let mut wanted = vec![("model.embed_tokens.weight".to_owned(), vec![vocab, hidden], 0.0, 1.0)];
    for layer in 0..2 {
        let at = |part: &str| format!("model.layers.{layer}.{part}");
        let (q, k) = (heads * head_dim, kv * head_dim);
        wanted.extend(linear(at("self_attn.q_proj"), [q, hidden], biases[0]));
        wanted.extend(linear(at("self_attn.k_proj"), [k, hidden], biases[0]));
        wanted.extend(linear(at("self_attn.v_proj"), [k, hidden], biases[0]));
        wanted.extend(linear(at("self_attn.o_proj"), [hidden, q], biases[1]));
        wanted.extend(linear(at("mlp.gate_proj"), [mlp, hidden], biases[2]));
        wanted.extend(linear(at("mlp.up_proj"), [mlp, hidden], biases[2]));
        wanted.extend(linear(at("mlp.down_proj"), [hidden, mlp], biases[2]));
        wanted.push((at("input_layernorm.weight"), vec![hidden], 1.0, 0.2));
        wanted.push((at("post_attention_layernorm.weight"), vec![hidden], 1.0, 0.2));
    }
    wanted.push(("model.norm.weight".to_owned(), vec![hidden], 1.0, 0.2));
    if !tied {
        wanted.extend(linear("lm_head".to_owned(), [vocab, hidden], false));
    }
    for (name, shape, mean, deviation) in wanted {
        put(name, &shape, mean, deviation);
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    write_tensors(&dir.path().join("model.safetensors"), &tensors);
    dir
}

/// The model with random B matrices, so that its adapter does something; on an autodiff device.
pub(crate) fn with_random_b(model: CausalLm, seed: u64) -> CausalLm {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    model.train().update_trainable(|name, values| {
        let (n, dtype) = (values.dims()[0], FloatDType::from(values.dtype()));
        name.ends_with("lora_B.weight").then(|| tensor(&normals(&mut rng, n, 0.2), [n], dtype))
    })
}

/// The names that come with gradients.
pub(crate) fn gradient_names(model: &CausalLm) -> BTreeSet<String> {
    let predictions = Predictions { sources: vec![0], targets: vec![1] };
    let total = model.token_log_probs(&sequence(&[3, 4]), &predictions).unwrap().sum();
    model.take_gradients(&mut total.backward()).into_iter().map(|gradient| gradient.name).collect()
}

/// The names that an update is asked about.
pub(crate) fn update_names(model: CausalLm) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let _ = model.update_trainable(|name, _| {
        seen.insert(name.to_owned());
        None
    });
    seen
}

/// Layers as other families have them, of vocabulary 13, hidden 12, 2 layers, 6 heads over 2 key-value heads.
pub(crate) fn other_layers() -> [(&'static str, DecoderConfig); 3] {
    let plain =
        DecoderConfig { head_dim: 4, qkv_bias: false, ..qwen2::of_sizes(13, [12, 20, 2], [6, 2], true) };
    let per_head = DecoderConfig { query_key_norm: Some(QueryKeyNorm::PerHead), ..plain.clone() };
    let norms_after = DecoderConfig {
        query_key_norm: Some(QueryKeyNorm::FullWidth),
        norm_placement: NormPlacement::After,
        ..plain.clone()
    };
    let norms_around = DecoderConfig {
        norm_placement: NormPlacement::Both,
        activation: Activation::GeluTanh,
        attention_scale: Some(0.7),
        mlp_bias: true,
        ..plain
    };
    [("norms of each head", per_head), ("norms after", norms_after), ("norms around, gelu", norms_around)]
}

/// A model whose weights are as large as those of [`random_folder`]; every parameter trained, on an autodiff device.
pub(crate) fn random_model(config: &DecoderConfig, seed: u64, dtype: FloatDType) -> CausalLm {
    let precision = Precision::uniform(dtype);
    let model = CausalLm::init(config, INITIALIZER_RANGE, seed, precision, &Device::flex()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let deviation = 1.5 / (config.hidden_size as f64).sqrt();
    trainable(model).update_trainable(|name, values| {
        let n = values.dims()[0];
        let (mean, deviation) = if name.ends_with("norm.weight") { (1.0, 0.2) } else { (0.0, deviation) };
        let values: Vec<f64> = normals(&mut rng, n, deviation).iter().map(|value| mean + value).collect();
        Some(tensor(&values, [n], dtype))
    })
}
