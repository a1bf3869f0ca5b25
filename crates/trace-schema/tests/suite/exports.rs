//! Exported files, key by key and column by column.

use std::path::Path;

use serde_json::{Value, json};
use trace_schema::export::{ExportError, ExportFormat, ExportOptions, ExportWriter, Shape};
use trace_schema::{
    CompletionRow, Constraint, ConstraintDimension, ConstraintOperation, DatasetRow, EvalRow, Instruction,
    PreferenceGroup, Provenance, to_json_line,
};

fn group(index: usize) -> PreferenceGroup {
    let constraint = |text: &str| Constraint::new(text, ConstraintDimension::Numerical);
    let mut first = vec![constraint("1. 三个词。"), constraint("2. \"Quoted\".\nOn two lines.")];
    // Lists of no, one and two elements, absent labels and absent inputs: every level of a nested column.
    first.truncate(index % 3);
    let second =
        vec![Constraint { dimension: None, ..constraint("1. Five words.") }, constraint("2. Plain.")];
    let instruction = |constraints, input: Option<String>| Instruction {
        description: "Describe the sea.".to_owned(),
        constraints,
        input,
    };
    let provenance = Provenance {
        source: Some("test".to_owned()),
        seed: Some(u64::MAX - index as u64),
        attempts: Some(2),
        ..Provenance::default()
    };
    PreferenceGroup {
        id: format!("g{index}"),
        operation: ConstraintOperation::ALL[index % 3],
        x1: instruction(first, None),
        y1: format!("one {index}"),
        x2: instruction(second, (index % 2 == 1).then(|| format!("input {index}"))),
        y2: format!("two {index}"),
        provenance: (index % 4 != 3).then_some(provenance),
    }
}

/// A group all of whose constraints have labels.
fn labelled(index: usize) -> PreferenceGroup {
    let mut group = group(index);
    for constraint in &mut group.x2.constraints {
        constraint.dimension = Some(ConstraintDimension::Theme.into());
    }
    group
}

fn export(path: &Path, options: &ExportOptions, rows: usize) -> Result<u64, ExportError> {
    let mut writer = ExportWriter::create(path, options.clone())?;
    for index in 0..rows {
        writer.write(labelled(index).into())?;
    }
    writer.finish()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_group_is_two_rows_with_ids_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let options = ExportOptions { ids: true, ..ExportOptions::new(ExportFormat::Trl, Shape::Pair) };
    assert_eq!(export(&path, &options, 1).unwrap(), 2);
    let prompt = |x: &Instruction| x.prompt();
    let group = labelled(0);
    assert_eq!(
        lines(&path),
        [
            json!({"id": "g0-x1", "prompt": prompt(&group.x1), "chosen": "one 0", "rejected": "two 0"}),
            json!({"id": "g0-x2", "prompt": prompt(&group.x2), "chosen": "two 0", "rejected": "one 0"}),
        ]
    );
}

#[test]
fn own_rows_are_written_as_they_are_and_pairs_keep_their_provenance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    export(&path, &ExportOptions::new(ExportFormat::Trace, Shape::Group), 4).unwrap();
    let expected: String = (0..4).map(|index| to_json_line(&labelled(index)).unwrap() + "\n").collect();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    export(&path, &ExportOptions::new(ExportFormat::Trace, Shape::Pair), 1).unwrap();
    let rows = lines(&path);
    assert_eq!((&rows[1]["id"], &rows[1]["provenance"]["source"]), (&json!("g0-x2"), &json!("test")));
}

#[test]
fn a_conversation_of_trl_is_a_list_of_messages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    export(&path, &ExportOptions::new(ExportFormat::TrlChat, Shape::Evaluation), 1).unwrap();
    let roles: Vec<Value> =
        lines(&path)[0]["prompt"].as_array().unwrap().iter().map(|one| one["role"].clone()).collect();
    assert_eq!(roles, ["system", "user"]);
    export(&path, &ExportOptions::new(ExportFormat::Messages, Shape::Completion), 1).unwrap();
    let row = json!({"messages": [
        {"role": "user", "content": labelled(0).x1.prompt()}, {"role": "assistant", "content": "one 0"}]});
    assert_eq!(lines(&path)[0], row);
}

