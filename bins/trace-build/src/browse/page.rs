//! The page: it loads nothing, and runs its own script and no other.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;
use sha2::{Digest, Sha256};
use trace_score::report::BASE_STYLE;

use super::sample::Sample;
use super::view::RowView;
use crate::tables::thousands;

const TEMPLATE: &str = include_str!("templates/page.html");
const STYLE: &str = include_str!("templates/style.css");
const SCRIPT: &str = include_str!("templates/filter.js");

/// What the template shows.
#[derive(Debug, Serialize)]
pub(super) struct Page {
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
    pub(super) fn new(title: String, sample: &Sample, seed: u64) -> Self {
        let rows: Vec<RowView> = sample.rows.iter().map(|(number, row)| RowView::of(*number, row)).collect();
        let total = thousands(sample.total);
        let subtitle = match sample.total == rows.len() as u64 {
            true => format!("All {total} rows"),
            false => format!("{} of {total} rows, drawn with seed {seed}", thousands(rows.len() as u64)),
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

    pub(super) fn render(&self) -> anyhow::Result<String> {
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
