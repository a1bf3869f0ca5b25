//! Which files of a folder hold its weights, and what a folder without any holds instead.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use iopo_files::{HEAD, excerpt, open_regular, read_text, what_it_is};
use serde::Deserialize;

use crate::error::WeightsError;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The largest index of shards that is read: some hundred thousand names.
const MOST_INDEX: u64 = 64 << 20;

/// The files with a folder's weights.
pub(super) fn weight_files(dir: &Path) -> Result<Vec<PathBuf>, WeightsError> {
    let single = dir.join(SINGLE);
    if single.exists() {
        return Ok(vec![single]);
    }
    let index = dir.join(INDEX);
    if index.exists() {
        return shards(&index);
    }
    let reason = match other_content(dir) {
        Some(content) => content,
        None => format!("found neither {SINGLE} nor {INDEX}"),
    };
    Err(WeightsError::invalid(dir, reason))
}

/// Refuses a folder whose index of shards would outlive, and outrank, a model written into it.
pub(crate) fn refuse_shards(dir: &Path) -> Result<(), WeightsError> {
    match dir.join(INDEX).exists() {
        true => Err(WeightsError::invalid(dir, "holds a sharded model; write to another folder")),
        false => Ok(()),
    }
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

fn shards(index: &Path) -> Result<Vec<PathBuf>, WeightsError> {
    let bad = |reason: String| {
        WeightsError::invalid(index, format!("not an index of safetensors shards: {reason}"))
    };
    let text = read_text(index, MOST_INDEX).map_err(|source| WeightsError::cannot("read", index, source))?;
    let Index { weight_map } = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    let mut names: Vec<&str> = weight_map.values().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Err(bad("`weight_map` names no file".to_owned()));
    }
    // A shard lies beside its index: anything else would read outside the folder.
    if let Some(name) = names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        return Err(bad(format!("{:?} is not a plain file name", excerpt(name))));
    }
    let files: Vec<PathBuf> = names.iter().map(|name| index.with_file_name(name)).collect();
    let missing: Vec<&str> =
        names.iter().zip(&files).filter(|(_, file)| !file.exists()).map(|(name, _)| *name).collect();
    match missing.first() {
        None => Ok(files),
        Some(first) => {
            let reason = format!(
                "{} of the {} files that it names are missing, {} among them; was the download broken off?",
                missing.len(),
                names.len(),
                excerpt(first)
            );
            Err(WeightsError::invalid(index, reason))
        }
    }
}

/// Whether a file name is of a kind, and what such a file is.
type Kind = (fn(&str) -> bool, &'static str);

/// Files that a folder may have in the place of safetensors, and what they are; the first that is there is named.
const OTHERS: [Kind; 7] = [
    (
        |name| name.starts_with("adapter_"),
        "of a PEFT adapter, and no model: give the folder of the adapter's model, and this one as the adapter",
    ),
    (
        |name| name.ends_with(".gguf"),
        "a GGUF file, which is not read; take the model's folder with safetensors",
    ),
    (
        |name| name.starts_with("consolidated."),
        "weights under their author's own names; take the model's folder in Hugging Face's format",
    ),
    (
        |name| {
            let ends = [".bin", ".bin.index.json", ".pth", ".pt", ".ckpt"];
            ends.iter().any(|end| name.ends_with(end)) && name != "training_args.bin"
        },
        "a Python pickle, which is not read; write the model as safetensors (`save_pretrained` in transformers)",
    ),
    (
        |name| ["tf_model.h5", "flax_model.msgpack", "model.onnx"].contains(&name),
        "weights of another framework; take the model's folder with safetensors",
    ),
    (
        |name| name.starts_with("model-") && name.ends_with(".safetensors"),
        "a shard, and no model.safetensors.index.json that says which shards there are",
    ),
    (|name| name.ends_with(".safetensors"), "and no model.safetensors; rename it if it is the whole model"),
];

/// What a path that holds no model of Hugging Face holds instead, with the way out; `None` where nothing is known.
pub(crate) fn other_content(dir: &Path) -> Option<String> {
    if !dir.exists() {
        let advice = "no such folder; nothing is downloaded, so give the path of a folder with the model";
        return Some(advice.to_owned());
    }
    if !dir.is_dir() {
        let kind = what_a_file_is(dir).map_or_else(String::new, |kind| format!(": it is {kind}"));
        return Some(format!("a file, and not a model's folder{kind}"));
    }
    let names = names_in(dir);
    if names.is_empty() {
        return Some("an empty folder".to_owned());
    }
    if [SINGLE, INDEX].iter().any(|weights| names.iter().any(|name| name == weights)) {
        return None;
    }
    let other = OTHERS.iter().find_map(|(fits, what)| Some((names.iter().find(|name| fits(name))?, what)));
    match other {
        Some((name, what)) => Some(format!("holds {}, {what}", excerpt(name))),
        None => model_inside(dir)
            .map(|inside| format!("its folder {} holds a model; give that one", inside.display())),
    }
}

/// What a file is that should be another, if its first bytes tell.
fn what_a_file_is(path: &Path) -> Option<&'static str> {
    use std::io::Read;
    let mut head = [0; HEAD];
    let read = open_regular(path).and_then(|mut file| file.read(&mut head)).ok()?;
    what_it_is(head.get(..read)?)
}

/// A folder inside that holds a model: directly, or as a hub's cache keeps it.
fn model_inside(dir: &Path) -> Option<PathBuf> {
    let is_model = |path: &PathBuf| path.join("config.json").is_file();
    let inside = |dir: &Path| names_in(dir).into_iter().map(|name| dir.join(name)).collect::<Vec<_>>();
    let found = inside(dir).into_iter().find(is_model);
    let found = found.or_else(|| inside(&dir.join("snapshots")).into_iter().find(is_model))?;
    found.strip_prefix(dir).map(Path::to_owned).ok()
}

/// The names in a folder, sorted; none where it cannot be read.
fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}