#[test]
fn a_constraint_without_a_label_is_no_evaluation_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let options = ExportOptions::new(ExportFormat::Trace, Shape::Evaluation);
    let mut writer = ExportWriter::create(&path, options).unwrap();
    let error = writer.write(group(0).into()).unwrap_err();
    assert!(error.to_string().contains("constraints_splits[0] has no dimension"), "{error}");
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_completion_is_no_pair_and_a_format_without_a_form_is_refused_before_a_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let row =
        CompletionRow { id: None, prompt: "q".to_owned(), completion: "a".to_owned(), provenance: None };
    let mut writer = ExportWriter::create(&path, ExportOptions::new(ExportFormat::Trl, Shape::Pair)).unwrap();
    let error = writer.write(row.into()).unwrap_err();
    assert!(error.to_string().ends_with("it is one of completions, which hold no pairs"), "{error}");
    let options = ExportOptions::new(ExportFormat::Messages, Shape::Group);
    let error = ExportWriter::create(&path, options).unwrap_err();
    assert_eq!(error.to_string(), "the format messages has no form for groups; it has one for completions");
}

#[cfg(feature = "parquet")]
mod columns {
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    /// The rows of a Parquet file as JSON, absent values as null.
    fn read(path: &Path) -> Vec<Value> {
        let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_json_value()).collect()
    }

    /// Without the keys whose value is null.
    fn present(value: &Value) -> Value {
        match value {
            Value::Object(object) => {
                let there = object.iter().filter(|(_, value)| !value.is_null());
                there.map(|(key, value)| (key.clone(), present(value))).collect()
            }
            Value::Array(values) => values.iter().map(present).collect(),
            other => other.clone(),
        }
    }

    #[test]
    fn parquet_holds_the_rows_of_the_jsonl_file_in_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let (json, parquet) = (folder.path().join("rows.jsonl"), folder.path().join("rows.parquet"));
        for format in ExportFormat::ALL {
            for &shape in format.shapes() {
                for ids in [false, true] {
                    let options = ExportOptions { ids, ..ExportOptions::new(format, shape) };
                    let rows = export(&json, &options, 13).unwrap();
                    assert_eq!(export(&parquet, &options, 13).unwrap(), rows);
                    let read: Vec<Value> = read(&parquet).iter().map(present).collect();
                    assert_eq!(read, lines(&json), "{format} {shape}");
                }
            }
        }
    }

    #[test]
    fn many_rows_are_several_row_groups() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.parquet");
        let options = ExportOptions::new(ExportFormat::Trl, Shape::Completion);
        let mut writer = ExportWriter::create(&path, options).unwrap();
        let row = |index: usize| CompletionRow {
            id: None,
            prompt: format!("{index} {}", "word ".repeat(20_000)),
            completion: index.to_string(),
            provenance: None,
        };
        (0..400).for_each(|index| writer.write(row(index).into()).unwrap());
        writer.finish().unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.num_row_groups(), 3);
        let rows = read(&path);
        assert!(
            rows.iter()
                .enumerate()
                .all(|(index, row)| row["completion"].as_str() == Some(index.to_string().as_str()))
        );
        assert_eq!(rows.len(), 400);
    }

    #[test]
    fn a_key_without_a_column_is_an_error_that_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.parquet");
        let mut row = EvalRow::new("e", &labelled(0).x2, "own").unwrap();
        row.extra.insert("difficulty".to_owned(), json!(3));
        let options = ExportOptions::new(ExportFormat::Trace, Shape::Evaluation);
        let mut writer = ExportWriter::create(&path, options).unwrap();
        let error = writer.write(DatasetRow::from(row)).unwrap_err();
        assert!(error.to_string().contains("no column for the key \"difficulty\""), "{error}");
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
