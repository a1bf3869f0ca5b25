//! Statistics as tables and as a page.

use std::collections::BTreeMap;

use anyhow::Result;
use trace_score::complexbench::{Coherence, DrfrStatistics, Ratio};
use trace_score::report::{Answers, Block, Report, Section};
use trace_score::{Cell, Column, Judged, Table};

use super::Output;
use super::verdicts::Case;
use crate::provenance::pairs_of;

/// All tables of a run.
pub(super) fn tables(output: &Output) -> Vec<Table> {
    let mut tables = statistics(&output.statistics);
    tables.push(output.judging.table(output.without_answer));
    tables
}

/// The page: numbers, provenance, and answers about which some question has a no, or no verdict.
pub(super) fn report(output: &Output, cases: &[Case], show: usize) -> Result<Report> {
    let rows: Vec<Judged> = cases.iter().map(Case::judged).collect();
    let system = output.provenance.system.as_str();
    let answers = Answers::of(&[(system, &rows)])?;
    let shown = answers.keep(show, |row| row.answers.iter().any(|answer| answer.followed != Some(true)));
    Ok(Report {
        title: format!("ComplexBench: {system}"),
        subtitle: "Questions that are answered with yes".to_owned(),
        sections: vec![
            Section::new("Ratios", tables(output).into_iter().map(Block::Table).collect()),
            Section::new("Provenance", vec![Block::KeyValues(pairs_of(&output.provenance)?)]),
            Section::new("Answers with a no, or without a verdict", vec![Block::Answers(shown)]),
        ],
    })
}

fn statistics(statistics: &DrfrStatistics) -> Vec<Table> {
    let whole = BTreeMap::from([("DRFR".to_owned(), statistics.overall)]);
    let parts = [
        ("ComplexBench", &whole),
        ("By category", &statistics.categories),
        ("By composition, without depth", &statistics.category_prefixes),
        ("By kind of task", &statistics.task_types),
        ("By compositions together", &statistics.combinations),
        ("By group of dimensions and composition", &statistics.dimension_groups),
        ("By dimension and composition", &statistics.dimensions),
    ];
    let coherence = [("one", &statistics.single_selection), ("several", &statistics.multiple_selection)];
    let row = |(name, of): (&str, &Coherence)| {
        let counts = [of.items, of.groups, of.items_failed].map(|count| Cell::from(count.to_string()));
        let shares = [of.origin, of.coherent, of.relative_drop].map(percent);
        std::iter::once(Cell::from(name)).chain(shares).chain(counts).collect()
    };
    let numbers = ["items, %", "groups, %", "relative drop, %", "items", "groups", "failed"];
    let coherence = Table {
        caption: "Coherence of groups by their selections".to_owned(),
        columns: std::iter::once(Column::text("")).chain(numbers.map(Column::number)).collect(),
        rows: coherence.map(row).to_vec(),
        notes: Vec::new(),
    };
    parts.map(|(caption, ratios)| ratio_table(caption, ratios)).into_iter().chain([coherence]).collect()
}

fn ratio_table(caption: &str, ratios: &BTreeMap<String, Ratio>) -> Table {
    let row = |(name, of): (&String, &Ratio)| {
        let counts = [of.n, of.n_failed].map(|count| Cell::from(count.to_string()));
        [name.as_str().into(), percent(of.rate)].into_iter().chain(counts).collect()
    };
    let numbers = ["satisfied, %", "questions", "failed"].map(Column::number);
    Table {
        caption: caption.to_owned(),
        columns: std::iter::once(Column::text("")).chain(numbers).collect(),
        rows: ratios.iter().map(row).collect(),
        notes: Vec::new(),
    }
}

fn percent(share: Option<f64>) -> Cell {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", 100.0 * share)).into()
}
