//! Gradients of a model's parameters, and sums of them.

use std::collections::BTreeMap;

use burn::tensor::TensorReadError;

use crate::causal_lm::CausalLm;
use crate::kernels;
use crate::parameters::{NamedTensor, Parameters};

/// The gradient accumulator: gradients by parameter name, added up in at least f32.
#[derive(Debug, Clone, Default)]
pub struct ParameterGradients {
    by_name: BTreeMap<String, NamedTensor>,
}

impl Extend<NamedTensor> for ParameterGradients {
    /// Adds each gradient to those of its name, in the order given.
    fn extend<I: IntoIterator<Item = NamedTensor>>(&mut self, gradients: I) {
        for mut gradient in gradients {
            // Sums and squares of bf16 numbers lose what small gradients add.
            gradient.values = kernels::at_least_f32(gradient.values);
            // Taken out of the map, the sum has one owner and is added to in place.
            if let Some(sum) = self.by_name.remove(&gradient.name) {
                gradient.values = kernels::add(sum.values, gradient.values);
            }
            self.by_name.insert(gradient.name.clone(), gradient);
        }
    }
}

impl ParameterGradients {
    /// Adds all gradients of another accumulator.
    pub fn merge(&mut self, other: Self) {
        self.extend(other.by_name.into_values());
    }

    /// Gives every trained parameter a gradient: zeros where the loss does not depend on it.
    pub fn complete(&mut self, policy: &CausalLm) {
        for parameter in policy.trainable_parameters() {
            let values = kernels::at_least_f32(parameter.values.zeros_like());
            self.by_name.entry(parameter.name.clone()).or_insert(NamedTensor { values, ..parameter });
        }
    }

    /// The gradient of one parameter, row by row.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&NamedTensor> {
        self.by_name.get(name)
    }

    /// All gradients, by name.
    pub fn iter(&self) -> impl Iterator<Item = &NamedTensor> {
        self.by_name.values()
    }

    /// Euclidean norm over all parameters.
    ///
    /// # Errors
    /// Values that cannot be read from the device.
    pub fn norm(&self) -> Result<f64, TensorReadError> {
        let mut squares = 0.0;
        for gradient in self.by_name.values() {
            squares += kernels::sum_of_squares(&gradient.values)?;
        }
        Ok(squares.sqrt())
    }

    /// Multiplies all gradients by a number.
    #[must_use]
    pub fn scale(self, factor: f64) -> Self {
        let scale = |(name, gradient): (String, NamedTensor)| {
            (name, NamedTensor { values: kernels::scale(gradient.values, factor), ..gradient })
        };
        Self { by_name: self.by_name.into_iter().map(scale).collect() }
    }

    /// Shortens the gradient to `max_norm` if it is longer; `norm` is its present length.
    ///
    /// ```text
    /// g ← g · min(1, max_norm / (norm + 1e-6))
    /// ```
    ///
    /// # Source
    /// Pascanu et al. 2013, Algorithm 1; the constant is that of PyTorch's `clip_grad_norm_`.
    #[must_use]
    pub fn clip(self, norm: f64, max_norm: f64) -> Self {
        let factor = max_norm / (norm + 1e-6);
        if factor < 1.0 { self.scale(factor) } else { self }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device, Tensor, TensorData};

    use super::*;

    fn gradient(name: &str, values: Vec<f64>, dtype: DType) -> NamedTensor {
        let shape = [values.len()];
        let values = Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), dtype));
        NamedTensor { name: name.to_owned(), shape: shape.to_vec(), values }
    }

    fn sum(parts: Vec<Vec<NamedTensor>>) -> ParameterGradients {
        let mut sum = ParameterGradients::default();
        parts.into_iter().for_each(|part| sum.extend(part));
        sum
    }

    fn values(sum: &ParameterGradients, name: &str) -> Vec<f64> {
        sum.get(name).unwrap().values.clone().try_into_vec_as::<f64>().unwrap()
    }

    #[test]
    fn gradients_of_one_name_are_added_and_others_kept() {
        let f64s = |name, values| gradient(name, values, DType::F64);
        let sum = sum(vec![
            vec![f64s("a", vec![1.0, 2.0])],
            vec![f64s("a", vec![0.5, -2.0]), f64s("b", vec![4.0])],
        ]);
        assert_eq!(values(&sum, "a"), [1.5, 0.0]);
        assert_eq!(values(&sum, "b"), [4.0]);
        assert!(sum.get("c").is_none());
        assert_eq!(sum.iter().map(|gradient| gradient.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    /// 3, 4 and 12 have the norm 13.
    #[test]
    fn the_norm_is_that_of_all_parameters_together() {
        let sum =
            sum(vec![vec![gradient("a", vec![3.0, 4.0], DType::F64), gradient("b", vec![12.0], DType::F64)]]);
        assert_eq!(sum.norm().unwrap(), 13.0);
    }

    #[test]
    fn clipping_shortens_to_the_limit_and_leaves_what_is_shorter() {
        let long = || sum(vec![vec![gradient("a", vec![3.0, 4.0], DType::F64)]]);
        let clipped = long().clip(5.0, 1.0);
        let factor = 1.0 / (5.0 + 1e-6);
        assert_eq!(values(&clipped, "a"), [3.0 * factor, 4.0 * factor]);
        assert_eq!(values(&long().clip(5.0, 5.1), "a"), [3.0, 4.0]);
    }

    /// In bf16 256 + 1 is 256.
    #[test]
    fn gradients_in_bf16_are_added_in_f32() {
        let parts = [256.0, 1.0].map(|value| vec![gradient("a", vec![value], DType::BF16)]);
        let sum = sum(parts.to_vec());
        assert_eq!(values(&sum, "a"), [257.0]);
    }

    #[test]
    fn an_empty_accumulator_has_norm_zero() {
        assert_eq!(ParameterGradients::default().norm().unwrap(), 0.0);
    }
}
