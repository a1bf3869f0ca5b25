//! Softmax from elementary operations.
//!
//! burn computes its own softmax with one kernel where gradients are off and with several where
//! they are on, and the two differ in the last digits. A policy before its first update must
//! equal its frozen reference to the bit, so both use these.

use burn::tensor::Tensor;

/// `exp(x) / Σ exp(x)` along the last dimension; `-inf` gives 0.
pub(crate) fn softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let (shifted, _) = shift(x);
    let exponentials = shifted.exp();
    exponentials.clone() / exponentials.sum_dim(D - 1)
}

/// `log Σ exp(x)` along the last dimension, which is kept with size 1.
pub(crate) fn log_sum_exp<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let (shifted, largest) = shift(x);
    shifted.exp().sum_dim(D - 1).log() + largest
}

/// `x` minus its largest entry, so that no exponential overflows, and that entry.
///
/// Both functions are unchanged by a shift, so no gradient needs to flow through the maximum.
fn shift<const D: usize>(x: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    let largest = x.clone().without_autodiff().max_dim(D - 1);
    (x - largest.clone(), largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device, TensorData};

    fn row(values: &[f64], device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, values.len()]), (device, DType::F64))
    }

    #[test]
    fn extremes_neither_overflow_nor_vanish() {
        let device = Device::flex();
        let x = row(&[1e4, 1e4 - 2f64.ln(), f64::NEG_INFINITY], &device);
        let values = softmax(x.clone()).try_into_vec_as::<f64>().unwrap();
        assert!((values[0] - 2.0 / 3.0).abs() < 1e-9 && values[2] == 0.0, "{values:?}");
        // log(e^10000 + e^10000 / 2) = 10000 + log 1.5
        assert!((log_sum_exp(x).into_scalar::<f64>() - 1e4 - 1.5f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn the_gradient_of_log_sum_exp_is_softmax() {
        let device = Device::flex();
        let x = row(&[0.3, -1.2, 2.0], &device).autodiff().require_grad();
        let gradients = log_sum_exp(x.clone()).sum().backward();
        let gradient = x.grad(&gradients).unwrap().try_into_vec_as::<f64>().unwrap();
        let expected = softmax(x.without_autodiff()).try_into_vec_as::<f64>().unwrap();
        assert!(gradient.iter().zip(&expected).all(|(g, e)| (g - e).abs() < 1e-15), "{gradient:?}");
    }
}
