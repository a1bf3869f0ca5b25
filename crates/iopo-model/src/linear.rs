//! A linear layer, with or without a LoRA adapter.

use burn::module::{Module, Param};
use burn::tensor::{FloatDType, Tensor};

use crate::kernels::{self, Input, Onto};
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
        let onto = match (&self.bias, onto) {
            (None, None) => Onto::Nothing,
            (None, Some(onto)) => Onto::Matrix(onto),
            (Some(bias), None) => Onto::EveryRow(bias.val()),
            (Some(bias), Some(onto)) => Onto::Matrix(onto + bias.val().unsqueeze()),
        };
        let y = kernels::linear(input, &self.weight.val(), onto, 1.0);
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

/// A low-rank update of a frozen weight: `scale · B A`.
///
/// # Source
/// Hu et al. 2022, Eq. 3; layouts as in PEFT.
#[derive(Module, Debug)]
pub struct LoraAdapter {
    /// `[rank, in]`.
    pub a: Param<Tensor<2>>,
    /// `[out, rank]`.
    pub b: Param<Tensor<2>>,
    /// `alpha / rank`, or `alpha / sqrt(rank)` for rank-stabilised LoRA.
    pub scale: f64,
}

impl LoraAdapter {
    /// `onto + scale · (x Aᵀ) Bᵀ`, the product computed in the adapter's own float type.
    ///
    /// # Shapes
    /// - `x`: `[tokens, in]`
    /// - `onto`, result: `[tokens, out]`, in the type of `onto`
    fn apply(&self, x: &Input, onto: Tensor<2>) -> Tensor<2> {
        let (outer, inner) = (onto.dtype(), self.a.dtype());
        let low = |x: &Input| Input::kept(kernels::linear(x, &self.a.val(), Onto::Nothing, 1.0));
        if inner == outer {
            return kernels::linear(&low(x), &self.b.val(), Onto::Matrix(onto), self.scale);
        }
        let x = Input::kept(x.value.clone().cast(FloatDType::from(inner)));
        let product = kernels::linear(&low(&x), &self.b.val(), Onto::Nothing, self.scale);
        onto + product.cast(FloatDType::from(outer))
    }

    /// The update of the full weight, `[out, in]`.
    #[must_use]
    pub fn delta(&self) -> Tensor<2> {
        self.b.val().matmul(self.a.val()) * self.scale
    }
}
