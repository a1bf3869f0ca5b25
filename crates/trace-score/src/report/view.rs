//! A report as the templates see it.

use serde::Serialize;

use super::bars::BarsView;
use super::lines::LinesView;
use super::{Answer, AnswerRow, Answers, Block, Report};
use crate::{Cell, Column, Table};

#[derive(Debug, Serialize)]
pub(super) struct PageView {
    title: String,
    subtitle: String,
    sections: Vec<SectionView>,
}

#[derive(Debug, Serialize)]
struct SectionView {
    title: String,
    blocks: Vec<BlockView>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
enum BlockView {
    Text(String),
    KeyValues(Vec<(String, String)>),
    Table(TableView),
    Bars(BarsView),
    Lines(LinesView),
    Answers(AnswersView),
}

pub(super) fn page(report: &Report) -> PageView {
    let palette = Palette::of(report);
    let section = |section: &super::Section| SectionView {
        title: section.title.clone(),
        blocks: section.blocks.iter().map(|one| block(one, &palette)).collect(),
    };
    PageView {
        title: report.title.clone(),
        subtitle: report.subtitle.clone(),
        sections: report.sections.iter().map(section).collect(),
    }
}

fn block(block: &Block, palette: &Palette) -> BlockView {
    match block {
        Block::Text(text) => BlockView::Text(text.clone()),
        Block::KeyValues(pairs) => BlockView::KeyValues(pairs.clone()),
        Block::Table(table) => BlockView::Table(TableView::of(table)),
        Block::Bars(chart) => BlockView::Bars(chart.view(palette)),
        Block::Lines(chart) => BlockView::Lines(chart.view(palette)),
        Block::Answers(answers) => BlockView::Answers(AnswersView::of(answers)),
    }
}

/// The colours of the page: a name has the same one in every chart.
#[derive(Debug)]
pub(super) struct Palette<'a> {
    names: Vec<&'a str>,
}

/// The colour and stroke of a name.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Key {
    name: String,
    /// One of the seven colours of the style sheet.
    colour: usize,
    /// One of its three kinds of stroke, for names beyond the seventh.
    dash: usize,
}

impl<'a> Palette<'a> {
    /// The names of all charts in the order in which they appear.
    fn of(report: &'a Report) -> Self {
        let mut names: Vec<&str> = Vec::new();
        for block in report.sections.iter().flat_map(|section| &section.blocks) {
            let of_block: Vec<&str> = match block {
                Block::Bars(chart) => chart.systems.iter().map(String::as_str).collect(),
                Block::Lines(chart) => chart.series.iter().map(|series| series.label.as_str()).collect(),
                _ => Vec::new(),
            };
            let mut new: Vec<_> = of_block.into_iter().filter(|name| !names.contains(name)).collect();
            names.append(&mut new);
        }
        Self { names }
    }

    pub(super) fn key(&self, name: &str) -> Key {
        let place = self.names.iter().position(|known| *known == name).unwrap_or_default();
        Key { name: name.to_owned(), colour: place % 7, dash: place / 7 % 3 }
    }
}

/// A table with the groups of its columns drawn together.
#[derive(Debug, Serialize)]
pub(super) struct TableView {
    caption: String,
    groups: Vec<GroupView>,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct GroupView {
    name: String,
    columns: usize,
}

impl TableView {
    pub(super) fn of(table: &Table) -> Self {
        let has_groups = table.columns.iter().any(|column| !column.group.is_empty());
        let neighbours =
            table.columns.chunk_by(|left, right| !left.group.is_empty() && left.group == right.group);
        let groups = neighbours.filter(|_| has_groups).filter_map(|columns| {
            Some(GroupView { name: columns.first()?.group.clone(), columns: columns.len() })
        });
        // Missing cells are left empty, and surplus cells are not shown.
        let row = |row: &Vec<Cell>| {
            row.iter()
                .cloned()
                .chain(std::iter::repeat_with(Cell::default))
                .take(table.columns.len())
                .collect()
        };
        Self {
            caption: table.caption.clone(),
            groups: groups.collect(),
            columns: table.columns.clone(),
            rows: table.rows.iter().map(row).collect(),
            notes: table.notes.clone(),
        }
    }
}

#[derive(Debug, Serialize)]
struct AnswersView {
    systems: Vec<String>,
    total: usize,
    rows: Vec<AnswerRowView>,
}

#[derive(Debug, Serialize)]
struct AnswerRowView {
    id: String,
    prompt: String,
    answers: Vec<AnswerView>,
    requirements: Vec<RequirementView>,
}

#[derive(Debug, Serialize)]
struct AnswerView {
    system: String,
    text: String,
    failure: Option<String>,
    mark: MarkView,
}

/// A constraint, or the other requirements of the description, and whether each system followed it.
#[derive(Debug, Serialize)]
struct RequirementView {
    text: String,
    dimension: String,
    marks: Vec<MarkView>,
}

#[derive(Debug, Serialize)]
struct MarkView {
    /// The CSS class: "yes", "no" or "none".
    class: &'static str,
    symbol: &'static str,
    score: Option<String>,
}

impl MarkView {
    fn of(followed: Option<bool>) -> Self {
        let (class, symbol) = match followed {
            Some(true) => ("yes", "✓"),
            Some(false) => ("no", "✗"),
            None => ("none", "?"),
        };
        Self { class, symbol, score: None }
    }

    fn of_score(score: Option<f64>) -> Self {
        let full = crate::ConstraintScore::FULL.value();
        Self { score: score.map(|score| score.to_string()), ..Self::of(score.map(|score| score == full)) }
    }
}

impl AnswersView {
    fn of(answers: &Answers) -> Self {
        let rows = answers.rows.iter().map(|row| AnswerRowView::of(row, &answers.systems)).collect();
        Self { systems: answers.systems.clone(), total: answers.total, rows }
    }
}

impl AnswerRowView {
    fn of(row: &AnswerRow, systems: &[String]) -> Self {
        let answer = |(system, answer): (&String, &Answer)| AnswerView {
            system: system.clone(),
            text: answer.text.clone(),
            failure: answer.failure.clone(),
            mark: MarkView::of(answer.followed),
        };
        let constraint = |(index, text): (usize, &String)| RequirementView {
            text: text.clone(),
            dimension: row.dimensions.get(index).cloned().unwrap_or_default(),
            marks: row
                .answers
                .iter()
                .map(|answer| MarkView::of_score(answer.scores.get(index).copied()))
                .collect(),
        };
        let mut requirements: Vec<_> = row.constraints.iter().enumerate().map(constraint).collect();
        if row.answers.iter().any(|answer| answer.also_required == Some(false)) {
            requirements.push(RequirementView {
                text: "What else the description requires".to_owned(),
                dimension: String::new(),
                marks: row.answers.iter().map(|answer| MarkView::of(answer.also_required)).collect(),
            });
        }
        Self {
            id: row.id.clone(),
            prompt: row.prompt.clone(),
            answers: systems.iter().zip(&row.answers).map(answer).collect(),
            requirements,
        }
    }
}
