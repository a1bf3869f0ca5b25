//! Every gradient against central differences in f64, with respect to every input.

use burn::tensor::Tensor;
use iopo_loss::{
    CompletionLogProbs, DpoLossConfig, FDivergence, IopoLossConfig, OrpoLossConfig, Pair, SftLoss,
    SimpoLossConfig,
};

use crate::common::{all_dpo_configs, all_iopo_configs, column, grid_of, pair_of, values};

const STEP: f64 = 1e-4;

/// Rows of sums, far enough from the kink of hinge losses that a step does not cross it.
const SUMS: [[f64; 3]; 4] =
    [[-41.0, -12.5, -5.0], [-57.0, -9.0, -4.75], [-53.5, -14.0, -5.5], [-38.0, -22.75, -5.25]];
const REFERENCES: [[f64; 3]; 4] =
    [[-45.0, -13.0, -5.125], [-55.0, -9.5, -4.5], [-55.0, -13.0, -5.25], [-40.0, -22.0, -5.5]];
const TOKENS: [[f64; 3]; 4] = [[32.0, 7.0, 3.0], [25.0, 11.0, 4.0], [32.0, 7.0, 3.0], [25.0, 11.0, 4.0]];

/// Sums, token counts and references of the first `cells` cells.
fn inputs(cells: usize) -> Vec<Vec<f64>> {
    [SUMS, TOKENS, REFERENCES]
        .iter()
        .flat_map(|columns| &columns[..cells])
        .map(|column| column.to_vec())
        .collect()
}

fn assert_gradients(name: &str, inputs: &[Vec<f64>], loss: impl Fn(&[Tensor<1>]) -> Tensor<1>) {
    let total = |inputs: &[Vec<f64>]| {
        let columns: Vec<_> = inputs.iter().map(|values| column(values)).collect();
        values(loss(&columns).sum())[0]
    };
    let columns: Vec<_> = inputs.iter().map(|values| column(values)).collect();
    let gradients = loss(&columns).sum().backward();
    for (index, tensor) in columns.iter().enumerate() {
        let gradient = tensor.grad(&gradients).map_or(vec![0.0; inputs[index].len()], values);
        for row in 0..inputs[index].len() {
            let shifted = |step: f64| {
                let mut inputs = inputs.to_vec();
                inputs[index][row] += step;
                total(&inputs)
            };
            let difference = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
            let error = (gradient[row] - difference).abs();
            assert!(
                error <= 1e-6 * (1.0 + difference.abs()),
                "{name}: input {index}, row {row}: gradient {}, difference {difference}",
                gradient[row]
            );
        }
    }
}

#[test]
fn sft_gradients_equal_differences() {
    assert_gradients("sft", &[SUMS[0].to_vec(), TOKENS[0].to_vec()], |inputs| {
        let policy = CompletionLogProbs::new(inputs[0].clone(), inputs[1].clone()).unwrap();
        SftLoss.forward(policy).unwrap().per_example
    });
}

fn assert_dpo(config: DpoLossConfig) {
    let name = format!("{config:?}");
    let reference_free = config.reference_free;
    let dpo = config.init().unwrap();
    assert_gradients(&name, &inputs(2), |inputs| {
        let (policy, reference) = pair_of(inputs);
        dpo.forward(policy, (!reference_free).then_some(reference)).unwrap().per_example
    });
}

#[test]
fn dpo_gradients_equal_differences_for_every_loss_type() {
    for config in all_dpo_configs() {
        assert_dpo(DpoLossConfig { nll_weight: 0.25, ..config.clone() });
        assert_dpo(DpoLossConfig { reference_free: true, ..config });
    }
}

#[test]
fn dpo_gradients_equal_differences_for_every_divergence() {
    for divergence in [FDivergence::ForwardKl, FDivergence::JensenShannon, FDivergence::Alpha { alpha: 0.5 }]
    {
        assert_dpo(DpoLossConfig { divergence, ..Default::default() });
    }
}

#[test]
fn simpo_gradients_equal_differences() {
    let simpo = SimpoLossConfig { beta: 2.0, gamma: 0.5, nll_weight: 0.25 }.init().unwrap();
    assert_gradients("simpo", &inputs(2), |inputs| simpo.forward(pair_of(inputs).0).unwrap().per_example);
}

#[test]
fn orpo_gradients_equal_differences_on_both_sides_of_the_split() {
    let orpo = OrpoLossConfig { beta: 0.5, nll_weight: 0.25 }.init().unwrap();
    let near = vec![vec![-0.5, -12.0], vec![-14.0, -0.75], vec![1.5, 2.0], vec![2.0, 3.0]];
    for inputs in [inputs(2), near] {
        assert_gradients("orpo", &inputs, |inputs| {
            let side = |index: usize| {
                CompletionLogProbs::new(inputs[index].clone(), inputs[2 + index].clone()).unwrap()
            };
            orpo.forward(Pair { chosen: side(0), rejected: side(1) }).unwrap().per_example
        });
    }
}

#[test]
fn iopo_gradients_equal_differences_for_every_variant_and_link() {
    for config in all_iopo_configs() {
        for config in [
            IopoLossConfig { nll_weight: 0.25, ..config.clone() },
            IopoLossConfig { reference_free: true, ..config },
        ] {
            let name = format!("{config:?}");
            let reference_free = config.reference_free;
            let iopo = config.init().unwrap();
            assert_gradients(&name, &inputs(4), |inputs| {
                let (policy, reference) = grid_of(inputs);
                iopo.forward(policy, (!reference_free).then_some(reference)).unwrap().per_example
            });
        }
    }
}

#[test]
fn a_reference_without_autodiff_is_a_constant() {
    let iopo = IopoLossConfig::default().init().unwrap();
    let inputs: Vec<_> = inputs(4).iter().map(|values| column(values)).collect();
    let gradient = |plain: bool| {
        let (policy, reference) = grid_of(&inputs);
        let reference = if plain { reference.map(Tensor::inner) } else { reference };
        let loss = iopo.forward(policy, Some(reference)).unwrap();
        values(inputs[0].grad(&loss.mean().backward()).unwrap())
    };
    assert_eq!(gradient(true), gradient(false));
}

#[test]
fn statistics_are_detached() {
    let columns: Vec<_> = inputs(4).iter().map(|values| column(values)).collect();
    let (policy, reference) = grid_of(&columns);
    let iopo = IopoLossConfig::default().init().unwrap();
    for (name, value) in iopo.forward(policy, Some(reference)).unwrap().stats.named() {
        assert!(!value.is_tracked(), "{name}");
    }
}
