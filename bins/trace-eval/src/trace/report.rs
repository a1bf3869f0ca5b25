//! Scores as tables and as a page.

use anyhow::Result;
use trace_score::report::{Answers, BarChart, Block, Report, Section};
use trace_score::trace::Agreement;
use trace_score::{Cell, Column, Judged, Table};

use super::Output;
use super::verdicts::Parser;
use crate::provenance::pairs_of;

/// Of the tables of scores, those that need no scores of single constraints.
const TABLES_OF_INSTRUCTIONS: usize = 2;

/// All tables for a terminal.
pub(super) fn text(output: &Output, parser: Parser) -> String {
    let tables = score_tables(output, parser).into_iter().chain(judging_tables(output));
    tables.map(|table| table.to_text() + "\n").collect()
}

/// The page: numbers, how they were come by, and the answers that do not follow their instruction.
pub(super) fn report(output: &Output, rows: &[Judged], parser: Parser, show: usize) -> Result<Report> {
    let system = output.provenance.system.as_str();
    let answers = Answers::of(&[(system, rows)])?;
    let shown = answers.keep(show, |row| row.answers.iter().any(|answer| answer.followed != Some(true)));
    let runs = [(system, &output.scores)];
    let mut charts = vec![BarChart::by_constraint_count(&runs)];
    if parser == Parser::Strict {
        charts.extend([BarChart::by_type(&runs), BarChart::by_dimension(&runs)]);
    }
    let blocks = |tables: Vec<Table>| tables.into_iter().map(Block::Table).collect::<Vec<_>>();
    let sections = vec![
        Section::new("Scores", blocks(score_tables(output, parser))),
        Section::new("Charts", charts.into_iter().map(Block::Bars).collect()),
        Section::new("Judging", blocks(judging_tables(output))),
        Section::new("Provenance", vec![Block::KeyValues(pairs_of(&output.provenance)?)]),
        Section::new("Answers that do not follow, or have no verdict", vec![Block::Answers(shown)]),
    ];
    let subtitle = "Instructions whose every constraint a judge scores with 10".to_owned();
    Ok(Report { title: format!("TRACE: {system}"), subtitle, sections })
}

fn score_tables(output: &Output, parser: Parser) -> Vec<Table> {
    let mut tables = output.scores.tables();
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

fn judging_tables(output: &Output) -> Vec<Table> {
    let mut tables = vec![output.judging.table(output.without_answer)];
    tables.extend(output.agreement.as_ref().map(|of| {
        let score = of.score.iter().map(|score| ("on the score", score));
        agreement_table([("on whether it is 10", &of.full_score)].into_iter().chain(score))
    }));
    tables
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
