//! Keys and values of the tokens that sequences hold so far.

use crate::causal_lm::CausalLm;
use crate::kernels::{self, KeyValues};

/// Keys and values of the sequences in flight, for every layer.
pub(crate) struct KvCache {
    pub(crate) layers: Vec<Box<dyn KeyValues>>,
}

impl KvCache {
    /// No sequences yet.
    pub(crate) fn new(model: &CausalLm) -> Self {
        let weight = model.model.embed_tokens.weight.val();
        let layers = model.model.layers.iter();
        Self { layers: layers.map(|layer| kernels::key_values(&weight, layer.self_attn.heads())).collect() }
    }

    /// Drops the sequences for which `keep` is false; those behind them move up.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        self.layers.iter_mut().for_each(|layer| layer.retain(keep));
    }
}
