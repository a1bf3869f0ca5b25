//! Causal attention over segments, tile by tile, without ever visiting a masked position of another segment.
//!
//! A tile is a run of queries of one segment. Its keys are the segment's ancestors and the
//! segment's own tokens up to the tile's end: ranges of the flat tokens, which are read where they
//! lie. Weights exist for one tile and head at a time, and the backward pass recomputes them.

use std::ops::Range;
use std::sync::Arc;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::FlexTensor;
use super::linear::dims;
use super::real::{Real, dot, exponentials, tensor, vector_fn};
use crate::kernels::device::Heads;
use crate::layout::TokenLayout;

/// Which queries see which keys, and how heads are grouped.
#[derive(Debug)]
pub(crate) struct AttentionPlan {
    tiles: Vec<Tile>,
    kv_heads: usize,
    /// Query heads that share one key-value head.
    group: usize,
    head_dim: usize,
    /// Factor of the scores.
    scale: f64,
}

/// Consecutive queries of one segment.
#[derive(Debug)]
struct Tile {
    queries: Range<usize>,
    /// The ranges that all queries of the tile see, and last the tile itself, of which the i-th query sees i + 1.
    keys: Vec<Range<usize>>,
    num_keys: usize,
}

impl AttentionPlan {
    pub(crate) fn new(layout: &TokenLayout, heads: Heads, query_width: usize) -> Arc<Self> {
        /// Queries in a tile: enough for fast products, few enough that little is computed for nothing
        /// above the diagonal.
        const QUERIES: usize = 64;
        let mut tiles = Vec::new();
        for (index, segment) in layout.segments().iter().enumerate() {
            let ancestors = layout.ancestors(index);
            let own = segment.range.clone();
            for start in own.clone().step_by(QUERIES) {
                let queries = start..own.end.min(start + QUERIES);
                let mut keys = ancestors.clone();
                keys.push(own.start..queries.end);
                let num_keys = keys.iter().map(ExactSizeIterator::len).sum();
                tiles.push(Tile { queries, keys, num_keys });
            }
        }
        let Heads { key_value: kv_heads, width: head_dim, scale } = heads;
        Arc::new(Self { tiles, kv_heads, group: query_width / (kv_heads * head_dim), head_dim, scale })
    }

    fn scale<T: Real>(&self) -> T {
        T::from_f64(self.scale)
    }
}

/// Rows of one key-value head, and of the query heads that share it.
#[derive(Clone, Copy)]
struct Head<'a, T: Real> {
    q: MatRef<'a, T>,
    k: MatRef<'a, T>,
    v: MatRef<'a, T>,
}

