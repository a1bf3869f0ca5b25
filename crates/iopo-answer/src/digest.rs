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
            // A trainer's state lies beside its weights and changes no answer.
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
    /// Weights are too large to be read at once.
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
    base16ct::lower::encode_string(&hash.finalize())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tempfile::{TempDir, tempdir};

    use crate::local::ModelFiles;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let dir = tempdir().unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(dir.path().join(name), text).unwrap());
        dir
    }

    fn digest(model: &TempDir, adapter: Option<&TempDir>) -> String {
        let adapter = adapter.map(|dir| dir.path().to_owned());
        ModelFiles { model: model.path().to_owned(), adapter }.digest().unwrap()
    }

    #[test]
    fn a_digest_is_of_what_decides_answers_and_not_of_places_or_companions() {
        let files = [("config.json", "{}"), ("model.safetensors", "weights"), ("tokenizer.json", "t")];
        let model = folder(&files);
        let same = digest(&model, None);
        let beside = [("README.md", "a"), ("optimizer.safetensors", "o"), ("trainer_state.json", "s")];
        assert_eq!(digest(&folder(&[&files[..], &beside].concat()), None), same);
        for (name, text) in [
            ("config.json", "{ }"),
            ("model.safetensors", "weightz"),
            ("tokenizer.json", "u"),
            ("chat_template.jinja", ""),
        ] {
            let other = folder(&files);
            std::fs::write(other.path().join(name), text).unwrap();
            assert_ne!(digest(&other, None), same, "{name}");
        }
        // Bytes that move from one file to the next are other files.
        let shifted =
            folder(&[("config.json", "{}w"), ("model.safetensors", "eights"), ("tokenizer.json", "t")]);
        assert_ne!(digest(&shifted, None), same);
        let adapter = folder(&[("adapter_config.json", "{}"), ("adapter_model.safetensors", "a")]);
        let adapted = digest(&model, Some(&adapter));
        assert_ne!(adapted, same);
        assert_ne!(digest(&model, Some(&folder(&[("adapter_config.json", "{}")]))), adapted);
    }
}
