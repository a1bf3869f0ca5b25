//! Identities of the losses, for any log-probs.

use burn::tensor::Tensor;
use iopo_loss::{DpoLossConfig, IopoLossConfig, IopoVariant, Pair, PairGrid, PreferenceLoss};
use proptest::prelude::*;

use crate::common::{VARIANTS, column, ten_tokens, values};

const BETA: f64 = 0.1;

fn log_prob() -> impl Strategy<Value = f64> {
    -400.0..0.0
}

fn grid() -> impl Strategy<Value = PairGrid<f64>> {
    [log_prob(), log_prob(), log_prob(), log_prob()].prop_map(|[x1_y1, x1_y2, x2_y1, x2_y2]| PairGrid {
        x1_y1,
        x1_y2,
        x2_y1,
        x2_y2,
    })
}

fn iopo_with(
    config: IopoLossConfig,
    policy: PairGrid<f64>,
    reference: PairGrid<f64>,
) -> PreferenceLoss<iopo_loss::GroupStats> {
    let column = |sum: f64| column(&[sum]);
    config
        .init()
        .unwrap()
        .forward(policy.map(|sum| ten_tokens(column(sum))), Some(reference.map(column)))
        .unwrap()
}

fn iopo(variant: IopoVariant, policy: PairGrid<f64>, reference: PairGrid<f64>) -> Vec<f64> {
    values(iopo_with(IopoLossConfig { variant, ..Default::default() }, policy, reference).per_example)
}

/// The margin that full IOPO reports, and of which its loss is a function.
fn margin(policy: PairGrid<f64>, reference: PairGrid<f64>) -> f64 {
    values(iopo_with(IopoLossConfig::default(), policy, reference).stats.margins)[0]
}

