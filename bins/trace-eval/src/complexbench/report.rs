//! Statistics as tables.

use std::collections::BTreeMap;

use trace_score::complexbench::{Coherence, DrfrStatistics, Ratio};
use trace_score::{Cell, Column, Table};

/// All tables of a run.
pub(super) fn tables(statistics: &DrfrStatistics) -> Vec<Table> {
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
