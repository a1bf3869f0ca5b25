//! Log-probs from logits against plain arithmetic, for any logits, labels and masks.

use burn::tensor::{DType, Device, Tensor, TensorData};
use iopo_loss::batch_log_probs;
use proptest::prelude::*;

use crate::common::values;

const ROWS: usize = 3;
const LENGTH: usize = 5;
const VOCAB: usize = 4;

#[derive(Debug, Clone)]
struct Batch {
    logits: Vec<f64>,
    labels: Vec<i64>,
    mask: Vec<bool>,
}

fn batch() -> impl Strategy<Value = Batch> {
    let cells = ROWS * LENGTH;
    let logits = prop::collection::vec(-30.0..30.0, cells * VOCAB);
    let labels = prop::collection::vec(0..VOCAB as i64, cells);
    let mask = prop::collection::vec(any::<bool>(), cells);
    (logits, labels, mask).prop_map(|(logits, labels, mask)| Batch { logits, labels, mask })
}

impl Batch {
    /// Sums and token counts.
    fn log_probs(&self) -> [Vec<f64>; 2] {
        let device = Device::flex();
        let logits = TensorData::new(self.logits.clone(), [ROWS, LENGTH, VOCAB]);
        let log_probs = batch_log_probs(
            Tensor::from_data(logits, (&device, DType::F64)),
            Tensor::from_data(TensorData::new(self.labels.clone(), [ROWS, LENGTH]), &device),
            Tensor::from_data(TensorData::new(self.mask.clone(), [ROWS, LENGTH]), &device),
        )
        .unwrap();
        [values(log_probs.sum), values(log_probs.tokens)]
    }

    fn by_plain_arithmetic(&self) -> [Vec<f64>; 2] {
        let (mut sums, mut counts) = (vec![0.0; ROWS], vec![0.0; ROWS]);
        for row in 0..ROWS {
            for t in (1..LENGTH).filter(|t| self.mask[row * LENGTH + t]) {
                let start = (row * LENGTH + t - 1) * VOCAB;
                let scores = &self.logits[start..start + VOCAB];
                let label = self.labels[row * LENGTH + t] as usize;
                sums[row] += scores[label] - scores.iter().map(|score| score.exp()).sum::<f64>().ln();
                counts[row] += 1.0;
            }
        }
        [sums, counts]
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn log_probs_from_logits_equal_plain_arithmetic(batch in batch()) {
        let ([sums, tokens], [expected, counts]) = (batch.log_probs(), batch.by_plain_arithmetic());
        prop_assert_eq!(tokens, counts);
        for (sum, expected) in sums.iter().zip(expected) {
            prop_assert!((sum - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "{} is not {}", sum, expected);
        }
    }

    #[test]
    fn the_last_positions_logits_the_first_label_and_labels_outside_the_mask_are_not_read(
        batch in batch(), scores in prop::collection::vec(-30.0..30.0, VOCAB),
    ) {
        let mut changed = batch.clone();
        for row in 0..ROWS {
            let last = (row * LENGTH + LENGTH - 1) * VOCAB;
            changed.logits[last..last + VOCAB].copy_from_slice(&scores);
            for t in (0..LENGTH).filter(|&t| t == 0 || !batch.mask[row * LENGTH + t]) {
                changed.labels[row * LENGTH + t] = -100;
            }
        }
        prop_assert_eq!(changed.log_probs(), batch.log_probs());
    }
}
