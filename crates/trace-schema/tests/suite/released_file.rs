//! The released evaluation file, when it is at hand: it belongs to others and is not part of this repository.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use trace_schema::{
    ConstraintDimension, DatasetReader, DatasetStats, EvalRow, JsonlError, JsonlReader, Record, RowError,
    UnknownLabels, to_json_line,
};

const ROWS: usize = 1042;

/// The file, or `None` after a line that says what is skipped.
fn released_file(test: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/trace_evaluation.jsonl");
    if path.exists() {
        return Some(path);
    }
    // Unlike `eprintln!`, this is shown for a test that passes.
    let line = format!("SKIPPED {test}: no file {}\n", path.display());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

fn rows(path: &Path) -> Vec<EvalRow> {
    let reader = JsonlReader::open(path).unwrap().unknown_labels(UnknownLabels::Keep);
    reader.collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_line_is_written_back_byte_for_byte() {
    let Some(path) = released_file("every_line_is_written_back_byte_for_byte") else {
        return;
    };
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<String> = rows(&path).iter().map(|row| to_json_line(row).unwrap()).collect();
    assert_eq!(lines.len(), ROWS);
    for (row, line) in text.lines().zip(&lines) {
        assert_eq!(row, line);
    }
    assert_eq!(lines.join("\n") + "\n", text);
}

#[test]
fn every_prompt_is_rebuilt_from_its_parts() {
    let Some(path) = released_file("every_prompt_is_rebuilt_from_its_parts") else {
        return;
    };
    let rebuilt = rows(&path)
        .iter()
        .filter(|row| Some(row.instruction().prompt().as_str()) == row.user_message())
        .count();
    assert_eq!(rebuilt, ROWS);
}

#[test]
fn every_row_is_made_again_from_its_instruction() {
    let Some(path) = released_file("every_row_is_made_again_from_its_instruction") else {
        return;
    };
    for row in rows(&path) {
        let made = EvalRow::new(row.id.as_str(), &row.instruction(), row.category.as_str()).unwrap();
        assert_eq!(made, row);
    }
}

#[test]
fn exactly_the_two_known_anomalies_are_rejected_by_default() {
    let Some(path) = released_file("exactly_the_two_known_anomalies_are_rejected_by_default") else {
        return;
    };
    let reader = JsonlReader::<_, EvalRow>::open(&path).unwrap();
    let errors: Vec<_> = reader.filter_map(Result::err).collect();
    let found: Vec<_> = errors
        .iter()
        .map(|error| match error {
            JsonlError::Invalid { at, source: RowError::UnknownLabel { label, .. } } => {
                (at.row, at.id.as_deref(), label.as_str())
            }
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(found, [(904, Some("903"), "输入格式约束"), (952, Some("951"), "·")]);
}

#[test]
fn every_row_is_valid_when_unknown_labels_are_kept() {
    let Some(path) = released_file("every_row_is_valid_when_unknown_labels_are_kept") else {
        return;
    };
    let valid = rows(&path).iter().filter(|row| row.validate(UnknownLabels::Keep).is_ok()).count();
    assert_eq!(valid, ROWS);
}

#[test]
fn statistics_equal_the_published_counts() {
    let Some(path) = released_file("statistics_equal_the_published_counts") else {
        return;
    };
    let stats =
        DatasetStats::of(DatasetReader::open(&path).unwrap().unknown_labels(UnknownLabels::Keep)).unwrap();
    assert_eq!((stats.rows, stats.instructions), (1042, 1042));
    assert_eq!((stats.constraints.total, stats.constraints.min, stats.constraints.max), (5087, 1, 15));
    assert_eq!(format!("{:.3}", stats.constraints.mean), "4.882");
    let by_count = [200, 101, 100, 100, 100, 101, 101, 98, 99, 10, 11, 9, 4, 4, 4];
    assert_eq!(stats.by_constraint_count, (1..).zip(by_count).collect::<BTreeMap<_, _>>());
    let types: Vec<u64> = stats.types.iter().map(|count| count.constraints).collect();
    assert_eq!(types, [2381, 549, 508, 1522, 125]);
    assert_eq!(stats.unlabelled_constraints, 0);
}

#[test]
fn label_counts_equal_the_label_map() {
    let Some(path) = released_file("label_counts_equal_the_label_map") else {
        return;
    };
    let map: serde_json::Value = serde_json::from_str(include_str!("../data/trace_label_map.json")).unwrap();
    let stats =
        DatasetStats::of(DatasetReader::open(&path).unwrap().unknown_labels(UnknownLabels::Keep)).unwrap();
    let labels = map["labels"].as_array().unwrap();
    assert_eq!(labels.len(), stats.dimensions.len());
    for (label, count) in labels.iter().zip(&stats.dimensions) {
        let found = (count.dimension.name(), count.constraints, count.instructions);
        let expected = (
            label["dimension"].as_str().unwrap(),
            label["constraints"].as_u64().unwrap(),
            label["instructions"].as_u64().unwrap(),
        );
        assert_eq!(found, expected);
    }
    let anomalies: BTreeMap<_, _> =
        stats.unknown_labels.iter().map(|count| (count.label.clone(), count.constraints)).collect();
    assert_eq!(serde_json::to_value(anomalies).unwrap(), map["anomalous_labels"]);
}

#[test]
fn the_taxonomy_equals_the_label_map() {
    let map: serde_json::Value = serde_json::from_str(include_str!("../data/trace_label_map.json")).unwrap();
    for (label, dimension) in map["labels"].as_array().unwrap().iter().zip(ConstraintDimension::ALL) {
        assert_eq!(label["zh"], dimension.released_label());
        assert_eq!(label["dimension"], dimension.name());
        assert_eq!(label["type"], dimension.constraint_type().name());
    }
}
