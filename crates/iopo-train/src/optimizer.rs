//! AdamW.
//!
//! Written here because burn's own keeps its coefficients in f32 (1 − 0.999 is then off by 5e-5
//! relative) and its state under identifiers that differ in every process, so that a resumed run
//! could not equal an uninterrupted one.

use std::collections::BTreeMap;

use burn::tensor::{FloatDType, Tensor};
use iopo_model::kernels::{AdamWUpdate, adamw_update, at_least_f32};
use iopo_model::{CausalLm, NamedTensor, ParameterGradients, Parameters};

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

    /// An optimizer before its first update.
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
        gradients: &ParameterGradients,
        learning_rate: f64,
        decays: impl Fn(&str) -> bool,
    ) -> CausalLm {
        self.steps += 1;
        let AdamWConfig { beta1, beta2, epsilon, weight_decay } = self.config;
        let moments = &mut self.moments;
        model.update_trainable(|name, values| {
            let gradient = gradients.get(name)?;
            let dtype = values.dtype();
            let (values, g) = (at_least_f32(values), at_least_f32(gradient.values.clone()));
            let state = moments.remove(name).unwrap_or_else(|| Moments {
                shape: gradient.shape.clone(),
                first: g.zeros_like(),
                second: g.zeros_like(),
            });
            let update = AdamWUpdate {
                beta1,
                beta2,
                epsilon,
                kept: if decays(name) { 1.0 - learning_rate * weight_decay } else { 1.0 },
                corrected2: (1.0 - beta2.powi(self.steps)).sqrt(),
                rate: learning_rate / (1.0 - beta1.powi(self.steps)),
            };
            let [updated, first, second] = adamw_update(&update, [values, g, state.first, state.second]);
            moments.insert(name.to_owned(), Moments { first, second, ..state });
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
    /// A parameter of which either moment is missing starts with both at zero.
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

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::{DType, Device, TensorData};
    use iopo_model::{Precision, load_model};

    use super::*;

    const NORM: &str = "model.norm.weight";
    const HEAD: &str = "lm_head.weight";

    fn model(name: &str, dtype: FloatDType) -> CausalLm {
        let dir = format!("{}/../../fixtures/models/{name}", env!("CARGO_MANIFEST_DIR"));
        let model = load_model(dir.as_ref(), Precision::uniform(dtype), &Device::flex()).unwrap();
        model.set_require_grad(true).train()
    }

    fn values(model: &CausalLm, name: &str) -> Vec<f64> {
        let parameters = model.trainable_parameters();
        let parameter = parameters.into_iter().find(|parameter| parameter.name == name).unwrap();
        parameter.values.try_into_vec_as::<f64>().unwrap()
    }

    /// A gradient of the same number everywhere, for some parameters.
    fn gradient(model: &CausalLm, names: &[&str], value: f64) -> ParameterGradients {
        let mut sum = ParameterGradients::default();
        let mut parameters = model.trainable_parameters();
        parameters.retain(|parameter| names.contains(&parameter.name.as_str()));
        assert_eq!(parameters.len(), names.len());
        let filled = |p: NamedTensor| NamedTensor { values: p.values.full_like(value), ..p };
        sum.extend(parameters.into_iter().map(filled));
        sum
    }

    fn assert_moved(after: &[f64], before: &[f64], by: f64) {
        for (after, before) in after.iter().zip(before) {
            assert!((after - before - by).abs() < 1e-12, "{} {by}", after - before);
        }
    }

    /// β₁ = 0.8, β₂ = 0.5, ε = 0.25, η = 0.1, gradients 1 and then −3.
    ///
    /// ```text
    /// t = 1:  m = 0.2,   v = 0.5;   m̂ = 0.2/0.2 = 1,  v̂ = 0.5/0.5 = 1;  θ −= 0.1 · 1/(1 + 0.25) = 0.08
    /// t = 2:  m = 0.8 · 0.2 − 0.2 · 3 = −0.44,  v = 0.5 · 0.5 + 0.5 · 9 = 4.75
    ///         m̂ = −0.44/0.36 = −11/9,  v̂ = 4.75/0.75 = 19/3;  θ += 0.1 · (11/9)/(√(19/3) + 0.25)
    /// ```
    #[test]
    fn two_updates_are_those_computed_by_hand() {
        let config = AdamWConfig { beta1: 0.8, beta2: 0.5, epsilon: 0.25, weight_decay: 0.0 };
        let (mut optimizer, mut model) = (AdamW::new(config), model("qwen2-tiny", FloatDType::F64));
        let before = values(&model, NORM);
        for (gradient_value, moved) in
            [(1.0, -0.08), (-3.0, -0.08 + 0.1 * (11.0 / 9.0) / ((19.0_f64 / 3.0).sqrt() + 0.25))]
        {
            let gradients = gradient(&model, &[NORM], gradient_value);
            model = optimizer.step(model, &gradients, 0.1, decays_by_default);
            assert_moved(&values(&model, NORM), &before, moved);
        }
        assert_eq!(optimizer.steps(), 2);
    }

    /// θ ← (1 − 0.1 · 0.5) θ before the update of 0.1 · 1/(1 + 1e-8); the norm only gets the latter.
    #[test]
    fn weight_decay_shrinks_matrices_and_leaves_norms_and_biases() {
        let config = AdamWConfig { weight_decay: 0.5, ..AdamWConfig::default() };
        let model = model("qwen2-tiny", FloatDType::F64);
        let bias = "model.layers.0.self_attn.q_proj.bias";
        let names = [NORM, HEAD, bias];
        let gradients = gradient(&model, &names, 1.0);
        let before = names.map(|name| values(&model, name));
        let model = AdamW::new(config).step(model, &gradients, 0.1, decays_by_default);
        let update = -0.1 / (1.0 + 1e-8);
        assert_moved(&values(&model, NORM), &before[0], update);
        assert_moved(&values(&model, bias), &before[2], update);
        let decayed: Vec<f64> = before[1].iter().map(|value| 0.95 * value).collect();
        assert_moved(&values(&model, HEAD), &decayed, update);
    }

    #[test]
    fn a_parameter_without_a_gradient_stays() {
        let config = AdamWConfig { weight_decay: 0.5, ..AdamWConfig::default() };
        let model = model("qwen2-tiny", FloatDType::F64);
        let before = values(&model, HEAD);
        let gradients = gradient(&model, &[NORM], 1.0);
        let model = AdamW::new(config).step(model, &gradients, 0.1, decays_by_default);
        assert_eq!(values(&model, HEAD), before);
    }

    #[test]
    fn a_rate_of_zero_changes_no_bit_but_counts() {
        let config = AdamWConfig { weight_decay: 0.5, ..AdamWConfig::default() };
        let (mut optimizer, model) = (AdamW::new(config), model("qwen2-tiny", FloatDType::F32));
        let before = values(&model, HEAD);
        let gradients = gradient(&model, &[HEAD], 1.0);
        let model = optimizer.step(model, &gradients, 0.0, decays_by_default);
        assert_eq!(values(&model, HEAD), before);
        assert_eq!(optimizer.steps(), 1);
    }

    #[test]
    fn exactly_norms_and_biases_of_qwen2_and_llama_do_not_decay() {
        for name in ["qwen2-tiny", "llama3-tiny"] {
            for parameter in model(name, FloatDType::F32).trainable_parameters() {
                // Norms and biases are the vectors of these models.
                assert_eq!(
                    decays_by_default(&parameter.name),
                    parameter.shape.len() == 2,
                    "{}",
                    parameter.name
                );
            }
        }
        assert!(decays_by_default("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"));
    }

    #[test]
    fn moments_of_bf16_weights_are_kept_in_f32() {
        let mut optimizer = AdamW::new(AdamWConfig::default());
        let model = model("qwen2-tiny", FloatDType::BF16);
        let gradients = gradient(&model, &[NORM], 1e-3);
        let model = optimizer.step(model, &gradients, 1e-3, decays_by_default);
        assert!(optimizer.state().iter().all(|moment| moment.values.dtype() == DType::F32));
        assert_eq!(model.precision().weights, FloatDType::BF16);
    }

    #[test]
    fn a_restored_optimizer_goes_on_bit_for_bit() {
        let config = AdamWConfig::default();
        let (mut optimizer, model) = (AdamW::new(config), model("qwen2-tiny", FloatDType::F32));
        let gradients = gradient(&model, &[NORM, HEAD], 0.3);
        let model = optimizer.step(model, &gradients, 1e-3, decays_by_default);
        let mut restored = AdamW::from_state(config, optimizer.steps(), optimizer.state());
        let next = gradient(&model, &[NORM, HEAD], -0.7);
        let [a, b] = [&mut optimizer, &mut restored]
            .map(|optimizer| optimizer.step(model.clone(), &next, 1e-3, decays_by_default));
        for name in [NORM, HEAD] {
            assert_eq!(values(&a, name), values(&b, name));
        }
    }

    #[test]
    fn half_of_a_parameters_moments_are_not_taken() {
        let tensor = NamedTensor {
            name: "a.exp_avg".to_owned(),
            shape: vec![1],
            values: Tensor::from_data(TensorData::new(vec![1.0_f32], [1]), &Device::flex()),
        };
        assert!(AdamW::from_state(AdamWConfig::default(), 1, vec![tensor]).state().is_empty());
    }
}
