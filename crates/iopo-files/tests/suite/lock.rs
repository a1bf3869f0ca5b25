use std::fs;
use std::io::{Read, Seek, Write};

use iopo_files::FileLock;

#[test]
fn a_lock_is_held_until_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".lock");
    let lock = FileLock::take(&path).unwrap().unwrap();
    assert!(FileLock::is_held(&path).unwrap());
    assert!(FileLock::take(&path).unwrap().is_none());
    drop(lock);
    assert!(!FileLock::is_held(&path).unwrap());
    assert!(FileLock::take(&path).unwrap().is_some());
}

#[test]
fn looking_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".lock");
    assert!(!FileLock::is_held(&path).unwrap());
    assert!(!path.exists());
}

#[test]
fn a_locked_file_keeps_its_bytes_and_is_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    fs::write(&path, "old ").unwrap();
    let mut lock = FileLock::take(&path).unwrap().unwrap();
    let mut text = String::new();
    lock.read_to_string(&mut text).unwrap();
    lock.write_all(b"new").unwrap();
    lock.rewind().unwrap();
    lock.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old old new");
}

#[test]
fn a_lock_in_a_missing_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/.lock");
    let error = FileLock::take(&path).unwrap_err();
    assert_eq!((error.action, error.path), ("open", path));
}
