//! `dataset_info.json`: datasets by name, as LLaMA-Factory keeps them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use iopo_files::read_text;
use serde::Deserialize;
use serde_json::Value;
use trace_schema::{DistinctKeys, parse_json, shorten, values};

use super::DatasetError;
use super::alpaca::Alpaca;
use super::conversation::Conversation;
use super::format::RowFormat;
use super::message::MessageKeys;

/// The largest list of datasets that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Every key that an entry may have; those without a field use are refused or mean nothing for a local file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entry {
    file_name: Option<String>,
    hf_hub_url: Option<String>,
    ms_hub_url: Option<String>,
    om_hub_url: Option<String>,
    script_url: Option<String>,
    cloud_file_name: Option<String>,
    formatting: Option<Formatting>,
    #[serde(deserialize_with = "values::or_default")]
    ranking: bool,
    columns: Option<Columns>,
    tags: Option<Tags>,
    num_samples: Option<Value>,
    #[serde(rename = "file_sha1")]
    _file_sha1: Option<Value>,
    #[serde(rename = "subset")]
    _subset: Option<Value>,
    #[serde(rename = "split")]
    _split: Option<Value>,
    #[serde(rename = "folder")]
    _folder: Option<Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Formatting {
    Alpaca,
    ShareGpt,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Columns {
    prompt: Option<String>,
    query: Option<String>,
    response: Option<String>,
    history: Option<String>,
    messages: Option<String>,
    system: Option<String>,
    chosen: Option<String>,
    rejected: Option<String>,
    tools: Option<String>,
    images: Option<String>,
    videos: Option<String>,
    audios: Option<String>,
    kto_tag: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tags {
    role_tag: Option<String>,
    content_tag: Option<String>,
    user_tag: Option<String>,
    assistant_tag: Option<String>,
    system_tag: Option<String>,
    #[serde(rename = "observation_tag")]
    _observation_tag: Option<String>,
    #[serde(rename = "function_tag")]
    _function_tag: Option<String>,
}

/// A file, and the format in its entry; `None` where its first row identifies it.
pub(super) struct Located {
    pub(super) path: PathBuf,
    pub(super) format: Option<RowFormat>,
}

/// The entries of a folder's `dataset_info.json`; none where there is no such file.
pub(super) fn read_entries(path: &Path) -> Result<BTreeMap<String, Value>, DatasetError> {
    match read_text(path, MAX_BYTES) {
        Ok(text) => {
            let entries = parse_json(&text).and_then(|DistinctKeys(entries)| BTreeMap::deserialize(entries));
            entries.map_err(|source| {
                let reason = format!("{} is malformed", path.display());
                DatasetError::Invalid { reason, source: Some(short(source)) }
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(source) => Err(DatasetError::Unreadable { path: path.to_owned(), source }),
    }
}

/// Reads an entry, unless it asks for something that is not supported.
pub(super) fn locate(info: &Path, name: &str, entry: &Value) -> Result<Located, DatasetError> {
    let malformed = |source| {
        let reason = format!("entry \"{name}\" of {} is malformed", info.display());
        DatasetError::Invalid { reason, source: Some(short(source)) }
    };
    let mut entry = entry.clone();
    // An empty name names no column.
    for part in ["columns", "tags"] {
        if let Some(Value::Object(names)) = entry.get_mut(part) {
            names.retain(|_, name| name.as_str() != Some(""));
        }
    }
    let entry = Entry::deserialize(entry).map_err(malformed)?;
    if let Some((key, instead)) = entry.unsupported() {
        return Err(DatasetError::invalid(format!(
            "entry \"{name}\" of {} has \"{key}\", which is not supported: {instead}",
            info.display()
        )));
    }
    if let Some(key) = entry.unused() {
        let (formatting, ranking) = (entry.formatting.unwrap_or(Formatting::Alpaca), entry.ranking);
        let format =
            format!("{formatting:?} {} ranking", if ranking { "with" } else { "without" }).to_lowercase();
        return Err(DatasetError::invalid(format!(
            "entry \"{name}\" of {} has \"{key}\", which {format} does not use: leave it out, or change \"formatting\" \
             or \"ranking\"",
            info.display()
        )));
    }
    let file =
        entry.file_name.as_deref().ok_or_else(|| malformed(serde::de::Error::missing_field("file_name")))?;
    let dir = info.parent().unwrap_or(Path::new(""));
    // A list that came with a data set names files of that folder; what lies elsewhere is named in full.
    if Path::new(file).components().any(|part| part == Component::ParentDir) {
        return Err(DatasetError::invalid(format!(
            "entry \"{name}\" of {} has \"file_name\" {file:?}, which leads out of its folder: write the whole path, \
             from the root on",
            info.display()
        )));
    }
    Ok(Located { path: dir.join(file), format: entry.format() })
}

/// The error without the middle of a long text of the file.
fn short(error: serde_json::Error) -> serde_json::Error {
    let message = error.to_string();
    match shorten(&message) {
        Cow::Borrowed(_) => error,
        Cow::Owned(short) => serde::de::Error::custom(short),
    }
}

impl Entry {
    /// A column or the tags that say nothing about rows of this format.
    fn unused(&self) -> Option<&'static str> {
        let is_sharegpt = matches!(self.formatting, Some(Formatting::ShareGpt));
        let none = Columns::default();
        let columns = self.columns.as_ref().unwrap_or(&none);
        let found = [
            (is_sharegpt && columns.prompt.is_some(), "columns.prompt"),
            (is_sharegpt && columns.query.is_some(), "columns.query"),
            (is_sharegpt && columns.history.is_some(), "columns.history"),
            ((is_sharegpt || self.ranking) && columns.response.is_some(), "columns.response"),
            (!is_sharegpt && columns.messages.is_some(), "columns.messages"),
            (!self.ranking && columns.chosen.is_some(), "columns.chosen"),
            (!self.ranking && columns.rejected.is_some(), "columns.rejected"),
            (!is_sharegpt && self.tags.is_some(), "tags"),
        ];
        found.into_iter().find(|(is_unused, _)| *is_unused).map(|(_, key)| key)
    }

    fn unsupported(&self) -> Option<(&'static str, &'static str)> {
        const DOWNLOAD: &str = "download the file and name it with file_name";
        const TEXT_ONLY: &str = "only text is trained on; leave the column out";
        let columns = self.columns.as_ref();
        let column =
            |get: fn(&Columns) -> &Option<String>| columns.is_some_and(|columns| get(columns).is_some());
        let found = [
            (self.hf_hub_url.is_some() && self.file_name.is_none(), "hf_hub_url", DOWNLOAD),
            (self.ms_hub_url.is_some() && self.file_name.is_none(), "ms_hub_url", DOWNLOAD),
            (self.om_hub_url.is_some() && self.file_name.is_none(), "om_hub_url", DOWNLOAD),
            (self.script_url.is_some(), "script_url", DOWNLOAD),
            (self.cloud_file_name.is_some(), "cloud_file_name", DOWNLOAD),
            (self.num_samples.is_some(), "num_samples", "use max_samples, which takes the first rows"),
            (column(|c| &c.tools), "tools", TEXT_ONLY),
            (column(|c| &c.images), "images", TEXT_ONLY),
            (column(|c| &c.videos), "videos", TEXT_ONLY),
            (column(|c| &c.audios), "audios", TEXT_ONLY),
            (column(|c| &c.kto_tag), "kto_tag", "write pairs of chosen and rejected"),
        ];
        found.into_iter().find(|(asked, ..)| *asked).map(|(_, key, instead)| (key, instead))
    }

    fn format(self) -> Option<RowFormat> {
        if self.formatting.is_none() && self.columns.is_none() {
            return None;
        }
        let given = self.columns.is_some();
        let columns = self.columns.unwrap_or_default();
        let name = |column: Option<String>, usual: &str| column.unwrap_or_else(|| usual.to_owned());
        // With `columns`, an optional column is read only where it is named there.
        let optional = |column: Option<String>, usual: Option<String>| if given { column } else { usual };
        Some(match self.formatting.unwrap_or(Formatting::Alpaca) {
            Formatting::ShareGpt => RowFormat::Conversation(Conversation {
                ranking: self.ranking,
                messages: name(columns.messages, "conversations"),
                chosen: name(columns.chosen, "chosen"),
                rejected: name(columns.rejected, "rejected"),
                system: optional(columns.system, Some("system".to_owned())),
                keys: self.tags.unwrap_or_default().message_keys(),
                is_named: given,
            }),
            Formatting::Alpaca => {
                let usual = Alpaca::default();
                RowFormat::Alpaca(Alpaca {
                    ranking: self.ranking,
                    prompt: columns.prompt.unwrap_or(usual.prompt),
                    query: optional(columns.query, usual.query),
                    response: columns.response.unwrap_or(usual.response),
                    chosen: columns.chosen.unwrap_or(usual.chosen),
                    rejected: columns.rejected.unwrap_or(usual.rejected),
                    system: optional(columns.system, usual.system),
                    history: optional(columns.history, usual.history),
                    is_named: given,
                })
            }
        })
    }
}

impl Tags {
    fn message_keys(self) -> MessageKeys {
        let names = [self.user_tag, self.assistant_tag, self.system_tag];
        let role = self.role_tag.as_deref().unwrap_or("from");
        let content = self.content_tag.as_deref().unwrap_or("value");
        MessageKeys { names, ..MessageKeys::new(role, content) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_name_does_not_lead_out_of_its_folder() {
        let info = Path::new("data/dataset_info.json");
        let located = |file: &str| locate(info, "rows", &json!({ "file_name": file }));
        for file in ["../secret.jsonl", "sub/../../secret.jsonl", "sub/.."] {
            let error = located(file).err().unwrap().to_string();
            assert!(error.contains("leads out of its folder") && error.contains(file), "{error}");
        }
        for (file, path) in [("a..b.jsonl", "data/a..b.jsonl"), ("/data/c.jsonl", "/data/c.jsonl")] {
            assert_eq!(located(file).ok().unwrap().path, Path::new(path));
        }
    }
}
