//! `benchmarks.json`: every line that every run printed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::case::Run;

/// What a comparison measured, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The command that wrote the file.
    pub command: String,
    /// Names and values.
    pub machine: Vec<(String, String)>,
    /// Every run, in the order in which they were made.
    pub runs: Vec<Run>,
}

impl Results {
    /// JSON with each run on a line of its own, so that a difference between two files can be read.
    pub fn to_json(&self) -> Result<String> {
        let line = |run: &Run| Ok(format!("    {}", serde_json::to_string(run)?));
        let runs = self.runs.iter().map(line).collect::<Result<Vec<String>>>()?;
        let pair = |pair: &(String, String)| Ok(format!("    {}", serde_json::to_string(pair)?));
        let machine = self.machine.iter().map(pair).collect::<Result<Vec<String>>>()?;
        Ok(format!(
            "{{\n  \"command\": {},\n  \"machine\": [\n{}\n  ],\n  \"runs\": [\n{}\n  ]\n}}\n",
            serde_json::to_string(&self.command)?,
            machine.join(",\n"),
            runs.join(",\n")
        ))
    }

    /// Reads what [`Results::to_json`] wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} holds no results", path.display()))
    }
}
