//! Which float type is used where.

use burn::tensor::{DType, Device, FloatDType};

/// Three separate choices of float type.
///
/// Frozen weights may be short to save memory while the adapter that is trained, and the
/// log-probs that a loss sees, keep their digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Precision {
    /// Type of the model's own weights and of the activations.
    pub weights: FloatDType,
    /// Type of LoRA matrices, and of the products with them.
    pub adapter: FloatDType,
    /// Type of logits, log-probs and losses.
    pub loss: FloatDType,
}

impl Default for Precision {
    fn default() -> Self {
        Self::uniform(FloatDType::F32)
    }
}

impl Precision {
    /// One type everywhere.
    #[must_use]
    pub const fn uniform(dtype: FloatDType) -> Self {
        Self { weights: dtype, adapter: dtype, loss: dtype }
    }

    /// The first of the three that the device cannot compute with.
    #[must_use]
    pub fn unsupported_on(&self, device: &Device) -> Option<FloatDType> {
        [self.weights, self.adapter, self.loss].into_iter().find(|&dtype| !device.supports_dtype(dtype))
    }
}

/// The type in which sums over `dtype` values are formed: at least 32 bits.
pub(crate) fn accumulation(dtype: DType) -> FloatDType {
    match dtype {
        DType::F64 => FloatDType::F64,
        _ => FloatDType::F32,
    }
}

/// Reads a float type's usual names: `float32`/`f32`/`fp32`, `bfloat16`/`bf16`, `float16`/`f16`/`fp16`, `float64`/`f64`.
///
/// ```
/// use burn::tensor::FloatDType;
/// assert_eq!(iopo_model::parse_float_dtype("bfloat16"), Some(FloatDType::BF16));
/// assert_eq!(iopo_model::parse_float_dtype("int8"), None);
/// ```
#[must_use]
pub fn parse_float_dtype(name: &str) -> Option<FloatDType> {
    match name {
        "float64" | "f64" | "fp64" => Some(FloatDType::F64),
        "float32" | "f32" | "fp32" => Some(FloatDType::F32),
        "bfloat16" | "bf16" => Some(FloatDType::BF16),
        "float16" | "f16" | "fp16" => Some(FloatDType::F16),
        _ => None,
    }
}
