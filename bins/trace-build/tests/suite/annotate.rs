//! `trace-build annotate`, as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::common::{failure, good, program};

fn annotate(folder: &Path, arguments: &[&str]) -> Output {
    program("annotate").args(arguments).current_dir(folder).output().unwrap()
}

/// A folder with an evaluation set of 30 rows, and forms for 12 of them in `forms`.
fn exported() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let world = program("world")
        .args(["--rows", "30", "--eval-rows", "30", "--out", "world"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    good(&world);
    good(&annotate(
        folder.path(),
        &["export", "world/eval_multi.jsonl", "--rows", "12", "--seed", "5", "--out", "forms"],
    ));
    let forms = folder.path().join("forms");
    (folder, forms)
}

/// Fills a table: `verdict` says what for each line after the header, counted from 0.
fn fill(table: &Path, verdict: impl Fn(usize) -> &'static str) {
    let text = fs::read_to_string(table).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut writer = csv::Writer::from_path(table).unwrap();
    writer.write_record(reader.headers().unwrap()).unwrap();
    for (index, record) in reader.records().enumerate() {
        let record = record.unwrap();
        let fields =
            record.iter().enumerate().map(|(column, field)| if column == 4 { verdict(index) } else { field });
        writer.write_record(fields).unwrap();
    }
    writer.flush().unwrap();
}

fn read(forms: &Path, more: &[&str]) -> Output {
    let files = ["annotator-1.csv", "annotator-2.csv", "annotator-3.csv"];
    annotate(forms, &[&["read"], &files[..], more].concat())
}

fn measured<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["agreement"].as_array().unwrap().iter().find(|measured| measured["name"] == name).unwrap()
}

#[test]
fn the_same_seed_draws_the_same_rows_and_another_seed_draws_others() {
    let (folder, forms) = exported();
    let export = |seed: &str, out: &str| {
        let arguments = ["export", "world/eval_multi.jsonl", "--rows", "12", "--seed", seed, "--out", out];
        good(&annotate(folder.path(), &arguments));
        fs::read_to_string(folder.path().join(out).join("sample.jsonl")).unwrap()
    };
    let first = fs::read_to_string(forms.join("sample.jsonl")).unwrap();
    assert_eq!(first.lines().count(), 12);
    assert_eq!(export("5", "again"), first);
    assert_ne!(export("6", "other"), first);
    let all = fs::read_to_string(folder.path().join("world/eval_multi.jsonl")).unwrap();
    assert!(first.lines().all(|row| all.lines().any(|line| line == row)));
}

#[test]
fn the_form_loads_nothing_and_asks_what_the_table_asks() {
    let (_folder, forms) = exported();
    let page = fs::read_to_string(forms.join("annotator-2.html")).unwrap();
    assert!(!page.contains("http://") && !page.contains("https://") && page.contains("default-src 'none'"));
    let table = fs::read_to_string(forms.join("annotator-2.csv")).unwrap();
    let lines = csv::Reader::from_reader(table.as_bytes()).records().count();
    assert!(lines > 12 * 4);
    assert_eq!(page.matches("<fieldset data-id=").count(), lines);
}

#[test]
fn an_export_does_not_replace_verdicts() {
    let (folder, forms) = exported();
    fill(&forms.join("annotator-1.csv"), |_| "yes");
    let before = fs::read(forms.join("annotator-1.csv")).unwrap();
    let error = failure(&annotate(
        folder.path(),
        &["export", "world/eval_multi.jsonl", "--rows", "12", "--out", "forms"],
    ));
    assert!(error.contains("annotator-1.csv is there already"), "{error}");
    assert_eq!(fs::read(forms.join("annotator-1.csv")).unwrap(), before);
}

#[test]
fn perfect_agreement_has_rate_1_and_kappa_1() {
    let (_folder, forms) = exported();
    for number in 1..=3 {
        fill(&forms.join(format!("annotator-{number}.csv")), |line| if line % 7 == 0 { "no" } else { "yes" });
    }
    let report: Value = serde_json::from_str(&good(&read(&forms, &["--json"]))).unwrap();
    let all = measured(&report, "all verdicts");
    assert_eq!((all["agreement_rate"].as_f64(), all["fleiss_kappa"].as_f64()), (Some(1.0), Some(1.0)));
    assert!(all["interval"]["low"].as_f64().unwrap() < 1.0);
    assert_eq!(report["rows"], 12);
    assert_eq!((report["disputes"].as_array(), report["missing"].as_array()), (Some(&vec![]), Some(&vec![])));
}

#[test]
fn kappa_of_one_verdict_everywhere_is_said_to_be_undefined() {
    let (_folder, forms) = exported();
    (1..=3).for_each(|number| fill(&forms.join(format!("annotator-{number}.csv")), |_| "yes"));
    let text = good(&read(&forms, &[]));
    assert!(text.contains("undefined") && !text.contains("NaN"), "{text}");
    let report: Value = serde_json::from_str(&good(&read(&forms, &["--json"]))).unwrap();
    assert!(measured(&report, "all verdicts")["fleiss_kappa"].is_null());
}

