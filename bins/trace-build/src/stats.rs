//! `trace-build stats`: what a data set consists of.

mod folder;
mod funnel;

use std::path::{Path, PathBuf};

use anyhow::Context;
use iopo_cli::print;
use iopo_files::write_file;
use trace_schema::{DatasetReader, DatasetStats};

use self::folder::{Folder, jsonl_files};
use crate::cli::StatsArgs;
use crate::inputs::refuse_to_replace;
use crate::{ring_plot, tables};

/// Counts, draws when asked to, and prints.
pub(crate) fn run(args: &StatsArgs) -> anyhow::Result<()> {
    if let Some(plot) = &args.plot {
        refuse_to_replace(plot, &inputs(&args.path)?)?;
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
    Ok(write_file(path, drawing)?)
}
