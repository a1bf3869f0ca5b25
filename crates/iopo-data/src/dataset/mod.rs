//! Dataset files of several origins, read as text examples.

mod alpaca;
mod conversation;
mod error;
mod fields;
mod format;
mod info;
mod prompted;
mod rows;
mod trace;

use std::path::Path;

use trace_schema::{JsonlReader, PreferenceGroup, PreferencePair, RowLocation, UnknownLabels};

pub use error::{DatasetError, FieldError};
use format::RowFormat;
use rows::Layout;

use crate::example::{ExampleText, TextExample};

/// Reads a dataset by its name in `dataset_dir/dataset_info.json`, or by its path.
///
/// A name outranks a path. A path is looked for as it is, then below `dataset_dir`; the
/// keys of its first row tell its format, whether it is JSONL or one JSON array.
/// A conversation without ranking gives one example per answer in it. `labels` says what
/// becomes of rows in this project's own formats whose constraint labels nobody knows.
///
/// # Errors
///
/// [`DatasetError`], naming file, row and field. A file without rows is an error.
pub fn load_dataset(
    name_or_path: &str,
    dataset_dir: impl AsRef<Path>,
    labels: UnknownLabels,
) -> Result<Vec<TextExample>, DatasetError> {
    let dataset_dir = dataset_dir.as_ref();
    let info = dataset_dir.join("dataset_info.json");
    let entries = info::read_entries(&info)?;
    if let Some(entry) = entries.get(name_or_path) {
        let located = info::locate(&info, name_or_path, entry)?;
        return read_file(&located.path, located.format, labels);
    }
    let below = dataset_dir.join(name_or_path);
    match [Path::new(name_or_path), &below].into_iter().find(|path| path.is_file()) {
        Some(path) => read_file(path, None, labels),
        None => {
            Err(DatasetError::Unknown { name: name_or_path.to_owned(), info, known: list_names(&entries) })
        }
    }
}

fn list_names<T>(entries: &std::collections::BTreeMap<String, T>) -> String {
    match entries.is_empty() {
        true => "none".to_owned(),
        false => entries.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

fn read_file(
    path: &Path,
    format: Option<RowFormat>,
    labels: UnknownLabels,
) -> Result<Vec<TextExample>, DatasetError> {
    let layout = rows::layout(path)?;
    let mut format = format;
    if format.is_none() && layout == Layout::Lines {
        format = Some(detect_in_lines(path)?);
    }
    let examples = match (&format, layout) {
        // These have a typed reader, whose errors say more than those over a JSON value.
        (Some(RowFormat::TraceGroups), Layout::Lines) => {
            read_trace(path, labels, |group: PreferenceGroup| (group.id.clone(), trace::group(group)))?
        }
        (Some(RowFormat::TracePairs), Layout::Lines) => {
            read_trace(path, labels, |pair: PreferencePair| (pair.id.clone(), trace::pair(pair)))?
        }
        _ => read_values(path, layout, format, labels)?,
    };
    match examples.is_empty() {
        true => Err(DatasetError::Empty { path: path.to_owned() }),
        false => Ok(examples),
    }
}

fn detect_in_lines(path: &Path) -> Result<RowFormat, DatasetError> {
    let mut rows = JsonlReader::<_, serde_json::Value>::open(path)?;
    let first = rows.next().ok_or_else(|| DatasetError::Empty { path: path.to_owned() })??;
    let origin = rows::location(path, 0, &first);
    let row = fields::as_row(first).map_err(|source| DatasetError::Row { origin, source })?;
    detect(path, &row)
}

fn detect(path: &Path, row: &fields::Row) -> Result<RowFormat, DatasetError> {
    RowFormat::detect(row).ok_or_else(|| {
        let keys = row.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        DatasetError::UnknownFormat { path: path.to_owned(), keys }
    })
}

fn read_trace<T>(
    path: &Path,
    labels: UnknownLabels,
    into_text: impl Fn(T) -> (String, ExampleText),
) -> Result<Vec<TextExample>, DatasetError>
where
    T: serde::de::DeserializeOwned + trace_schema::Record,
{
    let file = path.display().to_string();
    let rows = JsonlReader::<_, T>::open(path)?.unknown_labels(labels);
    let example = |(index, row): (usize, Result<T, _>)| {
        let (id, text) = into_text(row?);
        let origin = RowLocation { file: file.clone(), row: index as u64 + 1, id: Some(id) };
        Ok(TextExample { origin, text })
    };
    rows.enumerate().map(example).collect()
}

fn read_values(
    path: &Path,
    layout: Layout,
    mut format: Option<RowFormat>,
    labels: UnknownLabels,
) -> Result<Vec<TextExample>, DatasetError> {
    let mut examples = Vec::new();
    rows::for_each(path, layout, &mut |origin, value| {
        let at = |source| DatasetError::Row { origin: origin.clone(), source };
        let row = fields::as_row(value).map_err(at)?;
        let format = match &format {
            Some(format) => format,
            None => format.insert(detect(path, &row)?),
        };
        let texts = format.read(&row, labels).map_err(at)?;
        examples.extend(texts.into_iter().map(|text| TextExample { origin: origin.clone(), text }));
        Ok(())
    })?;
    Ok(examples)
}
