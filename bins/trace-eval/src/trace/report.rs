//! Scores as tables and charts.

use trace_score::report::BarChart;
use trace_score::trace::Agreement;
use trace_score::{Cell, Column, Scores, Table};

use super::verdicts::{Parser, VoteAgreement};

/// Of the tables of scores, those that need no scores of single constraints.
const TABLES_OF_INSTRUCTIONS: usize = 2;

/// The charts of a run; those by type and dimension need scores of single constraints.
pub(super) fn charts(system: &str, scores: &Scores, parser: Parser) -> Vec<BarChart> {
    let runs = [(system, scores)];
    let mut charts = vec![BarChart::by_constraint_count(&runs)];
    if parser == Parser::Strict {
        charts.extend([BarChart::by_type(&runs), BarChart::by_dimension(&runs)]);
    }
    charts
}

pub(super) fn score_tables(scores: &Scores, parser: Parser) -> Vec<Table> {
    let mut tables = scores.tables();
    if parser == Parser::Compatible {
        tables.truncate(TABLES_OF_INSTRUCTIONS);
        if let Some(overview) = tables.first_mut() {
            overview
                .notes
                .push("Only overall scores were read: no constraint has a score of its own.".to_owned());
        }
    }
    tables
}

/// How far the votes agree.
pub(super) fn agreement(agreement: &VoteAgreement) -> Table {
    let score = agreement.score.iter().map(|score| ("on the score", score));
    agreement_table([("on whether it is 10", &agreement.full_score)].into_iter().chain(score))
}

fn agreement_table<'a>(rows: impl Iterator<Item = (&'a str, &'a Agreement)>) -> Table {
    let row = |(name, of): (&str, &Agreement)| {
        let kappa = of.fleiss_kappa.map_or_else(|| "–".to_owned(), |kappa| format!("{kappa:.3}"));
        let percent = |share: f64| Cell::from(format!("{:.1}", 100.0 * share));
        let counts = [of.items, of.raters].map(|count| Cell::from(count.to_string()));
        let [items, raters] = counts;
        vec![name.into(), percent(of.percent_agreement), percent(of.unanimous), kappa.into(), items, raters]
    };
    let numbers = ["pairs that agree, %", "all agree, %", "Fleiss' kappa", "items", "votes"];
    let columns = std::iter::once(Column::text("")).chain(numbers.map(Column::number)).collect();
    Table {
        caption: "Agreement of the votes".to_owned(),
        columns,
        rows: rows.map(row).collect(),
        notes: Vec::new(),
    }
}
