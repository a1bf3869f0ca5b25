//! Reference log-probs on disk: one file for each reference model.
//!
//! ```text
//! file   = "IOPOREF1" fingerprint[32] record*
//! record = sequence key[32] log-prob[8] checksum[8]
//! ```
//!
//! Numbers are little-endian, the log-prob is an f64; the checksum is the start of the SHA-256 of
//! fingerprint, key and log-prob. Records are only ever appended, so a kill leaves at most one
//! that is incomplete. It is dropped, and so is any record whose checksum is wrong (power loss while
//! the file grew, a bad disk): their numbers are recomputed, and the user gets a notice. A file with
//! a wrong header is an error: nothing in it can be trusted.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use iopo_files::{FileLock, remove_unfinished, write_file};

use super::fingerprint::{Fingerprint, Framed, SequenceKey};
use crate::error::TrainError;
use crate::files::create_folder;

const MAGIC: &[u8; 8] = b"IOPOREF1";
const HEADER: usize = MAGIC.len() + 32;
const RECORD: usize = 32 + 8 + 8;

/// How often a process checks whether another has released the lock.
const PATIENCE: Duration = Duration::from_millis(200);

/// Log-probs by sequence.
pub(super) type Records = BTreeMap<SequenceKey, f64>;

/// A cache file, locked against other processes.
#[derive(Debug)]
pub(super) struct CacheFile {
    path: PathBuf,
    fingerprint: Fingerprint,
    file: File,
    _lock: FileLock,
}

/// The content of a cache file.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) records: Records,
    /// Records that were incomplete or damaged, and are dropped.
    pub(super) dropped: usize,
}

impl CacheFile {
    /// Where the numbers of a reference are kept.
    pub(super) fn path(dir: &Path, fingerprint: &Fingerprint) -> PathBuf {
        let name: String = fingerprint.to_string().chars().take(16).collect();
        dir.join(format!("{name}.logps"))
    }

    /// Opens or creates the file once no other process holds it; `wait` is called once if one does.
    pub(super) fn open(
        dir: &Path,
        fingerprint: Fingerprint,
        wait: impl FnOnce(&Path),
    ) -> Result<(Self, Contents), TrainError> {
        let path = Self::path(dir, &fingerprint);
        create_folder(dir)?;
        let lock = lock(&path, wait)?;
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            remove_unfinished(dir, |unfinished| unfinished == name)
                .map_err(|source| TrainError::Write { path: dir.to_owned(), source })?;
        }
        let contents = match read(&path, &fingerprint)? {
            Some(contents) if contents.dropped == 0 => contents,
            found => {
                let contents = found.unwrap_or(Contents { records: Records::new(), dropped: 0 });
                // The sound records are rewritten, so that the next record starts at a record boundary.
                let mut bytes = header(&fingerprint);
                bytes.extend(
                    contents.records.iter().flat_map(|(key, value)| record(&fingerprint, key, *value)),
                );
                write_file(&path, bytes)?;
                contents
            }
        };
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|source| TrainError::Write { path: path.clone(), source })?;
        Ok((Self { path, fingerprint, file, _lock: lock }, contents))
    }

    /// Adds records in one write: a kill leaves at most the last one incomplete.
    pub(super) fn append(&mut self, records: &[(SequenceKey, f64)]) -> Result<(), TrainError> {
        let bytes: Vec<u8> =
            records.iter().flat_map(|(key, value)| record(&self.fingerprint, key, *value)).collect();
        self.file.write_all(&bytes).map_err(|source| TrainError::Write { path: self.path.clone(), source })
    }

    /// Waits until everything is on the disk.
    pub(super) fn sync(&self) -> Result<(), TrainError> {
        self.file.sync_all().map_err(|source| TrainError::Write { path: self.path.clone(), source })
    }
}

fn lock(path: &Path, wait: impl FnOnce(&Path)) -> Result<FileLock, TrainError> {
    let path = path.with_extension("lock");
    let mut wait = Some(wait);
    loop {
        if let Some(lock) = FileLock::take(&path)? {
            return Ok(lock);
        }
        if let Some(wait) = wait.take() {
            wait(&path);
        }
        std::thread::sleep(PATIENCE);
    }
}

/// The content of a file; none where it does not exist.
fn read(path: &Path, fingerprint: &Fingerprint) -> Result<Option<Contents>, TrainError> {
    let unreadable = |source| TrainError::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(unreadable)?,
    };
    let mut reader = BufReader::new(file);
    let mut next = |length: usize| {
        let mut bytes = Vec::with_capacity(length);
        reader.by_ref().take(length as u64).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok::<_, TrainError>(bytes)
    };
    if next(HEADER)? != header(fingerprint) {
        return Err(TrainError::ReferenceCache { file: path.to_owned() });
    }
    let mut contents = Contents { records: Records::new(), dropped: 0 };
    loop {
        let bytes = next(RECORD)?;
        if bytes.is_empty() {
            return Ok(Some(contents));
        }
        match parse(fingerprint, &bytes) {
            // The first number of a sequence wins: runs may have started with it.
            Some((key, value)) => {
                contents.records.entry(key).or_insert(value);
            }
            None => contents.dropped += 1,
        }
    }
}

fn header(fingerprint: &Fingerprint) -> Vec<u8> {
    [&MAGIC[..], &fingerprint.0].concat()
}

fn record(fingerprint: &Fingerprint, key: &SequenceKey, value: f64) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[..32].copy_from_slice(&key.0);
    bytes[32..40].copy_from_slice(&value.to_le_bytes());
    let checksum = checksum(fingerprint, &bytes[..40]);
    bytes[40..].copy_from_slice(&checksum);
    bytes
}

