//! Groups of token ids, one JSON object a line, and what each stage makes of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use iopo_data::{EncodedExample, TokenSequence};
use iopo_loss::{DpoLossConfig, IopoLossConfig, SftLoss};
use iopo_train::Objective;
use serde::{Deserialize, Serialize};

/// Two instructions and the response that fits each, as token ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quad {
    pub x1: Vec<u32>,
    pub y1: Vec<u32>,
    pub x2: Vec<u32>,
    pub y2: Vec<u32>,
}

impl Quad {
    fn check(&self, vocab_size: usize) -> Result<()> {
        for (name, ids) in [("x1", &self.x1), ("y1", &self.y1), ("x2", &self.x2), ("y2", &self.y2)] {
            ensure!(!ids.is_empty(), "{name} is empty");
            if let Some(id) = ids.iter().find(|&&id| id as usize >= vocab_size) {
                anyhow::bail!(
                    "{name} holds the id {id}, but the model's vocabulary has {vocab_size} entries"
                );
            }
        }
        Ok(())
    }
}

/// Reads a file of groups for a model with `vocab_size` entries.
///
/// # Errors
/// A file that cannot be read or holds no group, and, with its line, a row that is not a group, is
/// empty in a part, or holds an id outside the vocabulary.
pub fn read_quads(path: &Path, vocab_size: usize) -> Result<Vec<Quad>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut quads = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("{}, line {}", path.display(), index + 1);
        let quad: Quad = serde_json::from_str(line).with_context(place)?;
        quad.check(vocab_size).with_context(place)?;
        quads.push(quad);
    }
    ensure!(!quads.is_empty(), "{} holds no group", path.display());
    Ok(quads)
}

/// What is trained on a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Supervised fine-tuning on (x1, y1).
    Sft,
    /// Supervised fine-tuning on the group's two matched pairs, (x1, y1) and (x2, y2).
    Sft2,
    /// Direct preference optimization of (x1, y1) over (x1, y2).
    Dpo,
    /// Input-output preference optimization of all four cells.
    Iopo,
}

impl Stage {
    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sft => "sft",
            Self::Sft2 => "sft2",
            Self::Dpo => "dpo",
            Self::Iopo => "iopo",
        }
    }

    /// The sequences of a group, in the order in which the objective wants them.
    pub fn sequences(self, quad: &Quad) -> Vec<TokenSequence> {
        let Quad { x1, y1, x2, y2 } = quad;
        let cells: &[(&Vec<u32>, &Vec<u32>)] = match self {
            Self::Sft => &[(x1, y1)],
            Self::Sft2 => &[(x1, y1), (x2, y2)],
            Self::Dpo => &[(x1, y1), (x1, y2)],
            Self::Iopo => &[(x1, y1), (x1, y2), (x2, y1), (x2, y2)],
        };
        let sequence =
            |&(x, y): &(&Vec<u32>, &Vec<u32>)| TokenSequence { prompt: x.clone(), completion: y.clone() };
        cells.iter().map(sequence).collect()
    }

    /// A group as the trainer holds it.
    pub fn example(self, quad: &Quad) -> EncodedExample {
        let Quad { x1, y1, x2, y2 } = quad.clone();
        match self {
            Self::Sft | Self::Sft2 => EncodedExample::Sequence(TokenSequence { prompt: x1, completion: y1 }),
            Self::Dpo => EncodedExample::Pair { prompt: x1, chosen: y1, rejected: y2 },
            Self::Iopo => EncodedExample::Group { x1, x2, y1, y2 },
        }
    }

    /// The loss, with β = 0.1 where there is one.
    pub fn objective(self) -> Result<Arc<dyn Objective>> {
        Ok(match self {
            Self::Sft | Self::Sft2 => Arc::new(SftLoss),
            Self::Dpo => Arc::new(DpoLossConfig::default().init()?),
            Self::Iopo => Arc::new(IopoLossConfig::default().init()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"x1": [1], "y1": [2, 3], "x2": [4], "y2": [5]}"#;

    fn read(text: &str) -> Result<Vec<Quad>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("quads.jsonl");
        fs::write(&path, text).unwrap();
        read_quads(&path, 10).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn groups_are_read_and_empty_lines_left_out() {
        let quads = read(&format!("{GOOD}\n\n{GOOD}\n")).unwrap();
        assert_eq!(quads, vec![Quad { x1: vec![1], y1: vec![2, 3], x2: vec![4], y2: vec![5] }; 2]);
    }

    #[test]
    fn a_row_that_is_wrong_is_named_by_its_line() {
        for (row, says) in [
            ("{", "EOF"),
            (r#"{"x1": [1], "y1": [2], "x2": [4]}"#, "missing field `y2`"),
            (r#"{"x1": [-1], "y1": [2], "x2": [4], "y2": [5]}"#, "-1"),
            (r#"{"x1": "text", "y1": [2], "x2": [4], "y2": [5]}"#, "expected a sequence"),
            (r#"{"x1": [1], "y1": [], "x2": [4], "y2": [5]}"#, "y1 is empty"),
            (r#"{"x1": [1], "y1": [2], "x2": [10], "y2": [5]}"#, "x2 holds the id 10"),
        ] {
            let error = read(&format!("{GOOD}\n{row}\n")).unwrap_err();
            assert!(error.contains("line 2") && error.contains(says), "{row}: {error}");
        }
    }

    #[test]
    fn a_file_without_groups_and_one_that_is_missing_are_errors() {
        assert!(read("\n").unwrap_err().contains("holds no group"));
        let error = read_quads(Path::new("nowhere.jsonl"), 10).unwrap_err();
        assert!(format!("{error:#}").contains("cannot read nowhere.jsonl"));
    }

    #[test]
    fn a_stage_has_as_many_sequences_as_its_objective_wants() {
        let quad = &read(GOOD).unwrap()[0];
        for stage in Stage::value_variants() {
            let wanted = stage.objective().unwrap().sequences_per_example();
            assert!(stage.sequences(quad).len().is_multiple_of(wanted), "{stage:?}");
        }
        let iopo = Stage::Iopo.sequences(quad);
        assert_eq!((&iopo[1].prompt, &iopo[1].completion), (&quad.x1, &quad.y2));
        assert_eq!((&iopo[2].prompt, &iopo[2].completion), (&quad.x2, &quad.y1));
    }
}
