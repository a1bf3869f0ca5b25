//! `trace-build browse`: one page to look at rows in. The page loads nothing, and runs its own script only.

mod diff;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use iopo_cli::print;
use iopo_files::Owner;
use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use rand::SeedableRng;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use sha2::{Digest, Sha256};
use trace_schema::{DatasetReader, DatasetRow, JsonlError};
use trace_score::report::BASE_STYLE;

use self::view::RowView;
use crate::cli::BrowseArgs;
use crate::tables::thousands;

const OWNER: Owner = Owner::new("trace-build browse");

/// Samples rows, renders and writes.
pub(crate) fn run(args: &BrowseArgs) -> anyhow::Result<()> {
    OWNER.claim([&args.out], [&args.file])?;
    let reader = DatasetReader::open(&args.file)?.unknown_labels(args.unknown_labels.into());
    let sample = draw(reader, args.limit, args.seed)?;
    let (shown, total) = (sample.rows.len(), sample.total);
    let name = args.file.file_name().unwrap_or(args.file.as_os_str()).to_string_lossy().into_owned();
    let page = Page::new(name, &sample, args.seed).render()?;
    OWNER.write(&args.out, page)?;
    let (shown, total) = (thousands(shown as u64), thousands(total));
    print(format!("{}: {shown} of {total} rows\n", args.out.display()))
}

const TEMPLATE: &str = include_str!("templates/page.html");
const STYLE: &str = include_str!("templates/style.css");
const SCRIPT: &str = include_str!("templates/filter.js");

/// The data of the template.
#[derive(Debug, Serialize)]
struct Page {
    title: String,
    subtitle: String,
    rows: Vec<RowView>,
    kinds: BTreeMap<&'static str, usize>,
    dimensions: BTreeMap<String, usize>,
    counts: BTreeMap<usize, usize>,
    script: &'static str,
    /// The browser runs a script of this hash alone, so that not even text that were not escaped could run.
    script_hash: String,
}

impl Page {
    fn new(title: String, sample: &Sample, seed: u64) -> Self {
        let rows: Vec<RowView> = sample.rows.iter().map(|(number, row)| RowView::of(*number, row)).collect();
        let total = thousands(sample.total);
        let subtitle = match sample.total == rows.len() as u64 {
            true => format!("All {total} rows"),
            false => format!("{} of {total} rows, sampled with seed {seed}", thousands(rows.len() as u64)),
        };
        Self {
            title,
            subtitle,
            kinds: tally(rows.iter().map(|row| [row.kind].into())),
            dimensions: tally(rows.iter().map(|row| row.dimensions.clone())),
            counts: tally(rows.iter().map(|row| row.counts.iter().copied().collect())),
            rows,
            script: SCRIPT,
            script_hash: STANDARD.encode(Sha256::digest(SCRIPT)),
        }
    }

    fn render(&self) -> anyhow::Result<String> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        environment.set_syntax(syntax);
        // The name that ends in ".html" is escaped, those in ".css" are not: they are text of this workspace.
        for (name, source) in [("page.html", TEMPLATE), ("base.css", BASE_STYLE), ("style.css", STYLE)] {
            environment.add_template(name, source)?;
        }
        Ok(environment.get_template("page.html")?.render(Serde(self))?)
    }
}

/// How many rows have a value.
fn tally<T: Ord>(rows: impl Iterator<Item = BTreeSet<T>>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for value in rows.flatten() {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// Some rows of a file.
struct Sample {
    /// The rows with their numbers, counted from 1, in the order of the file.
    rows: Vec<(u64, DatasetRow)>,
    /// How many rows the file has.
    total: u64,
}

/// Samples `limit` rows, each as likely as the others, while holding no more than these in memory.
fn draw<R: BufRead>(mut reader: DatasetReader<R>, limit: usize, seed: u64) -> Result<Sample, JsonlError> {
    let (mut total, mut failure) = (0, None);
    let rows = reader.by_ref().map_while(|row| match row {
        Ok(row) => {
            total += 1;
            Some((total, row))
        }
        Err(error) => {
            failure = Some(error);
            None
        }
    });
    let mut rows = rows.sample(&mut ChaCha8Rng::seed_from_u64(seed), limit);
    rows.sort_by_key(|(number, _)| *number);
    match failure {
        Some(error) => Err(error),
        None if total == 0 => Err(JsonlError::Empty { file: reader.file().to_owned() }),
        None => Ok(Sample { rows, total }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn numbers(rows: usize, limit: usize, seed: u64) -> Vec<u64> {
        let file: String =
            (0..rows).map(|row| format!("{{\"prompt\": \"{row}\", \"completion\": \"a\"}}\n")).collect();
        let sample = draw(DatasetReader::new(file.as_bytes(), "rows.jsonl"), limit, seed).unwrap();
        assert_eq!(sample.total, rows as u64);
        sample.rows.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_draw_is_in_the_order_of_the_file_and_depends_on_its_seed_alone() {
        let drawn = numbers(500, 20, 7);
        assert_eq!(drawn.len(), 20);
        assert!(drawn.is_sorted() && drawn[19] > 20, "{drawn:?}");
        assert_eq!(drawn, numbers(500, 20, 7));
        assert_ne!(drawn, numbers(500, 20, 8));
        assert_eq!(numbers(3, 20, 7), [1, 2, 3]);
    }

    #[test]
    fn a_broken_row_ends_the_draw_with_its_error() {
        let file = "{\"prompt\": \"a\", \"completion\": \"a\"}\n{\n";
        let error = draw(DatasetReader::new(file.as_bytes(), "rows.jsonl"), 1, 1).err().unwrap();
        assert!(error.to_string().starts_with("row 2 of rows.jsonl"), "{error}");
    }
}
