//! New weights: their distribution, and that a seed decides them.

use std::fs;

use crate::common::other_layers;
use burn::tensor::{Device, FloatDType};
use iopo_model::{
    CausalLm, ConfigError, DecoderConfig, INITIALIZER_RANGE, NamedTensor, Parameters, Precision, Predictions,
    TokenLayout, WeightsError,
    families::{llama, qwen2},
    init_model, load_config, load_model, save_model,
};
use tempfile::tempdir;

fn tiny() -> DecoderConfig {
    qwen2::of_sizes(300, [32, 88, 2], [4, 2], false)
}

fn sampled(config: &DecoderConfig, seed: u64) -> CausalLm {
    CausalLm::init(config, INITIALIZER_RANGE, seed, Precision::default(), &Device::flex()).unwrap()
}

fn values(parameter: NamedTensor) -> Vec<f64> {
    parameter.values.try_into_vec_as::<f64>().unwrap()
}

#[test]
fn matrices_are_normal_biases_zero_and_norms_one() {
    let model = sampled(&tiny(), 7);
    let mut normal = Vec::new();
    for parameter in model.parameters() {
        let name = parameter.name.clone();
        let values = values(parameter);
        match name.rsplit_once('.').unwrap() {
            (_, "bias") => assert!(values.iter().all(|&x| x == 0.0), "{name}"),
            (module, _) if module.ends_with("norm") => assert!(values.iter().all(|&x| x == 1.0), "{name}"),
            _ => normal.extend(values),
        }
    }
    let count = normal.len() as f64;
    let moment = |power: i32| normal.iter().map(|x| (x / INITIALIZER_RANGE).powi(power)).sum::<f64>() / count;
    // Five standard errors of each moment: those of x, x², x⁴ are 1, √2, √96 by √count.
    let error = 5.0 / count.sqrt();
    assert!(moment(1).abs() < error, "{}", moment(1));
    assert!((moment(2) - 1.0).abs() < 2_f64.sqrt() * error, "{}", moment(2));
    assert!((moment(4) - 3.0).abs() < 96_f64.sqrt() * error, "{}", moment(4));
}

/// Recorded once. If the generator changes they change, and then no run can be repeated.
#[test]
fn a_seed_gives_these_weights_on_every_machine() {
    let model = sampled(&tiny(), 42);
    let embedding = values(model.parameters().swap_remove(0));
    assert_eq!(embedding[..4].iter().map(|&x| x as f32).collect::<Vec<_>>(), FIRST);
}

const FIRST: [f32; 4] = [0.0025586968, 0.0063339327, -0.021918561, 0.038512982];

#[test]
fn a_seed_decides_the_weights() {
    let all = |seed| sampled(&tiny(), seed).parameters().into_iter().map(values).collect::<Vec<_>>();
    assert_eq!(all(1), all(1));
    assert_ne!(all(1), all(2));
}

#[test]
fn a_new_model_knows_nothing() {
    let model = sampled(&DecoderConfig { tie_word_embeddings: true, ..tiny() }, 1);
    let layout = TokenLayout::sequence(vec![5, 9, 11], 0).unwrap();
    let predictions = Predictions { sources: vec![0, 1, 2], targets: vec![9, 11, 13] };
    let log_probs = model.token_log_probs(&layout, &predictions).unwrap().try_into_vec_as::<f64>().unwrap();
    // Scores have a standard deviation of about 0.02 √32.
    assert!(log_probs.iter().all(|log_prob| (log_prob + 300_f64.ln()).abs() < 0.5), "{log_probs:?}");
}

#[test]
fn a_written_configuration_is_read_as_it_was_and_makes_a_folder_that_loads() {
    let (source, out) = (tempdir().unwrap(), tempdir().unwrap());
    for tied in [false, true] {
        let config = DecoderConfig { tie_word_embeddings: tied, ..tiny() };
        config.write(source.path()).unwrap();
        assert_eq!(load_config(source.path()).unwrap(), config);
        let model = init_model(source.path(), 3, Precision::default(), &Device::flex()).unwrap();
        save_model(&model, source.path(), out.path()).unwrap();
        let loaded = load_model(out.path(), Precision::default(), &Device::flex()).unwrap();
        for (written, read) in model.parameters().into_iter().zip(loaded.parameters()) {
            assert_eq!((&written.name, values(written.clone())), (&read.name, values(read.clone())));
        }
    }
}

#[test]
fn every_family_writes_what_it_reads_and_refuses_options_that_it_lacks() {
    let dir = tempdir().unwrap();
    let wide_heads =
        DecoderConfig { head_dim: 16, mlp_bias: true, ..llama::config(&llama::SIZES[2].1, Some(8.0)) };
    for config in [tiny(), wide_heads] {
        config.write(dir.path()).unwrap();
        assert_eq!(load_config(dir.path()).unwrap(), config);
    }
    for (what, config) in other_layers() {
        let error = config.write(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("has no keys for some options of this one"), "{what}: {error}");
    }
}

#[test]
fn the_range_is_that_of_the_configuration() {
    let dir = tempdir().unwrap();
    tiny().write(dir.path()).unwrap();
    let path = dir.path().join("config.json");
    let text = fs::read_to_string(&path).unwrap();
    let first = |range: &str| {
        fs::write(&path, text.replace("0.02", range)).unwrap();
        let model = init_model(dir.path(), 3, Precision::default(), &Device::flex());
        model.map(|model| values(model.parameters().swap_remove(0))[0])
    };
    let (narrow, wide) = (first("0.02").unwrap(), first("0.04").unwrap());
    assert!((wide / narrow - 2.0).abs() < 1e-6, "{narrow} {wide}");
    for wrong in ["-1.0", "\"much\""] {
        assert!(matches!(first(wrong), Err(WeightsError::Config(_))), "{wrong}");
    }
}

#[test]
fn sizes_that_do_not_fit_and_types_that_are_not_there_are_refused() {
    let dir = tempdir().unwrap();
    let odd = qwen2::of_sizes(300, [30, 88, 2], [4, 2], false);
    assert!(matches!(odd.write(dir.path()), Err(WeightsError::Config(ConfigError::Invalid { .. }))));
    let none = qwen2::of_sizes(0, [32, 88, 2], [4, 2], false);
    let device = Device::flex();
    let refused = CausalLm::init(&none, INITIALIZER_RANGE, 1, Precision::default(), &device).unwrap_err();
    assert!(matches!(refused, WeightsError::Config(ConfigError::Invalid { .. })));
}

#[test]
fn weights_come_in_the_type_asked_for() {
    let precision = Precision::uniform(FloatDType::BF16);
    let model = CausalLm::init(&tiny(), 0.02, 1, precision, &Device::flex()).unwrap();
    assert!(model.parameters().iter().all(|parameter| parameter.values.dtype() == FloatDType::BF16.into()));
}
