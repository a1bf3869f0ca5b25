//! Root-mean-square normalisation.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::cpu;
use crate::precision::accumulation;

/// Divides each token's vector by its root mean square, and scales it by a learned weight.
///
/// ```text
/// y = w · x / sqrt(mean(x²) + eps)
/// ```
///
/// # Source
/// Zhang and Sennrich 2019, Eq. 4.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// `[hidden]`.
    pub weight: Param<Tensor<1>>,
    /// Added to the mean square.
    pub eps: f64,
}

impl RmsNorm {
    /// Normalises in at least f32, then returns to the type of `x`.
    ///
    /// # Shapes
    /// - `x`, result: `[tokens, hidden]`
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let weight = self.weight.val();
        cpu::rms_norm(&x, &weight, self.eps).unwrap_or_else(|| rms_norm_by_tensors(x, weight, self.eps))
    }
}

pub(crate) fn rms_norm_by_tensors(x: Tensor<2>, weight: Tensor<1>, eps: f64) -> Tensor<2> {
    let dtype = x.dtype();
    let wide = x.cast(accumulation(dtype));
    let mean_square = wide.clone().square().mean_dim(1);
    let normalised = wide / (mean_square + eps).sqrt();
    normalised.cast(dtype) * weight.unsqueeze()
}
