//! Forms for annotators: a table and a page for each.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use iopo_files::{try_folder, write_file};
use minijinja::Environment;
use minijinja::value::Serde;
use rand_chacha::rand_core::Rng;
use serde::Serialize;
use trace_schema::{EvalRow, JsonlReader, JsonlWriter, UnknownLabels};
use trace_world::world_rng;

use super::ExportArgs;
use super::check::{Check, items, labels};
use super::read::to_cell;

/// Columns of a table. `text` and `question` are for the reader alone.
const COLUMNS: [&str; 8] =
    ["annotator", "id", "check", "constraint", "verdict", "comment", "question", "text"];

/// A byte order mark: without it, Excel takes UTF-8 for an old code page.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Samples the rows, writes all files, and reports them.
pub(super) fn run(args: &ExportArgs) -> anyhow::Result<String> {
    try_folder(&args.out)?;
    let reader: JsonlReader<_, EvalRow> = JsonlReader::open(&args.file)?.unknown_labels(UnknownLabels::Keep);
    let rows = reader.collect::<Result<Vec<_>, _>>()?;
    check_ids(&args.file, &rows)?;
    ensure!(args.rows > 0, "--rows must be at least 1");
    if args.rows > rows.len() {
        bail!("{} has {} rows; --rows asks for {}", args.file.display(), rows.len(), args.rows);
    }
    let total = rows.len();
    let sample = draw(rows, args.rows, args.seed);
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let names: Vec<String> = (1..=args.annotators).map(|number| format!("annotator-{number}")).collect();
    let files = names.iter().flat_map(|name| [format!("{name}.csv"), format!("{name}.html")]);
    for file in files.chain(["sample.jsonl".to_owned()]) {
        let path = args.out.join(file);
        ensure!(
            !path.exists(),
            "{} is there already; it may hold verdicts, and is not replaced",
            path.display()
        );
    }
    write_sample(&args.out.join("sample.jsonl"), &sample)?;
    for name in &names {
        write_file(args.out.join(format!("{name}.csv")), table(name, &sample)?)?;
        write_file(args.out.join(format!("{name}.html")), page(name, args.seed, &sample)?)?;
    }
    let verdicts: usize = sample.iter().map(|row| items(row).len()).sum();
    Ok(format!(
        "{} of {total} rows (seed {}), {verdicts} verdicts for each of {} annotators: {}\n",
        sample.len(),
        args.seed,
        names.len(),
        args.out.display()
    ))
}

/// Verdicts belong to ids: rows of one id would share them. Tables are read without white space around ids.
fn check_ids(file: &Path, rows: &[EvalRow]) -> anyhow::Result<()> {
    let mut places = HashMap::new();
    for (place, row) in rows.iter().enumerate() {
        if let Some(first) = places.insert(row.id.trim(), place + 1) {
            bail!("rows {first} and {} of {} have the same id, {:?}", place + 1, file.display(), row.id);
        }
    }
    Ok(())
}

/// `count` of the rows in the order of the file, each set of rows equally likely.
fn draw(rows: Vec<EvalRow>, count: usize, seed: u64) -> Vec<EvalRow> {
    let mut rng = world_rng(seed, 0);
    let mut places: Vec<usize> = (0..rows.len()).collect();
    for place in 0..count {
        let left = places.len() - place;
        let step = ((u128::from(rng.next_u64()) * left as u128) >> 64) as usize;
        places.swap(place, place + step);
    }
    let mut chosen = vec![false; rows.len()];
    places[..count].iter().for_each(|&place| chosen[place] = true);
    rows.into_iter().zip(chosen).filter_map(|(row, chosen)| chosen.then_some(row)).collect()
}

fn table(annotator: &str, rows: &[EvalRow]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(BYTE_ORDER_MARK.as_bytes().to_vec());
    writer.write_record(COLUMNS)?;
    for (item, text) in rows.iter().flat_map(items) {
        let constraint = item.constraint.to_string();
        let question = item.check.question();
        let (id, text) = (to_cell(&item.id), to_cell(&text));
        let fields = [annotator, &id, item.check.name(), &constraint, "", "", question, &text];
        writer.write_record(fields)?;
    }
    writer.into_inner().context("cannot make the table")
}

fn write_sample(path: &Path, rows: &[EvalRow]) -> anyhow::Result<()> {
    let mut writer = JsonlWriter::create(path)?;
    for row in rows {
        writer.write(row)?;
    }
    writer.finish()?;
    Ok(())
}

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
