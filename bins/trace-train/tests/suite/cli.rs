//! The program as its users meet it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-train"));
    command.args(args);
    command
}

/// A folder with a copy of the tiny model, the quickstart's groups and a configuration.
struct Workplace {
    dir: TempDir,
}

impl Workplace {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(place.path("model")).unwrap();
        for entry in fs::read_dir(fixtures().join("models/qwen2-tiny")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), place.path("model").join(entry.file_name())).unwrap();
        }
        let groups = fs::read_to_string(fixtures().join("quickstart/groups.jsonl")).unwrap();
        let few: String = groups.lines().take(4).map(|line| format!("{line}\n")).collect();
        fs::write(place.path("groups.jsonl"), few).unwrap();
        place.write_config("max_steps: 2\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_config(&self, more: &str) {
        let config = format!(
            "model_name_or_path: {}\nstage: iopo\ndataset: {}\ntemplate: qwen\noutput_dir: {}\n\
             per_device_train_batch_size: 2\nlearning_rate: 1.0e-3\nlogging_steps: 1\n{more}",
            self.path("model").display(),
            self.path("groups.jsonl").display(),
            self.path("out").display(),
        );
        fs::write(self.path("run.yaml"), config).unwrap();
    }

    fn edit(&self, name: &str, edit: impl Fn(String) -> String) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        fs::write(self.path(name), edit(text)).unwrap();
    }

    fn run(&self, overrides: &[&str]) -> Output {
        program(&["run", self.path("run.yaml").to_str().unwrap()]).args(overrides).output().unwrap()
    }

    /// Runs, expects exit code 2 and every part of the message, and no panic.
    fn refuses(&self, overrides: &[&str], parts: &[&str]) {
        refused(self.run(overrides), parts);
    }
}

fn refused(output: Output, parts: &[&str]) {
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    for part in parts {
        assert!(message.contains(part), "no {part:?} in:\n{message}");
    }
}

#[test]
fn a_run_trains_and_leaves_what_others_can_read() {
    let place = Workplace::new();
    let output = place.run(&["save_steps=1", "save_total_limit=1"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("margin: matched − swapped"));
    for file in [
        "adapter_config.json",
        "adapter_model.safetensors",
        "trainer_log.jsonl",
        "trainer_state.json",
        "checkpoint-2/adapter_model.safetensors",
        "checkpoint-2/optimizer.safetensors",
    ] {
        assert!(place.path("out").join(file).is_file(), "{file} is missing");
    }
    assert!(!place.path("out/checkpoint-1").exists());
}

/// From rows to a model that was never anything else: tokenizer, sizes, training.
#[test]
fn a_tokenizer_and_sizes_are_enough_to_train_from_scratch() {
    let place = Workplace::new();
    let (rows, out) = (place.path("groups.jsonl"), place.path("new"));
    let tokenizer = |size: &str| {
        let (rows, out) = (rows.to_str().unwrap(), out.to_str().unwrap());
        program(&["tokenizer", "--data", rows, rows, "--vocab-size", size, "--out", out]).output().unwrap()
    };
    refused(tokenizer("100"), &["a vocabulary of 100 is too small"]);
    let output = tokenizer("300");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("300 tokens"));
    refused(tokenizer("300"), &["tokenizer.json exists already"]);
    iopo_model::families::qwen2::of_sizes(300, [16, 32, 1], [2, 1], true).write(&out).unwrap();
    let model = format!("model_name_or_path={}", out.display());
    let lines = ["train_from_scratch=true", "finetuning_type=full", "stage=sft", "template=chat", &model];
    let output = place.run(&lines);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(place.path("out/model.safetensors").is_file());
    place.refuses(&lines[..1], &["finetuning_type: full"]);
}

#[test]
fn the_number_of_threads_changes_no_weight() {
    let place = Workplace::new();
    let weights = |threads: &str| {
        let out = format!("output_dir={}", place.path(threads).display());
        let mut run = program(&["--threads", threads, "run", place.path("run.yaml").to_str().unwrap(), &out]);
        assert!(run.output().unwrap().status.success());
        fs::read(place.path(threads).join("adapter_model.safetensors")).unwrap()
    };
    assert!(weights("1") == weights("3"));
    refused(program(&["--threads", "0", "devices"]).output().unwrap(), &["--threads"]);
}

#[test]
fn a_missing_file_is_named() {
    let place = Workplace::new();
    refused(program(&["run", "/nowhere/run.yaml"]).output().unwrap(), &["/nowhere/run.yaml", "No such file"]);
    place.refuses(&["dataset=/nowhere/rows.jsonl"], &["/nowhere/rows.jsonl"]);
    place.refuses(&["model_name_or_path=/nowhere/model"], &["/nowhere/model"]);
}

