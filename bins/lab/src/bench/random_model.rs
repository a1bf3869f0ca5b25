//! Qwen2 models with random weights, in the sizes of the baseline.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor, TensorData};
use iopo_model::{NamedTensor, write_safetensors};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

/// Sizes of a Qwen2 whose head shares the embedding's matrix.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// The name in `random:NAME` of the baseline, and in the names of its group files.
    pub name: &'static str,
    /// Entries of the vocabulary.
    pub vocab: usize,
    hidden: usize,
    intermediate: usize,
    layers: usize,
    heads: usize,
    key_value_heads: usize,
}

/// 5.5 and 26.8 million parameters.
pub const SIZES: [Size; 2] = [
    Size {
        name: "small",
        vocab: 4096,
        hidden: 256,
        intermediate: 704,
        layers: 6,
        heads: 4,
        key_value_heads: 2,
    },
    Size {
        name: "base",
        vocab: 8192,
        hidden: 512,
        intermediate: 1408,
        layers: 8,
        heads: 8,
        key_value_heads: 2,
    },
];

/// Writes a Hugging Face folder that both sides load.
///
/// The recipe is the baseline's: matrices N(0, 0.02), norms 1 + N(0, 0.2), biases N(0, 0.1). The
/// numbers are not its numbers; neither time nor memory depends on them.
pub fn write(size: &Size, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let path = dir.join("config.json");
    fs::write(&path, config(size)).with_context(|| format!("cannot write {}", path.display()))?;
    let mut rng = ChaCha8Rng::seed_from_u64(20_241_111);
    let tensors: Vec<NamedTensor> =
        shapes(size).into_iter().map(|(name, shape)| random_tensor(name, shape, &mut rng)).collect();
    Ok(write_safetensors(&dir.join("model.safetensors"), &tensors)?)
}

fn config(size: &Size) -> String {
    let config = json!({
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "dtype": "float32", "hidden_act": "silu",
        "vocab_size": size.vocab, "hidden_size": size.hidden, "intermediate_size": size.intermediate,
        "num_hidden_layers": size.layers, "num_attention_heads": size.heads, "num_key_value_heads": size.key_value_heads,
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "attention_dropout": 0.0, "tie_word_embeddings": true,
        "rope_parameters": {"rope_theta": 1_000_000.0, "rope_type": "default"},
        "use_sliding_window": false, "sliding_window": null, "max_window_layers": size.layers,
        "bos_token_id": size.vocab - 99, "eos_token_id": size.vocab - 97,
    });
    format!("{config:#}\n")
}

fn shapes(size: &Size) -> Vec<(String, Vec<usize>)> {
    let Size { hidden, intermediate, .. } = *size;
    let key_value = size.key_value_heads * hidden / size.heads;
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![size.vocab, hidden])];
    for layer in 0..size.layers {
        let of_layer: [(&str, &[usize]); 12] = [
            ("input_layernorm.weight", &[hidden]),
            ("self_attn.q_proj.weight", &[hidden, hidden]),
            ("self_attn.q_proj.bias", &[hidden]),
            ("self_attn.k_proj.weight", &[key_value, hidden]),
            ("self_attn.k_proj.bias", &[key_value]),
            ("self_attn.v_proj.weight", &[key_value, hidden]),
            ("self_attn.v_proj.bias", &[key_value]),
            ("self_attn.o_proj.weight", &[hidden, hidden]),
            ("post_attention_layernorm.weight", &[hidden]),
            ("mlp.gate_proj.weight", &[intermediate, hidden]),
            ("mlp.up_proj.weight", &[intermediate, hidden]),
            ("mlp.down_proj.weight", &[hidden, intermediate]),
        ];
        let named = of_layer.map(|(name, shape)| (format!("model.layers.{layer}.{name}"), shape.to_vec()));
        shapes.extend(named);
    }
    shapes.push(("model.norm.weight".to_owned(), vec![hidden]));
    shapes
}

fn random_tensor(name: String, shape: Vec<usize>, rng: &mut ChaCha8Rng) -> NamedTensor {
    let (mean, deviation) = match (shape.len(), name.contains("norm")) {
        (1, true) => (1.0, 0.2),
        (1, false) => (0.0, 0.1),
        _ => (0.0, 0.02),
    };
    let length = shape.iter().product();
    let values: Vec<f32> = (0..length).map(|_| mean + deviation * normal(rng)).collect();
    let values = Tensor::from_data(TensorData::new(values, [length]), &Device::flex());
    NamedTensor { name, shape, values }
}

/// A sample of N(0, 1): Box and Muller 1958.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let radius: f32 = (-2.0 * rng.random_range(f32::MIN_POSITIVE..1.0).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random_range(0.0_f32..1.0)).cos()
}

#[cfg(test)]
mod tests {
    use iopo_model::{Parameters, Precision, load_model};

    use super::*;

    #[test]
    fn a_random_model_is_loaded_and_has_the_baselines_size() {
        let dir = tempfile::tempdir().unwrap();
        write(&SIZES[0], dir.path()).unwrap();
        let model = load_model(dir.path(), Precision::default(), &Device::flex()).unwrap();
        let parameters = model.parameters();
        let count: usize = parameters.iter().map(|p| p.shape.iter().product::<usize>()).sum();
        // The baseline says 5.5 million.
        assert_eq!((count as f64 / 1e5).round() / 10.0, 5.5);
        let head = parameters.iter().find(|p| p.name == "model.embed_tokens.weight").unwrap();
        let square = head.values.clone().square().mean().into_scalar::<f32>();
        assert!((square.sqrt() - 0.02).abs() < 1e-4, "{square}");
    }
}
