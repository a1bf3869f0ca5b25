//! The files of a run.

use std::fs;
use std::path::{Path, PathBuf};

use iopo_files::{FileError, Owner, remove_unfinished};
use serde::Serialize;
use trace_schema::{JsonlWriter, WriteError};

use super::error::PipelineError;
use super::row::Outcome;
use super::tally::Summary;

/// The command, as the owner of its files: it replaces and removes nothing else.
const OWNER: Owner = Owner::new("trace-build run");

const SFT: &str = "sft.jsonl";
const PAIRS: &str = "pairs.jsonl";
const GROUPS: &str = "groups.jsonl";
const EVALUATION: &str = "eval.jsonl";
const REJECTED: &str = "rejected.jsonl";
const SUMMARY: &str = "summary.json";
const ALL: [&str; 6] = [SFT, PAIRS, GROUPS, EVALUATION, REJECTED, SUMMARY];

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

/// The files to write besides `sft.jsonl`, `rejected.jsonl` and `summary.json`.
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
    /// Checks, before a run begins, that the folder can take its files, and that none of them is an input; changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// A file that no run wrote or that is an input, and a folder that cannot be written to.
    pub fn claim<'a>(folder: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), FileError> {
        OWNER.claim(ALL.map(|name| folder.join(name)), inputs)
    }

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
            .and_then(|()| remove_unfinished(&folder, |unfinished| ALL.contains(&unfinished)))
            .map_err(|source| PipelineError::File { path: folder.clone(), source })?;
        let create = |name: &str| start(&folder.join(name));
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

    /// Whether a run has finished here before.
    pub(super) fn has_earlier(&self) -> bool {
        self.folder.join(SUMMARY).exists()
    }

    /// Puts all files in their places, and takes away those that an earlier configuration wanted and this one does not.
    pub(super) fn finish(self, summary: &Summary) -> Result<(), PipelineError> {
        let Self { folder, sft, pairs, groups, evaluation, rejected } = self;
        let path = folder.join(SUMMARY);
        let text = serde_json::to_string_pretty(summary)? + "\n";
        let mut file = OWNER.create(&path).map_err(WriteError::from)?;
        file.append(text).map_err(WriteError::from)?;
        let remove = |name: &str| OWNER.remove(&folder.join(name)).map_err(WriteError::from);
        remove(SUMMARY)?;
        sft.finish()?;
        for (name, writer) in [(PAIRS, pairs), (GROUPS, groups), (EVALUATION, evaluation)] {
            match writer {
                Some(writer) => drop(writer.finish()?),
                None => remove(name)?,
            }
        }
        rejected.finish()?;
        file.finish().map_err(WriteError::from)?;
        Ok(OWNER.compact(&folder).map_err(WriteError::from)?)
    }
}

fn start(path: &Path) -> Result<JsonlWriter, WriteError> {
    Ok(OWNER.create(path)?.into())
}

fn write<T: Serialize>(writer: Option<&mut JsonlWriter>, row: Option<&T>) -> Result<(), WriteError> {
    match (writer, row) {
        (Some(writer), Some(row)) => writer.write(row),
        _ => Ok(()),
    }
}
