//! No command replaces what it did not write.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{failure, fixture, good, program};

fn world(out: &Path, seed: &str) -> Command {
    let mut command = program("world");
    command.args(["--rows", "20", "--eval-rows", "5", "--seed", seed, "--out"]).arg(out);
    command
}

#[test]
fn a_world_replaces_its_own_files_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    good(&world(&out, "1").output().unwrap());
    let before = fs::read(out.join("sft.jsonl")).unwrap();
    good(&world(&out, "2").output().unwrap());
    assert_ne!(fs::read(out.join("sft.jsonl")).unwrap(), before);
    for name in ["sft.jsonl", "eval_more.jsonl", "world.json"] {
        let path = out.join(name);
        let ours = fs::read(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        let others = fs::read(out.join("groups.jsonl")).unwrap();
        let errors = failure(&world(&out, "3").output().unwrap());
        assert!(
            errors.contains(name) && errors.contains("changed after trace-build world wrote it"),
            "{errors}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(fs::read(out.join("groups.jsonl")).unwrap(), others);
        fs::write(&path, ours).unwrap();
    }
}

#[test]
fn a_file_of_a_users_is_not_replaced_by_any_command() {
    let folder = tempfile::tempdir().unwrap();
    let rows = fixture("groups.jsonl");
    let out = |name: &str| folder.path().join(name);
    let commands = |name: &str| {
        let mut command = match name {
            "page.html" => program("browse"),
            "rows.jsonl" => program("export"),
            _ => program("stats"),
        };
        command.arg(&rows);
        match name {
            "page.html" => command.arg("--out").arg(out(name)),
            "rows.jsonl" => command.args(["--to", "trl-chat", "--as", "pairs", "--out"]).arg(out(name)),
            _ => command.arg("--plot").arg(out(name)),
        };
        command.output().unwrap()
    };
    for name in ["page.html", "rows.jsonl", "rings.svg"] {
        fs::write(out(name), "mine").unwrap();
        let errors = failure(&commands(name));
        assert!(errors.contains(name) && errors.contains("did not write it; move it away"), "{errors}");
        assert_eq!(fs::read_to_string(out(name)).unwrap(), "mine");
        fs::remove_file(out(name)).unwrap();
        good(&commands(name));
        good(&commands(name));
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_or_a_link_to_nothing_is_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    for (out, reason) in
        [(&pipe, "it is a pipe, socket or device"), (&link, "is a link to nowhere, where nothing is")]
    {
        let mut command = program("browse");
        command.arg(fixture("groups.jsonl")).arg("--out").arg(out);
        let errors = failure(&command.output().unwrap());
        assert!(errors.contains(reason), "{errors}");
    }
    let errors = failure(&world(&link, "1").output().unwrap());
    assert!(errors.contains("is a link to nowhere, where nothing is"), "{errors}");
    assert!(link.is_symlink() && !pipe.is_file());
}

#[test]
fn a_folder_that_is_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let errors = failure(&world(&file, "1").output().unwrap());
    assert!(errors.contains("is a file, not a folder"), "{errors}");
}

#[test]
fn what_a_killed_command_left_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(".page.html.part-Ab3dEf.tmp");
    fs::write(&left, "half").unwrap();
    let mut command = program("browse");
    command.arg(fixture("groups.jsonl")).arg("--out").arg(folder.path().join("page.html"));
    good(&command.output().unwrap());
    assert!(!left.exists());
}
