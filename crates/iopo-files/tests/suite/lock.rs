use std::fs;
use std::io::{Read, Seek, Write};

use iopo_files::{FileLock, FolderLock};

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

#[test]
fn a_folder_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let lock = FolderLock::take(folder.path()).unwrap().unwrap();
    assert!(FolderLock::is_held(folder.path()).unwrap());
    assert!(FolderLock::take(folder.path()).unwrap().is_none());
    lock.check().unwrap();
    drop(lock);
    assert!(!FolderLock::is_held(folder.path()).unwrap());
    assert!(FolderLock::take(folder.path()).unwrap().is_some());
    assert!(!FolderLock::is_held(&folder.path().join("missing")).unwrap());
}

#[cfg(unix)]
#[test]
fn removing_the_lock_file_lets_no_second_writer_in() {
    let folder = tempfile::tempdir().unwrap();
    let lock = FolderLock::take(folder.path()).unwrap().unwrap();
    fs::remove_file(folder.path().join(".lock")).unwrap();
    assert!(FolderLock::is_held(folder.path()).unwrap());
    assert!(FolderLock::take(folder.path()).unwrap().is_none());
    lock.check().unwrap();
}

#[cfg(unix)]
#[test]
fn a_folder_that_another_has_taken_the_place_of_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::create_dir(&path).unwrap();
    let lock = FolderLock::take(&path).unwrap().unwrap();
    fs::rename(&path, folder.path().join("moved")).unwrap();
    assert!(lock.check().is_err());
    fs::create_dir(&path).unwrap();
    assert!(lock.check().unwrap_err().source.to_string().contains("moved or removed"));
}

#[cfg(unix)]
#[test]
fn a_locked_file_that_was_removed_or_replaced_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let lock = FileLock::take(&path).unwrap().unwrap();
    assert!(lock.is_at(&path));
    fs::remove_file(&path).unwrap();
    assert!(!lock.is_at(&path));
    fs::write(&path, "").unwrap();
    assert!(!lock.is_at(&path));
}

/// Reading a pipe would wait for ever, and a device keeps nothing.
#[cfg(unix)]
#[test]
fn only_a_regular_file_is_locked() {
    assert!(FileLock::take(std::path::Path::new("/dev/null")).is_err());
}
