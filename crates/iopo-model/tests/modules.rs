//! Every module against loops over single numbers in f64, written from the formulas.
//!
//! Tolerances are relative to the largest expected value. In f64: 1e-12, some thousand roundings
//! of 1.1e-16. In f32, where a rounding is 6e-8: sums of up to 24 terms lose a few of them, 5e-7;
//! attention and layers chain four such sums, and exponentials turn the absolute error of scores
//! of size 10 into a relative one, 3e-6.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use burn::module::Param;
use burn::tensor::{Device, FloatDType, Tensor};
use common::{Family, assert_close, largest, normals, random_folder, span, tensor};
use iopo_model::{
    DecoderLayer, GroupedQueryAttention, LoraAdapter, LoraLinear, Parameters, RmsNorm, RotaryEmbedding,
    SwiGluMlp, TokenLayout,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const F64_TOLERANCE: f64 = 1e-12;
const F32_SUMS: f64 = 5e-7;
const F32_ATTENTION: f64 = 3e-6;

const HIDDEN: usize = 12;
const HEADS: usize = 6;
const KV_HEADS: usize = 2;
const HEAD_DIM: usize = 4;
const MLP: usize = 20;
const THETA: f64 = 50.0;

/// Rows of numbers.
type Rows = Vec<Vec<f64>>;

fn rows(values: &[f64], width: usize) -> Rows {
    values.chunks(width).map(<[f64]>::to_vec).collect()
}

fn random_rows(rng: &mut ChaCha8Rng, n: usize, width: usize, deviation: f64) -> Rows {
    rows(&normals(rng, n * width, deviation), width)
}

fn matrix(rows: &Rows, dtype: FloatDType) -> Tensor<2> {
    tensor(&rows.concat(), [rows.len(), rows[0].len()], dtype)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().try_into_vec_as().unwrap()
}

/// The numbers of a linear layer, with an adapter of scale 0.75 where `a` and `b` are given.
#[derive(Clone)]
struct PlainLinear {
    weight: Rows,
    bias: Option<Vec<f64>>,
    lora: Option<(Rows, Rows)>,
}

const SCALE: f64 = 0.75;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    for i in 0..a.len() {
        sum += a[i] * b[i];
    }
    sum
}

impl PlainLinear {
    /// Weights for outputs about as large as `gain` times inputs.
    fn random(rng: &mut ChaCha8Rng, [out, input]: [usize; 2], gain: f64, bias: bool, lora: bool) -> Self {
        let deviation = gain / (input as f64).sqrt();
        Self {
            weight: random_rows(rng, out, input, deviation),
            bias: bias.then(|| normals(rng, out, 0.5)),
            lora: lora.then(|| (random_rows(rng, 3, input, 0.4), random_rows(rng, out, 3, 0.4))),
        }
    }

    fn apply(&self, x: &Rows) -> Rows {
        let mut result = Rows::new();
        for row in x {
            let mut y = Vec::new();
            for (o, weight) in self.weight.iter().enumerate() {
                let mut value = dot(weight, row) + self.bias.as_ref().map_or(0.0, |bias| bias[o]);
                if let Some((a, b)) = &self.lora {
                    for (r, a_row) in a.iter().enumerate() {
                        value += SCALE * b[o][r] * dot(a_row, row);
                    }
                }
                y.push(value);
            }
            result.push(y);
        }
        result
    }

    fn module(&self, dtype: FloatDType) -> LoraLinear {
        LoraLinear {
            weight: Param::from_tensor(matrix(&self.weight, dtype)),
            bias: self.bias.as_ref().map(|bias| Param::from_tensor(tensor(bias, [bias.len()], dtype))),
            lora: self.lora.as_ref().map(|(a, b)| LoraAdapter {
                a: Param::from_tensor(matrix(a, dtype)),
                b: Param::from_tensor(matrix(b, dtype)),
                scale: SCALE,
            }),
        }
    }
}

fn plain_norm(x: &Rows, weight: &[f64], eps: f64) -> Rows {
    let normalise = |row: &Vec<f64>| {
        let root = (dot(row, row) / row.len() as f64 + eps).sqrt();
        row.iter().zip(weight).map(|(x, w)| w * x / root).collect()
    };
    x.iter().map(normalise).collect()
}

