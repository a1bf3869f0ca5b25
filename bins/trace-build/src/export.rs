//! `trace-build export`: rows in the formats of other programs.

use std::path::Path;

use anyhow::{Context, bail};
use iopo_cli::{note, print};
use iopo_files::Owner;
use trace_schema::export::{DatasetInfo, ExportFormat, ExportOptions, ExportWriter, Shape};
use trace_schema::{DatasetReader, DatasetRow, JsonlError, RowLocation, UnusedKeys};

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
    let mut unused = UnusedKeys::default();
    for file in &args.files {
        let mut rows = DatasetReader::open(file)?.unknown_labels(args.unknown_labels.into());
        while let Some(row) = rows.next() {
            let row = row?;
            if options.format != ExportFormat::Trace {
                let id = row.id().map(str::to_owned);
                let at = RowLocation { file: file.display().to_string(), row: rows.row(), id };
                further_keys(&row).for_each(|key| unused.add(key, &at));
            }
            writer.write(row).with_context(|| format!("cannot export {}", file.display()))?;
        }
        if rows.format().is_none() {
            return Err(JsonlError::Empty { file: file.display().to_string() }.into());
        }
    }
    unused.lines().iter().for_each(|line| note(format!("note: {line}")));
    let rows = thousands(writer.finish()?);
    let mut text = format!("{}: {rows} {shape} in the format {}\n", args.out.display(), options.format);
    if let Some((name, info)) = info {
        info.save()?;
        text += &format!("{}: entry {name:?}\n", info.path().display());
    }
    print(&text)
}

/// Keys of a row beyond those of its format, for which the formats of other programs have no place.
fn further_keys(row: &DatasetRow) -> impl Iterator<Item = &str> {
    let keys = match row {
        DatasetRow::Eval(row) => Some(row.extra.keys()),
        DatasetRow::Group(_) | DatasetRow::Pair(_) | DatasetRow::Completion(_) => None,
    };
    keys.into_iter().flatten().map(String::as_str)
}

/// The shape of the first row.
fn shape_of(args: &ExportArgs) -> anyhow::Result<Shape> {
    let Some(file) = args.files.first() else { bail!("there is no file to export") };
    let mut rows = DatasetReader::open(file)?.unknown_labels(args.unknown_labels.into());
    match rows.next().transpose()? {
        Some(row) => Ok(Shape::of(row.format())),
        None => Err(JsonlError::Empty { file: file.display().to_string() }.into()),
    }
}

/// The list that the file is entered into, if its format needs that, with the name of the entry.
fn dataset_info(args: &ExportArgs, shape: Shape) -> anyhow::Result<Option<(String, DatasetInfo)>> {
    let format = ExportFormat::from(args.to);
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
