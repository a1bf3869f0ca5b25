//! A folder with seeds and a configuration, in which the program runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use trace_synthesis::testing::WorldModel;

use crate::common::program;

pub struct Bench {
    pub folder: TempDir,
}

impl Bench {
    pub fn new(seeds: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<String> =
            WorldModel::seeds(seeds).map(|seed| serde_json::to_string(&seed).unwrap() + "\n").collect();
        std::fs::write(folder.path().join("seeds.jsonl"), lines.concat()).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a configuration with the world's few constraints; `more` is YAML at the top level.
    ///
    /// Near duplicates are let pass, since the world's instructions all resemble each other.
    pub fn configure(&self, name: &str, url: &str, endpoint: &str, more: &str) -> PathBuf {
        let text = format!(
            "seeds: {seeds}\noutput: {output}\nlanguage: en\ncounts: up-to-4\n\
             similarity:\n  near_duplicates: false\n\
             generator:\n  endpoint: {url}\n  model: world\n  retry_delay: 0.01\n{endpoint}{more}",
            seeds = self.path("seeds.jsonl").display(),
            output = self.path(name).display(),
        );
        let path = self.path(&format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn rows(&self, file: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// All files of a run but its journal and the record of them.
    pub fn results(&self, name: &str) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(self.path(name)).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            if !file.contains("journal") && !file.starts_with('.') {
                files.insert(file, std::fs::read_to_string(&path).unwrap());
            }
        }
        files
    }
}

pub fn command(config: &Path) -> Command {
    let mut command = program("run");
    command.arg(config);
    command
}

pub fn run(config: &Path) -> Output {
    command(config).output().unwrap()
}
