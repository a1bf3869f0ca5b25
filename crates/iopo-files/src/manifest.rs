//! The record that a folder keeps of the files that were written to it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::read::{open_regular, read_bytes};

/// The name of the record in a folder.
pub const MANIFEST: &str = ".iopo-written.jsonl";

/// The largest record that is read.
const MAX_BYTES: u64 = 256 << 20;

/// One file as a command wrote it.
///
/// The entry is written before the file is put into its place: a killed command leaves an entry too many, never a file
/// that its next run would take for a user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) by: String,
}

impl Entry {
    /// The entry of a file as it is.
    pub(crate) fn of(path: &Path, by: &str) -> io::Result<Self> {
        let (mut file, mut hash) = (open_regular(path)?, Sha256::new());
        let (mut bytes, mut buffer) = (0, vec![0; 1 << 16]);
        loop {
            let read = file.read(&mut buffer)?;
            let part = buffer.get(..read).unwrap_or_default();
            if part.is_empty() {
                return Ok(Self::new(path, bytes, hash, by));
            }
            hash.update(part);
            bytes += part.len() as u64;
        }
    }

    pub(crate) fn new(path: &Path, bytes: u64, hash: Sha256, by: &str) -> Self {
        let sha256 = base16ct::lower::encode_string(&hash.finalize());
        Self { file: name_of(path), bytes, sha256, by: by.to_owned() }
    }

    /// Whether the file at a path is the one that was written.
    pub(crate) fn describes(&self, path: &Path) -> io::Result<bool> {
        if fs::metadata(path)?.len() != self.bytes {
            return Ok(false);
        }
        Ok(Self::of(path, &self.by)?.sha256 == self.sha256)
    }
}

/// The name that a file has in a record.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The entries of a folder, the oldest first; none without a record. A line that is not whole proves nothing.
pub(crate) fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    Ok(parse(&text(folder)?))
}

fn text(folder: &Path) -> io::Result<Vec<u8>> {
    let path = folder.join(MANIFEST);
    let refused = |reason: &str| {
        let reason = format!("{} {reason}; move it away", path.display());
        Err(io::Error::new(ErrorKind::AlreadyExists, reason))
    };
    if path.is_symlink() {
        return refused("is a link, and the record of a folder's files is a file of its own");
    }
    match read_bytes(&path, MAX_BYTES) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        // A first line that was being written when a command was killed has no end.
        Ok(text) if text.contains(&b'\n') && parse(&text).is_empty() => {
            refused("is no record of a folder's files")
        }
        text => text,
    }
}

fn parse(text: &[u8]) -> Vec<Entry> {
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Adds an entry that is not there yet. One write of a short line does not mix with those of other processes.
pub(crate) fn add(folder: &Path, entry: &Entry) -> io::Result<()> {
    let text = text(folder)?;
    if parse(&text).contains(entry) {
        return Ok(());
    }
    let mut file = open(folder)?;
    let end = if text.last().is_some_and(|last| *last != b'\n') { "\n" } else { "" };
    file.write_all(format!("{end}{}", line(entry)?).as_bytes())?;
    file.sync_data()
}

/// The record of a folder, open to add lines.
pub(crate) fn open(folder: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(folder.join(MANIFEST))
}

pub(crate) fn line(entry: &Entry) -> io::Result<String> {
    Ok(serde_json::to_string(entry)? + "\n")
}

/// Keeps one entry, the last, for each file that `by` wrote and that is still there, in the order of names.
///
/// No other command may be writing to the folder.
pub(crate) fn compact(folder: &Path, by: &str) -> io::Result<()> {
    let (ours, others): (Vec<Entry>, Vec<Entry>) =
        entries(folder)?.into_iter().partition(|entry| entry.by == by);
    let ours: BTreeMap<String, Entry> = ours.into_iter().map(|entry| (entry.file.clone(), entry)).collect();
    let ours = ours.into_values().filter(|entry| folder.join(&entry.file).exists());
    write(folder, others.into_iter().chain(ours))
}

/// Replaces the record of a folder.
pub(crate) fn write(folder: &Path, entries: impl IntoIterator<Item = Entry>) -> io::Result<()> {
    let text = entries.into_iter().map(|entry| line(&entry)).collect::<io::Result<String>>()?;
    crate::write_file(folder.join(MANIFEST), text).map_err(|error| error.source)
}
