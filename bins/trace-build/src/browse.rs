//! `trace-build browse`: one page to look at rows in.

mod diff;
mod page;
mod sample;
mod view;

use std::io::Write;

use anyhow::Context;
use trace_schema::{AtomicFile, DatasetReader};

use self::page::Page;
use crate::cli::BrowseArgs;
use crate::inputs::refuse_to_replace;
use crate::report;
use crate::tables::thousands;

/// Draws rows, renders and writes.
pub(crate) fn run(args: &BrowseArgs) -> anyhow::Result<()> {
    refuse_to_replace(&args.out, [&args.file])?;
    let reader = DatasetReader::open(&args.file)?.unknown_labels(args.unknown_labels.into());
    let sample = sample::draw(reader, args.limit, args.seed)?;
    let (shown, total) = (sample.rows.len(), sample.total);
    let name = args.file.file_name().unwrap_or(args.file.as_os_str()).to_string_lossy().into_owned();
    let page = Page::new(name, &sample, args.seed).render()?;
    let mut file = AtomicFile::create(&args.out)?;
    file.write_all(page.as_bytes()).with_context(|| format!("cannot write {}", args.out.display()))?;
    file.finish()?;
    let (shown, total) = (thousands(shown as u64), thousands(total));
    report::print(&format!("{}: {shown} of {total} rows\n", args.out.display()))
}
