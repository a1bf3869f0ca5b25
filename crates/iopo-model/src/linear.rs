//! A linear layer, with or without a LoRA adapter.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

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
        let mut y = x.clone().matmul(self.weight.val().transpose());
        if let Some(bias) = &self.bias {
            y = y + bias.val().unsqueeze();
        }
        match &self.lora {
            None => y,
            Some(lora) => y + lora.forward(x),
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
