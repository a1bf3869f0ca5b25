//! `trace-build stats`: what a data set, or a folder of them, consists of.

mod funnel;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use iopo_cli::print;
use iopo_files::Owner;
use serde::Serialize;
use trace_schema::{DatasetReader, DatasetStats, JsonlError, JsonlReader, RejectionStats, UnknownLabels};

use self::funnel::FunnelStage;
use crate::cli::StatsArgs;
use crate::{ring_plot, tables};

const OWNER: Owner = Owner::new("trace-build stats");

/// Counts, draws when asked to, and prints.
pub(crate) fn run(args: &StatsArgs) -> anyhow::Result<()> {
    if let Some(plot) = &args.plot {
        OWNER.claim([plot], inputs(&args.path)?)?;
    }
    match args.path.is_dir() {
        true => describe_folder(args),
        false => describe_file(args),
    }
}

/// The files that are read.
fn inputs(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    Ok(jsonl_files(path)?.into_iter().map(|name| path.join(name)).collect())
}

fn describe_file(args: &StatsArgs) -> anyhow::Result<()> {
    let reader = DatasetReader::open(&args.path)?.unknown_labels(args.unknown_labels.into());
    let stats = DatasetStats::of(reader)?;
    if let Some(path) = &args.plot {
        write_plot(path, &args.path, &stats)?;
    }
    let text = match args.json {
        true => serde_json::to_string_pretty(&stats)? + "\n",
        false => tables::render(&args.path.display().to_string(), &stats),
    };
    print(&text)
}

fn describe_folder(args: &StatsArgs) -> anyhow::Result<()> {
    let folder = Folder::read(&args.path, args.unknown_labels.into())?;
    if let Some(path) = &args.plot {
        let (name, stats) = folder.to_draw().context("no file in the folder has labelled constraints")?;
        write_plot(path, Path::new(name), stats)?;
    }
    print(&match args.json {
        true => serde_json::to_string_pretty(&folder)? + "\n",
        false => folder.render(),
    })
}

fn write_plot(path: &Path, data: &Path, stats: &DatasetStats) -> anyhow::Result<()> {
    let title = data.file_name().unwrap_or(data.as_os_str()).to_string_lossy();
    let drawing =
        ring_plot::draw(&title, stats).with_context(|| format!("cannot draw {}", path.display()))?;
    Ok(OWNER.write(path, drawing)?)
}

/// The file of rejected rows.
const REJECTED: &str = "rejected.jsonl";

/// The file whose constraints are plotted first.
const GROUPS: &str = "groups.jsonl";

/// Statistics of the JSONL files of a folder.
#[derive(Debug, Serialize)]
struct Folder {
    #[serde(skip)]
    path: String,
    /// Statistics by name.
    files: BTreeMap<String, DatasetStats>,
    /// The rejected rows; absent without a file of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejections: Option<RejectionStats>,
    /// The rows that entered each stage, and those that it rejected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    funnel: Vec<FunnelStage>,
    /// JSONL files without rows of a known format.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_described: Vec<String>,
}

impl Folder {
    fn read(path: &Path, labels: UnknownLabels) -> anyhow::Result<Self> {
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
    fn to_draw(&self) -> Option<(&String, &DatasetStats)> {
        let is_labelled = |stats: &DatasetStats| stats.types.iter().any(|of| of.constraints > 0);
        let groups = self.files.get_key_value(GROUPS).filter(|(_, stats)| is_labelled(stats));
        groups.or_else(|| self.files.iter().find(|(_, stats)| is_labelled(stats)))
    }

    fn render(&self) -> String {
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
fn jsonl_files(folder: &Path) -> anyhow::Result<Vec<String>> {
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