#[test]
fn truncated_weights_are_named() {
    let place = Workplace::new();
    let weights = place.path("model/model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() - 1000]).unwrap();
    place.refuses(&[], &["model.safetensors", "cut off"]);
}

#[test]
fn the_tokenizer_of_a_larger_model_is_refused() {
    let place = Workplace::new();
    place.edit("model/config.json", |text| text.replace("\"vocab_size\": 1024", "\"vocab_size\": 900"));
    place.refuses(&[], &["tokenizer", "900"]);
}

#[test]
fn the_tokenizer_of_another_family_is_refused() {
    let place = Workplace::new();
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        fs::copy(fixtures().join("models/llama3-tiny").join(name), place.path("model").join(name)).unwrap();
    }
    place.refuses(&[], &["<|im_"]);
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_one() {
    let place = Workplace::new();
    place.write_config("learning_rat: 1\nlora_ranks: 4\n");
    place.refuses(
        &[],
        &["`learning_rat`", "did you mean `learning_rate`", "did you mean `lora_rank`", "2 problems"],
    );
    place.write_config("max_steps: 2\n");
    place.refuses(&["stagee=dpo"], &["`stagee`", "did you mean `stage`"]);
    place.refuses(&["nonsense"], &["nonsense", "key=value"]);
}

#[test]
fn unknown_labels_are_refused_with_row_and_id() {
    let place = Workplace::new();
    place.edit("groups.jsonl", |text| text.replacen("\"Numerical\"", "\"Numerically\"", 1));
    place.refuses(&[], &["groups.jsonl", "Numerically", "row 1", "quickstart-en-add-1"]);
}

#[test]
fn invalid_json_is_refused_with_its_line() {
    let place = Workplace::new();
    place.edit("groups.jsonl", |text| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines[2].truncate(50);
        lines.join("\n") + "\n"
    });
    place.refuses(&[], &["groups.jsonl", "row 3"]);
}

#[test]
fn an_empty_response_is_refused_with_its_row() {
    let place = Workplace::new();
    place.edit("groups.jsonl", |text| text.replacen("\"They say good morning.\"", "\"\"", 1));
    place.refuses(&[], &["row 1", "empty", "y1"]);
}

#[test]
fn a_prompt_longer_than_the_limit_is_refused_under_error() {
    let place = Workplace::new();
    place.refuses(&["length_policy=error", "cutoff_len=40"], &["row 1", "cutoff_len 40"]);
    // Dropping every row leaves nothing to train on, which is no success either.
    place.refuses(&["cutoff_len=40"], &["cutoff_len 40"]);
}

#[test]
fn devices_that_are_not_there_are_messages() {
    let place = Workplace::new();
    let config = place.path("run.yaml");
    let run = |device| program(&["run", config.to_str().unwrap(), "--device", device]).output().unwrap();
    refused(run("cuda:7"), &["cuda"]);
    refused(run("wgpu:99"), &["wgpu"]);
    refused(run("tpu"), &["expected auto, cpu, cuda:N or wgpu[:N]"]);
    let listed = program(&["devices"]).output().unwrap();
    assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).starts_with("cpu"));
}

#[test]
fn an_output_folder_in_use_is_not_overwritten() {
    let place = Workplace::new();
    assert!(place.run(&[]).status.success());
    place.refuses(&[], &["overwrite_output_dir"]);
    assert!(place.run(&["overwrite_output_dir=true"]).status.success());
}

#[test]
fn export_merges_an_adapter_into_its_model() {
    let place = Workplace::new();
    assert!(place.run(&[]).status.success());
    let (model, adapter, out) = (place.path("model"), place.path("out"), place.path("merged"));
    let export = || {
        program(&["export", "--model", model.to_str().unwrap(), "--adapter", adapter.to_str().unwrap()])
            .args(["--out", out.to_str().unwrap()])
            .output()
            .unwrap()
    };
    let output = export();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    refused(export(), &["exists already"]);
}

#[test]
fn export_names_the_model_of_an_adapter_that_was_made_for_another() {
    let place = Workplace::new();
    assert!(place.run(&[]).status.success());
    let (model, adapter, out) = (place.path("model"), place.path("out"), place.path("merged"));
    let noted = || {
        let output = program(&["export", "--model", model.to_str().unwrap()])
            .args(["--adapter", adapter.to_str().unwrap(), "--out", out.to_str().unwrap()])
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{message}");
        fs::remove_dir_all(&out).unwrap();
        message
    };
    assert_eq!(noted(), "");
    let made_for = |base: &str| {
        place.edit("out/adapter_config.json", |text| {
            let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
            config["base_model_name_or_path"] = base.into();
            config.to_string()
        });
    };
    made_for("moved/to/model");
    assert_eq!(noted(), "");
    made_for("someone/another");
    assert!(noted().contains("the adapter names someone/another as its model"));
}

