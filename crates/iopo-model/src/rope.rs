//! Rotary position embeddings, plain and with Llama 3's frequency scaling.

use burn::tensor::{DType, Device, Tensor, TensorData};
use iopo_files::short;

use crate::error::ConfigError;
use crate::kernels;
use crate::keys::Keys;

/// How positions turn into rotation angles.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeConfig {
    /// Base of the geometric sequence of wavelengths.
    pub theta: f64,
    /// Llama 3.1's stretching of long wavelengths, if any.
    pub scaling: Option<Llama3RopeScaling>,
}

/// Llama 3.1's rule: short wavelengths stay, long ones are divided by `factor`, those between are blended.
#[derive(Debug, Clone, PartialEq)]
pub struct Llama3RopeScaling {
    /// Divides the frequencies of long wavelengths.
    pub factor: f64,
    /// Wavelengths above `original_max_position_embeddings / low_freq_factor` are long.
    pub low_freq_factor: f64,
    /// Wavelengths below `original_max_position_embeddings / high_freq_factor` are short.
    pub high_freq_factor: f64,
    /// Context length before the stretching.
    pub original_max_position_embeddings: usize,
}

impl RopeConfig {
    /// Reads `rope_theta` and `rope_scaling` (transformers 4) or `rope_parameters` (transformers 5).
    ///
    /// Where both forms are there, they must say the same.
    pub(crate) fn from_keys(keys: &Keys<'_>) -> Result<Self, ConfigError> {
        refuse_partial_rotation(keys)?;
        let (new, old) = (parameters(keys)?, keys.object("rope_scaling")?);
        let thetas = [keys.number("rope_theta")?, theta_in(&new)?, theta_in(&old)?];
        let new = new.map(|inner| scaling(&inner)).transpose()?;
        let old = old.map(|inner| scaling(&inner)).transpose()?;
        let mut given = thetas.into_iter().flatten();
        let theta = given.next();
        if let Some((first, other)) = theta.zip(given.find(|other| Some(*other) != theta)) {
            return Err(keys.invalid(format!(
                "`rope_theta` is {first} in one place and {other} in another; the keys `rope_theta`, `rope_parameters` \
                 and `rope_scaling` must agree"
            )));
        }
        if new.is_some() && old.is_some() && new != old {
            return Err(
                keys.invalid("`rope_parameters` and `rope_scaling` differ; remove the one that is wrong")
            );
        }
        Ok(Self { theta: theta.unwrap_or(10_000.0), scaling: new.or(old).flatten() })
    }

    /// Refuses numbers that would make angles infinite or meaningless.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let positive = |name: &str, value: f64| {
            if value > 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(format!("{name} {value} is not a positive number"))
            }
        };
        positive("rope_theta", self.theta)?;
        let Some(scaling) = &self.scaling else {
            return Ok(());
        };
        positive("factor", scaling.factor)?;
        positive("low_freq_factor", scaling.low_freq_factor)?;
        positive("high_freq_factor", scaling.high_freq_factor)?;
        positive("original_max_position_embeddings", scaling.original_max_position_embeddings as f64)?;
        if scaling.high_freq_factor <= scaling.low_freq_factor {
            return Err(format!(
                "high_freq_factor {} is not above low_freq_factor {}",
                scaling.high_freq_factor, scaling.low_freq_factor
            ));
        }
        Ok(())
    }

    /// Rotation per position of each pair of dimensions, in radians: `[head_dim / 2]`.
    ///
    /// ```text
    /// f_i = theta^(-2 i / head_dim)
    /// ```
    ///
    /// # Source
    /// Su et al. 2021 (RoFormer), Sec. 3.2.2; the scaling is that of Llama 3.1's released code.
    #[must_use]
    pub fn frequencies(&self, head_dim: usize) -> Vec<f64> {
        (0..head_dim / 2)
            .map(|i| self.theta.powf(-2.0 * i as f64 / head_dim as f64))
            .map(|frequency| self.scaling.as_ref().map_or(frequency, |scaling| scaling.scale(frequency)))
            .collect()
    }
}

impl Llama3RopeScaling {
    fn scale(&self, frequency: f64) -> f64 {
        let original = self.original_max_position_embeddings as f64;
        let wavelength = 2.0 * std::f64::consts::PI / frequency;
        if wavelength < original / self.high_freq_factor {
            return frequency;
        }
        if wavelength > original / self.low_freq_factor {
            return frequency / self.factor;
        }
        let kept =
            (original / wavelength - self.low_freq_factor) / (self.high_freq_factor - self.low_freq_factor);
        (1.0 - kept) * frequency / self.factor + kept * frequency
    }
}

/// `rope_parameters`, which may hold the parameters of each kind of layer apart: then all must be equal.
fn parameters<'a>(keys: &Keys<'a>) -> Result<Option<Keys<'a>>, ConfigError> {
    const KEY: &str = "rope_parameters";
    const FULL: &str = "full_attention";
    let Some(outer) = keys.object(KEY)? else { return Ok(None) };
    let kinds: Vec<&String> =
        outer.map.iter().filter(|(_, value)| value.is_object()).map(|(kind, _)| kind).collect();
    let Some(first) = kinds.first() else { return Ok(Some(outer)) };
    if !outer.map.contains_key(FULL) {
        return Err(keys.invalid(format!("`{KEY}` has none for `{FULL}`, the kind of all layers here")));
    }
    if outer.map.values().any(|value| !value.is_object() && !value.is_null()) {
        return Err(keys.invalid(format!("`{KEY}` holds keys of its own beside those of `{}`", short(first))));
    }
    if kinds.iter().any(|kind| outer.map.get(*kind) != outer.map.get(*first)) {
        let kinds = kinds.iter().map(|kind| short(kind)).collect::<Vec<_>>().join(", ");
        return Err(
            keys.invalid(format!("`{KEY}` differs between {kinds}; supported: the same for all layers"))
        );
    }
    outer.object(first)
}

