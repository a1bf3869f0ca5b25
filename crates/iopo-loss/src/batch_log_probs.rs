//! From a model's logits to the log-probs of completions.

use burn::tensor::{Bool, DType, FloatDType, Int, Tensor, activation::log_softmax};

use crate::{CompletionLogProbs, LossError};

/// Log-probs of the completions in a batch of padded sequences.
///
/// ```text
/// sum[i] = Σ_{t ≥ 1, completion_mask[i, t]} log softmax(logits[i, t - 1])[labels[i, t]]
/// ```
///
/// Position `t - 1` predicts token `t`. The shift is done here: `labels` are the tokens that the
/// model read, and `completion_mask` marks those among them that belong to the completion. The
/// first token is predicted by no position and never counts. Labels outside the mask, padding such
/// as -100 included, are not looked at. Half-precision logits are widened to f32.
///
/// # Shapes
///
/// - `logits`: `[n, t, vocab]`, t > 1
/// - `labels`, `completion_mask`: `[n, t]`
/// - sums and token counts: `[n]`
///
/// # Errors
///
/// [`LossError::Mismatch`] for other shapes or devices and for a masked label outside the
/// vocabulary, [`LossError::EmptyBatch`] where no position predicts.
///
/// # Source
///
/// `get_batch_logps` of TRL's first `DPOTrainer`, `get_batch_log_probs` of torchtune.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use iopo_loss::batch_log_probs;
///
/// let device = Device::flex();
/// // After every token: token 0 with probability 1/4, token 1 with probability 3/4.
/// let logits = Tensor::<3>::from_data([[[0.0f32, 3f32.ln()]; 3]], &device);
/// let labels = Tensor::from_data([[1, 1, 0]], &device);
/// let completion_mask = Tensor::from_data([[false, true, true]], &device);
/// let log_probs = batch_log_probs(logits, labels, completion_mask)?;
/// let expected = (0.75f32 * 0.25).ln();
/// assert!((log_probs.sum.into_scalar::<f32>() - expected).abs() < 1e-6);
/// assert_eq!(log_probs.tokens.into_scalar::<f32>(), 2.0);
/// # Ok::<(), iopo_loss::LossError>(())
/// ```
#[doc(alias = "get_batch_logps")]
#[doc(alias = "get_batch_log_probs")]
pub fn batch_log_probs(
    logits: Tensor<3>,
    labels: Tensor<2, Int>,
    completion_mask: Tensor<2, Bool>,
) -> Result<CompletionLogProbs, LossError> {
    let [rows, length, vocab] = logits.dims();
    let inputs = [
        ("labels", labels.dims(), labels.device()),
        ("completion_mask", completion_mask.dims(), completion_mask.device()),
    ];
    for (name, shape, device) in inputs {
        if shape != [rows, length] {
            let reason = format!("has the shape {shape:?} where {:?} was expected", [rows, length]);
            return Err(LossError::Mismatch { name, reason });
        }
        if device != logits.device() {
            let reason = format!("is on {device:?} where {:?} was expected", logits.device());
            return Err(LossError::Mismatch { name, reason });
        }
    }
    if rows == 0 || length < 2 || vocab == 0 {
        return Err(LossError::EmptyBatch);
    }
    let (predicting, predicted) = (0, 1);
    let mask = completion_mask.narrow(1, predicted, length - 1);
    let ignored = mask.clone().bool_not();
    let targets = labels.narrow(1, predicted, length - 1).mask_fill(ignored.clone(), 0);
    check_targets(&targets, vocab)?;
    let logits = logits.narrow(1, predicting, length - 1);
    let logits = match logits.dtype() {
        DType::F32 | DType::F64 => logits,
        _ => logits.cast(FloatDType::F32),
    };
    let log_probs = log_softmax(logits, 2).gather(2, targets.unsqueeze_dim(2)).squeeze_dim::<2>(2);
    let tokens = mask.float().cast(FloatDType::from(log_probs.dtype()));
    let sum = log_probs.mask_fill(ignored, 0.0).sum_dim(1).squeeze_dim(1);
    CompletionLogProbs::new(sum, tokens.sum_dim(1).squeeze_dim(1))
}

fn check_targets(targets: &Tensor<2, Int>, vocab: usize) -> Result<(), LossError> {
    let mismatch = |reason: String| LossError::Mismatch { name: "labels", reason };
    let ends = [targets.clone().min(), targets.clone().max()];
    for end in ends {
        let token: i64 =
            end.try_into_scalar().map_err(|error| mismatch(format!("cannot be read: {error}")))?;
        if !usize::try_from(token).is_ok_and(|token| token < vocab) {
            return Err(mismatch(format!(
                "has token {token} in a completion, and the vocabulary has {vocab} tokens"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::testing::assert_rows;

    /// Three positions over two tokens: after the first, token 0 has probability 1/4; after the
    /// second, 3/4; after the third, 1/2.
    fn logits() -> Tensor<3> {
        let ln_3 = 3f64.ln();
        let data = TensorData::from([[[0.0, ln_3], [ln_3, 0.0], [0.0, 0.0]]]);
        Tensor::from_data(data, (&Device::flex(), DType::F64))
    }

    fn log_probs(labels: [i64; 3], mask: [bool; 3]) -> Result<CompletionLogProbs, LossError> {
        let device = Device::flex();
        batch_log_probs(logits(), Tensor::from_data([labels], &device), Tensor::from_data([mask], &device))
    }

    #[test]
    fn a_token_is_predicted_by_the_position_before_it() {
        // Token 0 after the first position, then token 1 after the second: 1/4 · 1/4.
        let both = log_probs([1, 0, 1], [false, true, true]).unwrap();
        assert_rows(both.sum, &[(1.0f64 / 16.0).ln()]);
        assert_rows(both.tokens, &[2.0]);
        // Token 0 after the second position alone: 3/4.
        let last = log_probs([1, 1, 0], [false, false, true]).unwrap();
        assert_rows(last.sum, &[0.75f64.ln()]);
        assert_rows(last.tokens, &[1.0]);
    }

    #[test]
    fn the_first_token_and_labels_outside_the_mask_do_not_count() {
        let padded = log_probs([1, 0, -100], [true, true, false]).unwrap();
        assert_rows(padded.sum, &[0.25f64.ln()]);
        assert_rows(padded.tokens, &[1.0]);
    }

    #[test]
    fn a_completion_token_outside_the_vocabulary_is_an_error() {
        for (token, labels) in [(2, [1, 0, 2]), (-100, [1, -100, 0])] {
            let error = log_probs(labels, [false, true, true]).unwrap_err();
            let expected =
                format!("labels has token {token} in a completion, and the vocabulary has 2 tokens");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn labels_of_another_shape_are_an_error() {
        let device = Device::flex();
        let mask = Tensor::from_data([[true, true, true]], &device);
        let error = batch_log_probs(logits(), Tensor::from_data([[1, 0]], &device), mask).unwrap_err();
        assert_eq!(error.to_string(), "labels has the shape [1, 2] where [1, 3] was expected");
    }
}
