//! Losses.

use super::{BETA, Row, assert_formula, group_margin, mean_of, nls, pair_margin};

#[test]
fn sft_is_the_mean_negative_log_prob_of_a_completion_token() {
    assert_formula(&["stage=sft"], |rows| -rows[0].mean());
}

#[test]
fn dpo_is_the_logistic_loss_of_the_margin() {
    assert_formula(&["stage=dpo"], |rows| nls(pair_margin(rows)));
    assert_formula(&["stage=dpo", "reference_free=true"], |rows| nls(BETA * (rows[0].sum - rows[1].sum)));
    assert_formula(&["stage=dpo", "dpo_label_smoothing=0.1", "pref_ftx=0.5"], |rows| {
        let margin = pair_margin(rows);
        0.9 * nls(margin) + 0.1 * nls(-margin) - 0.5 * rows[0].mean()
    });
    assert_formula(&["stage=dpo", "pref_loss=hinge"], |rows| (1.0 - pair_margin(rows)).max(0.0));
}

#[test]
fn simpo_compares_means_with_a_target_margin() {
    assert_formula(&["stage=simpo", "pref_beta=2.0", "simpo_gamma=1.2"], |rows| {
        nls(2.0 * (rows[0].mean() - rows[1].mean()) - 1.2)
    });
    assert_formula(&["stage=dpo", "pref_loss=simpo", "pref_ftx=1.0"], |rows| {
        nls(BETA * (rows[0].mean() - rows[1].mean()) - 0.5) - rows[0].mean()
    });
}

#[test]
fn orpo_is_sft_with_an_odds_ratio() {
    assert_formula(&["stage=orpo"], |rows| {
        -rows[0].mean() + BETA * nls(rows[0].log_odds() - rows[1].log_odds())
    });
}

#[test]
fn iopo_is_the_logistic_loss_of_matched_minus_swapped() {
    assert_formula(&["stage=iopo"], |rows| nls(group_margin(rows)));
    assert_formula(&["stage=iopo", "iopo_label_smoothing=0.2", "pref_ftx=0.5"], |rows| {
        let margin = group_margin(rows);
        0.8 * nls(margin) + 0.2 * nls(-margin) - 0.5 * (rows[0].mean() + rows[3].mean())
    });
    assert_formula(&["stage=iopo", "pref_loss=ipo"], |rows| {
        let ratio = |row: Row| row.ratio() / row.tokens;
        let margin = ratio(rows[0]) + ratio(rows[3]) - ratio(rows[1]) - ratio(rows[2]);
        (margin - 0.5 / BETA).powi(2)
    });
}

#[test]
fn iopos_variants_are_those_of_the_paper() {
    let with = |variant: &'static str| ["stage=iopo", variant];
    assert_formula(&with("iopo_variant=simplified"), |rows| {
        nls(BETA * (2.0 * rows[0].ratio() - rows[1].ratio() - rows[2].ratio()))
    });
    assert_formula(&with("iopo_variant=input-only"), |rows| {
        let margins = [(0, 2), (3, 1)].map(|(a, b): (usize, usize)| rows[a].ratio() - rows[b].ratio());
        mean_of(margins.map(|margin| nls(BETA * margin)))
    });
    assert_formula(&with("iopo_variant=output-only"), |rows| {
        let margins = [(0, 1), (3, 2)].map(|(a, b): (usize, usize)| rows[a].ratio() - rows[b].ratio());
        mean_of(margins.map(|margin| nls(BETA * margin)))
    });
}
