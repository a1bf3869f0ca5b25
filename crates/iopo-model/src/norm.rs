//! Root-mean-square normalisation.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::checkpointing::Checkpointing;
use crate::kernels::{self, Input, Recipe};

/// Divides each row by its root mean square, and scales it by a learned weight.
///
/// ```text
/// y = w · x / sqrt(mean(x²) + eps)
/// ```
///
/// # Source
/// Zhang and Sennrich 2019, Eq. 4.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// `[width]`.
    pub weight: Param<Tensor<1>>,
    /// Added to the mean square.
    pub eps: f64,
}

impl RmsNorm {
    /// Normalises in at least f32, then returns to the type of `x`.
    ///
    /// # Shapes
    /// - `x`, result: `[rows, width]`
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        kernels::rms_norm(x, &self.weight.val(), self.eps)
    }

    /// The normalised rows as the input of linear layers.
    pub(crate) fn input(&self, x: &Tensor<2>, checkpointing: Checkpointing) -> Input {
        let recipe = match checkpointing {
            Checkpointing::Off => None,
            Checkpointing::Selective | Checkpointing::Full => {
                Some(Recipe::Norm { x: x.clone(), weight: self.weight.val(), eps: self.eps })
            }
        };
        Input { value: self.forward(x.clone()), recipe }
    }

    /// Normalises groups of as many numbers as the weight has: the whole row, or each head of a row of heads.
    ///
    /// # Shapes
    /// - `x`, result: `[tokens, groups · width]`
    pub(crate) fn in_groups(&self, x: Tensor<2>) -> Tensor<2> {
        let ([tokens, total], [width]) = (x.dims(), self.weight.dims());
        if width == total {
            return self.forward(x);
        }
        self.forward(x.reshape([tokens * total / width, width])).reshape([tokens, total])
    }
}
