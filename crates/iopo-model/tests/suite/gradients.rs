//! Gradients of whole models against central differences in f64.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{
    Family, by_name, floats, largest, load, other_layers, random_folder, random_model, span, tensor,
    trainable, with_random_b,
};
use burn::tensor::FloatDType;
use iopo_model::{CausalLm, LoraConfig, LoraTargets, Parameters, Predictions, TokenLayout};

/// Differences of fourth order: their error is STEP⁴/30 = 5e-17 times the fifth derivative, which
/// an adapter of scale 11 makes large, and 1e-14 / STEP = 5e-11 from rounding a sum of about 50.
const STEP: f64 = 2e-4;
/// Relative to the parameter's largest gradient.
const TOLERANCE: f64 = 1e-8;
const SAMPLES: usize = 4;

/// A shared prefix, two continuations, one of them continued: every kind of segment.
fn layout() -> TokenLayout {
    let tokens = vec![1, 5, 2, 7, 0, 3, 12, 4, 9, 11, 8, 6];
    let positions = vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 4, 5, 6];
    let segments = vec![span(0, 4, None), span(4, 7, Some(0)), span(7, 9, Some(1)), span(9, 12, Some(0))];
    TokenLayout::new(tokens, positions, segments).unwrap()
}

fn predictions() -> Predictions {
    Predictions { sources: vec![0, 3, 3, 5, 6, 7, 8, 9, 11], targets: vec![5, 0, 11, 12, 4, 9, 1, 8, 10] }
}

fn total(model: &CausalLm) -> f64 {
    floats(model.token_log_probs(&layout(), &predictions()).unwrap().sum())[0]
}

fn gradients(model: &CausalLm) -> BTreeMap<String, Vec<f64>> {
    let total = model.token_log_probs(&layout(), &predictions()).unwrap().sum();
    by_name(model.take_gradients(&mut total.backward()))
}

/// The model with one number changed.
fn shifted(model: &CausalLm, name: &str, index: usize, by: f64) -> CausalLm {
    model.clone().update_trainable(|other, values| {
        (other == name).then(|| {
            let mut values = floats(values);
            values[index] += by;
            tensor(&values, [values.len()], FloatDType::F64)
        })
    })
}

/// The last part of a name, so that layers count as one kind.
fn kind(name: &str) -> String {
    name.split('.').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join(".")
}

/// Compares a few numbers of every trained parameter; returns the kinds compared.
fn assert_gradients(model: &CausalLm) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    let mut worst: f64 = 0.0;
    for (name, gradient) in gradients(model) {
        let scale = largest(&gradient);
        assert!(scale > 0.0, "{name}: the gradient is zero, so nothing is compared");
        // The largest entry, and others spread over the rest.
        let top = gradient.iter().position(|value| value.abs() == scale).unwrap();
        let spread = (1..SAMPLES).map(|sample| (top + sample * gradient.len() / SAMPLES) % gradient.len());
        for index in [top].into_iter().chain(spread) {
            let at = |by| total(&shifted(model, &name, index, by));
            let difference =
                (8.0 * (at(STEP) - at(-STEP)) - (at(2.0 * STEP) - at(-2.0 * STEP))) / (12.0 * STEP);
            let error = (gradient[index] - difference).abs() / scale;
            worst = worst.max(error);
            assert!(
                error <= TOLERANCE,
                "{name}[{index}]: gradient {}, difference {difference}",
                gradient[index]
            );
        }
        kinds.insert(kind(&name));
    }
    println!("{} kinds of parameters, largest relative error {worst:.1e}", kinds.len());
    kinds
}