/// A pipe that nobody reads: every write to it fails from the start.
#[cfg(unix)]
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// A disk with no room left.
#[cfg(target_os = "linux")]
fn full() -> Stdio {
    fs::File::options().write(true).open("/dev/full").unwrap().into()
}

#[cfg(unix)]
#[test]
fn a_run_outlives_its_readers() {
    let place = Workplace::new();
    let mut run = program(&["run", place.path("run.yaml").to_str().unwrap()]);
    assert_eq!(run.stdout(unread()).stderr(unread()).status().unwrap().code(), Some(0));
    assert!(place.path("out/adapter_model.safetensors").is_file());

    assert_eq!(program(&["devices"]).stdout(unread()).status().unwrap().code(), Some(0));
    let mut failing = program(&["run", "/nowhere/run.yaml"]);
    assert_eq!(failing.stderr(unread()).status().unwrap().code(), Some(2));

    let quickstart = place.path("quickstart");
    let mut quickstart_run = program(&["quickstart", "--smoke", "--out", quickstart.to_str().unwrap()]);
    assert_eq!(quickstart_run.stdout(unread()).stderr(unread()).status().unwrap().code(), Some(0));
    assert!(quickstart.join("report.html").is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_the_lines_and_not_the_run() {
    let place = Workplace::new();
    let config = place.path("run.yaml");
    let run = || program(&["run", config.to_str().unwrap(), "overwrite_output_dir=true"]);
    let weights = place.path("out/adapter_model.safetensors");

    let output = run().stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 updates; results are in"));
    assert!(weights.is_file());

    // A table that was asked for and is lost is an error, but the adapter is saved by then.
    fs::remove_file(&weights).unwrap();
    refused(run().stdout(full()).output().unwrap(), &["cannot write to standard output", "No space left"]);
    assert!(weights.is_file());
}

#[test]
fn the_quickstart_prints_one_line_of_json_and_leaves_everything_behind() {
    let dir = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        let arguments =
            [&["quickstart", "--smoke", "--json", "--out", dir.path().to_str().unwrap()], more].concat();
        let output = program(&arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout.iter().filter(|&&byte| byte == b'\n').count(), 1);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let first = run(&[]);
    for system in ["Base", "SFT*", "IOPO", "IOPO + NLL"] {
        for column in [
            "single_greedy",
            "multi_greedy",
            "pairs_greedy",
            "more_greedy",
            "single_sampled",
            "multi_sampled",
        ] {
            let share = &first["systems"][system][column];
            assert_eq!(share["n"], 3, "{system} {column}: {share}");
        }
    }
    for file in ["report.html", "base.yaml", "iopo.yaml", "base/model.safetensors", "preference/groups.jsonl"]
    {
        assert!(dir.path().join(file).is_file(), "{file}");
    }
    let groups = || fs::read(dir.path().join("preference/groups.jsonl")).unwrap();
    let before = groups();
    // The same seed is the same world, another seed another.
    assert_eq!(run(&[])["systems"], first["systems"]);
    assert!(groups() == before);
    run(&["--seed", "7"]);
    assert!(groups() != before);
}

#[test]
fn the_quickstart_shows_answers_and_where_the_report_is() {
    let dir = tempfile::tempdir().unwrap();
    let output = program(&["quickstart", "--smoke", "--out", dir.path().to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let table = text.lines().filter(|line| line.starts_with(['┌', '│', '╞', '└']));
    assert!(table.clone().count() > 4 && table.clone().all(|line| line.chars().count() <= 100), "{text}");
    for expected in ["IF-S: instructions", "held-out pairs", "IOPO − Base, IF-M in points", "report.html"] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
}

/// Kills a run right after it has written checkpoints, and goes on from the last one.
#[cfg(unix)]
#[test]
fn a_killed_run_leaves_a_checkpoint_that_can_be_gone_on_from() {
    let place = Workplace::new();
    place.write_config("max_steps: 100\nsave_steps: 3\n");
    let mut child = program(&["run", place.path("run.yaml").to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !place.path("out/checkpoint-6").exists() {
        assert!(started.elapsed() < Duration::from_secs(120), "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL: nothing is flushed, no destructor runs.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path("out/adapter_model.safetensors").exists(), "the run was over before it was killed");

    let output = place.run(&["resume_from_checkpoint=true", "save_steps=1000"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{message}");
    assert!(message.contains("resuming after update"), "{message}");
    assert!(place.path("out/adapter_model.safetensors").is_file());
}
