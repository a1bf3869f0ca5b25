//! One update of one parameter: by tensor operations, and on the CPU in one pass over memory.

use burn::tensor::Tensor;
use iopo_model::CpuValues;
use rayon::prelude::*;

/// Values in each of the blocks that threads work on.
const BLOCK: usize = 1 << 15;

/// The numbers of an update that do not change from element to element.
///
/// ```text
/// m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
/// θ ← kept · θ − rate · m / (sqrt(v) / corrected2 + ε)
/// ```
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamWUpdate {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// What weight decay leaves of the parameter.
    pub kept: f64,
    /// `sqrt(1 − β₂ᵗ)`.
    pub corrected2: f64,
    /// `η / (1 − β₁ᵗ)`.
    pub rate: f64,
}

impl AdamWUpdate {
    /// The new parameter and its moments.
    pub(crate) fn apply(
        &self,
        values: Tensor<1>,
        gradient: &Tensor<1>,
        first: Tensor<1>,
        second: Tensor<1>,
    ) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
        match CpuValues::of([values, gradient.clone(), first, second]) {
            Ok([mut values, gradient, mut first, mut second]) => {
                let moments = (first.values_mut(), second.values_mut());
                self.apply_in_one_pass(values.values_mut(), &gradient.values(), moments);
                (values.into_tensor(), first.into_tensor(), second.into_tensor())
            }
            Err([values, gradient, first, second]) => self.apply_by_tensors(values, gradient, first, second),
        }
    }

    fn apply_in_one_pass(
        &self,
        values: &mut [f32],
        gradient: &[f32],
        (first, second): (&mut [f32], &mut [f32]),
    ) {
        let (beta1, beta2) = (self.beta1 as f32, self.beta2 as f32);
        let (share1, share2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        let (kept, corrected2, epsilon, rate) =
            (self.kept as f32, self.corrected2 as f32, self.epsilon as f32, self.rate as f32);
        let state = first.par_chunks_mut(BLOCK).zip(second.par_chunks_mut(BLOCK));
        let all = values.par_chunks_mut(BLOCK).zip(state).zip(gradient.par_chunks(BLOCK));
        all.for_each(|((values, (first, second)), gradient)| {
            for (((value, m), v), &g) in values.iter_mut().zip(first).zip(second).zip(gradient) {
                *m = *m * beta1 + g * share1;
                *v = *v * beta2 + g * g * share2;
                *value = *value * kept - *m / (v.sqrt() / corrected2 + epsilon) * rate;
            }
        });
    }

    fn apply_by_tensors(
        &self,
        values: Tensor<1>,
        gradient: Tensor<1>,
        first: Tensor<1>,
        second: Tensor<1>,
    ) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
        let first = first * self.beta1 + gradient.clone() * (1.0 - self.beta1);
        let second = second * self.beta2 + gradient.square() * (1.0 - self.beta2);
        let kept = if self.kept == 1.0 { values } else { values * self.kept };
        let denominator = second.clone().sqrt() / self.corrected2 + self.epsilon;
        (kept - first.clone() / denominator * self.rate, first, second)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn tensor(length: usize, seed: f64) -> Tensor<1> {
        let values: Vec<f32> = (0..length).map(|i| ((i as f64 + 1.0) * seed).sin() as f32).collect();
        Tensor::from_data(TensorData::new(values, [length]), &Device::flex())
    }

    fn values(tensor: Tensor<1>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    /// The same operations in the same order: the same bits, so that a run may move between devices' code.
    #[test]
    fn one_pass_gives_what_tensor_operations_give() {
        for kept in [1.0, 0.999] {
            let update =
                AdamWUpdate { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, kept, corrected2: 0.3, rate: 1e-3 };
            let inputs = || {
                (tensor(70_001, 0.7), tensor(70_001, 0.3), tensor(70_001, 0.2), tensor(70_001, 0.1).square())
            };
            let (theta, g, m, v) = inputs();
            let one_pass = update.apply(theta, &g, m, v);
            let (theta, g, m, v) = inputs();
            let by_tensors = update.apply_by_tensors(theta, g, m, v);
            assert_eq!(values(one_pass.0), values(by_tensors.0));
            assert_eq!(values(one_pass.1), values(by_tensors.1));
            assert_eq!(values(one_pass.2), values(by_tensors.2));
        }
    }
}
