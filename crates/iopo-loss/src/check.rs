//! Validation shared by configs and forward passes.

use burn::tensor::Tensor;

use crate::{CompletionLogProbs, LossConfigError, LossError, Pair, PairGrid};

/// Checks that all tensors have the length, dtype and device of the first, and at least one row.
pub(crate) fn check_columns(columns: &[(&'static str, &Tensor<1>)]) -> Result<(), LossError> {
    let Some(((_, first), rest)) = columns.split_first() else {
        return Ok(());
    };
    if first.dims() == [0] {
        return Err(LossError::EmptyBatch);
    }
    rest.iter().try_for_each(|(name, column)| check_column(name, column, first))
}

fn check_column(name: &'static str, column: &Tensor<1>, first: &Tensor<1>) -> Result<(), LossError> {
    let ([expected], [actual]) = (first.dims(), column.dims());
    if actual != expected {
        let reason = format!("has {actual} rows where {expected} were expected");
        return Err(LossError::Mismatch { name, reason });
    }
    let (expected, actual) = (first.dtype(), column.dtype());
    if actual != expected {
        let reason = format!("is {actual:?} where {expected:?} was expected");
        return Err(LossError::Mismatch { name, reason });
    }
    let (expected, actual) = (first.device(), column.device());
    if actual != expected {
        let reason = format!("is on {actual:?} where {expected:?} was expected");
        return Err(LossError::Mismatch { name, reason });
    }
    Ok(())
}

/// Checks a pair's log-probs and, where there are any, their reference values.
pub(crate) fn check_pair(
    policy: &Pair<CompletionLogProbs>,
    reference: Option<&Pair<Tensor<1>>>,
) -> Result<(), LossError> {
    let mut columns = vec![
        ("policy.chosen.sum", &policy.chosen.sum),
        ("policy.chosen.tokens", &policy.chosen.tokens),
        ("policy.rejected.sum", &policy.rejected.sum),
        ("policy.rejected.tokens", &policy.rejected.tokens),
    ];
    if let Some(reference) = reference {
        columns.push(("reference.chosen", &reference.chosen));
        columns.push(("reference.rejected", &reference.rejected));
    }
    check_columns(&columns)
}

/// Checks a group's log-probs and, where there are any, their reference values.
pub(crate) fn check_grid(
    policy: &PairGrid<CompletionLogProbs>,
    reference: Option<&PairGrid<Tensor<1>>>,
) -> Result<(), LossError> {
    let mut columns = vec![
        ("policy.x1_y1.sum", &policy.x1_y1.sum),
        ("policy.x1_y1.tokens", &policy.x1_y1.tokens),
        ("policy.x1_y2.sum", &policy.x1_y2.sum),
        ("policy.x1_y2.tokens", &policy.x1_y2.tokens),
        ("policy.x2_y1.sum", &policy.x2_y1.sum),
        ("policy.x2_y1.tokens", &policy.x2_y1.tokens),
        ("policy.x2_y2.sum", &policy.x2_y2.sum),
        ("policy.x2_y2.tokens", &policy.x2_y2.tokens),
    ];
    if let Some(reference) = reference {
        columns.push(("reference.x1_y1", &reference.x1_y1));
        columns.push(("reference.x1_y2", &reference.x1_y2));
        columns.push(("reference.x2_y1", &reference.x2_y1));
        columns.push(("reference.x2_y2", &reference.x2_y2));
    }
    check_columns(&columns)
}

/// Checks that a reference is given exactly where the config asks for one.
pub(crate) fn check_reference_use<T>(reference: Option<&T>, reference_free: bool) -> Result<(), LossError> {
    match (reference, reference_free) {
        (None, false) => Err(LossError::MissingReference),
        (Some(_), true) => Err(LossError::UnexpectedReference),
        _ => Ok(()),
    }
}

/// β must be a positive number.
pub(crate) fn check_beta(beta: f64) -> Result<(), LossConfigError> {
    if beta.is_finite() && beta > 0.0 {
        Ok(())
    } else {
        Err(LossConfigError::new("beta", format!("beta must be a positive number, not {beta}")))
    }
}

/// The weight of an added NLL term must be a number that is not negative.
pub(crate) fn check_nll_weight(nll_weight: f64) -> Result<(), LossConfigError> {
    if nll_weight.is_finite() && nll_weight >= 0.0 {
        Ok(())
    } else {
        let message = format!("the NLL weight must be a number that is not negative, not {nll_weight}");
        Err(LossConfigError::new("nll_weight", message))
    }
}
