//! What trace-schema exports is read here as the texts that were exported.

use std::path::Path;

use iopo_data::{ExampleText, Task, UnknownLabels, load_dataset, stream_dataset};
use serde_json::Value;
use trace_schema::export::{DatasetInfo, ExportFormat, ExportOptions, ExportWriter, Shape};
use trace_schema::{
    Constraint, ConstraintOperation, DatasetReader, Instruction, JsonlWriter, PreferenceGroup,
};

use crate::common;

/// Texts that a writer or reader with wrong escaping changes.
const AWKWARD: [&str; 6] = [
    "plain",
    "\"quoted\" \\ and\ttab",
    "two\nlines\n",
    "\u{2028}\u{0}\u{1f600}",
    " blank at both ends ",
    "中文。",
];

fn group(index: usize) -> PreferenceGroup {
    let text = |offset: usize| AWKWARD[(index + offset) % AWKWARD.len()].to_owned();
    let instruction = |constraint: &str| Instruction {
        description: text(0),
        constraints: vec![Constraint::unlabelled(text(1)), Constraint::unlabelled(constraint)],
        input: index.is_multiple_of(2).then(|| text(2)),
    };
    PreferenceGroup {
        id: format!("g{index}"),
        operation: ConstraintOperation::Revise,
        x1: instruction("2. One."),
        y1: format!("{}1", text(3)),
        x2: instruction("2. Two."),
        y2: format!("{}2", text(4)),
        provenance: None,
    }
}

/// Groups of our own, and as rows of a file.
fn write_groups(path: &Path) {
    let mut writer = JsonlWriter::create(path).unwrap();
    for index in 0..12 {
        writer.write(&group(index)).unwrap();
    }
    writer.finish().unwrap();
}

fn export(from: &Path, to: &Path, format: ExportFormat, shape: Shape) {
    let mut writer = ExportWriter::create(to, ExportOptions::new(format, shape)).unwrap();
    for row in DatasetReader::open(from).unwrap() {
        writer.write(row.unwrap()).unwrap();
    }
    writer.finish().unwrap();
}

fn task(shape: Shape) -> Task {
    match shape {
        Shape::Group => Task::Group,
        Shape::Pair => Task::Pair,
        Shape::Completion => Task::Sft,
        Shape::Evaluation => panic!("nothing to train on"),
    }
}

fn texts(name: &str, folder: &Path) -> Vec<ExampleText> {
    let rows = stream_dataset(name, folder, UnknownLabels::Error).unwrap();
    rows.map(|row| row.unwrap().text).collect()
}

#[test]
fn every_format_and_shape_gives_the_texts_of_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("groups.jsonl");
    write_groups(&from);
    let groups = load_dataset("groups.jsonl", folder.path(), UnknownLabels::Error).unwrap();
    let mut cases = 0;
    for format in ExportFormat::ALL {
        for &shape in format.shapes().iter().filter(|shape| **shape != Shape::Evaluation) {
            let expected: Vec<ExampleText> = groups
                .iter()
                .flat_map(|row| row.clone().into_task(task(shape)).unwrap())
                .map(|row| row.text)
                .collect();
            for end in ["jsonl", "json"] {
                let name = format!("{format}-{cases}.{end}");
                export(&from, &folder.path().join(&name), format, shape);
                assert_eq!(texts(&name, folder.path()), expected, "{format} {shape} {end}");
                if format.has_dataset_info() {
                    let mut info = DatasetInfo::read(folder.path()).unwrap();
                    info.enter("by-name", &name, format, shape).unwrap();
                    info.save().unwrap();
                    assert_eq!(texts("by-name", folder.path()), expected, "{format} {shape} by name");
                    std::fs::remove_file(info.path()).unwrap();
                }
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 2 * (3 + 3 + 2 + 2 + 2 + 1));
}

#[test]
fn groups_are_written_as_the_papers_trainer_has_them() {
    let golden = common::golden_json("data/iopo_tiny.json");
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("groups.jsonl"), folder.path().join("trace.json"));
    let mut writer = JsonlWriter::create(&from).unwrap();
    for (index, row) in golden.as_array().unwrap().iter().enumerate() {
        let text = |value: &Value| value["value"].as_str().unwrap().to_owned();
        let instruction = |prompt: &Value| {
            let prompt = text(prompt);
            let mut lines = prompt.strip_suffix('\n').unwrap().split('\n');
            let description = lines.next().unwrap().to_owned();
            Instruction { description, constraints: lines.map(Constraint::unlabelled).collect(), input: None }
        };
        let group = PreferenceGroup {
            id: index.to_string(),
            operation: ConstraintOperation::Revise,
            x1: instruction(&row["conversations"][0]),
            y1: text(&row["chosen"]),
            x2: instruction(&row["conversations"][1]),
            y2: text(&row["rejected"]),
            provenance: None,
        };
        writer.write(&group).unwrap();
    }
    writer.finish().unwrap();
    export(&from, &to, ExportFormat::Sharegpt, Shape::Group);
    let written: Value = serde_json::from_slice(&std::fs::read(&to).unwrap()).unwrap();
    assert_eq!(written, golden);
}
