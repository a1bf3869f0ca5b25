//! The formulas, as loops over single numbers.

use burn::module::Param;
use burn::tensor::{Device, FloatDType};
use iopo_model::kernels::Activation;
use iopo_model::{
    DecoderLayer, GatedMlp, GroupedQueryAttention, LoraAdapter, LoraLinear, NormPlacement, Parameters,
    RmsNorm, RotaryEmbedding, TokenLayout,
};
use rand_chacha::ChaCha8Rng;

use super::{HEAD_DIM, HEADS, HIDDEN, MLP, Rows, THETA, matrix, random_rows, rows};
use crate::common::{self, normals, tensor};

/// The numbers of a linear layer, with an adapter of scale 0.75 where `a` and `b` are given.
#[derive(Clone)]
pub(crate) struct PlainLinear {
    pub(crate) weight: Rows,
    pub(crate) bias: Option<Vec<f64>>,
    pub(crate) lora: Option<(Rows, Rows)>,
}

pub(crate) const SCALE: f64 = 0.75;

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    for i in 0..a.len() {
        sum += a[i] * b[i];
    }
    sum
}

impl PlainLinear {
    /// Weights for outputs about as large as `gain` times inputs.
    pub(crate) fn random(
        rng: &mut ChaCha8Rng,
        [out, input]: [usize; 2],
        gain: f64,
        bias: bool,
        lora: bool,
    ) -> Self {
        let deviation = gain / (input as f64).sqrt();
        Self {
            weight: random_rows(rng, out, input, deviation),
            bias: bias.then(|| normals(rng, out, 0.5)),
            lora: lora.then(|| (random_rows(rng, 3, input, 0.4), random_rows(rng, out, 3, 0.4))),
        }
    }

    pub(crate) fn apply(&self, x: &Rows) -> Rows {
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

    pub(crate) fn module(&self, dtype: FloatDType) -> LoraLinear {
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

pub(crate) fn plain_norm(x: &Rows, weight: &[f64], eps: f64) -> Rows {
    let normalise = |row: &Vec<f64>| {
        let root = (dot(row, row) / row.len() as f64 + eps).sqrt();
        row.iter().zip(weight).map(|(x, w)| w * x / root).collect()
    };
    x.iter().map(normalise).collect()
}

/// [`plain_norm`] of groups of as many numbers as the weight has; nothing where there is no weight.
pub(crate) fn plain_norm_if(x: &Rows, weight: Option<&Vec<f64>>, eps: f64) -> Rows {
    let Some(weight) = weight else { return x.clone() };
    let of_row = |row: &Vec<f64>| plain_norm(&rows(row, weight.len()), weight, eps).concat();
    x.iter().map(of_row).collect()
}

pub(crate) fn plain_activation(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            x / 2.0 * (1.0 + inner.tanh())
        }
    }
}

/// Rotates the pairs (i, i + head_dim/2) of one head by `position · theta^(-2i/head_dim)`.
pub(crate) fn plain_rotation(head: &[f64], position: u32, theta: f64) -> Vec<f64> {
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
pub(crate) fn visible(layout: &TokenLayout, i: usize) -> Vec<usize> {
    let mut segment = layout.segments().iter().find(|segment| segment.range.contains(&i)).unwrap();
    let mut seen: Vec<usize> = (segment.range.start..=i).collect();
    while let Some(parent) = segment.parent {
        segment = &layout.segments()[parent];
        seen.splice(0..0, segment.range.clone());
    }
    seen
}

#[derive(Clone)]
pub(crate) struct PlainAttention {
    pub(crate) q: PlainLinear,
    pub(crate) k: PlainLinear,
    pub(crate) v: PlainLinear,
    pub(crate) o: PlainLinear,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) theta: f64,
    pub(crate) scale: f64,
    /// Norms of queries and keys.
    pub(crate) norms: [Option<Vec<f64>>; 2],
    pub(crate) eps: f64,
}

impl PlainAttention {
    /// Query and key weights large enough for scores of size 10.
    pub(crate) fn random(rng: &mut ChaCha8Rng, kv_heads: usize) -> Self {
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
            scale: (HEAD_DIM as f64).sqrt().recip(),
            norms: [None, None],
            eps: 1e-5,
        }
    }

