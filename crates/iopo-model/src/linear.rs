//! A linear layer, with or without a LoRA adapter.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::cpu;
use crate::lora::LoraAdapter;
use crate::precision::accumulation;

/// `y = x Wᵀ + b`, plus the adapter's low-rank product where one is attached.
///
/// The weight keeps Hugging Face's layout, `[out, in]`, so that files and gradients need no
/// transposing.
#[derive(Module, Debug)]
pub struct LoraLinear {
    /// `[out, in]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// The low-rank adapter.
    pub lora: Option<LoraAdapter>,
}

impl LoraLinear {
    /// Applies the layer.
    ///
    /// # Shapes
    /// - `x`: `[tokens, in]`
    /// - result: `[tokens, out]`
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = match &self.bias {
            None => product::<1>(&x, &self.weight.val(), None, 1.0),
            Some(bias) => product(&x, &self.weight.val(), Some(bias.val()), 1.0),
        };
        self.with_adapter(y, x)
    }

    /// Applies the layer and adds the result to `onto`.
    ///
    /// # Shapes
    /// - `x`: `[tokens, in]`
    /// - `onto`, result: `[tokens, out]`
    #[must_use]
    pub fn forward_onto(&self, onto: Tensor<2>, x: Tensor<2>) -> Tensor<2> {
        let onto = match &self.bias {
            None => onto,
            Some(bias) => onto + bias.val().unsqueeze(),
        };
        let y = product(&x, &self.weight.val(), Some(onto), 1.0);
        self.with_adapter(y, x)
    }

    fn with_adapter(&self, y: Tensor<2>, x: Tensor<2>) -> Tensor<2> {
        match &self.lora {
            None => y,
            Some(lora) => lora.forward_onto(y, x),
        }
    }

    /// The same layer with the adapter's product added to the weight.
    ///
    /// The sum is formed in at least f32 and rounded once.
    #[must_use]
    pub fn merge(mut self) -> Self {
        let Some(lora) = self.lora.take() else {
            return self;
        };
        self.weight = self.weight.map(|weight| {
            let dtype = weight.dtype();
            let wide = accumulation(dtype);
            (weight.cast(wide) + lora.delta().cast(wide)).cast(dtype)
        });
        self
    }
}

/// `onto + scale · x Wᵀ`, where `onto` is a vector for every row or a matrix.
///
/// # Shapes
/// - `x`: `[rows, in]`, `weight`: `[out, in]`, `onto`: `[out]` or `[rows, out]`
/// - result: `[rows, out]`
pub(crate) fn product<const D: usize>(
    x: &Tensor<2>,
    weight: &Tensor<2>,
    mut onto: Option<Tensor<D>>,
    scale: f64,
) -> Tensor<2> {
    cpu::linear(x, weight, &mut onto, scale).unwrap_or_else(|| product_by_tensors(x, weight, onto, scale))
}

pub(crate) fn product_by_tensors<const D: usize>(
    x: &Tensor<2>,
    weight: &Tensor<2>,
    onto: Option<Tensor<D>>,
    scale: f64,
) -> Tensor<2> {
    let mut y = x.clone().matmul(weight.clone().transpose());
    if scale != 1.0 {
        y = y * scale;
    }
    match onto {
        None => y,
        Some(onto) => onto.unsqueeze() + y,
    }
}
