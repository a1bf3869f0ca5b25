//! Recorded padded batches, turned into sequences in our order.

use anyhow::{Result, ensure};
use iopo_data::TokenSequence;

use crate::golden::Golden;

/// The label of a position that is not trained on.
const IGNORED: i64 = -100;

/// Our order of a group's four sequences, as places in the record's: x1y1, x1y2, x2y2, x2y1.
const GRID: [usize; 4] = [0, 1, 3, 2];

/// A recorded batch and how its rows correspond to sequences.
pub struct RecordedBatch {
    /// One for each row, in our order: example by example.
    pub sequences: Vec<TokenSequence>,
    /// The record's row of each sequence.
    pub rows: Vec<usize>,
    /// Where each sequence's first completion token stands in its row.
    pub first_completion: Vec<usize>,
}

impl RecordedBatch {
    /// Reads `PREFIX.{input_ids, attention_mask, labels}`: rows in blocks of one cell each.
    pub fn read(golden: &Golden, prefix: &str) -> Result<Self> {
        let shape = golden.shape(&format!("{prefix}.input_ids"))?;
        ensure!(
            shape.len() == 2 && shape[0].is_multiple_of(4),
            "{prefix}: expected rows in four blocks, found {shape:?}"
        );
        let (count, width) = (shape[0], shape[1]);
        let ids = golden.tokens(&format!("{prefix}.input_ids"))?;
        let mask = golden.integers(&format!("{prefix}.attention_mask"))?;
        let labels = golden.integers(&format!("{prefix}.labels"))?;
        ensure!(mask.len() == ids.len() && labels.len() == ids.len(), "{prefix}: shapes differ");
        let examples = count / 4;
        let mut batch = Self { sequences: Vec::new(), rows: Vec::new(), first_completion: Vec::new() };
        for row in (0..examples).flat_map(|example| GRID.map(|cell| cell * examples + example)) {
            let range = row * width..(row + 1) * width;
            let (ids, mask, labels) = (&ids[range.clone()], &mask[range.clone()], &labels[range]);
            let length = mask.iter().filter(|&&m| m == 1).count();
            let prompt = labels.iter().take_while(|&&label| label == IGNORED).count();
            ensure!(
                prompt > 0 && prompt < length,
                "{prefix} row {row}: {prompt} prompt tokens of {length}: a prompt and a completion are needed"
            );
            ensure!(
                labels[prompt..length]
                    .iter()
                    .zip(&ids[prompt..length])
                    .all(|(&label, &id)| label == i64::from(id)),
                "{prefix} row {row}: labels are not the completion's tokens"
            );
            batch.sequences.push(TokenSequence {
                prompt: ids[..prompt].to_vec(),
                completion: ids[prompt..length].to_vec(),
            });
            batch.rows.push(row);
            batch.first_completion.push(prompt);
        }
        Ok(batch)
    }
}