#[test]
fn disputes_missing_and_repeated_verdicts_are_shown_and_not_counted() {
    let (_folder, forms) = exported();
    for number in 1..=3 {
        fill(&forms.join(format!("annotator-{number}.csv")), |line| if line == 1 { "no" } else { "yes" });
    }
    let third = forms.join("annotator-3.csv");
    fill(&third, |line| match line {
        0 => "no",
        1 => "no",
        2 => "",
        _ => "yes",
    });
    // The fourth line again, with another verdict, and the fifth as it is.
    let text = fs::read_to_string(&third).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let mut writer = csv::Writer::from_writer(text.into_bytes());
    writer
        .write_record(records[3].iter().enumerate().map(|(c, field)| if c == 4 { "no" } else { field }))
        .unwrap();
    writer.write_record(&records[4]).unwrap();
    fs::write(&third, writer.into_inner().unwrap()).unwrap();

    let report: Value = serde_json::from_str(&good(&read(&forms, &["--json"]))).unwrap();
    let disputes = report["disputes"].as_array().unwrap();
    assert_eq!(disputes.len(), 1, "{disputes:?}");
    assert_eq!(disputes[0]["verdicts"]["annotator-3"], false);
    // Line 2 was left open, and line 3 contradicts itself.
    assert_eq!(report["missing"].as_array().unwrap().len(), 2);
    let repeated = report["repeated"].as_array().unwrap();
    let contradictory: Vec<_> = repeated.iter().map(|one| one["contradictory"].as_bool().unwrap()).collect();
    assert_eq!((contradictory.len(), contradictory.iter().filter(|&&one| one).count()), (2, 1));
    let all = measured(&report, "all verdicts");
    assert_eq!(all["incomplete"], 2);
    assert_eq!(all["items"].as_u64().unwrap() + 2, records.len() as u64);
    assert_eq!(all["items"].as_u64().unwrap() - 1, all["unanimous"].as_u64().unwrap());
}

/// The evaluation set of `exported` with other ids for its rows.
fn with_ids(folder: &Path, name: &str, id: impl Fn(usize) -> String) {
    let text = fs::read_to_string(folder.join("world/eval_multi.jsonl")).unwrap();
    let renamed = text.lines().enumerate().map(|(place, line)| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        row["id"] = id(place).into();
        format!("{row}\n")
    });
    fs::write(folder.join(name), renamed.collect::<String>()).unwrap();
}

#[test]
fn ids_that_would_be_formulas_are_cells_of_text_and_read_as_they_were() {
    let (folder, _) = exported();
    with_ids(folder.path(), "formulas.jsonl", |place| format!("=HYPERLINK({place})"));
    good(&annotate(folder.path(), &["export", "formulas.jsonl", "--rows", "5", "--out", "guarded"]));
    let forms = folder.path().join("guarded");
    let table = fs::read_to_string(forms.join("annotator-1.csv")).unwrap();
    for record in csv::Reader::from_reader(table.as_bytes()).records() {
        assert!(record.unwrap().iter().all(|field| !field.starts_with('=')));
    }
    // The page guards what it downloads in the same way.
    assert!(fs::read_to_string(forms.join("annotator-1.html")).unwrap().contains(r"/^'*[=+\-@\t\r]/"));
    for number in 1..=3 {
        fill(&forms.join(format!("annotator-{number}.csv")), |line| {
            if line == 0 && number == 1 { "no" } else { "yes" }
        });
    }
    let report: Value = serde_json::from_str(&good(&read(&forms, &["--json"]))).unwrap();
    assert!(report["disputes"][0]["item"]["id"].as_str().unwrap().starts_with("=HYPERLINK("), "{report}");
}

#[test]
fn rows_of_one_id_are_refused() {
    let (folder, _) = exported();
    with_ids(
        folder.path(),
        "twice.jsonl",
        |place| if place == 20 { " 3".to_owned() } else { place.to_string() },
    );
    let error =
        failure(&annotate(folder.path(), &["export", "twice.jsonl", "--rows", "5", "--out", "twice"]));
    assert!(error.contains("rows 4 and 21 of twice.jsonl have the same id, \" 3\""), "{error}");
    assert!(!folder.path().join("twice").exists());
}

#[test]
fn tables_that_cannot_be_meant_are_errors() {
    let (folder, forms) = exported();
    fs::copy(forms.join("annotator-1.csv"), forms.join("copy.csv")).unwrap();
    let error = failure(&annotate(&forms, &["read", "annotator-1.csv", "copy.csv"]));
    assert!(error.contains("annotator-1.csv and copy.csv are both by \"annotator-1\""), "{error}");
    let error = failure(&annotate(&forms, &["read", "annotator-1.csv", "none.csv"]));
    assert!(error.contains("cannot read none.csv"), "{error}");
    fs::write(forms.join("table.xlsx"), b"PK\x03\x04\x14\0").unwrap();
    let error = failure(&annotate(&forms, &["read", "annotator-1.csv", "table.xlsx"]));
    assert!(
        error.contains("table.xlsx is a ZIP archive (PyTorch, NumPy and Excel files are too)"),
        "{error}"
    );
    #[cfg(unix)]
    assert!(
        failure(&annotate(&forms, &["read", "annotator-1.csv", "/dev/zero"])).contains("not a regular file")
    );
    let error = failure(&annotate(
        folder.path(),
        &["export", "world/eval_multi.jsonl", "--rows", "31", "--out", "more"],
    ));
    assert!(error.contains("has 30 rows; --rows asks for 31"), "{error}");
}
