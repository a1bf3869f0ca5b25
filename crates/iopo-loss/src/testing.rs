//! Tensors from numbers and back, for the tests beside each loss.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::CompletionLogProbs;

/// One row in f64.
pub(crate) fn one(value: f64) -> Tensor<1> {
    Tensor::from_data(TensorData::from([value]), (&Device::flex(), DType::F64))
}

/// One completion in f64.
pub(crate) fn completion(sum: f64, tokens: f64) -> CompletionLogProbs {
    CompletionLogProbs { sum: one(sum), tokens: one(tokens) }
}

/// The numbers of a tensor.
pub(crate) fn values(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().try_into_vec_as().unwrap()
}

/// Checks the rows of a tensor to twelve digits.
#[track_caller]
pub(crate) fn assert_rows(tensor: Tensor<1>, expected: &[f64]) {
    let actual = values(tensor);
    assert_eq!(actual.len(), expected.len());
    for (a, e) in actual.iter().zip(expected) {
        assert!((a - e).abs() <= 1e-12 * (1.0 + e.abs()), "{actual:?} is not {expected:?}");
    }
}