/// A complete record whose checksum is right.
fn parse(fingerprint: &Fingerprint, bytes: &[u8]) -> Option<(SequenceKey, f64)> {
    let bytes: &[u8; RECORD] = bytes.try_into().ok()?;
    if bytes[40..] != checksum(fingerprint, &bytes[..40]) {
        return None;
    }
    Some((SequenceKey(bytes[..32].try_into().ok()?), f64::from_le_bytes(bytes[32..40].try_into().ok()?)))
}

fn checksum(fingerprint: &Fingerprint, content: &[u8]) -> [u8; 8] {
    let mut hash = Framed::new("iopo record");
    hash.add(&fingerprint.0);
    hash.add(content);
    let mut short = [0; 8];
    short.copy_from_slice(&hash.finish()[..8]);
    short
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::*;

    const MODEL: Fingerprint = Fingerprint([7; 32]);

    fn key(index: u8) -> SequenceKey {
        SequenceKey([index; 32])
    }

    fn open(dir: &Path) -> (CacheFile, Contents) {
        CacheFile::open(dir, MODEL, |_| panic!("nobody else holds it")).unwrap()
    }

    /// Three records, in two appends.
    fn filled(dir: &Path) -> PathBuf {
        let (mut file, contents) = open(dir);
        assert_eq!((contents.records.len(), contents.dropped), (0, 0));
        file.append(&[(key(1), -1.5), (key(2), -2.5)]).unwrap();
        file.append(&[(key(3), -3.5)]).unwrap();
        file.sync().unwrap();
        CacheFile::path(dir, &MODEL)
    }

    fn records(dir: &Path) -> Vec<(SequenceKey, f64)> {
        open(dir).1.records.into_iter().collect()
    }

    #[test]
    fn opening_removes_what_a_killed_repair_left_and_nothing_else() {
        let dir = tempdir().unwrap();
        let path = filled(dir.path());
        let name = path.file_name().unwrap().to_str().unwrap();
        let (left, other) =
            (dir.path().join(format!(".{name}.part-Ab3dEf.tmp")), dir.path().join(".mine.tmp"));
        fs::write(&left, "half").unwrap();
        fs::write(&other, "mine").unwrap();
        let (_, contents) = open(dir.path());
        assert_eq!(contents.records.len(), 3);
        assert!(!left.exists() && other.exists());
    }

    #[test]
    fn what_was_appended_is_read_back() {
        let dir = tempdir().unwrap();
        filled(dir.path());
        assert_eq!(records(dir.path()), [(key(1), -1.5), (key(2), -2.5), (key(3), -3.5)]);
    }

    #[test]
    fn a_file_cut_anywhere_in_its_last_record_loses_that_record_alone() {
        for cut in 1..=RECORD {
            let dir = tempdir().unwrap();
            let path = filled(dir.path());
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
            let (mut file, contents) = open(dir.path());
            assert_eq!(contents.records.into_iter().collect::<Vec<_>>(), [(key(1), -1.5), (key(2), -2.5)]);
            assert_eq!(contents.dropped, usize::from(cut < RECORD));
            file.append(&[(key(3), -3.5)]).unwrap();
            drop(file);
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn any_changed_byte_of_a_record_costs_that_record_alone() {
        for changed in HEADER + RECORD..HEADER + 2 * RECORD {
            let dir = tempdir().unwrap();
            let path = filled(dir.path());
            let mut bytes = fs::read(&path).unwrap();
            bytes[changed] ^= 1;
            fs::write(&path, bytes).unwrap();
            let (_, contents) = open(dir.path());
            assert_eq!(contents.dropped, 1);
            assert_eq!(contents.records.into_iter().collect::<Vec<_>>(), [(key(1), -1.5), (key(3), -3.5)]);
            // The damage is gone from the file as well.
            assert_eq!(open(dir.path()).1.dropped, 0);
        }
    }

    #[test]
    fn a_file_that_does_not_begin_as_a_cache_is_refused_and_left_alone() {
        for spoil in 0..HEADER {
            let dir = tempdir().unwrap();
            let path = filled(dir.path());
            let mut bytes = fs::read(&path).unwrap();
            bytes[spoil] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let refuse = || CacheFile::open(dir.path(), MODEL, |_| ()).unwrap_err();
            assert!(matches!(refuse(), TrainError::ReferenceCache { file } if file == path));
            assert_eq!(fs::read(&path).unwrap(), bytes);
            fs::write(&path, &bytes[..spoil]).unwrap();
            assert!(refuse().to_string().contains("delete it"));
        }
    }

    #[test]
    fn the_first_number_of_a_sequence_stays() {
        let dir = tempdir().unwrap();
        filled(dir.path());
        open(dir.path()).0.append(&[(key(1), -9.0)]).unwrap();
        assert_eq!(records(dir.path())[0], (key(1), -1.5));
    }

    #[test]
    fn a_file_that_another_holds_is_waited_for_and_then_read() {
        let dir = tempdir().unwrap();
        let (mut file, _) = open(dir.path());
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                CacheFile::open(dir.path(), MODEL, move |_| sender.send(()).unwrap()).unwrap().1.records
            });
            receiver.recv().unwrap();
            file.append(&[(key(1), -1.5)]).unwrap();
            drop(file);
            assert_eq!(second.join().unwrap().get(&key(1)), Some(&-1.5));
        });
    }
}