fn plain_silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// Rotates the pairs (i, i + head_dim/2) of one head by `position · theta^(-2i/head_dim)`.
fn plain_rotation(head: &[f64], position: u32, theta: f64) -> Vec<f64> {
    let half = head.len() / 2;
    let mut rotated = vec![0.0; head.len()];
    for i in 0..half {
        let angle = f64::from(position) * theta.powf(-((2 * i) as f64) / head.len() as f64);
        rotated[i] = head[i] * angle.cos() - head[i + half] * angle.sin();
        rotated[i + half] = head[i] * angle.sin() + head[i + half] * angle.cos();
    }
    rotated
}

/// The tokens that token `i` sees, itself the last.
fn visible(layout: &TokenLayout, i: usize) -> Vec<usize> {
    let mut segment = layout.segments().iter().find(|segment| segment.range.contains(&i)).unwrap();
    let mut seen: Vec<usize> = (segment.range.start..=i).collect();
    while let Some(parent) = segment.parent {
        segment = &layout.segments()[parent];
        seen.splice(0..0, segment.range.clone());
    }
    seen
}

#[derive(Clone)]
struct PlainAttention {
    q: PlainLinear,
    k: PlainLinear,
    v: PlainLinear,
    o: PlainLinear,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    theta: f64,
}

impl PlainAttention {
    /// Query and key weights large enough for scores of size 10.
    fn random(rng: &mut ChaCha8Rng, kv_heads: usize) -> Self {
        let mut linear = |out, input, gain, bias| PlainLinear::random(rng, [out, input], gain, bias, true);
        Self {
            q: linear(HEADS * HEAD_DIM, HIDDEN, 2.0, true),
            k: linear(kv_heads * HEAD_DIM, HIDDEN, 2.0, true),
            v: linear(kv_heads * HEAD_DIM, HIDDEN, 1.0, true),
            o: linear(HIDDEN, HEADS * HEAD_DIM, 1.0, false),
            heads: HEADS,
            kv_heads,
            head_dim: HEAD_DIM,
            theta: THETA,
        }
    }

    /// `sharpness` 1 is attention; 0 weighs all visible tokens alike.
    fn apply(&self, x: &Rows, layout: &TokenLayout, sharpness: f64) -> Rows {
        let (q, k, v) = (self.q.apply(x), self.k.apply(x), self.v.apply(x));
        let d = self.head_dim;
        let mut joined = Rows::new();
        for i in 0..x.len() {
            let mut output = Vec::new();
            for head in 0..self.heads {
                let shared = head / (self.heads / self.kv_heads);
                let at =
                    |rows: &Rows, token: usize, head: usize| rows[token][head * d..(head + 1) * d].to_vec();
                let query = plain_rotation(&at(&q, i, head), layout.positions()[i], self.theta);
                let seen = visible(layout, i);
                let scores: Vec<f64> = seen
                    .iter()
                    .map(|&j| plain_rotation(&at(&k, j, shared), layout.positions()[j], self.theta))
                    .map(|key| sharpness * dot(&query, &key) / (d as f64).sqrt())
                    .collect();
                let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = scores.iter().map(|score| (score - top).exp()).sum();
                for c in 0..d {
                    let weighted = seen
                        .iter()
                        .zip(&scores)
                        .map(|(&j, score)| (score - top).exp() / total * v[j][shared * d + c]);
                    output.push(weighted.sum());
                }
            }
            joined.push(output);
        }
        self.o.apply(&joined)
    }

    fn module(&self, dtype: FloatDType) -> GroupedQueryAttention {
        GroupedQueryAttention {
            q_proj: self.q.module(dtype),
            k_proj: self.k.module(dtype),
            v_proj: self.v.module(dtype),
            o_proj: self.o.module(dtype),
            num_heads: self.heads,
            num_key_value_heads: self.kv_heads,
            head_dim: self.head_dim,
        }
    }

    fn rope(&self, layout: &TokenLayout, dtype: FloatDType) -> RotaryEmbedding {
        let frequencies: Vec<f64> =
            (0..self.head_dim / 2).map(|i| self.theta.powf(-2.0 * i as f64 / self.head_dim as f64)).collect();
        RotaryEmbedding::new(&frequencies, layout.positions(), dtype.into(), &Device::flex())
    }
}

#[derive(Clone)]
struct PlainMlp {
    gate: PlainLinear,
    up: PlainLinear,
    down: PlainLinear,
}