const WEIGHTS: [&str; 11] = [
    "model.embed_tokens.weight",
    "model.layers.input_layernorm.weight",
    "model.layers.mlp.down_proj.weight",
    "model.layers.mlp.gate_proj.weight",
    "model.layers.mlp.up_proj.weight",
    "model.layers.post_attention_layernorm.weight",
    "model.layers.self_attn.k_proj.weight",
    "model.layers.self_attn.o_proj.weight",
    "model.layers.self_attn.q_proj.weight",
    "model.layers.self_attn.v_proj.weight",
    "model.norm.weight",
];
const QKV_BIASES: [&str; 3] = [
    "model.layers.self_attn.k_proj.bias",
    "model.layers.self_attn.q_proj.bias",
    "model.layers.self_attn.v_proj.bias",
];
const OTHER_BIASES: [&str; 4] = [
    "model.layers.self_attn.o_proj.bias",
    "model.layers.mlp.gate_proj.bias",
    "model.layers.mlp.up_proj.bias",
    "model.layers.mlp.down_proj.bias",
];

fn assert_full(family: Family, seed: u64, more: &[&str]) {
    let model = trainable(load(random_folder(family, seed).path(), FloatDType::F64));
    let expected: BTreeSet<String> = WEIGHTS.iter().chain(more).map(|&name| name.to_owned()).collect();
    assert_eq!(assert_gradients(&model), expected);
}

#[test]
fn gradients_of_an_untied_model_equal_differences() {
    let more: Vec<&str> = QKV_BIASES.into_iter().chain(["lm_head.weight"]).collect();
    assert_full(Family::Qwen2 { tied: false }, 31, &more);
}

#[test]
fn gradients_of_a_tied_model_equal_differences() {
    // The embedding's gradient is then the sum of its two uses.
    assert_full(Family::Qwen2 { tied: true }, 32, &QKV_BIASES);
}

#[test]
fn gradients_of_a_model_with_every_bias_equal_differences() {
    let more: Vec<&str> = QKV_BIASES.into_iter().chain(OTHER_BIASES).chain(["lm_head.weight"]).collect();
    assert_full(Family::LlamaBiased, 33, &more);
}

#[test]
fn gradients_of_other_layers_equal_differences() {
    let kinds = other_layers().map(|(_, config)| {
        let kinds = assert_gradients(&random_model(&config, 38, FloatDType::F64));
        kinds.len() - WEIGHTS.len()
    });
    // Two norms of queries and keys; the same, and as many other norms as before; two more norms, three biases.
    assert_eq!(kinds, [2, 2, 5]);
}

#[test]
fn gradients_of_an_adapter_equal_differences_and_nothing_else_has_any() {
    let base = load(random_folder(Family::Qwen2 { tied: false }, 34).path(), FloatDType::F64);
    let model = with_random_b(base.attach_lora(&LoraConfig { rank: 3, ..Default::default() }, 5).unwrap(), 6);
    let kinds = assert_gradients(&model);
    assert_eq!(kinds.len(), 14, "A and B of seven linear layers: {kinds:?}");
    assert!(kinds.iter().all(|kind| kind.starts_with("base_model.model.model.layers.")), "{kinds:?}");
}

#[test]
fn gradients_of_an_adapter_on_one_target_equal_differences() {
    let base = load(random_folder(Family::LlamaBiased, 35).path(), FloatDType::F64);
    let targets = LoraTargets::Named(vec!["k_proj".to_owned()]);
    let config = LoraConfig { rank: 2, targets, rank_stabilised: true, ..Default::default() };
    let model = with_random_b(base.attach_lora(&config, 5).unwrap(), 6);
    assert_eq!(assert_gradients(&model).len(), 2);
}

#[test]
fn a_fresh_adapter_has_no_gradient_in_a() {
    let base = load(random_folder(Family::Qwen2 { tied: true }, 36).path(), FloatDType::F64);
    let model = base.attach_lora(&LoraConfig::default(), 7).unwrap();
    let gradients = gradients(&burn::module::Module::train(model));
    for (name, gradient) in &gradients {
        assert_eq!(largest(gradient) == 0.0, name.contains("lora_A"), "{name}");
    }
    assert_eq!(gradients.len(), 28);
}

#[test]
fn parameters_that_a_backward_pass_does_not_reach_have_no_gradient() {
    let model = trainable(load(random_folder(Family::Qwen2 { tied: false }, 37).path(), FloatDType::F64));
    let unrelated = tensor(&[1.0], [1], FloatDType::F64).autodiff().require_grad();
    assert!(model.take_gradients(&mut unrelated.sum().backward()).is_empty());
}
