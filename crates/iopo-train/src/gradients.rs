//! Sums of gradients over micro-batches.

use std::collections::BTreeMap;

use burn::tensor::{DType, FloatDType, Tensor};
use iopo_model::{CausalLm, NamedTensor, Parameters, kernels};

use crate::error::TrainError;

/// Gradients by parameter name, added up in at least f32.
#[derive(Debug, Clone, Default)]
pub struct GradientSum {
    by_name: BTreeMap<String, NamedTensor>,
}

impl GradientSum {
    /// Adds a gradient to those of its name.
    pub fn add(&mut self, mut gradient: NamedTensor) {
        // Sums and squares of bf16 numbers lose what small gradients add.
        gradient.values = widen(gradient.values);
        // Taken out, a sum is nobody else's, and is added to in place.
        if let Some(sum) = self.by_name.remove(&gradient.name) {
            gradient.values = kernels::add(sum.values, gradient.values);
        }
        self.by_name.insert(gradient.name.clone(), gradient);
    }

    /// Adds all gradients of another sum.
    pub fn merge(&mut self, other: Self) {
        other.by_name.into_values().for_each(|gradient| self.add(gradient));
    }

    /// Gives every trained parameter a gradient: zeros where no loss reached it.
    pub fn complete(&mut self, policy: &CausalLm) {
        for parameter in policy.trainable_parameters() {
            let values = widen(parameter.values.zeros_like());
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
    pub fn norm(&self) -> Result<f64, TrainError> {
        let mut squares = 0.0;
        for gradient in self.by_name.values() {
            squares += kernels::sum_of_squares(&gradient.values)
                .map_err(|error| TrainError::Device { what: "a gradient", reason: error.to_string() })?;
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

/// The same values in at least f32.
pub(crate) fn widen(values: Tensor<1>) -> Tensor<1> {
    match values.dtype() {
        DType::F64 | DType::F32 => values,
        _ => values.cast(FloatDType::F32),
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn gradient(name: &str, values: Vec<f64>, dtype: DType) -> NamedTensor {
        let shape = [values.len()];
        let values = Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), dtype));
        NamedTensor { name: name.to_owned(), shape: shape.to_vec(), values }
    }

    fn sum(parts: Vec<Vec<NamedTensor>>) -> GradientSum {
        let mut sum = GradientSum::default();
        parts.into_iter().flatten().for_each(|part| sum.add(part));
        sum
    }

    fn values(sum: &GradientSum, name: &str) -> Vec<f64> {
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
    fn a_sum_of_nothing_has_length_zero() {
        assert_eq!(GradientSum::default().norm().unwrap(), 0.0);
    }
}
