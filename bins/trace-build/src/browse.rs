//! `trace-build browse`: one page to look at rows in.

mod diff;
mod page;
mod sample;
mod view;

use iopo_cli::print;
use iopo_files::write_file;
use trace_schema::DatasetReader;

use self::page::Page;
use crate::cli::BrowseArgs;
use crate::inputs::refuse_to_replace;
use crate::tables::thousands;

/// Draws rows, renders and writes.
pub(crate) fn run(args: &BrowseArgs) -> anyhow::Result<()> {
    refuse_to_replace(&args.out, [&args.file])?;
    let reader = DatasetReader::open(&args.file)?.unknown_labels(args.unknown_labels.into());
    let sample = sample::draw(reader, args.limit, args.seed)?;
    let (shown, total) = (sample.rows.len(), sample.total);
    let name = args.file.file_name().unwrap_or(args.file.as_os_str()).to_string_lossy().into_owned();
    let page = Page::new(name, &sample, args.seed).render()?;
    write_file(&args.out, page)?;
    let (shown, total) = (thousands(shown as u64), thousands(total));
    print(&format!("{}: {shown} of {total} rows\n", args.out.display()))
}
