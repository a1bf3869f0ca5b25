//! Sums of gradients over micro-batches.

use std::collections::BTreeMap;

use burn::tensor::{DType, FloatDType, Tensor};
use iopo_model::NamedTensor;

use crate::error::TrainError;

/// Gradients by parameter name, added up in at least f32.
#[derive(Debug, Clone, Default)]
pub struct GradientSum {
    by_name: BTreeMap<String, NamedTensor>,
}

impl GradientSum {
    /// Adds gradients.
    pub fn add(&mut self, gradients: Vec<NamedTensor>) {
        for mut gradient in gradients {
            // Sums and squares of bf16 numbers lose what small gradients add.
            gradient.values = widen(gradient.values);
            match self.by_name.get_mut(&gradient.name) {
                Some(sum) => sum.values = sum.values.clone() + gradient.values,
                None => {
                    self.by_name.insert(gradient.name.clone(), gradient);
                }
            }
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
            let square = gradient.values.clone().square().sum();
            squares += square
                .try_into_scalar::<f64>()
                .map_err(|error| TrainError::Device { what: "a gradient", reason: error.to_string() })?;
        }
        Ok(squares.sqrt())
    }

    /// Multiplies all gradients by a number.
    #[must_use]
    pub fn scale(mut self, factor: f64) -> Self {
        for gradient in self.by_name.values_mut() {
            gradient.values = gradient.values.clone() * factor;
        }
        self
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
