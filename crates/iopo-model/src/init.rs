//! Models with new weights, sampled from a seed.

use std::path::Path;

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::builder::{Builder, TensorSource};
use crate::causal_lm::CausalLm;
use crate::config::{DecoderConfig, INITIALIZER_RANGE};
use crate::error::{ConfigError, WeightsError};
use crate::keys::{self, Keys};
use crate::precision::Precision;
use crate::pretrained::{check_precision, load_config};

impl CausalLm {
    /// A model with new weights, every parameter frozen, without autodiff.
    ///
    /// ```text
    /// W, E ~ N(0, initializer_range²),   b = 0,   norms = 1
    /// ```
    ///
    /// The same seed gives the same weights on every machine: they are sampled and rounded on the CPU,
    /// without functions of the system's mathematical library.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use iopo_model::{CausalLm, INITIALIZER_RANGE, Precision, families::qwen2};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = qwen2::of_sizes(300, [32, 88, 2], [4, 2], true);
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
            return Err(ConfigError::invalid(Path::new("config.json"), reason).into());
        }
        check_precision(precision, device)?;
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let mut source = Sampled { rng, range: initializer_range, dtype: precision.weights, device };
        Builder { source: &mut source, config }.causal_lm(precision)
    }
}

/// A new model of the sizes in a folder's `config.json`; see [`CausalLm::init`].
///
/// Weights in the folder are not read.
///
/// # Errors
/// A configuration that is not supported, or a float type that the device lacks.
pub fn init_model(
    dir: &Path,
    seed: u64,
    precision: Precision,
    device: &Device,
) -> Result<CausalLm, WeightsError> {
    let config = load_config(dir)?;
    let path = dir.join("config.json");
    let keys = Keys { path: &path, map: &keys::read(&path)? };
    let range = keys.number("initializer_range")?.unwrap_or(INITIALIZER_RANGE);
    CausalLm::init(&config, range, seed, precision, device)
}

/// Samples parameters in the order in which they are asked for.
struct Sampled<'a> {
    rng: ChaCha8Rng,
    range: f64,
    dtype: FloatDType,
    device: &'a Device,
}

impl TensorSource for Sampled<'_> {
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

/// Two independent samples from N(0, 1), by operations that every machine rounds alike.
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
