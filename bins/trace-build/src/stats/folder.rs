//! A folder of data sets, such as a run leaves.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use trace_schema::{DatasetReader, DatasetStats, JsonlError, JsonlReader, RejectionStats, UnknownLabels};

use super::funnel::{self, FunnelStage};
use crate::tables;

/// The file of rejected rows.
const REJECTED: &str = "rejected.jsonl";

/// The file whose constraints are drawn first.
const GROUPS: &str = "groups.jsonl";

/// What is known of a folder's JSONL files.
#[derive(Debug, Serialize)]
pub(super) struct Folder {
    #[serde(skip)]
    path: String,
    /// Statistics by name.
    files: BTreeMap<String, DatasetStats>,
    /// What was rejected; absent where no file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejections: Option<RejectionStats>,
    /// The same with the rows that came to each stage.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    funnel: Vec<FunnelStage>,
    /// JSONL files that hold other rows, or none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_described: Vec<String>,
}

impl Folder {
    pub(super) fn read(path: &Path, labels: UnknownLabels) -> anyhow::Result<Self> {
        let mut folder = Self {
            path: path.display().to_string(),
            files: BTreeMap::new(),
            rejections: None,
            funnel: Vec::new(),
            not_described: Vec::new(),
        };
        for name in jsonl_files(path)? {
            if name == REJECTED {
                let rows = JsonlReader::open(path.join(&name))?;
                folder.rejections = Some(RejectionStats::of(rows, &funnel::stages())?);
                continue;
            }
            let reader = DatasetReader::open(path.join(&name))?.unknown_labels(labels);
            match DatasetStats::of(reader) {
                Ok(stats) => drop(folder.files.insert(name, stats)),
                Err(JsonlError::UnknownFormat { .. } | JsonlError::Empty { .. }) => {
                    folder.not_described.push(name);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if folder.files.is_empty() && folder.rejections.is_none() {
            bail!("{} has no JSONL file with rows of a known format", path.display());
        }
        if let Some(rejections) = &folder.rejections {
            let kept = |name: &str| folder.files.get(name).map_or(0, |stats| stats.rows);
            folder.funnel = funnel::stages_of(rejections, kept);
        }
        Ok(folder)
    }

    /// The file that a plot shows.
    pub(super) fn to_draw(&self) -> Option<(&String, &DatasetStats)> {
        let is_labelled = |stats: &DatasetStats| stats.types.iter().any(|of| of.constraints > 0);
        let groups = self.files.get_key_value(GROUPS).filter(|(_, stats)| is_labelled(stats));
        groups.or_else(|| self.files.iter().find(|(_, stats)| is_labelled(stats)))
    }

    pub(super) fn render(&self) -> String {
        let files = self.files.iter();
        let mut sections: Vec<String> =
            files.map(|(name, stats)| tables::render(&format!("{}/{name}", self.path), stats)).collect();
        if let Some(rejections) = &self.rejections {
            sections.push(funnel::render(&format!("{}/{REJECTED}", self.path), rejections, &self.funnel));
        }
        if !self.not_described.is_empty() {
            sections.push(format!("Without rows of a known format: {}\n", self.not_described.join(", ")));
        }
        sections.join("\n\n")
    }
}

/// The names of the JSONL files in a folder, sorted; those that begin with a dot are temporary ones.
pub(super) fn jsonl_files(folder: &Path) -> anyhow::Result<Vec<String>> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".jsonl") && !name.starts_with('.') && entry.path().is_file() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
