//! Passes that fill the key-value cache and read from it.

use burn::tensor::Tensor;

use super::error::GenerateError;
use super::kv_cache::KvCache;
use crate::causal_lm::{CausalLm, indices};
use crate::checkpointing::{Checkpointing, chunks};
use crate::decoder::DecoderLayer;
use crate::layout::TokenLayout;
use crate::linear::Input;

/// Rows that go through the feed-forward part at a time, so that what a long prompt takes there does
/// not grow with it; enough for fast products.
const FEED_FORWARD_ROWS: usize = 512;

/// Scores that exist at a time, 32 MiB of them in f32.
const SCORES: usize = 8 << 20;

impl CausalLm {
    /// Takes one sequence for each segment into the cache, and returns the last layer's output for
    /// the last token of each.
    ///
    /// # Shapes
    /// - result: `[segments, hidden]`
    pub(crate) fn prefill(
        &self,
        layout: &TokenLayout,
        cache: &mut KvCache,
    ) -> Result<Tensor<2>, GenerateError> {
        let rope = self.rotary(layout);
        let ends: Vec<usize> = layout.segments().iter().map(|segment| segment.range.end - 1).collect();
        let end_positions: Vec<u32> = ends.iter().map(|&end| layout.positions()[end]).collect();
        let ends = indices(ends.iter().map(|&end| end as i64), &self.device());
        let mut x = self.embed_tokens(layout.tokens());
        let last = self.model.layers.len() - 1;
        for (index, (layer, kept)) in self.model.layers.iter().zip(&mut cache.layers).enumerate() {
            let attention = &layer.self_attn;
            let normalised = Input::kept(layer.input_layernorm.forward(x.clone()));
            let (k, v) = attention.keys_and_values(&normalised, &rope);
            kept.admit(&k, &v, layout)?;
            if index < last {
                let q = attention.queries(&normalised, &rope);
                let attended = attention.attend_segments([q, k, v], layout);
                x = attention.o_proj.apply(&Input::kept(attended), Some(x));
            } else {
                // Nothing after the last layer looks at the other tokens.
                let normalised = Input::kept(normalised.value.select(0, ends.clone()));
                let attended =
                    kept.attend(&attention.queries(&normalised, &self.rotary_at(&end_positions)))?;
                x = attention.o_proj.apply(&Input::kept(attended), Some(x.select(0, ends.clone())));
            }
            x = feed_forward(layer, x);
        }
        Ok(x)
    }

    /// Takes one more token for every sequence into the cache, and returns the last layer's output.
    ///
    /// # Shapes
    /// - `tokens`, `positions`: one for each sequence
    /// - result: `[sequences, hidden]`
    pub(crate) fn step(
        &self,
        tokens: &[u32],
        positions: &[u32],
        cache: &mut KvCache,
    ) -> Result<Tensor<2>, GenerateError> {
        let rope = self.rotary_at(positions);
        let mut x = self.embed_tokens(tokens);
        for (layer, kept) in self.model.layers.iter().zip(&mut cache.layers) {
            let attention = &layer.self_attn;
            let normalised = Input::kept(layer.input_layernorm.forward(x.clone()));
            let (k, v) = attention.keys_and_values(&normalised, &rope);
            kept.append(&k, &v)?;
            let attended = kept.attend(&attention.queries(&normalised, &rope))?;
            x = attention.o_proj.apply(&Input::kept(attended), Some(x));
            x = feed_forward(layer, x);
        }
        Ok(x)
    }

    /// Hands the scores of every row's next token to `visit`, row by row.
    ///
    /// # Shapes
    /// - `rows`: `[n, hidden]`, the last layer's output
    /// - scores: `[vocab]`
    pub(crate) fn each_scores(
        &self,
        rows: &Tensor<2>,
        mut visit: impl FnMut(usize, &mut [f64]) -> Result<(), GenerateError>,
    ) -> Result<(), GenerateError> {
        let vocab = self.config.vocab_size;
        for (start, length) in chunks(rows.dims()[0], SCORES / vocab) {
            let part = rows.clone().narrow(0, start, length);
            let scores = self.logits(self.model.norm.forward(part)).into_data();
            let mut scores = scores
                .try_into_vec_as::<f64>()
                .map_err(|error| GenerateError::Device { reason: format!("{error:?}") })?;
            for (row, scores) in scores.chunks_exact_mut(vocab).enumerate() {
                visit(start + row, scores)?;
            }
        }
        Ok(())
    }
}

fn feed_forward(layer: &DecoderLayer, x: Tensor<2>) -> Tensor<2> {
    let rows = x.dims()[0];
    if rows <= FEED_FORWARD_ROWS {
        return layer.feed_forward(x, Checkpointing::Off);
    }
    let part = |(start, length)| layer.feed_forward(x.clone().narrow(0, start, length), Checkpointing::Off);
    Tensor::cat(chunks(rows, FEED_FORWARD_ROWS).map(part).collect(), 0)
}
