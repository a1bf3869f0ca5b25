//! Which low-rank adapters (LoRA) a model gets.

use burn::module::Param;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::decoder::LINEAR_LAYERS;
use crate::error::LoraError;
use crate::linear::LoraAdapter;

/// Which linear layers get an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoraTargets {
    /// Every linear layer except the head.
    All,
    /// The named ones: any of `q_proj`, `k_proj`, `v_proj`, `o_proj`, `gate_proj`, `up_proj`, `down_proj`.
    Named(Vec<String>),
}

impl LoraTargets {
    /// The targets as names, in the order of the decoder layer.
    ///
    /// # Errors
    /// A name that no linear layer has, or no name at all.
    pub fn names(&self) -> Result<Vec<&'static str>, LoraError> {
        let all = LINEAR_LAYERS.map(|(_, name)| name);
        let Self::Named(wanted) = self else {
            return Ok(all.to_vec());
        };
        if wanted.is_empty() {
            return Err(LoraError::invalid(format!("no LoRA target is named; layers: {}", all.join(", "))));
        }
        if let Some(target) = wanted.iter().find(|name| !all.contains(&name.as_str())) {
            return Err(LoraError::invalid(format!(
                "LoRA target `{target}` matches no linear layer; layers: {}",
                all.join(", ")
            )));
        }
        Ok(all.into_iter().filter(|name| wanted.iter().any(|w| w == name)).collect())
    }
}

/// How to make new adapters.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `rank` | 8 | inner size | from 1 to the larger side of every targeted layer |
/// | `alpha` | 16 | numerator of the scale | finite |
/// | `rank_stabilised` | false | divide by √rank instead of rank | |
/// | `targets` | all | which linear layers | |
///
/// Defaults are those of LLaMA-Factory: `lora_rank: 8`, `lora_alpha: 2 · rank`, `lora_target: all`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraConfig {
    /// Inner size of the product.
    pub rank: usize,
    /// Numerator of the scale.
    pub alpha: f64,
    /// Whether the scale is `alpha / sqrt(rank)`.
    pub rank_stabilised: bool,
    /// Which linear layers.
    pub targets: LoraTargets,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self { rank: 8, alpha: 16.0, rank_stabilised: false, targets: LoraTargets::All }
    }
}

impl LoraConfig {
    /// The factor of the low-rank product.
    #[must_use]
    pub fn scale(&self) -> f64 {
        lora_scale(self.alpha, self.rank, self.rank_stabilised)
    }
}

/// `alpha / rank`, or `alpha / sqrt(rank)`.
pub(crate) fn lora_scale(alpha: f64, rank: usize, rank_stabilised: bool) -> f64 {
    let rank = rank as f64;
    alpha / if rank_stabilised { rank.sqrt() } else { rank }
}

/// Samples the adapters of one model, in the order in which they are asked for.
pub(crate) struct LoraInit {
    rng: ChaCha8Rng,
    pub(crate) rank: usize,
    pub(crate) scale: f64,
    pub(crate) dtype: FloatDType,
    pub(crate) device: Device,
}

impl LoraInit {
    pub(crate) fn new(config: &LoraConfig, seed: u64, dtype: FloatDType, device: Device) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), rank: config.rank, scale: config.scale(), dtype, device }
    }

    /// A from the uniform distribution on ±1/√in (Kaiming with a = √5), B zero: the start changes nothing.
    pub(crate) fn adapter(&mut self, [out, input]: [usize; 2]) -> LoraAdapter {
        let bound = 1.0 / (input as f64).sqrt();
        let values: Vec<f64> = (0..self.rank * input).map(|_| self.rng.random_range(-bound..bound)).collect();
        let options = (&self.device, self.dtype.into());
        LoraAdapter {
            a: Param::from_tensor(Tensor::from_data(TensorData::new(values, [self.rank, input]), options)),
            b: Param::from_tensor(Tensor::zeros([out, self.rank], (&self.device, self.dtype.into()))),
            scale: self.scale,
        }
    }
}
