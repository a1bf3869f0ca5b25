//! A model that has not learned anything yet: weights drawn from a seed.

use std::fs;
use std::path::Path;

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::Qwen2Config;
use crate::causal_lm::CausalLm;
use crate::config::DecoderConfig;
use crate::error::{ConfigError, WeightsError};
use crate::precision::Precision;
use crate::pretrained::{Builder, TensorSource, check_precision, read_config, write_text};

/// Standard deviation of new weights where `config.json` has no `initializer_range`.
///
/// # Source
/// The default of that key in transformers' configurations of Qwen2 and Llama.
pub const INITIALIZER_RANGE: f64 = 0.02;

impl CausalLm {
    /// A model with new weights, every parameter frozen, without autodiff.
    ///
    /// ```text
    /// W, E ~ N(0, initializer_range²),   b = 0,   norms = 1
    /// ```
    ///
    /// The same seed gives the same weights on every machine: they are drawn and rounded on the CPU,
    /// without functions of the system's mathematical library.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use iopo_model::{CausalLm, INITIALIZER_RANGE, Precision, Qwen2Config};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Qwen2Config::of_sizes(300, [32, 88, 2], [4, 2], true).decoder();
    /// let device = Device::default();
    /// let model = CausalLm::init(&config, INITIALIZER_RANGE, 42, Precision::default(), &device)?;
    /// assert_eq!(model.config().vocab_size, 300);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Sizes that do not fit together, a range that is not a positive number, or a float type that the
    /// device lacks.
    ///
    /// # Source
    /// `_init_weights` of transformers' `Qwen2PreTrainedModel`.
    pub fn init(
        config: &DecoderConfig,
        initializer_range: f64,
        seed: u64,
        precision: Precision,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        config.validate(Path::new("config.json"))?;
        if !(initializer_range > 0.0 && initializer_range.is_finite()) {
            let reason = format!("initializer_range {initializer_range} is not a positive number");
            return Err(ConfigError::Invalid { path: "config.json".into(), reason }.into());
        }
        check_precision(precision, device)?;
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let mut source = Draw { rng, range: initializer_range, dtype: precision.weights, device };
        Builder { source: &mut source, config }.causal_lm(precision)
    }
}

/// A new model of the sizes in a folder's `config.json`; see [`CausalLm::init`].
///
/// Weights in the folder are not looked at.
///
/// # Errors
/// A configuration that is not supported, or a float type that the device lacks.
pub fn init_model(
    dir: &Path,
    seed: u64,
    precision: Precision,
    device: &Device,
) -> Result<CausalLm, WeightsError> {
    let (config, text) = read_config(dir)?;
    let path = dir.join("config.json");
    let value: Value =
        serde_json::from_str(&text).map_err(|source| ConfigError::Json { path: path.clone(), source })?;
    let range = match value.get("initializer_range").filter(|range| !range.is_null()) {
        None => INITIALIZER_RANGE,
        Some(range) => range.as_f64().ok_or_else(|| ConfigError::WrongType {
            path,
            key: "initializer_range",
            expected: "a number",
            found: range.to_string(),
        })?,
    };
    CausalLm::init(&config, range, seed, precision, device)
}

/// Draws parameters in the order in which they are asked for.
struct Draw<'a> {
    rng: ChaCha8Rng,
    range: f64,
    dtype: FloatDType,
    device: &'a Device,
}

impl TensorSource for Draw<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, WeightsError> {
        let options = (self.device, self.dtype.into());
        if name.ends_with(".bias") {
            return Ok(Tensor::zeros(shape, options));
        }
        if name.ends_with("norm.weight") {
            return Ok(Tensor::ones(shape, options));
        }
        let count: usize = shape.iter().product();
        let mut values: Vec<f32> = Vec::with_capacity(count + 1);
        while values.len() < count {
            values.extend(normal_pair(&mut self.rng).map(|value| (self.range * value) as f32));
        }
        values.truncate(count);
        Ok(Tensor::from_data(TensorData::new(values, shape), options))
    }
}

/// Two independent draws from N(0, 1), made of operations that every machine rounds alike.
///
/// # Source
/// Marsaglia and Bray 1964, the polar method.
fn normal_pair(rng: &mut ChaCha8Rng) -> [f64; 2] {
    loop {
        let [x, y] = [(); 2].map(|()| rng.random_range(-1.0..1.0));
        let square: f64 = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            // `f64::ln` is the system's, and differs between systems in the last place.
            let scale = (-2.0 * libm::log(square) / square).sqrt();
            return [x * scale, y * scale];
        }
    }
}

impl Qwen2Config {
    /// A decoder of own sizes, with the public models' other settings.
    ///
    /// `sizes` are `hidden_size`, `intermediate_size` and `num_hidden_layers`, `heads` are
    /// `num_attention_heads` and `num_key_value_heads`; other fields can be set afterwards.
    #[must_use]
    pub const fn of_sizes(
        vocab_size: usize,
        [hidden_size, intermediate_size, num_hidden_layers]: [usize; 3],
        [num_attention_heads, num_key_value_heads]: [usize; 2],
        tie_word_embeddings: bool,
    ) -> Self {
        let mut config = Self::qwen2_0_5b();
        config.vocab_size = vocab_size;
        config.hidden_size = hidden_size;
        config.intermediate_size = intermediate_size;
        config.num_hidden_layers = num_hidden_layers;
        config.num_attention_heads = num_attention_heads;
        config.num_key_value_heads = num_key_value_heads;
        config.tie_word_embeddings = tie_word_embeddings;
        config
    }

    /// Writes `config.json` for a model of these sizes; the folder is created, an existing file replaced.
    ///
    /// # Errors
    /// Sizes that do not fit together, and a file that cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), WeightsError> {
        let path = dir.join("config.json");
        let text = format!("{:#}\n", self.to_json());
        DecoderConfig::from_json(&text, &path)?;
        fs::create_dir_all(dir).map_err(|source| WeightsError::Write { path: dir.to_owned(), source })?;
        write_text(&path, &text)
    }

    /// The keys in the form of transformers 4, which 5 reads as well.
    fn to_json(&self) -> Value {
        let scaling = self.rope.scaling.as_ref().map(|scaling| {
            json!({
                "rope_type": "llama3",
                "factor": scaling.factor,
                "low_freq_factor": scaling.low_freq_factor,
                "high_freq_factor": scaling.high_freq_factor,
                "original_max_position_embeddings": scaling.original_max_position_embeddings,
            })
        });
        json!({
            "architectures": ["Qwen2ForCausalLM"],
            "attention_dropout": 0.0,
            "hidden_act": "silu",
            "hidden_size": self.hidden_size,
            "initializer_range": INITIALIZER_RANGE,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "max_window_layers": self.num_hidden_layers,
            "model_type": "qwen2",
            "num_attention_heads": self.num_attention_heads,
            "num_hidden_layers": self.num_hidden_layers,
            "num_key_value_heads": self.num_key_value_heads,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_scaling": scaling,
            "rope_theta": self.rope.theta,
            "tie_word_embeddings": self.tie_word_embeddings,
            "torch_dtype": "float32",
            "use_cache": true,
            "use_sliding_window": false,
            "vocab_size": self.vocab_size,
        })
    }
}