fn theta_in(inner: &Option<Keys<'_>>) -> Result<Option<f64>, ConfigError> {
    inner.as_ref().map_or(Ok(None), |inner| inner.number("rope_theta"))
}

fn refuse_partial_rotation(keys: &Keys<'_>) -> Result<(), ConfigError> {
    match keys.number("partial_rotary_factor")?.filter(|&share| share != 1.0) {
        None => Ok(()),
        Some(share) => Err(keys.unsupported("partial_rotary_factor", share, "1")),
    }
}

/// The scaling that an object of rope keys asks for.
fn scaling(inner: &Keys<'_>) -> Result<Option<Llama3RopeScaling>, ConfigError> {
    refuse_partial_rotation(inner)?;
    // transformers wrote `type` before it wrote `rope_type`, and may leave out both since.
    let kind = match (inner.get("rope_type"), inner.get("type")) {
        (Some(_), _) => inner.string("rope_type")?,
        (None, Some(_)) => inner.string("type")?,
        (None, None) => "default",
    };
    match kind {
        "default" => Ok(None),
        "llama3" => Ok(Some(Llama3RopeScaling {
            factor: inner.needed_number("factor")?,
            low_freq_factor: inner.needed_number("low_freq_factor")?,
            high_freq_factor: inner.needed_number("high_freq_factor")?,
            original_max_position_embeddings: inner.size("original_max_position_embeddings")?,
        })),
        other => Err(inner.unsupported("rope_type", other, "default, llama3")),
    }
}

/// Cosines and sines of the rotation angles of one batch.
///
/// Angles are computed in f64: at position 10,000 an f32 angle is off by up to 1e-3 rad.
#[derive(Debug, Clone)]
pub struct RotaryEmbedding {
    /// `[tokens, 1, head_dim / 2]`.
    pub(crate) cos: Tensor<3>,
    /// `[tokens, 1, head_dim / 2]`.
    pub(crate) sin: Tensor<3>,
}

impl RotaryEmbedding {
    /// Tables for the given positions.
    #[must_use]
    pub fn new(frequencies: &[f64], positions: &[u32], dtype: DType, device: &Device) -> Self {
        let table = |of: fn(f64) -> f64| {
            let values: Vec<f64> = positions
                .iter()
                .flat_map(|&position| {
                    frequencies.iter().map(move |frequency| of(f64::from(position) * frequency))
                })
                .collect();
            Tensor::from_data(
                TensorData::new(values, [positions.len(), 1, frequencies.len()]),
                (device, dtype),
            )
        };
        Self { cos: table(f64::cos), sin: table(f64::sin) }
    }

    /// Rotates the pairs `(x_i, x_{i + head_dim/2})` of every head.
    ///
    /// # Shapes
    /// - `x`, result: `[tokens, heads · head_dim]`
    #[must_use]
    pub fn rotate(&self, x: Tensor<2>) -> Tensor<2> {
        kernels::rotate(x, &self.cos, &self.sin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama3_scaling_keeps_short_wavelengths_and_stretches_long_ones() {
        let scaling = Llama3RopeScaling {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 8_192,
        };
        let of_wavelength =
            |w: f64| scaling.scale(2.0 * std::f64::consts::PI / w) * w / (2.0 * std::f64::consts::PI);
        let is = |wavelength: f64, ratio: f64| assert!((of_wavelength(wavelength) - ratio).abs() < 1e-12);
        is(100.0, 1.0);
        is(10_000.0, 1.0 / 8.0);
        // Half-way between 8192/4 and 8192/1 in 1/wavelength: original/wavelength = 2.5 keeps half.
        is(8_192.0 / 2.5, 0.5 / 8.0 + 0.5);
    }

    #[test]
    fn scaled_frequencies_are_scaled_one_by_one() {
        let scaling = Llama3RopeScaling {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 8_192,
        };
        let plain = RopeConfig { theta: 500_000.0, scaling: None }.frequencies(64);
        let scaled = RopeConfig { theta: 500_000.0, scaling: Some(scaling) }.frequencies(64);
        // Llama 3.1's first wavelength is 2π, its last 2π · 500000^(62/64), beyond 8192.
        assert_eq!(scaled[0], plain[0]);
        assert_eq!(scaled[31], plain[31] / 8.0);
        let blended = plain.iter().zip(&scaled).filter(|(p, s)| *s < *p && **s > **p / 8.0).count();
        // Wavelengths from 2048 to 8192: those of i with 14.1 < i < 17.5.
        assert_eq!(blended, 3);
    }

    #[test]
    fn a_rotation_keeps_lengths_and_depends_on_distance_alone() {
        let device = Device::flex();
        let config = RopeConfig { theta: 10_000.0, scaling: None };
        let frequencies = config.frequencies(8);
        let rotated = |position: u32| {
            let rope = RotaryEmbedding::new(&frequencies, &[position], DType::F64, &device);
            let x = TensorData::new((1..9).map(f64::from).collect::<Vec<_>>(), [1, 8]);
            rope.rotate(Tensor::from_data(x, (&device, DType::F64)))
        };
        let dot = |a: Tensor<2>, b: Tensor<2>| (a * b).sum().into_scalar::<f64>();
        assert!((dot(rotated(7), rotated(7)) - 204.0).abs() < 1e-9);
        assert!((dot(rotated(3), rotated(10)) - dot(rotated(103), rotated(110))).abs() < 1e-9);
    }
}
