use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use iopo_files::{AtomicFile, remove_unfinished, replace_file, write_file};

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
    file.write_all(b"ne").unwrap();
    file.append("w").unwrap();
    file.flush().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    file.finish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(folder.path()), ["a.txt"]);
}

#[test]
fn an_unfinished_file_leaves_the_old_one_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, "old").unwrap();
    let mut file = AtomicFile::create(&path).unwrap();
    file.append("half of the n").unwrap();
    assert_eq!(names(folder.path()).len(), 2);
    drop(file);
    assert_eq!(names(folder.path()), ["a.txt"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn two_writers_of_one_path_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let mut first = AtomicFile::create(&path).unwrap();
    let mut second = AtomicFile::create(&path).unwrap();
    first.append("first").unwrap();
    second.append("second").unwrap();
    first.finish().unwrap();
    second.finish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "second");
}

#[test]
fn a_name_without_a_folder_is_of_the_present_one() {
    // Integration tests run in the folder of their crate.
    let name = format!("here-{}.txt", std::process::id());
    write_file(&name, "here").unwrap();
    assert_eq!(fs::read_to_string(&name).unwrap(), "here");
    fs::remove_file(&name).unwrap();
}

/// On every way to write a file.
#[cfg(unix)]
#[test]
fn a_file_has_the_permissions_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = |name| folder.path().join(name);
    fs::write(path("plain"), "").unwrap();
    write_file(path("written"), "").unwrap();
    replace_file::<io::Error>(&path("replaced"), |temporary| fs::write(temporary, "")).unwrap();
    let mode = |name| fs::metadata(path(name)).unwrap().permissions().mode();
    assert_eq!(mode("written"), mode("plain"));
    assert_eq!(mode("replaced"), mode("plain"));
}

#[test]
fn a_failed_replacement_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    fs::write(&path, "old").unwrap();
    let failed = replace_file(&path, |temporary| {
        fs::write(temporary, "half of the n")?;
        Err(io::Error::other("disk full"))
    });
    assert_eq!(failed.unwrap_err().to_string(), "disk full");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(folder.path()), ["a.json"]);
}

#[test]
fn a_replacement_may_itself_rename_a_file_onto_the_temporary_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    replace_file::<io::Error>(&path, |temporary| {
        let other = folder.path().join("other");
        fs::write(&other, "new")?;
        fs::rename(other, temporary)
    })
    .unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(folder.path()), ["a.json"]);
}

#[test]
fn only_unfinished_files_of_the_names_given_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let left = [".a.jsonl.part-Ab3dEf.tmp", ".b.jsonl.part-Ab3dEf.tmp"];
    let others = [".a.jsonl.mine.tmp", ".a.jsonl.part-mine.tmp", ".a.jsonl.part-12-456.tmp", "a.jsonl"];
    left.iter().chain(&others).for_each(|name| fs::write(path(name), "x").unwrap());
    fs::create_dir(path(".a.jsonl.part-folder.tmp")).unwrap();
    fs::write(path(".a.jsonl.part-folder.tmp/half"), "x").unwrap();
    remove_unfinished(folder.path(), |name| ["a.jsonl", "c.jsonl"].contains(&name)).unwrap();
    let mut kept = [&others[..], &left[1..]].concat();
    kept.sort_unstable();
    assert_eq!(names(folder.path()), kept);
}

#[test]
fn a_file_that_is_being_written_is_not_removed_as_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let mut file = AtomicFile::create(&path).unwrap();
    remove_unfinished(folder.path(), |_| true).unwrap();
    file.append("whole").unwrap();
    file.finish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
}

#[cfg(unix)]
#[test]
fn a_file_is_written_through_a_link_and_the_link_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (link, end) = (folder.path().join("link"), folder.path().join("end"));
    fs::write(&end, "old").unwrap();
    std::os::unix::fs::symlink(&end, &link).unwrap();
    write_file(&link, "new").unwrap();
    replace_file::<io::Error>(&link, |temporary| fs::write(temporary, "newer")).unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&end).unwrap(), "newer");
}

/// Renaming a file over a device would take the device from the machine; what is not a regular file is one kind.
#[cfg(unix)]
#[test]
fn a_pipe_a_socket_a_folder_and_a_link_to_nothing_are_no_places_for_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (link, pipe) = (folder.path().join("link"), folder.path().join("pipe"));
    std::os::unix::fs::symlink(folder.path().join("nothing"), &link).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (path, reason) in [
        (pipe.as_path(), "pipe"),
        (&socket, "socket"),
        (folder.path(), "it is a folder"),
        (&link, "nothing, where nothing is"),
    ] {
        let error = write_file(path, "new").unwrap_err();
        assert!(error.source.to_string().contains(reason), "{}: {}", path.display(), error.source);
        assert!(replace_file::<io::Error>(path, |_| Ok(())).is_err());
    }
    assert_eq!(names(folder.path()), ["link", "pipe", "socket"]);
}

#[test]
fn a_path_that_names_no_file_is_refused() {
    let error = AtomicFile::create("..").unwrap_err();
    assert_eq!(error.to_string(), "cannot create ..");
    assert_eq!(error.source().unwrap().to_string(), "the path names no file");
}

#[test]
fn an_error_names_the_file_and_not_the_temporary_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/a.txt");
    let error = AtomicFile::create(&path).unwrap_err();
    assert_eq!(error.path, path);
    assert_eq!(error.to_string(), format!("cannot create {}", path.display()));
    assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    assert!(!error.source.to_string().contains("part-"), "{}", error.source);
}

#[test]
fn a_folder_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    let file = AtomicFile::create(&path).unwrap();
    fs::create_dir_all(path.join("inside")).unwrap();
    assert_eq!(file.finish().unwrap_err().action, "replace");
    assert_eq!(names(folder.path()), ["taken"]);
}
