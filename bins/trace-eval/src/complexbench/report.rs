//! Statistics as tables and as a page.

use std::collections::BTreeMap;

use anyhow::Result;
use trace_score::complexbench::{Coherence, DrfrStatistics, OfficialStatistics, Ratio};
use trace_score::report::{Answers, Block, Report, Section};
use trace_score::{Cell, Column, Judged, Table};

use super::verdicts::Case;
use super::{Output, Statistics};
use crate::provenance::pairs_of;

/// All tables of a run.
pub(super) fn tables(output: &Output) -> Vec<Table> {
    let mut tables = match &output.results {
        Statistics::Fixed(statistics) => fixed(statistics),
        Statistics::Official(statistics) => official(statistics),
    };
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

fn fixed(statistics: &DrfrStatistics) -> Vec<Table> {
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

fn official(statistics: &OfficialStatistics) -> Vec<Table> {
    let table = |caption: &str, rates: Vec<(&str, f64)>| Table {
        caption: caption.to_owned(),
        columns: vec![Column::text(""), Column::number("%")],
        rows: rates.into_iter().map(|(name, rate)| vec![name.into(), percent(Some(rate))]).collect(),
        notes: Vec::new(),
    };
    let whole = vec![
        ("DRFR", statistics.overall_drfr),
        ("one selection: items", statistics.single_origin_test),
        ("one selection: groups", statistics.single_coherent_test),
        ("one selection: relative drop", statistics.single_relative_drop),
        ("several selections: items", statistics.multiple_origin_test),
        ("several selections: groups", statistics.multiple_coherent_test),
        ("several selections: relative drop", statistics.multiple_relative_drop),
    ];
    let parts = [
        ("By category", &statistics.categorized_drfr),
        ("By composition, without depth", &statistics.categorized_avg_drfr),
        ("By kind of task", &statistics.task_types_drfr),
        ("By compositions together", &statistics.nested_methods_drfr),
        ("By group of dimensions and composition", &statistics.constraint_types_and_composition_types_acc),
        ("By dimension and composition", &statistics.each_constraint_dimensions_and_composition_types_acc),
    ];
    let parts = parts.map(|(caption, rates)| {
        table(caption, rates.iter().map(|(name, rate)| (name.as_str(), *rate)).collect())
    });
    [table("ComplexBench, as the released code counts", whole)].into_iter().chain(parts).collect()
}

fn percent(share: Option<f64>) -> Cell {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", 100.0 * share)).into()
}
