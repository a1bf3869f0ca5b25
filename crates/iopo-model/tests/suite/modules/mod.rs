//! Every module against loops over single numbers in f64, written from the formulas.
//!
//! Tolerances are relative to the largest expected value. In f64: 1e-12, some thousand roundings
//! of 1.1e-16. In f32, where a rounding is 6e-8: sums of up to 24 terms lose a few of them, 5e-7;
//! attention and layers chain four such sums, and exponentials turn the absolute error of scores
//! of size 10 into a relative one, 3e-6.

mod plain;

use self::plain::{
    PlainAttention, PlainLayer, PlainLinear, PlainMlp, PlainModel, plain_norm, plain_rotation,
};
use crate::common::{self, Family, assert_close, largest, normals, random_folder, span, tensor};
use burn::module::{Module, Param};
use burn::tensor::{FloatDType, Tensor};
use iopo_model::{CausalLm, Predictions, RmsNorm, TokenLayout};
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
        norms: [(), ()].map(|()| [Some(normals(&mut rng, HIDDEN, 1.0)), None]),
        eps: 1e-5,
    };
    for (name, layout) in [("one sequence", one_sequence()), ("tree", tree())] {
        let x = random_rows(&mut rng, layout.num_tokens(), HIDDEN, 1.0);
        let expected = plain.apply(&x, &layout, 1.0);
        assert_attention_matters(&expected, &plain.apply(&x, &layout, 0.0));
        assert_module(&format!("layer, {name}"), F32_ATTENTION, &expected, |dtype| {
            let layer = plain.module(dtype);
            layer.forward(matrix(&x, dtype), &plain.attention.rope(&layout, dtype), &layout)
        });
    }
}

/// Compares a model's logits and log-probs; `model` gives it in a float type.
fn assert_model(what: &str, model: impl Fn(FloatDType) -> CausalLm) {
    let plain = PlainModel::of(&model(FloatDType::F64));
    let layout = tree();
    let expected = plain.logits(&layout, 1.0);
    assert_attention_matters(&expected, &plain.logits(&layout, 0.0));
    assert_module(&format!("{what}, logits"), F32_ATTENTION, &expected, |dtype| {
        let model = model(dtype);
        model.logits(model.hidden_states(&layout).unwrap())
    });

    let predictions = Predictions { sources: vec![4, 4, 10, 16, 7], targets: vec![3, 8, 0, 12, 4] };
    let expected: Vec<f64> = (predictions.sources.iter().zip(&predictions.targets))
        .map(|(&source, &target)| {
            let row = &expected[source];
            row[target as usize] - row.iter().map(|logit| logit.exp()).sum::<f64>().ln()
        })
        .collect();
    let actual = model(FloatDType::F64).token_log_probs(&layout, &predictions).unwrap();
    assert_close(&format!("{what}, log-probs"), &numbers(actual), &expected, F64_TOLERANCE);
}

#[test]
fn logits_and_log_probs_of_whole_models_equal_the_formulas() {
    let families = [Family::Qwen2 { tied: false }, Family::Qwen2 { tied: true }, Family::LlamaBiased];
    for (seed, family) in families.into_iter().enumerate() {
        let dir = random_folder(family, 20 + seed as u64);
        assert_model(&format!("{family:?}"), |dtype| common::load(dir.path(), dtype));
    }
}

#[test]
fn logits_and_log_probs_of_other_layers_equal_the_formulas() {
    for (what, config) in common::other_layers() {
        assert_model(what, |dtype| common::random_model(&config, 23, dtype).valid());
    }
}
