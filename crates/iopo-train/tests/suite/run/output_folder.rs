//! The output folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use iopo_train::{Notice, OWNER, Observer, Trainer};
use tempfile::tempdir;

use super::{SHORT, bytes, fail, run, short, with_checkpoint};
use crate::common::{config, copy_folder, fixture, names_in, tiny};

#[test]
fn results_are_not_replaced_unless_asked_to() {
    let dir = with_checkpoint();
    let before = bytes(dir.path(), "trainer_log.jsonl");
    let error = fail(dir.path(), &["seed=3"]);
    assert!(error.to_string().contains("holds results already"), "{error}");
    assert!(bytes(dir.path(), "trainer_log.jsonl") == before);
}

#[test]
fn replaced_results_leave_none_of_the_old_ones() {
    let dir = with_checkpoint();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let lines = ["overwrite_output_dir=true", "finetuning_type=full", "save_steps=2", "max_steps=2"];
    run(dir.path(), &lines);
    let names: BTreeSet<_> = names_in(dir.path()).into_iter().collect();
    // Checkpoints of three and six updates, and the adapter, would belong to another run.
    for gone in ["checkpoint-3", "checkpoint-6", "adapter_model.safetensors", "adapter_config.json"] {
        assert!(!names.contains(gone), "{gone}");
    }
    assert!(names.contains("checkpoint-2") && names.contains("notes.txt"));
}

#[test]
fn two_runs_do_not_share_an_output_folder() {
    let dir = tempdir().unwrap();
    let mut first = Trainer::new(config(dir.path(), &SHORT), &Device::flex()).unwrap();
    // Made while the folder was free, and so stopped only where it would begin to write.
    let lines = short(&["overwrite_output_dir=true", "stage=sft"]);
    let mut second = Trainer::new(config(dir.path(), &lines), &Device::flex()).unwrap();
    first.run(&mut ()).unwrap();
    let before = names_in(dir.path());
    let in_use = format!(
        "{}: another run is writing to it; wait for it to end, or choose another output_dir",
        dir.path().display()
    );
    for line in ["seed=3", "overwrite_output_dir=true", "resume_from_checkpoint=true"] {
        let error = Trainer::new(config(dir.path(), &short(&[line])), &Device::flex()).unwrap_err();
        assert_eq!(error.to_string(), in_use, "{line}");
    }
    let error = second.run(&mut ()).unwrap_err();
    assert_eq!(error.to_string(), in_use);
    assert_eq!(names_in(dir.path()), before);
    drop(first);
    second.run(&mut ()).unwrap();
    // A trainer's own lock does not shut it out.
    second.run(&mut ()).unwrap();
}

#[test]
fn the_lock_file_of_a_killed_run_neither_blocks_nor_occupies() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join(".lock"), "").unwrap();
    run(dir.path(), &["max_steps=1"]);
}

#[test]
fn a_folder_that_holds_a_model_or_adapter_is_occupied() {
    for name in [
        "config.json",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "pytorch_model.bin",
        "adapter_config.json",
        "adapter_model.safetensors",
    ] {
        let dir = tempdir().unwrap();
        fs::write(dir.path().join(name), "{}").unwrap();
        let error = fail(dir.path(), &[]);
        assert!(error.to_string().contains("holds results already"), "{name}: {error}");
        assert_eq!(names_in(dir.path()), [name]);
    }
}

#[test]
fn answers_of_an_earlier_run_are_not_removed_unasked() {
    let dir = tempdir().unwrap();
    let answers = dir.path().join("eval_answers");
    fs::create_dir(&answers).unwrap();
    fs::write(answers.join("step-3.jsonl"), "{}").unwrap();
    let error = fail(dir.path(), &[]);
    assert!(error.to_string().contains("holds results already"), "{error}");
    // Nobody knows whose they are.
    refused_for(dir.path(), &["overwrite_output_dir=true"], "eval_answers");
    assert!(answers.join("step-3.jsonl").exists());
    fs::remove_file(answers.join("step-3.jsonl")).unwrap();
    OWNER.write(answers.join("step-3.jsonl"), "{}").unwrap();
    run(dir.path(), &["max_steps=1", "overwrite_output_dir=true"]);
    assert!(!answers.exists());
}