impl PlainMlp {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        let mut linear = |out, input| PlainLinear::random(rng, [out, input], 1.5, true, true);
        Self { gate: linear(MLP, HIDDEN), up: linear(MLP, HIDDEN), down: linear(HIDDEN, MLP) }
    }

    fn apply(&self, x: &Rows) -> Rows {
        let mut inner = self.up.apply(x);
        for (row, gates) in inner.iter_mut().zip(self.gate.apply(x)) {
            for (value, gate) in row.iter_mut().zip(gates) {
                *value *= plain_silu(gate);
            }
        }
        self.down.apply(&inner)
    }

    fn module(&self, dtype: FloatDType) -> SwiGluMlp {
        SwiGluMlp {
            gate_proj: self.gate.module(dtype),
            up_proj: self.up.module(dtype),
            down_proj: self.down.module(dtype),
        }
    }
}

fn add(a: &Rows, b: &Rows) -> Rows {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
}

#[derive(Clone)]
struct PlainLayer {
    attention: PlainAttention,
    mlp: PlainMlp,
    norms: [Vec<f64>; 2],
    eps: f64,
}

impl PlainLayer {
    fn apply(&self, x: &Rows, layout: &TokenLayout, sharpness: f64) -> Rows {
        let attended = self.attention.apply(&plain_norm(x, &self.norms[0], self.eps), layout, sharpness);
        let x = add(x, &attended);
        add(&x, &self.mlp.apply(&plain_norm(&x, &self.norms[1], self.eps)))
    }
}

fn norm_module(weight: &[f64], eps: f64, dtype: FloatDType) -> RmsNorm {
    RmsNorm { weight: Param::from_tensor(tensor(weight, [weight.len()], dtype)), eps }
}

/// A root, two children, a grandchild and a second root; children continue their parent's positions.
fn tree() -> TokenLayout {
    let positions = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 5, 6, 7, 0, 1, 2];
    let tokens = [1, 5, 2, 7, 0, 3, 12, 4, 4, 9, 11, 8, 6, 10, 2, 2, 5];
    let segments = vec![
        span(0, 5, None),
        span(5, 8, Some(0)),
        span(8, 11, Some(1)),
        span(11, 14, Some(0)),
        span(14, 17, None),
    ];
    TokenLayout::new(tokens.to_vec(), positions.to_vec(), segments).unwrap()
}

fn one_sequence() -> TokenLayout {
    TokenLayout::sequence((0..9).collect(), 40).unwrap()
}

/// Compares in both float types; inputs and weights are rounded to f32 in the second.
fn assert_module(what: &str, single: f64, expected: &Rows, actual: impl Fn(FloatDType) -> Tensor<2>) {
    let expected = expected.concat();
    assert_close(&format!("{what} f64"), &numbers(actual(FloatDType::F64)), &expected, F64_TOLERANCE);
    assert_close(&format!("{what} f32"), &numbers(actual(FloatDType::F32)), &expected, single);
}

