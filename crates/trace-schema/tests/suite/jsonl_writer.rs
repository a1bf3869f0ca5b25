//! A file of rows appears whole or not at all.

use std::fs;

use trace_schema::{JsonlWriter, WriteError};

#[test]
fn an_unfinished_file_leaves_the_old_one_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    fs::write(&path, "old").unwrap();
    let mut writer = JsonlWriter::create(&path).unwrap();
    writer.write(&[1, 2, 3]).unwrap();
    drop(writer);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
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
