//! A command replaces and removes what it wrote, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use iopo_files::{FileError, GrowingFile, MANIFEST, Owner, try_folder};
use proptest::prelude::*;

const OURS: Owner = Owner::new("ours");
const THEIRS: Owner = Owner::new("theirs");
const NOTHING: [&str; 0] = [];

fn refused(error: &FileError, reason: &str) {
    assert!(error.source.to_string().contains(reason), "{error}: {}", error.source);
}

fn in_folder(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

#[test]
fn a_command_replaces_its_own_file_as_often_as_it_likes() {
    let (_folder, path) = in_folder("a.jsonl");
    for text in ["one", "two", "one", ""] {
        OURS.claim([&path], NOTHING).unwrap();
        OURS.write(&path, text).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_file_that_no_run_wrote_is_neither_replaced_nor_removed() {
    let (_folder, path) = in_folder("a.jsonl");
    fs::write(&path, "mine").unwrap();
    for error in [
        OURS.claim([&path], NOTHING).unwrap_err(),
        OURS.write(&path, "new").unwrap_err(),
        OURS.remove(&path).unwrap_err(),
    ] {
        refused(&error, "ours did not write it; move it away, or choose another place");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_file_that_was_edited_since_is_the_users() {
    let (_folder, path) = in_folder("a.jsonl");
    OURS.write(&path, "one").unwrap();
    // Of the same length, which a time stamp or a length would not show.
    fs::write(&path, "two").unwrap();
    refused(&OURS.write(&path, "new").unwrap_err(), "it was changed after ours wrote it");
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
}

#[test]
fn a_file_of_another_command_is_not_replaced() {
    let (_folder, path) = in_folder("a.jsonl");
    THEIRS.write(&path, "one").unwrap();
    refused(&OURS.claim([&path], NOTHING).unwrap_err(), "theirs wrote it, not ours");
    THEIRS.remove(&path).unwrap();
    OURS.write(&path, "new").unwrap();
}

#[test]
fn a_file_that_comes_while_a_command_runs_is_not_replaced() {
    let (folder, path) = in_folder("a.jsonl");
    let mut file = OURS.create(&path).unwrap();
    file.append("new").unwrap();
    fs::write(&path, "mine").unwrap();
    refused(&file.finish().unwrap_err(), "ours did not write it");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_empty_file_holds_nothing_to_lose() {
    let (_folder, path) = in_folder("a.jsonl");
    fs::write(&path, "").unwrap();
    OURS.write(&path, "new").unwrap();
}

#[test]
fn an_input_is_not_an_output_under_any_name() {
    let (folder, input) = in_folder("in.jsonl");
    OURS.write(&input, "rows").unwrap();
    let roundabout = folder.path().join("../").join(folder.path().file_name().unwrap()).join("in.jsonl");
    let hard = folder.path().join("hard");
    fs::hard_link(&input, &hard).unwrap();
    let mut names = vec![input.clone(), roundabout, hard];
    #[cfg(unix)]
    {
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&input, &link).unwrap();
        names.push(link);
    }
    for name in &names {
        refused(&OURS.claim([name], [&input]).unwrap_err(), "is an input and would be overwritten");
        refused(&OURS.claim([&input], [name]).unwrap_err(), "is an input and would be overwritten");
    }
}

#[test]
fn two_outputs_have_two_places() {
    let (folder, path) = in_folder("q");
    for other in ["q", "Q", "./q"] {
        let other = folder.path().join(other);
        refused(&OURS.claim([&path, &other], NOTHING).unwrap_err(), "it is the place of");
    }
    refused(&OURS.claim([&path], [&path]).unwrap_err(), "would be overwritten");
    OURS.claim([&path, &folder.path().join("r")], NOTHING).unwrap();
}

#[test]
fn a_claim_leaves_nothing_behind() {
    let (folder, path) = in_folder("new/deep/a.jsonl");
    OURS.claim([&path], NOTHING).unwrap();
    try_folder(&folder.path().join("other/deep")).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let (_folder, file) = in_folder("file");
    fs::write(&file, "mine").unwrap();
    for place in [file.clone(), file.join("deep/er")] {
        let error = try_folder(&place).unwrap_err();
        refused(&error, &format!("{} is a file, not a folder", file.display()));
        assert_eq!(error.path, place);
    }
    #[cfg(unix)]
    {
        let link = file.with_file_name("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        refused(&try_folder(&link.join("deep")).unwrap_err(), "is a link to nowhere, where nothing is");
    }
}

/// Entries come before files: a command may be killed between the two.
#[test]
fn a_command_that_was_killed_before_its_rename_still_owns_its_older_file() {
    let (folder, path) = in_folder("a.jsonl");
    OURS.write(&path, "old").unwrap();
    let old = fs::read(&path).unwrap();
    OURS.write(&path, "new").unwrap();
    fs::write(&path, old).unwrap();
    OURS.claim([&path], NOTHING).unwrap();
    // A loss of power may cut the last line of the record.
    let record = folder.path().join(MANIFEST);
    let whole = fs::read_to_string(&record).unwrap();
    fs::write(&record, &whole[..whole.len() - 20]).unwrap();
    OURS.write(&path, "newest").unwrap();
    OURS.claim([&path], NOTHING).unwrap();
}

#[test]
fn what_killed_runs_left_beside_an_output_goes_with_the_next_run() {
    let (folder, path) = in_folder("a.jsonl");
    let (left, other) = (".a.jsonl.part-Ab3dEf.tmp", ".b.jsonl.part-Ab3dEf.tmp");
    [left, other].iter().for_each(|name| fs::write(folder.path().join(name), "half").unwrap());
    OURS.write(&path, "whole").unwrap();
    assert!(!folder.path().join(left).exists() && folder.path().join(other).exists());
}

#[test]
fn a_copied_folder_is_as_much_our_own_as_the_first() {
    let (folder, path) = in_folder("a.jsonl");
    OURS.write(&path, "one").unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["a.jsonl", MANIFEST] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    OURS.write(copy.path().join("a.jsonl"), "two").unwrap();
}

fn filled(folder: &Path) -> PathBuf {
    let inner = folder.join("inner");
    fs::create_dir(&inner).unwrap();
    ["a", "b"].iter().for_each(|name| OURS.write(inner.join(name), name).unwrap());
    inner
}

#[test]
fn a_folder_goes_if_all_of_it_is_our_own() {
    let folder = tempfile::tempdir().unwrap();
    let inner = filled(folder.path());
    fs::write(inner.join(".a.part-Ab3dEf.tmp"), "half").unwrap();
    OURS.remove_folder(&inner).unwrap();
    assert!(!inner.exists());
    OURS.remove_folder(&inner).unwrap();
}

#[test]
fn a_folder_with_anything_else_in_it_stays_whole() {
    type Spoil = fn(&Path);
    let spoils: [(&str, Spoil); 4] = [
        ("notes.txt", |inner| fs::write(inner.join("notes.txt"), "mine").unwrap()),
        ("b", |inner| fs::write(inner.join("b"), "c").unwrap()),
        ("sub", |inner| fs::create_dir(inner.join("sub")).unwrap()),
        ("c", |inner| THEIRS.write(inner.join("c"), "c").unwrap()),
    ];
    for (name, spoil) in spoils {
        let folder = tempfile::tempdir().unwrap();
        let inner = filled(folder.path());
        spoil(&inner);
        let before = fs::read_dir(&inner).unwrap().count();
        let error = OURS.remove_folder(&inner).unwrap_err();
        assert_eq!(error.path, inner);
        refused(&error, &format!("{name}: "));
        assert_eq!(fs::read_dir(&inner).unwrap().count(), before, "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let inner = filled(folder.path());
    fs::remove_file(inner.join(MANIFEST)).unwrap();
    assert!(OURS.remove_folder(&inner).is_err());
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_of_our_own_stays() {
    let folder = tempfile::tempdir().unwrap();
    let inner = filled(folder.path());
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&inner, &link).unwrap();
    assert!(OURS.remove_folder(&link).is_err());
    assert!(link.join("a").exists());
}

#[test]
fn a_file_that_grows_is_our_own_at_every_time() {
    let (folder, path) = in_folder("log.jsonl");
    let mut log = GrowingFile::start(OURS, &path, b"one\n").unwrap();
    for line in ["two\n", "three\n"] {
        OURS.check_file(&path).unwrap();
        log.append(line.as_bytes()).unwrap();
    }
    drop(log);
    OURS.compact(folder.path()).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join(MANIFEST)).unwrap().lines().count(), 1);
    OURS.check_file(&path).unwrap();
    fs::write(&path, "one\ntwo\nfour\n").unwrap();
    OURS.check_file(&path).unwrap_err();
}

#[test]
fn a_compacted_record_keeps_what_others_wrote() {
    let (folder, path) = in_folder("a");
    THEIRS.write(folder.path().join("b"), "b").unwrap();
    ["one", "two"].iter().for_each(|text| OURS.write(&path, text).unwrap());
    OURS.write(folder.path().join("gone"), "x").unwrap();
    fs::remove_file(folder.path().join("gone")).unwrap();
    OURS.compact(folder.path()).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join(MANIFEST)).unwrap().lines().count(), 2);
    OURS.check_file(&path).unwrap();
    THEIRS.check_file(&folder.path().join("b")).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a user puts in the place of a file of ours stays, and whatever we write ourselves may go.
    #[test]
    fn a_file_is_replaced_if_and_only_if_its_bytes_are_ours(
        written in prop::collection::vec(any::<u8>(), 0..40),
        found in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (_folder, path) = in_folder("a");
        OURS.write(&path, &written).unwrap();
        fs::write(&path, &found).unwrap();
        let is_ours = found == written || found.is_empty();
        prop_assert_eq!(OURS.write(&path, "new").is_ok(), is_ours);
        prop_assert_eq!(fs::read(&path).unwrap() == found, !is_ours || found == b"new");
    }
}

/// Lines are added to a record, and old ones go: in a user's file, or at the end of a link, both would be a loss.
#[test]
fn a_record_that_is_a_users_file_is_left_alone() {
    let (folder, path) = in_folder("a");
    fs::write(folder.path().join(MANIFEST), "mine\n").unwrap();
    let error = OURS.write(&path, "text").unwrap_err();
    assert!(error.source.to_string().contains("is no record of a folder's files"), "{}", error.source);
    assert_eq!(fs::read_to_string(folder.path().join(MANIFEST)).unwrap(), "mine\n");
    assert!(!path.exists());
}

#[cfg(unix)]
#[test]
fn a_record_that_is_a_link_is_left_alone() {
    let (folder, path) = in_folder("a");
    let user = folder.path().join("user.txt");
    fs::write(&user, "").unwrap();
    std::os::unix::fs::symlink(&user, folder.path().join(MANIFEST)).unwrap();
    let error = OURS.write(&path, "text").unwrap_err();
    assert!(error.source.to_string().contains("is a link"), "{}", error.source);
    assert_eq!(fs::read_to_string(&user).unwrap(), "");
}