/// Fails where a reference would not notice attention that ignores its scores.
fn assert_attention_matters(expected: &Rows, uniform: &Rows) {
    let change: Vec<f64> = expected.concat().iter().zip(uniform.concat()).map(|(a, b)| a - b).collect();
    assert!(largest(&change) > 0.2 * largest(&expected.concat()), "attention hardly matters here");
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

#[test]
fn rms_norm_equals_the_formula() {
    let mut rng = rng(1);
    let (x, weight) = (random_rows(&mut rng, 7, HIDDEN, 3.0), normals(&mut rng, HIDDEN, 1.0));
    // A large eps shows; the released models' 1e-6 would not.
    for eps in [1e-6, 0.5] {
        assert_module("norm", F32_SUMS, &plain_norm(&x, &weight, eps), |dtype| {
            norm_module(&weight, eps, dtype).forward(matrix(&x, dtype))
        });
    }
}

#[test]
fn rms_norm_of_zeros_is_zero_and_of_large_half_floats_is_finite() {
    let ones = vec![1.0; HIDDEN];
    let zeros =
        norm_module(&ones, 1e-6, FloatDType::F32).forward(matrix(&vec![vec![0.0; HIDDEN]], FloatDType::F32));
    assert_eq!(numbers(zeros), vec![0.0; HIDDEN]);
    // 30000² overflows f16, whose largest number is 65504: the square is formed in f32.
    let large =
        norm_module(&ones, 1e-6, FloatDType::F16).forward(matrix(&vec![vec![3e4; HIDDEN]], FloatDType::F16));
    assert_eq!(numbers(large), ones);
}

#[test]
fn rotary_embedding_equals_pairwise_rotation() {
    let mut rng = rng(2);
    let layout = tree();
    let x = random_rows(&mut rng, layout.num_tokens(), HEADS * HEAD_DIM, 2.0);
    let expected: Rows = x
        .iter()
        .zip(layout.positions())
        .map(|(row, &position)| {
            row.chunks(HEAD_DIM).flat_map(|head| plain_rotation(head, position, THETA)).collect()
        })
        .collect();
    let attention = PlainAttention::random(&mut rng, KV_HEADS);
    assert_module("rotation", F32_SUMS, &expected, |dtype| {
        attention.rope(&layout, dtype).rotate(matrix(&x, dtype))
    });
}

#[test]
fn linear_with_bias_and_adapter_equals_the_formula() {
    let mut rng = rng(3);
    let x = random_rows(&mut rng, 7, HIDDEN, 2.0);
    for (bias, lora) in [(false, false), (true, false), (false, true), (true, true)] {
        let plain = PlainLinear::random(&mut rng, [MLP, HIDDEN], 1.5, bias, lora);
        assert_module(&format!("linear bias {bias} lora {lora}"), F32_SUMS, &plain.apply(&x), |dtype| {
            plain.module(dtype).forward(matrix(&x, dtype))
        });
    }
}

#[test]
fn merged_linear_equals_the_formula_without_its_adapter() {
    let mut rng = rng(4);
    let x = random_rows(&mut rng, 7, HIDDEN, 2.0);
    let plain = PlainLinear::random(&mut rng, [MLP, HIDDEN], 1.5, true, true);
    assert_module("merged", F32_SUMS, &plain.apply(&x), |dtype| {
        let merged = plain.module(dtype).merge();
        assert!(merged.lora.is_none());
        merged.forward(matrix(&x, dtype))
    });
}

#[test]
fn swiglu_mlp_equals_the_formula() {
    let mut rng = rng(5);
    let x = random_rows(&mut rng, 7, HIDDEN, 1.0);
    let plain = PlainMlp::random(&mut rng);
    assert_module("mlp", F32_SUMS, &plain.apply(&x), |dtype| plain.module(dtype).forward(matrix(&x, dtype)));
}

#[test]
fn attention_equals_the_formula_for_every_grouping_and_layout() {
    for (seed, kv_heads) in [(6, 1), (7, KV_HEADS), (8, HEADS)] {
        let mut rng = rng(seed);
        let plain = PlainAttention::random(&mut rng, kv_heads);
        for (name, layout) in [("one sequence", one_sequence()), ("tree", tree())] {
            let x = random_rows(&mut rng, layout.num_tokens(), HIDDEN, 1.0);
            let expected = plain.apply(&x, &layout, 1.0);
            assert_attention_matters(&expected, &plain.apply(&x, &layout, 0.0));
            assert_module(
                &format!("attention {kv_heads} of {HEADS}, {name}"),
                F32_ATTENTION,
                &expected,
                |dtype| plain.module(dtype).forward(matrix(&x, dtype), &plain.rope(&layout, dtype), &layout),
            );
        }
    }
}

#[test]
fn attention_of_scores_in_the_thousands_is_finite() {
    let mut rng = rng(9);
    let mut plain = PlainAttention::random(&mut rng, KV_HEADS);
    for row in &mut plain.q.weight {
        row.iter_mut().for_each(|weight| *weight *= 1e3);
    }
    let layout = tree();
    let x = random_rows(&mut rng, layout.num_tokens(), HIDDEN, 1.0);
    let expected = plain.apply(&x, &layout, 1.0).concat();
    let actual = plain.module(FloatDType::F64).forward(
        matrix(&x, FloatDType::F64),
        &plain.rope(&layout, FloatDType::F64),
        &layout,
    );
    // Scores of size 1e4 carry absolute errors of 1e-12, which exponentials turn into relative ones.
    assert_close("attention of large scores", &numbers(actual), &expected, 1e-10);
}

#[test]
fn decoder_layer_equals_the_formula() {
    let mut rng = rng(10);
    let plain = PlainLayer {
        attention: PlainAttention::random(&mut rng, KV_HEADS),
        mlp: PlainMlp::random(&mut rng),
        norms: [normals(&mut rng, HIDDEN, 1.0), normals(&mut rng, HIDDEN, 1.0)],
        eps: 1e-5,
    };
    for (name, layout) in [("one sequence", one_sequence()), ("tree", tree())] {
        let x = random_rows(&mut rng, layout.num_tokens(), HIDDEN, 1.0);
        let expected = plain.apply(&x, &layout, 1.0);
        assert_attention_matters(&expected, &plain.apply(&x, &layout, 0.0));
        assert_module(&format!("layer, {name}"), F32_ATTENTION, &expected, |dtype| {
            let layer = DecoderLayer {
                self_attn: plain.attention.module(dtype),
                mlp: plain.mlp.module(dtype),
                input_layernorm: norm_module(&plain.norms[0], plain.eps, dtype),
                post_attention_layernorm: norm_module(&plain.norms[1], plain.eps, dtype),
            };
            layer.forward(matrix(&x, dtype), &plain.attention.rope(&layout, dtype), &layout)
        });
    }
}

/// A whole model, its numbers read by their names in the file.
struct PlainModel {
    embedding: Rows,
    layers: Vec<PlainLayer>,
    norm: Vec<f64>,
    head: Rows,
}

impl PlainModel {
    fn of(model: &iopo_model::CausalLm) -> Self {
        let config = model.config();
        let parameters = common::by_name(model.parameters());
        let hidden = config.hidden_size;
        let linear = |name: String, input: usize| PlainLinear {
            weight: rows(&parameters[&format!("{name}.weight")], input),
            bias: parameters.get(&format!("{name}.bias")).cloned(),
            lora: None,
        };
        let layer = |index: usize| {
            let at = |part: &str| format!("model.layers.{index}.{part}");
            PlainLayer {
                attention: PlainAttention {
                    q: linear(at("self_attn.q_proj"), hidden),
                    k: linear(at("self_attn.k_proj"), hidden),
                    v: linear(at("self_attn.v_proj"), hidden),
                    o: linear(at("self_attn.o_proj"), config.num_attention_heads * config.head_dim),
                    heads: config.num_attention_heads,
                    kv_heads: config.num_key_value_heads,
                    head_dim: config.head_dim,
                    theta: config.rope.theta,
                },
                mlp: PlainMlp {
                    gate: linear(at("mlp.gate_proj"), hidden),
                    up: linear(at("mlp.up_proj"), hidden),
                    down: linear(at("mlp.down_proj"), config.intermediate_size),
                },
                norms: [
                    parameters[&at("input_layernorm.weight")].clone(),
                    parameters[&at("post_attention_layernorm.weight")].clone(),
                ],
                eps: config.rms_norm_eps,
            }
        };
        let embedding = rows(&parameters["model.embed_tokens.weight"], hidden);
        Self {
            layers: (0..config.num_hidden_layers).map(layer).collect(),
            norm: parameters["model.norm.weight"].clone(),
            head: parameters.get("lm_head.weight").map_or(embedding.clone(), |head| rows(head, hidden)),
            embedding,
        }
    }

    fn logits(&self, layout: &TokenLayout, sharpness: f64) -> Rows {
        let mut x: Rows =
            layout.tokens().iter().map(|&token| self.embedding[token as usize].clone()).collect();
        for layer in &self.layers {
            x = layer.apply(&x, layout, sharpness);
        }
        let x = plain_norm(&x, &self.norm, self.layers[0].eps);
        PlainLinear { weight: self.head.clone(), bias: None, lora: None }.apply(&x)
    }
}

#[test]
fn logits_and_log_probs_of_whole_models_equal_the_formulas() {
    let families = [Family::Qwen2 { tied: false }, Family::Qwen2 { tied: true }, Family::LlamaBiased];
    for (seed, family) in families.into_iter().enumerate() {
        let dir = random_folder(family, 20 + seed as u64);
        let model = common::load(dir.path(), FloatDType::F64);
        let plain = PlainModel::of(&model);
        let layout = tree();
        let expected = plain.logits(&layout, 1.0);
        assert_attention_matters(&expected, &plain.logits(&layout, 0.0));
        assert_module(&format!("{family:?} logits"), F32_ATTENTION, &expected, |dtype| {
            let model = common::load(dir.path(), dtype);
            model.logits(model.hidden_states(&layout).unwrap())
        });

        let predictions =
            iopo_model::Predictions { sources: vec![4, 4, 10, 16, 7], targets: vec![3, 8, 0, 12, 4] };
        let expected: Vec<f64> = (predictions.sources.iter().zip(&predictions.targets))
            .map(|(&source, &target)| {
                let row = &expected[source];
                row[target as usize] - row.iter().map(|logit| logit.exp()).sum::<f64>().ln()
            })
            .collect();
        let actual = model.token_log_probs(&layout, &predictions).unwrap();
        assert_close(&format!("{family:?} log-probs"), &numbers(actual), &expected, F64_TOLERANCE);
    }
}
