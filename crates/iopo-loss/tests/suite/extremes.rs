//! Losses and gradients far out: log-probs of -1e4 and of -1e-9, margins of ±1e4, in f32 and f64.

use burn::tensor::{DType, Tensor};
use iopo_loss::{DpoLossConfig, FDivergence, IopoLossConfig, OrpoLossConfig, SftLoss, SimpoLossConfig};

use crate::common::{all_dpo_configs, all_iopo_configs, column_of, grid_of, pair_of, values};

/// Log-prob sums of two sides: both ends, either end, and exact zeros.
const SIDES: [[f64; 6]; 2] = [[-1e4, -1e-9, -1e4, -1e-9, 0.0, -1e4], [-1e4, -1e-9, -1e-9, -1e4, -1e4, 0.0]];

/// Sums, one token each, references in the middle and at zero.
fn inputs(cells: usize, reference: f64, dtype: DType) -> Vec<Tensor<1>> {
    let sums = (0..cells).map(|cell| SIDES[cell.count_ones() as usize % 2].to_vec());
    let tokens = (0..cells).map(|_| vec![1.0; 6]);
    let references = (0..cells).map(|_| vec![reference; 6]);
    sums.chain(tokens).chain(references).map(|values| column_of(&values, dtype)).collect()
}

fn assert_finite(name: &str, inputs: &[Tensor<1>], loss: Tensor<1>) {
    let losses = values(loss.clone());
    assert!(losses.iter().all(|loss| loss.is_finite()), "{name}: loss {losses:?}");
    let gradients = loss.sum().backward();
    for input in inputs {
        let gradient = input.grad(&gradients).map(values).unwrap_or_default();
        assert!(gradient.iter().all(|slope| slope.is_finite()), "{name}: gradient {gradient:?}");
    }
}

fn everywhere(cells: usize, check: impl Fn(&str, &[Tensor<1>])) {
    for dtype in [DType::F32, DType::F64] {
        for reference in [0.0, -1e-9, -50.0, -1e4] {
            let inputs = inputs(cells, reference, dtype);
            check(&format!("{dtype:?}, reference {reference}"), &inputs);
        }
    }
}

#[test]
fn dpo_losses_and_gradients_are_finite() {
    let divergences = [FDivergence::ForwardKl, FDivergence::JensenShannon, FDivergence::Alpha { alpha: 0.5 }];
    let of_divergence = |divergence| DpoLossConfig { divergence, ..Default::default() };
    for config in all_dpo_configs().into_iter().chain(divergences.map(of_divergence)) {
        let config = DpoLossConfig { nll_weight: 1.0, ..config };
        let dpo = config.clone().init().unwrap();
        everywhere(2, |place, inputs| {
            let (policy, reference) = pair_of(inputs);
            let loss = dpo.forward(policy, Some(reference)).unwrap();
            assert_finite(&format!("{config:?}, {place}"), inputs, loss.per_example);
        });
    }
}

#[test]
fn iopo_losses_and_gradients_are_finite() {
    for config in all_iopo_configs() {
        let config = IopoLossConfig { nll_weight: 1.0, ..config };
        let iopo = config.clone().init().unwrap();
        everywhere(4, |place, inputs| {
            let (policy, reference) = grid_of(inputs);
            let loss = iopo.forward(policy, Some(reference)).unwrap();
            assert_finite(&format!("{config:?}, {place}"), inputs, loss.per_example);
        });
    }
}

#[test]
fn simpo_orpo_and_sft_losses_and_gradients_are_finite() {
    let simpo = SimpoLossConfig { beta: 2.5, ..Default::default() }.init().unwrap();
    let orpo = OrpoLossConfig::default().init().unwrap();
    everywhere(2, |place, inputs| {
        let (policy, _) = pair_of(inputs);
        assert_finite(&format!("simpo, {place}"), inputs, simpo.forward(policy).unwrap().per_example);
        let (policy, _) = pair_of(inputs);
        assert_finite(&format!("orpo, {place}"), inputs, orpo.forward(policy).unwrap().per_example);
        let (policy, _) = pair_of(inputs);
        assert_finite(&format!("sft, {place}"), inputs, SftLoss.forward(policy.chosen).unwrap().per_example);
    });
}

/// IOPO's loss and gradient where the log-ratios make a margin of 1e4 / β, then of -1e4 / β.
#[test]
fn a_margin_of_ten_thousand_saturates_and_its_opposite_is_linear() {
    for dtype in [DType::F32, DType::F64] {
        let iopo = IopoLossConfig { beta: 0.5, ..Default::default() }.init().unwrap();
        let quarter = 5e3;
        let sums = [[0.0, -1e4], [-1e4, 0.0], [-1e4, 0.0], [0.0, -1e4]];
        let mut inputs: Vec<_> = sums.iter().map(|sums| column_of(sums, dtype)).collect();
        inputs.extend((0..4).map(|_| column_of(&[1.0, 1.0], dtype)));
        inputs.extend((0..4).map(|_| column_of(&[-quarter, -quarter], dtype)));
        let (policy, reference) = grid_of(&inputs);
        let loss = iopo.forward(policy, Some(reference)).unwrap();
        // Matched minus swapped is 4 · 5e3, and times β it is ±1e4.
        assert_eq!(values(loss.stats.margins), [1e4, -1e4]);
        assert_eq!(values(loss.per_example.clone()), [0.0, 1e4]);
        let gradients = loss.per_example.sum().backward();
        assert_eq!(values(inputs[0].grad(&gradients).unwrap()), [0.0, -0.5]);
        assert_eq!(values(inputs[1].grad(&gradients).unwrap()), [0.0, 0.5]);
    }
}