/// Overwriting or resuming into a folder is refused for the file, and leaves the folder as it was.
fn refused_for(dir: &Path, more: &[&str], file: &str) {
    let before = names_in(dir);
    let error = fail(dir, more);
    assert!(error.to_string().contains(file), "{error}");
    assert_eq!(names_in(dir), before);
}

#[test]
fn weights_that_no_run_left_are_never_replaced() {
    let overwrite = ["overwrite_output_dir=true"];
    let model = tempdir().unwrap();
    copy_folder(&fixture("models/qwen2-tiny-tied"), model.path());
    refused_for(model.path(), &overwrite, "model.safetensors");
    // transformers leaves a state of the same name.
    fs::write(model.path().join("trainer_state.json"), r#"{"global_step": 3, "max_steps": 3}"#).unwrap();
    refused_for(model.path(), &overwrite, "trainer_state.json");
    let ours = with_checkpoint();
    let checkpoint = format!("resume_from_checkpoint={}", ours.path().join("checkpoint-3").display());
    refused_for(model.path(), &[&checkpoint, overwrite[0]], "trainer_state.json");
    // Shards are nobody's result here, not even beside our own state.
    fs::write(ours.path().join("model-00001-of-00002.safetensors"), "").unwrap();
    refused_for(ours.path(), &overwrite, "model-00001-of-00002.safetensors");
}

#[test]
fn results_of_a_run_killed_while_it_moved_them_into_place_may_be_replaced() {
    let dir = with_checkpoint();
    let state = dir.path().join("trainer_state.json");
    let left = dir.path().join(".final.part-Ab3dEf.tmp");
    fs::create_dir(&left).unwrap();
    fs::rename(&state, left.join("trainer_state.json")).unwrap();
    run(dir.path(), &["overwrite_output_dir=true", "save_steps=3"]);
    assert!(state.exists() && !left.exists());
    // Without a trace of its state, a resumed run still finds its own checkpoints.
    fs::remove_file(&state).unwrap();
    run(dir.path(), &["resume_from_checkpoint=true"]);
}

#[test]
fn a_run_that_cannot_start_does_not_touch_old_results() {
    let dir = with_checkpoint();
    let before = names_in(dir.path());
    for line in ["dataset=nowhere.jsonl", "model_name_or_path=nowhere", "template=llama3", "cutoff_len=2"] {
        let error = fail(dir.path(), &["overwrite_output_dir=true", line]);
        assert!(!error.to_string().is_empty());
        assert_eq!(names_in(dir.path()), before, "{line}");
    }
}

#[test]
fn the_model_itself_is_never_the_output() {
    let dir = tempdir().unwrap();
    let model = dir.path().join("model");
    copy_folder(&tiny(), &model);
    let before = bytes(&model, "model.safetensors");
    let line = format!("model_name_or_path={}", dir.path().join("model/../model").display());
    let error = fail(&model, &["finetuning_type=full", "overwrite_output_dir=true", &line]);
    assert!(error.to_string().contains("choose another output_dir"), "{error}");
    assert!(bytes(&model, "model.safetensors") == before);
}

/// A folder with somebody's notes, and whether it is as it was.
fn notes(folder: &Path) -> impl Fn() -> bool + use<> {
    let file = folder.join("notes.txt");
    fs::create_dir_all(folder).unwrap();
    fs::write(&file, "mine").unwrap();
    move || fs::read_to_string(&file).is_ok_and(|text| text == "mine")
}

#[test]
fn a_folder_in_the_place_of_a_checkpoint_is_a_users() {
    for name in ["checkpoint-3", "checkpoint-500"] {
        let dir = tempdir().unwrap();
        let is_there = notes(&dir.path().join(name));
        let error = fail(dir.path(), &["save_steps=3"]);
        assert!(error.to_string().contains("holds results already"), "{error}");
        refused_for(dir.path(), &["save_steps=3", "overwrite_output_dir=true"], name);
        assert!(is_there());
    }
    // Ahead of the checkpoint that a run is resumed from.
    let dir = tempdir().unwrap();
    run(dir.path(), &["save_steps=2"]);
    fs::remove_dir_all(dir.path().join("checkpoint-6")).unwrap();
    let is_there = notes(&dir.path().join("checkpoint-6"));
    refused_for(dir.path(), &["save_steps=2", "resume_from_checkpoint=true"], "checkpoint-6");
    assert!(is_there());
    fs::remove_dir_all(dir.path().join("checkpoint-6")).unwrap();
    fs::create_dir(dir.path().join("eval_answers")).unwrap();
    ["step-4.jsonl", "step-5.jsonl", "notes.jsonl"]
        .iter()
        .for_each(|name| fs::write(dir.path().join("eval_answers").join(name), "mine").unwrap());
    refused_for(dir.path(), &["save_steps=2", "resume_from_checkpoint=true"], "step-5.jsonl");
    fs::remove_file(dir.path().join("eval_answers/step-5.jsonl")).unwrap();
    run(dir.path(), &["save_steps=2", "resume_from_checkpoint=true"]);
}

#[test]
fn folders_that_look_like_unfinished_ones_stay() {
    let dir = tempdir().unwrap();
    let are_there =
        [".checkpoint-3.tmp", ".final.tmp", "notes", "checkpoint-best", ".checkpoint-3.part-mine.tmp"]
            .map(|name| notes(&dir.path().join(name)));
    run(dir.path(), &["save_steps=3"]);
    run(dir.path(), &["save_steps=3", "overwrite_output_dir=true"]);
    assert!(are_there.iter().all(|is_there| is_there()));
}

#[test]
fn what_a_user_changed_among_results_is_neither_replaced_nor_removed() {
    let overwrite = ["overwrite_output_dir=true"];
    let dir = with_checkpoint();
    for name in ["adapter_config.json", "trainer_log.jsonl", "checkpoint-3/trainer_state.json"] {
        let path = dir.path().join(name);
        let before = fs::read(&path).unwrap();
        fs::write(&path, [&before[..], b" "].concat()).unwrap();
        refused_for(dir.path(), &overwrite, name.split('/').next().unwrap());
        fs::write(&path, before).unwrap();
    }
    let is_there = notes(&dir.path().join("checkpoint-3"));
    refused_for(dir.path(), &overwrite, "checkpoint-3");
    assert!(is_there());
    fs::remove_file(dir.path().join("checkpoint-3/notes.txt")).unwrap();
    run(dir.path(), &overwrite);
}

/// In full fine-tuning the files of a model are results, too.
#[test]
fn the_files_that_come_with_a_model_are_not_replaced() {
    for name in ["tokenizer.json", "generation_config.json", "merges.txt"] {
        let dir = tempdir().unwrap();
        fs::write(dir.path().join(name), "mine").unwrap();
        refused_for(dir.path(), &["finetuning_type=full", "overwrite_output_dir=true"], name);
    }
}

#[derive(Default)]
struct Notices(Vec<String>);

impl Observer for Notices {
    fn on_notice(&mut self, notice: &Notice) {
        self.0.push(notice.text.clone());
    }
}

fn checkpoints(dir: &Path) -> Vec<String> {
    names_in(dir).into_iter().filter(|name| name.starts_with("checkpoint-")).collect()
}

#[test]
fn the_checkpoint_that_a_killed_run_was_about_to_remove_goes_also_when_the_run_had_finished() {
    let lines = ["save_steps=2", "save_total_limit=2"];
    let dir = tempdir().unwrap();
    run(dir.path(), &lines);
    // As a kill between saving the third and removing the first leaves it.
    copy_folder(&dir.path().join("checkpoint-4"), &dir.path().join("checkpoint-2"));
    run(dir.path(), &[&lines[..], &["resume_from_checkpoint=true"]].concat());
    assert_eq!(checkpoints(dir.path()), ["checkpoint-4", "checkpoint-6"]);
}

#[test]
fn a_checkpoint_with_a_users_file_outlives_rotation_with_a_notice() {
    let dir = tempdir().unwrap();
    run(dir.path(), &["save_steps=2"]);
    let is_there = notes(&dir.path().join("checkpoint-2"));
    let lines = short(&["save_steps=2", "save_total_limit=1", "resume_from_checkpoint=true"]);
    let mut notices = Notices::default();
    Trainer::new(config(dir.path(), &lines), &Device::flex()).unwrap().run(&mut notices).unwrap();
    assert_eq!(checkpoints(dir.path()), ["checkpoint-2", "checkpoint-6"]);
    assert!(is_there());
    let reason = "checkpoint-2 is not removed: notes.txt: trace-train did not write it";
    assert!(notices.0.iter().any(|notice| notice.contains(reason)), "{:?}", notices.0);
}

#[cfg(unix)]
#[test]
fn removing_the_lock_file_lets_no_second_run_in() {
    let dir = tempdir().unwrap();
    let mut first = Trainer::new(config(dir.path(), &SHORT), &Device::flex()).unwrap();
    first.run(&mut ()).unwrap();
    fs::remove_file(dir.path().join(".lock")).unwrap();
    let lines = short(&["overwrite_output_dir=true"]);
    let error = Trainer::new(config(dir.path(), &lines), &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("another run is writing to it"), "{error}");
}

/// Noticed before data are read: here there are none.
#[test]
fn a_place_that_cannot_be_written_to_is_noticed_before_the_data() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let refused = |place: &Path, line: &str, reason: &str| {
        let error = fail(place, &["dataset=nowhere.jsonl", line]);
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(source.contains(reason), "{error}: {source}");
    };
    refused(&file, "seed=1", "is a file, not a folder");
    refused(&file.join("deeper"), "seed=1", "is a file, not a folder");
    let cache = format!("reference_cache={}", file.display());
    refused(&dir.path().join("out"), &cache, "is a file, not a folder");
    #[cfg(unix)]
    {
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        refused(&link, "seed=1", "is a link to nowhere, where nothing is");
        assert!(link.is_symlink());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

/// They are our own, and would be removed.
#[test]
fn inputs_among_earlier_results_are_not_removed() {
    let dir = with_checkpoint();
    let adapter = dir.path().join("checkpoint-3");
    let rows = dir.path().join("eval_answers/rows.jsonl");
    fs::create_dir(dir.path().join("eval_answers")).unwrap();
    OWNER.write(&rows, fs::read(fixture("quickstart/groups.jsonl")).unwrap()).unwrap();
    for (line, input) in [
        (format!("adapter_name_or_path={}", adapter.display()), &adapter),
        (
            format!("ref_model_adapters={}", dir.path().join("eval_answers/../checkpoint-3").display()),
            &adapter,
        ),
        (format!("dataset={}", rows.display()), &rows),
    ] {
        let error = fail(dir.path(), &["overwrite_output_dir=true", &line]);
        assert!(error.to_string().contains("is an input, and lies among the earlier results"), "{error}");
        assert!(input.exists());
    }
}

/// A checkpoint of another folder begins a run in this one, whose results are another run's.
#[test]
fn resuming_from_another_folder_replaces_no_results_unasked() {
    let (ours, other) = (with_checkpoint(), with_checkpoint());
    let resume = format!("resume_from_checkpoint={}", ours.path().join("checkpoint-3").display());
    let before = bytes(other.path(), "trainer_log.jsonl");
    let error = fail(other.path(), &[&resume]);
    assert!(error.to_string().contains("holds results already"), "{error}");
    assert!(bytes(other.path(), "trainer_log.jsonl") == before);
}

/// A variable that is not set gives an empty text, which asks for nothing.
#[test]
fn an_empty_folder_to_resume_from_is_none() {
    let dir = with_checkpoint();
    let error = fail(dir.path(), &["resume_from_checkpoint=''"]);
    assert!(error.to_string().contains("holds results already"), "{error}");
}
