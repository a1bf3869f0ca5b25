//! Losses and gradients of every objective against `fixtures/loss/`.
//!
//! Those numbers come from plain f64 arithmetic with derivatives worked out by hand; change the
//! generator and run `cargo xtask gen-fixtures`.

use std::fs;
use std::path::PathBuf;

use burn::tensor::Tensor;
use iopo_loss::{
    CompletionLogProbs, DpoLossConfig, FDivergence, IopoLossConfig, IopoVariant, OrpoLossConfig, SftLoss,
    SimpoLossConfig,
};
use serde_json::Value;

use crate::common::{column, grid_of, pair_of, values};

/// A fixture, or `None` with a visible line where this crate lies alone, without its repository.
fn fixture(name: &str) -> Option<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/loss").join(name);
    match fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(_) => {
            eprintln!("SKIPPED: there is no {}", path.display());
            None
        }
    }
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} is {}", value[key]))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Sums, token counts and references of the first rows, cell by cell.
fn inputs(rows: &Value, count: usize, cells: usize) -> Vec<Tensor<1>> {
    let rows = &rows.as_array().unwrap()[..count];
    let cell_of = |row: &Value, cell: usize| if row.is_array() { row[cell].clone() } else { row.clone() };
    ["policy", "tokens", "reference"]
        .iter()
        .flat_map(|key| (0..cells).map(move |cell| (key, cell)))
        .map(|(key, cell)| {
            column(&rows.iter().map(|row| number(&cell_of(row, cell), key)).collect::<Vec<_>>())
        })
        .collect()
}

#[track_caller]
fn assert_close(what: &str, actual: &[f64], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (index, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!((a - e).abs() <= 1e-9 * (1.0 + e.abs()), "{what}[{index}]: {a} is not {e}");
    }
}

/// Replays every case of a file; `loss` makes the losses of a config from the inputs.
fn replay(name: &str, cells: usize, loss: impl Fn(&Value, &[Tensor<1>]) -> Tensor<1>) {
    let Some(fixture) = fixture(name) else { return };
    let cases = fixture["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let config = &case["config"];
        let inputs = inputs(&fixture["rows"], case["rows"].as_u64().unwrap() as usize, cells);
        let loss = loss(config, &inputs);
        assert_close(&format!("{config} loss"), &values(loss.clone()), &numbers(&case["loss"]));
        let gradients = loss.sum().backward();
        for (cell, input) in inputs[..cells].iter().enumerate() {
            let expected: Vec<f64> =
                case["gradient"].as_array().unwrap().iter().map(|row| row[cell].as_f64().unwrap()).collect();
            let actual = input.grad(&gradients).map_or(vec![0.0; expected.len()], values);
            assert_close(&format!("{config} gradient of cell {cell}"), &actual, &expected);
        }
    }
}

#[test]
fn sft_equals_plain_arithmetic() {
    replay("sft.json", 1, |_, inputs| {
        let policy = CompletionLogProbs::new(inputs[0].clone(), inputs[1].clone()).unwrap();
        SftLoss.forward(policy).unwrap().per_example
    });
}

#[test]
fn dpo_equals_plain_arithmetic() {
    replay("dpo.json", 2, |config, inputs| {
        let reference_free = config["reference_free"].as_bool().unwrap();
        let dpo = DpoLossConfig {
            beta: number(config, "beta"),
            loss_type: config["loss_type"].as_str().unwrap().parse().unwrap(),
            label_smoothing: number(config, "label_smoothing"),
            nll_weight: number(config, "nll_weight"),
            divergence: match config["divergence"].as_str().unwrap() {
                "reverse_kl" => FDivergence::ReverseKl,
                "forward_kl" => FDivergence::ForwardKl,
                "jensen_shannon" => FDivergence::JensenShannon,
                "alpha" => FDivergence::Alpha { alpha: number(config, "alpha") },
                other => panic!("unknown divergence {other}"),
            },
            reference_free,
        };
        let (policy, reference) = pair_of(inputs);
        dpo.init().unwrap().forward(policy, (!reference_free).then_some(reference)).unwrap().per_example
    });
}

#[test]
fn simpo_equals_plain_arithmetic() {
    replay("simpo.json", 2, |config, inputs| {
        let simpo = SimpoLossConfig {
            beta: number(config, "beta"),
            gamma: number(config, "gamma"),
            nll_weight: number(config, "nll_weight"),
        };
        simpo.init().unwrap().forward(pair_of(inputs).0).unwrap().per_example
    });
}

#[test]
fn orpo_equals_plain_arithmetic() {
    replay("orpo.json", 2, |config, inputs| {
        let orpo = OrpoLossConfig { beta: number(config, "beta"), nll_weight: number(config, "nll_weight") };
        orpo.init().unwrap().forward(pair_of(inputs).0).unwrap().per_example
    });
}

#[test]
fn iopo_equals_plain_arithmetic() {
    replay("iopo.json", 4, |config, inputs| {
        let reference_free = config["reference_free"].as_bool().unwrap();
        let iopo = IopoLossConfig {
            beta: number(config, "beta"),
            variant: match config["variant"].as_str().unwrap() {
                "full" => IopoVariant::Full,
                "simplified" => IopoVariant::Simplified,
                "input_preference" => IopoVariant::InputPreference,
                "output_preference" => IopoVariant::OutputPreference,
                other => panic!("unknown variant {other}"),
            },
            link: config["link"].as_str().unwrap().parse().unwrap(),
            label_smoothing: number(config, "label_smoothing"),
            nll_weight: number(config, "nll_weight"),
            reference_free,
        };
        let (policy, reference) = grid_of(inputs);
        iopo.init().unwrap().forward(policy, (!reference_free).then_some(reference)).unwrap().per_example
    });
}
