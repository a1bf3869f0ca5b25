//! `trace-build export`: rows in the formats of other programs.

use std::path::Path;

use anyhow::{Context, bail};
use iopo_cli::print;
use iopo_files::Owner;
use trace_schema::export::{DatasetInfo, ExportOptions, ExportWriter, Shape};
use trace_schema::{DatasetReader, DatasetRow, JsonlError, UnknownLabels};

use crate::cli::ExportArgs;
use crate::tables::thousands;

const OWNER: Owner = Owner::new("trace-build export");

/// Reads, converts and writes row by row.
pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<()> {
    OWNER.claim([&args.out], &args.files)?;
    let shape = match args.shape {
        Some(shape) => shape.into(),
        None => shape_of(args)?,
    };
    let info = dataset_info(args, shape)?;
    let options = ExportOptions {
        ids: args.ids,
        category: args.category.clone(),
        ..ExportOptions::new(args.to.into(), shape)
    };
    let mut writer = ExportWriter::new(OWNER.create(&args.out)?, options.clone())?;
    for file in &args.files {
        for row in rows(file, args.unknown_labels.into())? {
            writer.write(row?).with_context(|| format!("cannot export {}", file.display()))?;
        }
    }
    let rows = thousands(writer.finish()?);
    let mut text = format!("{}: {rows} {shape} in the format {}\n", args.out.display(), options.format);
    if let Some((name, info)) = info {
        info.save()?;
        text += &format!("{}: entry {name:?}\n", info.path().display());
    }
    print(&text)
}

/// The rows of a file, of which there must be some.
fn rows(
    file: &Path,
    labels: UnknownLabels,
) -> anyhow::Result<impl Iterator<Item = Result<DatasetRow, JsonlError>>> {
    let mut rows = DatasetReader::open(file)?.unknown_labels(labels).peekable();
    match rows.peek() {
        Some(_) => Ok(rows),
        None => Err(JsonlError::Empty { file: file.display().to_string() }.into()),
    }
}

/// The shape of the first row.
fn shape_of(args: &ExportArgs) -> anyhow::Result<Shape> {
    let first = args.files.iter().map(|file| rows(file, args.unknown_labels.into())).next();
    match first.transpose()?.and_then(|mut rows| rows.next()).transpose()? {
        Some(row) => Ok(Shape::of(row.format())),
        None => bail!("there is no file to export"),
    }
}

/// The list that the file is entered into, if its format needs that, with the name of the entry.
fn dataset_info(args: &ExportArgs, shape: Shape) -> anyhow::Result<Option<(String, DatasetInfo)>> {
    let format = trace_schema::export::ExportFormat::from(args.to);
    let (Some(file), Some(stem)) = (args.out.file_name(), args.out.file_stem()) else {
        return Ok(None);
    };
    if !format.has_dataset_info() || !format.shapes().contains(&shape) {
        return Ok(None);
    }
    let name = args.name.clone().unwrap_or_else(|| stem.to_string_lossy().into_owned());
    let mut info = DatasetInfo::read(args.out.parent().unwrap_or(Path::new("")))?;
    if info.path().file_name() == Some(file) {
        bail!("{} is the list of datasets, and cannot be one", args.out.display());
    }
    info.enter(&name, &file.to_string_lossy(), format, shape)?;
    Ok(Some((name, info)))
}
