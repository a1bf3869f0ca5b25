//! SHA-256 of the files that decide a model's answers.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::AnswerError;

/// Files that decide answers, besides weights.
const DECIDING: [&str; 6] = [
    "adapter_config.json",
    "chat_template.jinja",
    "config.json",
    // Its end tokens.
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// How the names of files with weights end.
const WEIGHTS: [&str; 2] = [".safetensors", ".safetensors.index.json"];

/// Adds name, length and bytes of a folder's deciding files, in the order of the names.
pub(crate) fn add_folder(hash: &mut Sha256, dir: &Path) -> Result<(), AnswerError> {
    let failed = |source| AnswerError::Read { path: dir.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        names.extend(entry.file_name().into_string().ok().filter(|_| entry.path().is_file()));
    }
    let decides = |name: &String| {
        DECIDING.contains(&name.as_str())
            // What a trainer needs to go on is beside its weights, and decides nothing.
            || (name != "optimizer.safetensors" && WEIGHTS.iter().any(|end| name.ends_with(end)))
    };
    names.retain(decides);
    names.sort();
    for name in names {
        let path = dir.join(&name);
        add_file(hash, &name, &path).map_err(|source| AnswerError::Read { path, source })?;
    }
    Ok(())
}

fn add_file(hash: &mut Sha256, name: &str, path: &Path) -> io::Result<()> {
    /// Weights are larger than memory should be.
    const CHUNK: usize = 1 << 20;
    let mut file = File::open(path)?;
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name);
    hash.update(file.metadata()?.len().to_le_bytes());
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            read => hash.update(&chunk[..read]),
        }
    }
}

/// Hexadecimal digits of a finished hash.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