    /// `sharpness` 1 is attention; 0 weighs all visible tokens alike.
    pub(crate) fn apply(&self, x: &Rows, layout: &TokenLayout, sharpness: f64) -> Rows {
        let [q_norm, k_norm] = self.norms.each_ref().map(Option::as_ref);
        let q = plain_norm_if(&self.q.apply(x), q_norm, self.eps);
        let k = plain_norm_if(&self.k.apply(x), k_norm, self.eps);
        let v = self.v.apply(x);
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
                    .map(|key| sharpness * dot(&query, &key) * self.scale)
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

    pub(crate) fn module(&self, dtype: FloatDType) -> GroupedQueryAttention {
        GroupedQueryAttention {
            q_proj: self.q.module(dtype),
            k_proj: self.k.module(dtype),
            v_proj: self.v.module(dtype),
            o_proj: self.o.module(dtype),
            q_norm: norm_module(self.norms[0].as_ref(), self.eps, dtype),
            k_norm: norm_module(self.norms[1].as_ref(), self.eps, dtype),
            num_key_value_heads: self.kv_heads,
            head_dim: self.head_dim,
            scale: self.scale,
        }
    }

    pub(crate) fn rope(&self, layout: &TokenLayout, dtype: FloatDType) -> RotaryEmbedding {
        let frequencies: Vec<f64> =
            (0..self.head_dim / 2).map(|i| self.theta.powf(-2.0 * i as f64 / self.head_dim as f64)).collect();
        RotaryEmbedding::new(&frequencies, layout.positions(), dtype.into(), &Device::flex())
    }
}

pub(crate) fn norm_module(weight: Option<&Vec<f64>>, eps: f64, dtype: FloatDType) -> Option<RmsNorm> {
    weight.map(|weight| RmsNorm { weight: Param::from_tensor(tensor(weight, [weight.len()], dtype)), eps })
}

#[derive(Clone)]
pub(crate) struct PlainMlp {
    pub(crate) gate: PlainLinear,
    pub(crate) up: PlainLinear,
    pub(crate) down: PlainLinear,
    pub(crate) activation: Activation,
}

impl PlainMlp {
    pub(crate) fn random(rng: &mut ChaCha8Rng) -> Self {
        let mut linear = |out, input| PlainLinear::random(rng, [out, input], 1.5, true, true);
        let (gate, up, down) = (linear(MLP, HIDDEN), linear(MLP, HIDDEN), linear(HIDDEN, MLP));
        Self { gate, up, down, activation: Activation::Silu }
    }

    pub(crate) fn apply(&self, x: &Rows) -> Rows {
        let mut inner = self.up.apply(x);
        for (row, gates) in inner.iter_mut().zip(self.gate.apply(x)) {
            for (value, gate) in row.iter_mut().zip(gates) {
                *value *= plain_activation(self.activation, gate);
            }
        }
        self.down.apply(&inner)
    }

    pub(crate) fn module(&self, dtype: FloatDType) -> GatedMlp {
        GatedMlp {
            gate_proj: self.gate.module(dtype),
            up_proj: self.up.module(dtype),
            down_proj: self.down.module(dtype),
            activation: self.activation,
        }
    }
}

pub(crate) fn add(a: &Rows, b: &Rows) -> Rows {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
}

#[derive(Clone)]
pub(crate) struct PlainLayer {
    pub(crate) attention: PlainAttention,
    pub(crate) mlp: PlainMlp,
    /// Norms before and after the attention, before and after the MLP.
    pub(crate) norms: [[Option<Vec<f64>>; 2]; 2],
    pub(crate) eps: f64,
}

impl PlainLayer {
    pub(crate) fn apply(&self, x: &Rows, layout: &TokenLayout, sharpness: f64) -> Rows {
        let norm = |x: &Rows, weight: &Option<Vec<f64>>| plain_norm_if(x, weight.as_ref(), self.eps);
        let [[before_attention, after_attention], [before_mlp, after_mlp]] = &self.norms;
        let attended = self.attention.apply(&norm(x, before_attention), layout, sharpness);
        let x = add(x, &norm(&attended, after_attention));
        add(&x, &norm(&self.mlp.apply(&norm(&x, before_mlp)), after_mlp))
    }

