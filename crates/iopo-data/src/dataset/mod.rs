//! Dataset files of several origins, read as text examples.

mod alpaca;
mod array;
mod conversation;
mod dialogue;
mod error;
mod fields;
mod format;
mod info;
mod message;
mod prompted;
mod rows;
mod stream;
mod texts;
mod trace;

use std::path::Path;
use std::{iter, mem};

use trace_schema::{
    DistinctKeys, JsonlReader, PreferenceGroup, PreferencePair, RowLocation, UnknownLabels, excerpt,
};

pub use error::DatasetError;
use format::RowFormat;
use rows::Layout;
pub use stream::DatasetRows;
use stream::Examples;
pub use texts::stream_texts;

use crate::example::{ExampleText, TextExample};

/// Opens a dataset by its name in `dataset_dir/dataset_info.json`, or by its path, and reads its
/// rows one at a time: of the file, no more than one row is in memory.
///
/// A name outranks a path. A path is looked up as it is, then below `dataset_dir`; the
/// keys of its first row identify its format, whether it is JSONL or one JSON array.
/// A conversation without ranking gives one example per answer in it. `labels` says what
/// happens to rows in this project's own formats that have unknown constraint labels. A key
/// of a row that its format does not use is in [`TextExample::unused`], or an error where the
/// row would mean something else without it.
///
/// # Errors
///
/// [`DatasetError`], naming the file, for errors before the first row. The rows
/// themselves are results, whose errors name file, row and field. A file without rows is an error.
pub fn stream_dataset(
    name_or_path: &str,
    dataset_dir: impl AsRef<Path>,
    labels: UnknownLabels,
) -> Result<DatasetRows, DatasetError> {
    let dataset_dir = dataset_dir.as_ref();
    let info = dataset_dir.join("dataset_info.json");
    let entries = info::read_entries(&info)?;
    if let Some(entry) = entries.get(name_or_path) {
        let located = info::locate(&info, name_or_path, entry)?;
        return stream_file(&located.path, located.format, labels);
    }
    let below = dataset_dir.join(name_or_path);
    let paths = [Path::new(name_or_path), &below];
    // A folder or a device may stand where a file is meant, and opening it says so.
    let found = paths
        .into_iter()
        .find(|path| path.is_file())
        .or_else(|| paths.into_iter().find(|path| path.exists()));
    match found {
        Some(path) => stream_file(path, None, labels),
        None => Err(DatasetError::invalid(format!(
            "no dataset \"{name_or_path}\": it is neither a file nor a name in {} (which has {})",
            info.display(),
            list_names(&entries)
        ))),
    }
}

/// Reads a whole dataset into memory: all that [`stream_dataset`] gives.
///
/// # Errors
///
/// The first [`DatasetError`].
pub fn load_dataset(
    name_or_path: &str,
    dataset_dir: impl AsRef<Path>,
    labels: UnknownLabels,
) -> Result<Vec<TextExample>, DatasetError> {
    stream_dataset(name_or_path, dataset_dir, labels)?.collect()
}

fn list_names<T>(entries: &std::collections::BTreeMap<String, T>) -> String {
    match entries.is_empty() {
        true => "none".to_owned(),
        false => some_names(entries.keys()),
    }
}

/// The first of some names.
fn some_names<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    const SHOWN: usize = 20;
    let more = names.len().saturating_sub(SHOWN);
    let mut text = names.take(SHOWN).map(|name| excerpt(name)).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}

fn stream_file(
    path: &Path,
    format: Option<RowFormat>,
    labels: UnknownLabels,
) -> Result<DatasetRows, DatasetError> {
    let layout = rows::layout(path)?;
    let mut format = format;
    if format.is_none() && layout == Layout::Lines {
        format = Some(detect_in_lines(path)?);
    }
    let examples: Box<Examples> = match (format, layout) {
        // These have a typed reader, whose errors say more than those over a JSON value.
        (Some(RowFormat::TraceGroups), Layout::Lines) => {
            Box::new(typed_rows(path, labels, |group: PreferenceGroup| {
                (group.id.clone(), trace::group(group))
            })?)
        }
        (Some(RowFormat::TracePairs), Layout::Lines) => {
            Box::new(typed_rows(path, labels, |pair: PreferencePair| (pair.id.clone(), trace::pair(pair)))?)
        }
        (format, Layout::Lines) => Box::new(untyped_rows(path, rows::lines(path)?, format, labels)),
        (format, Layout::Array) => Box::new(untyped_rows(path, rows::elements(path)?, format, labels)),
    };
    Ok(DatasetRows::new(path, examples))
}

fn detect_in_lines(path: &Path) -> Result<RowFormat, DatasetError> {
    let mut rows = JsonlReader::<_, DistinctKeys>::open(path)?;
    let DistinctKeys(first) = rows.next().ok_or_else(|| no_rows(path))??;
    let origin = rows::location(path, rows.row(), &first);
    let row = fields::as_row(first).map_err(|reason| DatasetError::Row { origin, reason })?;
    detect(path, &row)
}

fn detect(path: &Path, row: &fields::Row) -> Result<RowFormat, DatasetError> {
    RowFormat::detect(row).ok_or_else(|| {
        let keys = some_names(row.keys());
        DatasetError::invalid(format!(
            "row 1 of {} is of no known format: it has {keys}; known are x1 y1 x2 y2 | instruction chosen rejected | \
             conversations | messages | prompt chosen rejected | prompt completion | instruction output",
            path.display()
        ))
    })
}

fn no_rows(path: &Path) -> DatasetError {
    DatasetError::invalid(format!("{} has no rows", path.display()))
}

fn typed_rows<T, F>(
    path: &Path,
    labels: UnknownLabels,
    into_text: F,
) -> Result<impl Iterator<Item = Result<TextExample, DatasetError>> + Send + use<T, F>, DatasetError>
where
    T: serde::de::DeserializeOwned + trace_schema::Record,
    F: Fn(T) -> (String, ExampleText) + Send,
{
    let file = path.display().to_string();
    let mut rows = JsonlReader::<_, T>::open(path)?.unknown_labels(labels);
    Ok(iter::from_fn(move || {
        let row = rows.next()?;
        let example = row.map(|row| {
            let (id, text) = into_text(row);
            let origin = RowLocation { file: file.clone(), row: rows.row(), id: Some(id) };
            TextExample { origin, text, unused: Vec::new() }
        });
        Some(example.map_err(DatasetError::from))
    }))
}

/// Rows read through their format, which the first row identifies unless it is given.
fn untyped_rows<I: Iterator<Item = rows::Row> + Send>(
    path: &Path,
    rows: I,
    mut format: Option<RowFormat>,
    labels: UnknownLabels,
) -> impl Iterator<Item = Result<TextExample, DatasetError>> + Send + use<I> {
    let path = path.to_owned();
    let mut read = move |row: rows::Row| {
        let (origin, value) = row?;
        let at = |reason| DatasetError::Row { origin: origin.clone(), reason };
        let row = fields::as_row(value).map_err(at)?;
        let format = match &format {
            Some(format) => format,
            None => format.insert(detect(&path, &row)?),
        };
        let (texts, unused) = format.read(&row, labels).map_err(at)?;
        // A row is counted once, whatever the number of its examples.
        let mut unused = unused.into_iter().collect();
        let example = |text| TextExample { origin: origin.clone(), text, unused: mem::take(&mut unused) };
        Ok(texts.into_iter().map(example).collect::<Vec<_>>())
    };
    rows.flat_map(move |row| match read(row) {
        Ok(examples) => examples.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    })
}
