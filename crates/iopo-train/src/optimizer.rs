//! AdamW.
//!
//! Written here because burn's own keeps its coefficients in f32 (1 − 0.999 is then off by 5e-5
//! relative) and its state under identifiers that differ in every process, so that a resumed run
//! could not equal an uninterrupted one.

use std::collections::BTreeMap;

use burn::tensor::{FloatDType, Tensor};
use iopo_model::{CausalLm, NamedTensor, Parameters};

use crate::gradients::{GradientSum, widen};

/// Hyper-parameters.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `beta1` | 0.9 | decay of the mean of gradients | [0, 1) |
/// | `beta2` | 0.999 | decay of the mean of their squares | [0, 1) |
/// | `epsilon` | 1e-8 | added to the root of the latter | > 0 |
/// | `weight_decay` | 0 | decoupled decay | ≥ 0 |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

#[derive(Debug, Clone)]
struct Moments {
    shape: Vec<usize>,
    first: Tensor<1>,
    second: Tensor<1>,
}

/// The optimizer with its state, by parameter name.
///
/// ```text
/// m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
/// θ ← (1 − η λ) θ − η / (1 − β₁ᵗ) · m / (sqrt(v) / sqrt(1 − β₂ᵗ) + ε)
/// ```
///
/// # Source
/// Loshchilov and Hutter 2019, Algorithm 2, in the form that PyTorch computes.
#[derive(Debug, Clone)]
pub struct AdamW {
    config: AdamWConfig,
    steps: i32,
    moments: BTreeMap<String, Moments>,
}

impl AdamW {
    /// PyTorch's names of the two moments.
    pub(crate) const MOMENTS: [&'static str; 2] = ["exp_avg", "exp_avg_sq"];

    /// An optimizer that has seen nothing.
    #[must_use]
    pub fn new(config: AdamWConfig) -> Self {
        Self { config, steps: 0, moments: BTreeMap::new() }
    }

    /// Number of updates made.
    #[must_use]
    pub fn steps(&self) -> i32 {
        self.steps
    }

    /// Updates the trained parameters; `decays` says which names weight decay applies to.
    ///
    /// Moments are kept in at least f32.
    #[must_use]
    pub fn step(
        &mut self,
        model: CausalLm,
        gradients: &GradientSum,
        learning_rate: f64,
        decays: impl Fn(&str) -> bool,
    ) -> CausalLm {
        self.steps += 1;
        let AdamWConfig { beta1, beta2, epsilon, weight_decay } = self.config;
        let corrected1 = 1.0 - beta1.powi(self.steps);
        let corrected2 = (1.0 - beta2.powi(self.steps)).sqrt();
        let moments = &mut self.moments;
        model.update_trainable(|name, values| {
            let gradient = gradients.get(name)?;
            let dtype = values.dtype();
            let (values, g) = (widen(values), widen(gradient.values.clone()));
            let state = moments.entry(name.to_owned()).or_insert_with(|| Moments {
                shape: gradient.shape.clone(),
                first: g.zeros_like(),
                second: g.zeros_like(),
            });
            state.first = state.first.clone() * beta1 + g.clone() * (1.0 - beta1);
            state.second = state.second.clone() * beta2 + g.square() * (1.0 - beta2);
            let decayed = match weight_decay != 0.0 && decays(name) {
                true => values * (1.0 - learning_rate * weight_decay),
                false => values,
            };
            let denominator = state.second.clone().sqrt() / corrected2 + epsilon;
            let updated = decayed - state.first.clone() / denominator * (learning_rate / corrected1);
            Some(updated.cast(FloatDType::from(dtype)))
        })
    }

    /// The moments as named tensors: `NAME.exp_avg` and `NAME.exp_avg_sq`, PyTorch's names.
    #[must_use]
    pub fn state(&self) -> Vec<NamedTensor> {
        self.moments
            .iter()
            .flat_map(|(name, moments)| {
                let [first, second] = Self::MOMENTS;
                [(first, &moments.first), (second, &moments.second)].map(|(kind, values)| NamedTensor {
                    name: format!("{name}.{kind}"),
                    shape: moments.shape.clone(),
                    values: values.clone(),
                })
            })
            .collect()
    }

    /// Continues from a saved state.
    ///
    /// Moments of which either half is missing start anew.
    #[must_use]
    pub fn from_state(config: AdamWConfig, steps: i32, state: Vec<NamedTensor>) -> Self {
        let mut halves: BTreeMap<String, NamedTensor> =
            state.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        let names: Vec<String> =
            halves.keys().filter_map(|name| name.strip_suffix(".exp_avg").map(str::to_owned)).collect();
        let moments = names
            .into_iter()
            .filter_map(|name| {
                let first = halves.remove(&format!("{name}.exp_avg"))?;
                let second = halves.remove(&format!("{name}.exp_avg_sq"))?;
                Some((name, Moments { shape: first.shape, first: first.values, second: second.values }))
            })
            .collect();
        Self { config, steps, moments }
    }
}

/// Whether weight decay applies by default: to matrices and their adapters, not to norms and biases.
///
/// # Source
/// The convention of Loshchilov and Hutter's successors, and of transformers' trainer.
#[must_use]
pub(crate) fn decays_by_default(name: &str) -> bool {
    !(name.ends_with(".bias") || name.ends_with("norm.weight"))
}
