//! The files of a run.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use trace_schema::{AtomicFile, JsonlWriter, WriteError};

use super::error::PipelineError;
use super::row::Outcome;
use super::tally::Summary;

const SFT: &str = "sft.jsonl";
const PAIRS: &str = "pairs.jsonl";
const GROUPS: &str = "groups.jsonl";
const EVALUATION: &str = "eval.jsonl";
const REJECTED: &str = "rejected.jsonl";
const SUMMARY: &str = "summary.json";

/// A folder that gets the files of a run: each is there whole, or as it was before.
///
/// They are of one run where `summary.json` is among them: it goes first and comes last.
#[derive(Debug)]
pub struct OutputFolder {
    folder: PathBuf,
    sft: JsonlWriter,
    pairs: Option<JsonlWriter>,
    groups: Option<JsonlWriter>,
    evaluation: Option<JsonlWriter>,
    rejected: JsonlWriter,
}

/// Which files are wanted besides `sft.jsonl`, `rejected.jsonl` and `summary.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputFiles {
    /// `pairs.jsonl`.
    pub pairs: bool,
    /// `groups.jsonl`.
    pub groups: bool,
    /// `eval.jsonl`.
    pub evaluation: bool,
}

impl OutputFolder {
    /// Starts the files, and takes away the unfinished ones of a run that was killed.
    ///
    /// The folder must be this run's alone; a journal in it, which is locked, sees to that.
    ///
    /// # Errors
    ///
    /// [`PipelineError::File`] and [`PipelineError::Write`].
    pub fn create(folder: impl AsRef<Path>, files: OutputFiles) -> Result<Self, PipelineError> {
        let folder = folder.as_ref().to_owned();
        fs::create_dir_all(&folder)
            .and_then(|()| remove_unfinished(&folder))
            .map_err(|source| PipelineError::File { path: folder.clone(), source })?;
        let create = |name: &str| JsonlWriter::create(folder.join(name));
        let wanted = |is_wanted: bool, name: &str| is_wanted.then(|| create(name)).transpose();
        Ok(Self {
            sft: create(SFT)?,
            pairs: wanted(files.pairs, PAIRS)?,
            groups: wanted(files.groups, GROUPS)?,
            evaluation: wanted(files.evaluation, EVALUATION)?,
            rejected: create(REJECTED)?,
            folder,
        })
    }

    pub(super) fn write(&mut self, outcome: &Outcome) -> Result<(), WriteError> {
        write(Some(&mut self.sft), outcome.sft.as_ref())?;
        write(self.pairs.as_mut(), outcome.pair.as_ref())?;
        write(self.groups.as_mut(), outcome.group.as_ref())?;
        write(self.evaluation.as_mut(), outcome.evaluation.as_ref())?;
        outcome.rejected.iter().try_for_each(|row| self.rejected.write(row))
    }

    /// Puts all files in their places, and takes away those that an earlier configuration wanted and this one does not.
    pub(super) fn finish(self, summary: &Summary) -> Result<(), PipelineError> {
        let Self { folder, sft, pairs, groups, evaluation, rejected } = self;
        let path = folder.join(SUMMARY);
        let text = serde_json::to_string_pretty(summary)? + "\n";
        let mut file = AtomicFile::create(&path)?;
        file.write_all(text.as_bytes()).map_err(|source| WriteError::Write { path, source })?;
        let remove = |name: &str| match fs::remove_file(folder.join(name)) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(PipelineError::File { path: folder.clone(), source })
            }
            _ => Ok(()),
        };
        remove(SUMMARY)?;
        sft.finish()?;
        for (name, writer) in [(PAIRS, pairs), (GROUPS, groups), (EVALUATION, evaluation)] {
            match writer {
                Some(writer) => drop(writer.finish()?),
                None => remove(name)?,
            }
        }
        rejected.finish()?;
        Ok(file.finish()?)
    }
}

fn write<T: Serialize>(writer: Option<&mut JsonlWriter>, row: Option<&T>) -> Result<(), WriteError> {
    match (writer, row) {
        (Some(writer), Some(row)) => writer.write(row),
        _ => Ok(()),
    }
}

/// Temporary files are named `.NAME.PROCESS-NUMBER.tmp`.
fn remove_unfinished(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_ours = |file: &str| {
            name.strip_prefix('.').and_then(|rest| rest.strip_prefix(file)).is_some_and(|rest| {
                rest.starts_with('.')
                    && rest.trim_matches(|c: char| c == '.' || c == '-' || c.is_ascii_digit()) == "tmp"
            })
        };
        if [SFT, PAIRS, GROUPS, EVALUATION, REJECTED, SUMMARY].into_iter().any(is_ours) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn only_unfinished_files_of_our_own_are_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let names = [".sft.jsonl.12-3.tmp", ".sft.jsonl.mine.tmp", "sft.jsonl", ".other.12-3.tmp"];
        for name in names {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        remove_unfinished(folder.path()).unwrap();
        let left: Vec<bool> = names.iter().map(|name| folder.path().join(name).exists()).collect();
        assert_eq!(left, [false, true, true, true]);
    }
}
