//! The folder of a study's models and results.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use iopo_files::write_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::job::Job;
use super::study::Study;

/// A folder with `results/JOB.json`, `logs/JOB.log`, models and rows.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    pub fn new(root: &Path) -> Result<Self> {
        for folder in ["results", "logs"] {
            let dir = root.join(folder);
            fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Claims the folder for a study; a folder that holds results of another study is an error.
    pub fn claim(&self, study: &Study) -> Result<()> {
        let path = self.root.join("study.json");
        let text = serde_json::to_string_pretty(study)? + "\n";
        if !path.is_file() {
            return fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()));
        }
        let there = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(there == text, "{} is of another study; name another --out", path.display());
        Ok(())
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn log(&self, job: &Job) -> PathBuf {
        self.root.join("logs").join(format!("{}.log", job.name()))
    }

    fn result(&self, job: &Job) -> PathBuf {
        self.root.join("results").join(format!("{}.json", job.name()))
    }

    /// Whether a job has finished, in this run or an earlier one.
    pub fn has(&self, job: &Job) -> bool {
        self.result(job).is_file()
    }

    /// The result of a finished job.
    pub fn read<T: DeserializeOwned>(&self, job: &Job) -> Result<T> {
        let path = self.result(job);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is no result of this study", path.display()))
    }

    /// Writes the result of a job, whole or not at all.
    pub fn write(&self, job: &Job, found: &impl Serialize) -> Result<()> {
        Ok(write_file(self.result(job), serde_json::to_string_pretty(found)? + "\n")?)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_folder_belongs_to_one_study() {
        let dir = tempdir().unwrap();
        let store = Store::new(dir.path()).unwrap();
        let study = |name| Study::from_name(name).unwrap();
        store.claim(&study("full")).unwrap();
        store.claim(&study("full")).unwrap();
        assert!(store.claim(&study("smoke")).is_err());
    }
}
