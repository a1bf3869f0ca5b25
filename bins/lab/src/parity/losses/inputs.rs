//! The log-probs that recordings are replayed with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use iopo_loss::{CompletionLogProbs, Pair, PairGrid};
use safetensors::SafeTensors;

use super::Recording;
use crate::golden::Golden;

/// The log-probs of a recording: policy or reference, chosen or rejected, half 1 or 2.
pub(super) const COLUMNS: [&str; 8] = ["pc1", "pr1", "pc2", "pr2", "rc1", "rr1", "rc2", "rr2"];

/// The log-probs of all cases in f64, and the token counts.
pub(super) struct Inputs {
    pub(super) path: PathBuf,
    pub(super) columns: BTreeMap<&'static str, Vec<f64>>,
    pub(super) lengths: Option<Vec<i64>>,
    pub(super) cases: usize,
}

impl Inputs {
    /// Reads the inputs of a file, or of the file beside it that was recorded with it.
    pub(super) fn find(golden: &Golden) -> Result<Self> {
        if golden.has("inputs/pc1")? {
            return Self::read(golden);
        }
        let file = golden.path();
        let cases = recorded_cases(file)?;
        for sibling in loss_files(file)? {
            let other = Golden::open(&sibling)?;
            if other.has("inputs/pc1")? && recorded_cases(&sibling)? == cases {
                return Self::read(&other);
            }
        }
        bail!(
            "{}: no inputs/*, and no file beside it whose name contains \"losses\" has them for the same cases",
            file.display()
        );
    }

    fn read(golden: &Golden) -> Result<Self> {
        let mut columns = BTreeMap::new();
        for column in COLUMNS {
            let name = format!("inputs/{column}");
            if golden.has(&name)? {
                columns.insert(column, golden.floats(&name)?);
            }
        }
        let cases = columns.values().map(Vec::len).max().unwrap_or(0);
        for (name, values) in &columns {
            ensure!(values.len() == cases, "inputs/{name} has {} of {cases} cases", values.len());
        }
        let lengths = if golden.has("inputs/len")? { Some(golden.integers("inputs/len")?) } else { None };
        if let Some(lengths) = &lengths {
            ensure!(lengths.len() == 4 * cases, "inputs/len has {} numbers for {cases} cases", lengths.len());
        }
        Ok(Self { path: golden.path().to_owned(), columns, lengths, cases })
    }

    /// The tensors that one recording is replayed with.
    pub(super) fn cases(&self, recording: &Recording) -> Result<Cases> {
        let device = Device::flex().autodiff();
        let column = |values: Vec<f64>| {
            let length = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [length]), (&device, recording.dtype))
        };
        let tokens = |side: usize| -> Result<Tensor<1>> {
            // Only TRL divides by the token counts; the other recordings take averages as given.
            if recording.family != "trl" {
                return Ok(column(vec![1.0; self.cases]));
            }
            let lengths = self.lengths.as_ref().context("no inputs/len")?;
            Ok(column(lengths.iter().skip(side).step_by(4).map(|&length| length as f64).collect()))
        };
        Ok(Cases {
            columns: self
                .columns
                .iter()
                .map(|(name, values)| (*name, column(values.clone()).require_grad()))
                .collect(),
            tokens: [tokens(0)?, tokens(1)?, tokens(2)?, tokens(3)?],
        })
    }
}

/// The `cases` line of a file's metadata.
fn recorded_cases(file: &Path) -> Result<Option<String>> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).with_context(|| file.display().to_string())?;
    Ok(metadata.metadata().as_ref().and_then(|entries| entries.get("cases").cloned()))
}

/// The other files of losses in the folder of `file`, sorted.
fn loss_files(file: &Path) -> Result<Vec<PathBuf>> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains("losses") && name.ends_with(".safetensors") && path.file_name() != file.file_name() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The inputs as leaves of a graph; token counts of c1, r1, c2, r2.
pub(super) struct Cases {
    pub(super) columns: BTreeMap<&'static str, Tensor<1>>,
    pub(super) tokens: [Tensor<1>; 4],
}

impl Cases {
    pub(super) fn column(&self, name: &str) -> Result<Tensor<1>> {
        self.columns.get(name).cloned().with_context(|| format!("no inputs/{name}"))
    }

    fn log_probs(&self, name: &str, side: usize) -> Result<CompletionLogProbs> {
        Ok(CompletionLogProbs::new(self.column(name)?, self.tokens[side].clone())?)
    }

    pub(super) fn policy_pair(&self) -> Result<Pair<CompletionLogProbs>> {
        Ok(Pair { chosen: self.log_probs("pc1", 0)?, rejected: self.log_probs("pr1", 1)? })
    }

    pub(super) fn reference_pair(&self) -> Result<Pair<Tensor<1>>> {
        Ok(Pair { chosen: self.column("rc1")?, rejected: self.column("rr1")? })
    }

    pub(super) fn policy_grid(&self) -> Result<PairGrid<CompletionLogProbs>> {
        Ok(PairGrid {
            x1_y1: self.log_probs("pc1", 0)?,
            x1_y2: self.log_probs("pr1", 1)?,
            x2_y1: self.log_probs("pr2", 3)?,
            x2_y2: self.log_probs("pc2", 2)?,
        })
    }

    pub(super) fn reference_grid(&self) -> Result<PairGrid<Tensor<1>>> {
        Ok(PairGrid {
            x1_y1: self.column("rc1")?,
            x1_y2: self.column("rr1")?,
            x2_y1: self.column("rr2")?,
            x2_y2: self.column("rc2")?,
        })
    }
}
