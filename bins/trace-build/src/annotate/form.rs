//! The page on which a person gives verdicts.

use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;
use trace_schema::EvalRow;

use super::check::{Check, labels};

#[derive(Serialize)]
struct Page<'a> {
    annotator: &'a str,
    seed: u64,
    rows: Vec<Row<'a>>,
    style: &'static str,
    script: &'static str,
    label_question: &'static str,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    description: &'a str,
    constraints: Vec<(&'a str, String)>,
    input: Option<&'a str>,
    checks: Vec<(&'static str, &'static str)>,
}

/// The page for one annotator; it loads nothing.
pub(super) fn page(annotator: &str, seed: u64, rows: &[EvalRow]) -> Result<String, minijinja::Error> {
    let page = Page {
        annotator,
        seed,
        rows: rows.iter().map(row).collect(),
        style: include_str!("form.css"),
        script: include_str!("form.js"),
        label_question: Check::LabelRight.question(),
    };
    let mut environment = Environment::new();
    environment.add_template("form.html", include_str!("form.html"))?;
    environment.get_template("form.html")?.render(Serde(page))
}

fn row(row: &EvalRow) -> Row<'_> {
    let about_row = Check::ALL.into_iter().filter(|&check| check != Check::LabelRight);
    Row {
        id: &row.id,
        description: &row.description,
        constraints: row.constraints.iter().map(String::as_str).zip(labels(row)).collect(),
        input: row.input(),
        checks: about_row.map(|check| (check.name(), check.question())).collect(),
    }
}
