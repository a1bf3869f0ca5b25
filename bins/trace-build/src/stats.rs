//! `trace-build stats`: what a data set consists of.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use trace_schema::{AtomicFile, DatasetReader, DatasetStats};

use crate::cli::StatsArgs;
use crate::{report, ring_plot, tables};

/// Counts, draws when asked to, and prints.
pub(crate) fn run(args: &StatsArgs) -> anyhow::Result<()> {
    let reader = DatasetReader::open(&args.file)?.unknown_labels(args.unknown_labels.into());
    let stats = DatasetStats::of(reader)?;
    if let Some(path) = &args.plot {
        write_plot(path, &args.file, &stats)?;
    }
    let text = match args.json {
        true => serde_json::to_string_pretty(&stats)? + "\n",
        false => tables::render(&args.file.display().to_string(), &stats),
    };
    report::print(&text)
}

fn write_plot(path: &Path, data: &Path, stats: &DatasetStats) -> anyhow::Result<()> {
    let title = data.file_name().unwrap_or(data.as_os_str()).to_string_lossy();
    let drawing =
        ring_plot::draw(&title, stats).with_context(|| format!("cannot draw {}", path.display()))?;
    let mut file = AtomicFile::create(path)?;
    file.write_all(drawing.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file.finish()?)
}