    /// The layer that has norms before its two parts.
    pub(crate) fn module(&self, dtype: FloatDType) -> DecoderLayer {
        let [[before_attention, _], [before_mlp, _]] = &self.norms;
        let norm = |weight: &Option<Vec<f64>>| norm_module(weight.as_ref(), self.eps, dtype);
        DecoderLayer {
            self_attn: self.attention.module(dtype),
            mlp: self.mlp.module(dtype),
            input_layernorm: norm(before_attention),
            post_attention_layernorm: norm(before_mlp).unwrap(),
            pre_feedforward_layernorm: None,
            post_feedforward_layernorm: None,
        }
    }
}

/// Names of the norms before and after the attention, before and after the MLP, in transformers' files of Llama, of
/// OLMo 2 and of Gemma 2.
fn norms_of(placement: NormPlacement) -> [[Option<&'static str>; 2]; 2] {
    const BEFORE_ATTENTION: Option<&str> = Some("input_layernorm.weight");
    const POST_ATTENTION: Option<&str> = Some("post_attention_layernorm.weight");
    const AFTER_MLP: Option<&str> = Some("post_feedforward_layernorm.weight");
    match placement {
        NormPlacement::Before => [[BEFORE_ATTENTION, None], [POST_ATTENTION, None]],
        NormPlacement::After => [[None, POST_ATTENTION], [None, AFTER_MLP]],
        NormPlacement::Both => {
            [[BEFORE_ATTENTION, POST_ATTENTION], [Some("pre_feedforward_layernorm.weight"), AFTER_MLP]]
        }
    }
}

/// A whole model, its numbers read by their names in the file.
pub(crate) struct PlainModel {
    pub(crate) embedding: Rows,
    pub(crate) layers: Vec<PlainLayer>,
    pub(crate) norm: Vec<f64>,
    pub(crate) head: Rows,
}

impl PlainModel {
    pub(crate) fn of(model: &iopo_model::CausalLm) -> Self {
        let config = model.config();
        let parameters = common::by_name(model.parameters());
        let hidden = config.hidden_size;
        let linear = |name: String, input: usize| PlainLinear {
            weight: rows(&parameters[&format!("{name}.weight")], input),
            bias: parameters.get(&format!("{name}.bias")).cloned(),
            lora: None,
        };
        let norm = |name: String| parameters.get(&name).cloned();
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
                    scale: config.attention_scale.unwrap_or((config.head_dim as f64).sqrt().recip()),
                    norms: [norm(at("self_attn.q_norm.weight")), norm(at("self_attn.k_norm.weight"))],
                    eps: config.rms_norm_eps,
                },
                mlp: PlainMlp {
                    gate: linear(at("mlp.gate_proj"), hidden),
                    up: linear(at("mlp.up_proj"), hidden),
                    down: linear(at("mlp.down_proj"), config.intermediate_size),
                    activation: config.activation,
                },
                norms: norms_of(config.norm_placement)
                    .map(|names| names.map(|name| name.and_then(|name| norm(at(name))))),
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

    pub(crate) fn logits(&self, layout: &TokenLayout, sharpness: f64) -> Rows {
        let mut x: Rows =
            layout.tokens().iter().map(|&token| self.embedding[token as usize].clone()).collect();
        for layer in &self.layers {
            x = layer.apply(&x, layout, sharpness);
        }
        let x = plain_norm(&x, &self.norm, self.layers[0].eps);
        PlainLinear { weight: self.head.clone(), bias: None, lora: None }.apply(&x)
    }
}
