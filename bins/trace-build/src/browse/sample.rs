//! Rows drawn from a file.

use std::io::BufRead;

use rand::SeedableRng;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;
use trace_schema::{DatasetReader, DatasetRow, JsonlError};

/// Some rows of a file.
pub(super) struct Sample {
    /// The rows with their numbers, counted from 1, in the order of the file.
    pub(super) rows: Vec<(u64, DatasetRow)>,
    /// How many rows the file has.
    pub(super) total: u64,
}

/// Draws `limit` rows, each as likely as the others, while holding no more than these in memory.
pub(super) fn draw<R: BufRead>(
    mut reader: DatasetReader<R>,
    limit: usize,
    seed: u64,
) -> Result<Sample, JsonlError> {
    let (mut total, mut failure) = (0, None);
    let rows = reader.by_ref().map_while(|row| match row {
        Ok(row) => {
            total += 1;
            Some((total, row))
        }
        Err(error) => {
            failure = Some(error);
            None
        }
    });
    let mut rows = rows.sample(&mut ChaCha8Rng::seed_from_u64(seed), limit);
    rows.sort_by_key(|(number, _)| *number);
    match failure {
        Some(error) => Err(error),
        None if total == 0 => Err(JsonlError::Empty { file: reader.file().to_owned() }),
        None => Ok(Sample { rows, total }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn numbers(rows: usize, limit: usize, seed: u64) -> Vec<u64> {
        let file: String =
            (0..rows).map(|row| format!("{{\"prompt\": \"{row}\", \"completion\": \"a\"}}\n")).collect();
        let sample = draw(DatasetReader::new(file.as_bytes(), "rows.jsonl"), limit, seed).unwrap();
        assert_eq!(sample.total, rows as u64);
        sample.rows.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_draw_is_in_the_order_of_the_file_and_depends_on_its_seed_alone() {
        let drawn = numbers(500, 20, 7);
        assert_eq!(drawn.len(), 20);
        assert!(drawn.is_sorted() && drawn[19] > 20, "{drawn:?}");
        assert_eq!(drawn, numbers(500, 20, 7));
        assert_ne!(drawn, numbers(500, 20, 8));
        assert_eq!(numbers(3, 20, 7), [1, 2, 3]);
    }

    #[test]
    fn a_broken_row_ends_the_draw_with_its_error() {
        let file = "{\"prompt\": \"a\", \"completion\": \"a\"}\n{\n";
        let error = draw(DatasetReader::new(file.as_bytes(), "rows.jsonl"), 1, 1).err().unwrap();
        assert!(error.to_string().starts_with("row 2 of rows.jsonl"), "{error}");
    }
}