fn logistic(margin: f64) -> f64 {
    (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
}

fn log_ratios(policy: PairGrid<f64>, reference: PairGrid<f64>) -> PairGrid<f64> {
    policy.zip_with(reference, |policy, reference| policy - reference)
}

#[track_caller]
fn close(actual: f64, expected: f64) {
    assert!((actual - expected).abs() <= 1e-10 * (1.0 + expected.abs()), "{actual} is not {expected}");
}

/// Adds f(x) to the rows and g(y) to the columns.
fn shifted(grid: PairGrid<f64>, f: [f64; 2], g: [f64; 2]) -> PairGrid<f64> {
    let shift = PairGrid { x1_y1: f[0] + g[0], x1_y2: f[0] + g[1], x2_y1: f[1] + g[0], x2_y2: f[1] + g[1] };
    grid.zip_with(shift, |cell, shift| cell + shift)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn swapping_the_responses_flips_the_margin(policy in grid(), reference in grid()) {
        let flipped = margin(policy.swap_responses(), reference.swap_responses());
        close(flipped, -margin(policy, reference));
    }

    #[test]
    fn swapping_the_instructions_flips_the_margin(policy in grid(), reference in grid()) {
        let flipped = margin(policy.swap_instructions(), reference.swap_instructions());
        close(flipped, -margin(policy, reference));
    }

    #[test]
    fn swapping_both_indices_changes_nothing(policy in grid(), reference in grid()) {
        let same = iopo(IopoVariant::Full, policy.swap_both(), reference.swap_both());
        close(same[0], iopo(IopoVariant::Full, policy, reference)[0]);
    }

    #[test]
    fn full_iopo_does_not_see_functions_of_one_index(
        policy in grid(), reference in grid(), f in [-50.0..50.0, -50.0..50.0], g in [-50.0..50.0, -50.0..50.0],
    ) {
        close(margin(shifted(policy, f, g), reference), margin(policy, reference));
    }

    #[test]
    fn simplified_iopo_sees_them_as_its_formula_says(
        policy in grid(), reference in grid(), f in [-50.0..50.0, -50.0..50.0], g in [-50.0..50.0, -50.0..50.0],
    ) {
        // 2(f₁ + g₁) - (f₁ + g₂) - (f₂ + g₁) = f₁ - f₂ + g₁ - g₂
        let l = log_ratios(policy, reference);
        let margin = BETA * (2.0 * l.x1_y1 - l.x1_y2 - l.x2_y1 + f[0] - f[1] + g[0] - g[1]);
        close(iopo(IopoVariant::Simplified, shifted(policy, f, g), reference)[0], logistic(margin));
    }

    #[test]
    fn input_preference_sees_functions_of_the_instruction_only(
        policy in grid(), reference in grid(), f in [-50.0..50.0, -50.0..50.0], g in [-50.0..50.0, -50.0..50.0],
    ) {
        let l = log_ratios(policy, reference);
        let losses = iopo(IopoVariant::InputPreference, shifted(policy, f, g), reference);
        close(losses[0], logistic(BETA * (l.x1_y1 - l.x2_y1 + f[0] - f[1])));
        close(losses[1], logistic(BETA * (l.x2_y2 - l.x1_y2 + f[1] - f[0])));
    }

    #[test]
    fn output_preference_sees_functions_of_the_response_only(
        policy in grid(), reference in grid(), f in [-50.0..50.0, -50.0..50.0], g in [-50.0..50.0, -50.0..50.0],
    ) {
        let l = log_ratios(policy, reference);
        let losses = iopo(IopoVariant::OutputPreference, shifted(policy, f, g), reference);
        close(losses[0], logistic(BETA * (l.x1_y1 - l.x1_y2 + g[0] - g[1])));
        close(losses[1], logistic(BETA * (l.x2_y2 - l.x2_y1 + g[1] - g[0])));
    }

    #[test]
    fn equal_policies_give_ln_2(policy in grid()) {
        for variant in VARIANTS {
            for loss in iopo(variant, policy, policy) {
                prop_assert_eq!(loss, std::f64::consts::LN_2);
            }
        }
    }

    #[test]
    fn output_preference_is_dpo_on_the_pairs_of_the_group(
        policy in grid(), reference in grid(), nll_weight in 0.0..2.0,
    ) {
        let config = IopoLossConfig { variant: IopoVariant::OutputPreference, nll_weight, ..Default::default() };
        let iopo = iopo_with(config, policy, reference).per_example;
        let policy = policy.map(|sum| ten_tokens(column(&[sum]))).output_pairs();
        let reference = reference.map(|sum| column(&[sum])).output_pairs();
        let dpo = DpoLossConfig { nll_weight, ..Default::default() }.init().unwrap();
        prop_assert_eq!(values(iopo), values(dpo.forward(policy, Some(reference)).unwrap().per_example));
    }

    #[test]
    fn the_logit_is_the_sum_of_two_dpo_margins(policy in grid(), reference in grid()) {
        let group = margin(policy, reference);
        let policy = policy.map(|sum| ten_tokens(column(&[sum]))).output_pairs();
        let reference = reference.map(|sum| column(&[sum])).output_pairs();
        let dpo = DpoLossConfig::default().init().unwrap().forward(policy, Some(reference)).unwrap();
        close(group, values(dpo.stats.margins).iter().sum());
    }

    #[test]
    fn the_loss_is_the_logistic_loss_of_the_reported_margin(policy in grid(), reference in grid()) {
        let loss = iopo_with(IopoLossConfig::default(), policy, reference);
        close(values(loss.per_example)[0], logistic(values(loss.stats.margins)[0]));
    }

    #[test]
    fn output_and_input_margins_of_a_group_are_the_same_number(policy in grid(), reference in grid()) {
        let stats = iopo_with(IopoLossConfig::default(), policy, reference).stats;
        let half = 0.5 * values(stats.margins)[0];
        close(values(stats.output_margin)[0], half);
        close(values(stats.input_margin)[0], half);
    }

    #[test]
    fn exchanging_chosen_and_rejected_flips_the_dpo_margin(
        chosen in log_prob(), rejected in log_prob(), reference in [log_prob(), log_prob()],
    ) {
        let policy = Pair { chosen, rejected };
        let reference = Pair { chosen: reference[0], rejected: reference[1] };
        close(dpo_margin(policy.swap(), reference.swap()), -dpo_margin(policy, reference));
    }

    #[test]
    fn every_row_is_independent_of_the_others(policy in [log_prob(), log_prob(), log_prob(), log_prob()]) {
        for config in crate::common::all_dpo_configs() {
            let together = dpo(&config, [&policy[..2], &policy[2..]]);
            let alone = [dpo(&config, [&policy[..1], &policy[2..3]]), dpo(&config, [&policy[1..2], &policy[3..]])];
            prop_assert_eq!(together, alone.concat());
        }
    }
}

fn dpo_margin(policy: Pair<f64>, reference: Pair<f64>) -> f64 {
    let policy = policy.map(|sum| ten_tokens(column(&[sum])));
    let reference = reference.map(|sum| column(&[sum]));
    let loss = DpoLossConfig::default().init().unwrap().forward(policy, Some(reference)).unwrap();
    values(loss.stats.margins)[0]
}

fn dpo(config: &DpoLossConfig, sums: [&[f64]; 2]) -> Vec<f64> {
    let [chosen, rejected] = sums.map(column);
    let reference = Pair { chosen: chosen.zeros_like(), rejected: rejected.zeros_like() };
    let policy = Pair { chosen, rejected }.map(|sum: Tensor<1>| ten_tokens(sum.mul_scalar(0.01)));
    values(config.clone().init().unwrap().forward(policy, Some(reference)).unwrap().per_example)
}

#[test]
fn every_loss_type_at_equal_policies_has_the_value_of_its_formula_at_zero() {
    let log_half = 0.5f64.ln();
    for config in crate::common::all_dpo_configs() {
        // Every formula of `DpoLossType` with both rewards and the margin zero, at β = 0.1.
        let expected = match config.loss_type.name() {
            "sigmoid" | "sigmoid_norm" | "robust" => -log_half,
            "hinge" => 1.0,
            "ipo" => 25.0,
            "exo_pair" => log_half - 0.5 * (0.9f64.ln() + 0.1f64.ln()),
            "discopop" => 0.5 - 0.5 * log_half,
            "bco_pair" | "nca_pair" => -2.0 * log_half,
            "sppo_hard" => 50.0,
            "apo_zero" | "apo_down" => 1.0,
            other => panic!("no expectation for {other}"),
        };
        let sums = [-20.0, -30.0].map(|sum| column(&[sum]));
        let reference = Pair { chosen: sums[0].clone(), rejected: sums[1].clone() };
        let policy = reference.clone().map(ten_tokens);
        let loss = config.clone().init().unwrap().forward(policy, Some(reference)).unwrap();
        close(values(loss.per_example)[0], expected);
    }
}
