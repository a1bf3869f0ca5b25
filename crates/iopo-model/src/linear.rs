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
        self.apply(&Input::kept(x), None)
    }

    /// Applies the layer, and adds the result to `onto` if there is one.
    pub(crate) fn apply(&self, input: &Input, onto: Option<Tensor<2>>) -> Tensor<2> {
        let weight = self.weight.val();
        let y = match (&self.bias, onto) {
            (None, onto) => product(input, &weight, onto, 1.0),
            (Some(bias), None) => product(input, &weight, Some(bias.val()), 1.0),
            (Some(bias), Some(onto)) => product(input, &weight, Some(onto + bias.val().unsqueeze()), 1.0),
        };
        match &self.lora {
            None => y,
            Some(lora) => lora.apply(input, y),
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

/// What a linear layer is applied to, and how it can be had again on the way back.
#[derive(Clone)]
#[cfg_attr(not(feature = "flex"), allow(dead_code, reason = "only the CPU kernels know how"))]
pub(crate) struct Input {
    pub(crate) value: Tensor<2>,
    pub(crate) recipe: Option<Recipe>,
}

/// From what an input is computed again, where that is cheaper than keeping it: from tensors that the
/// operation which made it keeps anyway.
#[derive(Clone)]
#[cfg_attr(not(feature = "flex"), allow(dead_code, reason = "only the CPU kernels know how"))]
pub(crate) enum Recipe {
    /// A norm's output.
    Norm { x: Tensor<2>, weight: Tensor<1>, eps: f64 },
    /// `silu(gate) · up`.
    Gated { gate: Tensor<2>, up: Tensor<2> },
}

impl Input {
    /// An input that is kept.
    pub(crate) fn kept(value: Tensor<2>) -> Self {
        Self { value, recipe: None }
    }
}

/// `onto + scale · x Wᵀ`, where `onto` is a vector for every row or a matrix.
///
/// # Shapes
/// - `x`: `[rows, in]`, `weight`: `[out, in]`, `onto`: `[out]` or `[rows, out]`
/// - result: `[rows, out]`
pub(crate) fn product<const D: usize>(
    x: &Input,
    weight: &Tensor<2>,
    mut onto: Option<Tensor<D>>,
    scale: f64,
) -> Tensor<2> {
    cpu::linear(x, weight, &mut onto, scale)
        .unwrap_or_else(|| product_by_tensors(&x.value, weight, onto, scale))
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
