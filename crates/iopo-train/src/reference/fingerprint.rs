//! Keys of reference models and of sequences, by content.

use std::fmt;

use iopo_data::TokenSequence;
use iopo_model::{CausalLm, LoraLinear, Parameters};
use sha2::{Digest, Sha256};

use crate::error::TrainError;

/// SHA-256 of everything that decides a model's log-probs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(super) [u8; 32]);

impl Fingerprint {
    /// Hashes sizes, float types, adapter scales, and each tensor's name, type, shape and values.
    ///
    /// Where the weights lie, and when they were written, does not enter.
    pub(crate) fn of(model: &CausalLm) -> Result<Self, TrainError> {
        let mut hash = Framed::new("iopo reference model");
        hash.add(format!("{:?}", model.config()).as_bytes());
        hash.add(format!("{:?}", model.precision()).as_bytes());
        for scale in adapter_scales(model) {
            hash.add(&scale.to_le_bytes());
        }
        for tensor in model.parameters() {
            let data = tensor.values.try_to_data().map_err(|error| TrainError::Device {
                what: "the reference's weights",
                reason: error.to_string(),
            })?;
            hash.add(tensor.name.as_bytes());
            hash.add(format!("{:?} {:?}", data.dtype(), tensor.shape).as_bytes());
            hash.add(data.as_bytes());
        }
        Ok(Self(hash.finish()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", base16ct::HexDisplay(&self.0))
    }
}

/// The factors of all adapters, in the order of the layers: they are not among the tensors.
fn adapter_scales(model: &CausalLm) -> impl Iterator<Item = f64> + '_ {
    linears(model).filter_map(|linear| linear.lora.as_ref()).map(|lora| lora.scale)
}

fn linears(model: &CausalLm) -> impl Iterator<Item = &LoraLinear> {
    model.model.layers.iter().flat_map(|layer| layer.linears()).map(|(_, linear)| linear)
}

/// The model without adapters that change nothing, such as new ones.
///
/// A new adapter's A is sampled from the seed, but its B is zero: with another seed or rank the
/// reference is the same model, and so are its numbers.
pub(crate) fn without_idle_adapters(model: CausalLm) -> Result<CausalLm, TrainError> {
    Ok(if adapters_are_idle(&model)? { model.without_lora() } else { model })
}

fn adapters_are_idle(model: &CausalLm) -> Result<bool, TrainError> {
    for lora in linears(model).filter_map(|linear| linear.lora.as_ref()) {
        let largest = lora
            .b
            .val()
            .without_autodiff()
            .abs()
            .max()
            .try_into_scalar::<f64>()
            .map_err(|error| TrainError::Device { what: "an adapter", reason: error.to_string() })?;
        // Written so that NaN is not idle.
        if largest != 0.0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// SHA-256 of a prompt's and a completion's token ids.
///
/// Template, end token and length limit act on the ids, so they are not hashed themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SequenceKey(pub(super) [u8; 32]);

impl SequenceKey {
    pub(crate) fn of(sequence: &TokenSequence) -> Self {
        let mut hash = Framed::new("iopo sequence");
        for part in [&sequence.prompt, &sequence.completion] {
            let bytes: Vec<u8> = part.iter().flat_map(|id| id.to_le_bytes()).collect();
            hash.add(&bytes);
        }
        Self(hash.finish())
    }
}

/// A hash of parts, each after its length, so that no two lists of parts read alike.
pub(super) struct Framed(Sha256);

impl Framed {
    pub(super) fn new(what: &str) -> Self {
        let mut framed = Self(Sha256::new());
        framed.add(what.as_bytes());
        framed
    }

    pub(super) fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
