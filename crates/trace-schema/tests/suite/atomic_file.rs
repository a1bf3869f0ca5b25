//! A file appears whole or not at all.

use std::fs;
use std::io::Write;
use std::path::Path;

use trace_schema::{AtomicFile, JsonlWriter, WriteError};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_finished_file_replaces_the_old_one_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, "old").unwrap();
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    file.flush().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    file.finish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(folder.path()), ["a.txt"]);
}

#[test]
fn an_unfinished_file_leaves_the_old_one_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    fs::write(&path, "old").unwrap();
    let mut writer = JsonlWriter::create(&path).unwrap();
    writer.write(&[1, 2, 3]).unwrap();
    assert_eq!(names(folder.path()).len(), 2);
    drop(writer);
    assert_eq!(names(folder.path()), ["a.jsonl"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn two_writers_of_one_path_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let mut first = JsonlWriter::create(&path).unwrap();
    let mut second = JsonlWriter::create(&path).unwrap();
    first.write("first").unwrap();
    second.write("second").unwrap();
    first.finish().unwrap();
    assert_eq!(second.finish().unwrap(), 1);
    assert_eq!(fs::read_to_string(&path).unwrap(), "\"second\"\n");
}

#[test]
fn leftovers_of_a_process_of_the_same_number_are_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let file = AtomicFile::create(&path).unwrap();
    let name = names(folder.path()).remove(0);
    let (start, number) = name.strip_suffix(".tmp").unwrap().rsplit_once('-').unwrap();
    let number: u64 = number.parse().unwrap();
    drop(file);
    // Other tests of this process take some of the numbers in between.
    let leftovers: Vec<String> =
        (number..number + 50).map(|number| format!("{start}-{number}.tmp")).collect();
    leftovers.iter().for_each(|name| fs::write(folder.path().join(name), "left").unwrap());
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    file.finish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    let is_left = |name: &String| fs::read_to_string(folder.path().join(name)).unwrap() == "left";
    assert!(leftovers.iter().all(is_left));
}

#[test]
fn no_file_name() {
    assert!(matches!(AtomicFile::create(".."), Err(WriteError::NoFileName { .. })));
}

#[test]
fn create_in_a_missing_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/a.txt");
    assert!(matches!(AtomicFile::create(&path), Err(WriteError::Create { path: at, .. }) if at == path));
}

#[test]
fn encode_names_the_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = JsonlWriter::create(folder.path().join("a.jsonl")).unwrap();
    writer.write("fine").unwrap();
    let keys_that_are_not_text = std::collections::BTreeMap::from([([1, 2], 3)]);
    assert!(matches!(writer.write(&keys_that_are_not_text), Err(WriteError::Encode { row: 2, .. })));
    writer.write("fine again").unwrap();
    assert_eq!(writer.finish().unwrap(), 2);
}

#[test]
fn persist_onto_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    let file = AtomicFile::create(&path).unwrap();
    fs::create_dir_all(path.join("inside")).unwrap();
    assert!(matches!(file.finish(), Err(WriteError::Persist { .. })));
    assert_eq!(names(folder.path()), ["taken"]);
}

#[test]
fn write_keeps_what_the_system_says() {
    // A disk cannot be filled from here, and so the error is made by hand.
    let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = WriteError::Write { path: "a.txt".into(), source };
    assert_eq!(error.to_string(), "cannot write a.txt");
    assert!(std::error::Error::source(&error).is_some());
}