impl<'a, T: Real> Head<'a, T> {
    fn new(plan: &AttentionPlan, index: usize, [q, k, v]: [MatRef<'a, T>; 3]) -> Self {
        let (width, group) = (plan.head_dim, plan.group * plan.head_dim);
        Self {
            q: q.subcols(index * group, group),
            k: k.subcols(index * width, width),
            v: v.subcols(index * width, width),
        }
    }

    /// Attention weights of a tile's queries, row by row, for one query head of the group.
    fn weights(&self, plan: &AttentionPlan, tile: &Tile, member: usize, weights: &mut [T]) {
        let (n, m, width) = (tile.queries.len(), tile.num_keys, plan.head_dim);
        let q = self.q.submatrix(tile.queries.start, member * width, n, width);
        let mut scores = MatMut::from_row_major_slice_mut(&mut weights[..n * m], n, m);
        let mut column = 0;
        for keys in &tile.keys {
            matmul(
                scores.as_mut().subcols_mut(column, keys.len()),
                Accum::Replace,
                q,
                self.k.subrows(keys.start, keys.len()).transpose(),
                plan.scale(),
                Par::Seq,
            );
            column += keys.len();
        }
        causal_softmax(&mut weights[..n * m], n, m);
    }
}

/// `softmax(scale · q kᵀ + mask) v`.
///
/// # Shapes
/// - `q`, result: `[tokens, kv_heads · group · head_dim]`; `k`, `v`: `[tokens, kv_heads · head_dim]`
pub(crate) fn forward<T: Real>(
    q: &FlexTensor,
    k: &FlexTensor,
    v: &FlexTensor,
    plan: &AttentionPlan,
) -> FlexTensor {
    let [tokens, width] = dims(q);
    let (q, k, v) = (T::values(q), T::values(k), T::values(v));
    let all = [rows(&q, tokens), rows(&k, tokens), rows(&v, tokens)];
    let mut output = vec![T::ZERO; tokens * width];
    let pieces = by_head_and_tile(plan, MatMut::from_row_major_slice_mut(&mut output, tokens, width));
    pieces.into_par_iter().for_each(|(index, tile, mut output)| {
        let head = Head::new(plan, index, all);
        let mut weights = vec![T::ZERO; tile.queries.len() * tile.num_keys];
        for member in 0..plan.group {
            head.weights(plan, tile, member, &mut weights);
            let weights = MatRef::from_row_major_slice(&weights, tile.queries.len(), tile.num_keys);
            let mut output = output.as_mut().subcols_mut(member * plan.head_dim, plan.head_dim);
            let mut column = 0;
            for (range, keys) in tile.keys.iter().enumerate() {
                matmul(
                    output.as_mut(),
                    if range == 0 { Accum::Replace } else { Accum::Add },
                    weights.subcols(column, keys.len()),
                    head.v.subrows(keys.start, keys.len()),
                    T::ONE,
                    Par::Seq,
                );
                column += keys.len();
            }
        }
    });
    tensor(output, [tokens, width])
}

/// The gradients for `q`, `k` and `v`, from recomputed weights:
///
/// ```text
/// dv = pᵀ g,   ds = p ∘ (g vᵀ − rowsum(p ∘ g vᵀ)) · scale,   dq = ds k,   dk = dsᵀ q
/// ```
pub(crate) fn gradients<T: Real>(
    g: &FlexTensor,
    q: &FlexTensor,
    k: &FlexTensor,
    v: &FlexTensor,
    plan: &AttentionPlan,
) -> [FlexTensor; 3] {
    let ([tokens, q_width], kv_width) = (dims(q), dims(k)[1]);
    let (g, q, k, v) = (T::values(g), T::values(q), T::values(k), T::values(v));
    let all = [rows(&q, tokens), rows(&k, tokens), rows(&v, tokens)];
    let g = rows(&g, tokens);
    let mut dq = vec![T::ZERO; tokens * q_width];
    let (mut dk, mut dv) = (vec![T::ZERO; tokens * kv_width], vec![T::ZERO; tokens * kv_width]);
    // Queries of all tiles add to a key's gradient, so a key-value head is one piece of work.
    let by_head = |values| columns(MatMut::from_row_major_slice_mut(values, tokens, q_width), plan.kv_heads);
    let dq_heads = by_head(&mut dq);
    let by_head = |values| columns(MatMut::from_row_major_slice_mut(values, tokens, kv_width), plan.kv_heads);
    let (dk_heads, dv_heads) = (by_head(&mut dk), by_head(&mut dv));
    dq_heads.into_par_iter().zip(dk_heads).zip(dv_heads).enumerate().for_each(|(index, ((dq, dk), dv))| {
        let group = plan.group * plan.head_dim;
        let g = g.subcols(index * group, group);
        head_gradients(plan, Head::new(plan, index, all), g, [dq, dk, dv]);
    });
    [tensor(dq, [tokens, q_width]), tensor(dk, [tokens, kv_width]), tensor(dv, [tokens, kv_width])]
}

fn head_gradients<T: Real>(
    plan: &AttentionPlan,
    head: Head<'_, T>,
    g: MatRef<'_, T>,
    [mut dq, mut dk, mut dv]: [MatMut<'_, T>; 3],
) {
    let width = plan.head_dim;
    let most = plan.tiles.iter().map(|tile| tile.queries.len() * tile.num_keys).max().unwrap_or(0);
    let (mut weights, mut upstream) = (vec![T::ZERO; most], vec![T::ZERO; most]);
    for tile in &plan.tiles {
        let (start, n, m) = (tile.queries.start, tile.queries.len(), tile.num_keys);
        for member in 0..plan.group {
            head.weights(plan, tile, member, &mut weights);
            let g = g.submatrix(start, member * width, n, width);
            let q = head.q.submatrix(start, member * width, n, width);
            let mut dq = dq.as_mut().submatrix_mut(start, member * width, n, width);
            let mut column = 0;
            for keys in &tile.keys {
                let p = MatRef::from_row_major_slice(&weights[..n * m], n, m).subcols(column, keys.len());
                let dv = dv.as_mut().subrows_mut(keys.start, keys.len());
                matmul(dv, Accum::Add, p.transpose(), g, T::ONE, Par::Seq);
                let dp = MatMut::from_row_major_slice_mut(&mut upstream[..n * m], n, m);
                let dp = dp.subcols_mut(column, keys.len());
                let v = head.v.subrows(keys.start, keys.len());
                matmul(dp, Accum::Replace, g, v.transpose(), T::ONE, Par::Seq);
                column += keys.len();
            }
            softmax_gradient(&weights[..n * m], &mut upstream[..n * m], m, plan.scale());
            let mut column = 0;
            for (range, keys) in tile.keys.iter().enumerate() {
                let ds = MatRef::from_row_major_slice(&upstream[..n * m], n, m).subcols(column, keys.len());
                let accum = if range == 0 { Accum::Replace } else { Accum::Add };
                let k = head.k.subrows(keys.start, keys.len());
                matmul(dq.as_mut(), accum, ds, k, T::ONE, Par::Seq);
                let dk = dk.as_mut().subrows_mut(keys.start, keys.len());
                matmul(dk, Accum::Add, ds.transpose(), q, T::ONE, Par::Seq);
                column += keys.len();
            }
        }
    }
}

vector_fn! {
    /// Scores of the last `n` of `m` tokens become weights: 0 for later keys, the others sum to 1.
    fn causal_softmax<'a, T>(scores: &'a mut [T], n: usize, m: usize) {
        for (row, scores) in scores.chunks_exact_mut(m).enumerate() {
            let (visible, masked) = scores.split_at_mut(m - n + row + 1);
            let scale = T::ONE / exponentials(visible);
            for z in visible {
                *z *= scale;
            }
            masked.fill(T::ZERO);
        }
    }
}

vector_fn! {
    /// `p ∘ (dp − rowsum(p ∘ dp)) · scale`, in the place of `dp`.
    fn softmax_gradient<'a, T>(weights: &'a [T], upstream: &'a mut [T], row_length: usize, scale: T) {
        for (p, dp) in weights.chunks_exact(row_length).zip(upstream.chunks_exact_mut(row_length)) {
            let mean = dot(p, dp);
            for (dp, &p) in dp.iter_mut().zip(p) {
                *dp = p * (*dp - mean) * scale;
            }
        }
    }
}

/// The parts of the output that belong to one key-value head and one tile.
fn by_head_and_tile<'a, 'p, T: Real>(
    plan: &'p AttentionPlan,
    output: MatMut<'a, T>,
) -> Vec<(usize, &'p Tile, MatMut<'a, T>)> {
    let mut pieces = Vec::with_capacity(plan.kv_heads * plan.tiles.len());
    for (index, mut own) in columns(output, plan.kv_heads).into_iter().enumerate() {
        for tile in &plan.tiles {
            let (piece, below) = own.split_at_row_mut(tile.queries.len());
            own = below;
            pieces.push((index, tile, piece));
        }
    }
    pieces
}

/// Equal parts side by side.
fn columns<T: Real>(mut matrix: MatMut<'_, T>, parts: usize) -> Vec<MatMut<'_, T>> {
    let width = matrix.ncols() / parts;
    let mut columns = Vec::with_capacity(parts);
    for _ in 0..parts {
        let (part, rest) = matrix.split_at_col_mut(width);
        columns.push(part);
        matrix = rest;
    }
    columns
}

fn rows<T: Real>(values: &[T], tokens: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(values, tokens, values.len() / tokens)
}
