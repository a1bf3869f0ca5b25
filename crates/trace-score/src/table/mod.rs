//! Tables, for text, Markdown and HTML.

mod of_scores;

use comfy_table::{CellAlignment, presets};
use serde::Serialize;

pub(crate) use of_scores::with_interval;

/// A table that can be shown as text, as Markdown, and in a [`Report`](crate::report::Report).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Table {
    /// The caption.
    pub caption: String,
    /// The columns from left to right.
    pub columns: Vec<Column>,
    /// The rows from top to bottom, each with a cell for every column; missing cells are left empty.
    pub rows: Vec<Vec<Cell>>,
    /// Remarks under the table.
    pub notes: Vec<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Column {
    /// The heading that the column shares with its neighbours, a benchmark for instance; may be empty.
    pub group: String,
    /// The heading of the column.
    pub name: String,
    /// Whether it shows numbers, which are set to the right.
    pub is_number: bool,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Cell {
    /// The text.
    pub text: String,
    /// A smaller remark beside it: an interval, or a change such as "↑ 3.0".
    pub detail: Option<String>,
    /// Whether it is the best of its kind, and is set in bold type.
    pub is_best: bool,
}

impl Column {
    /// A column of text.
    pub fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// A column of numbers.
    pub fn number(name: impl Into<String>) -> Self {
        Self { name: name.into(), is_number: true, ..Self::default() }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl Table {
    /// The table for a terminal, with a line end after every line. Control characters are shown as spaces.
    pub fn to_text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        let has_groups = self.columns.iter().any(|column| !column.group.is_empty());
        table.set_header(self.columns.iter().map(|column| match has_groups {
            true => format!("{}\n{}", plain(&column.group), plain(&column.name)),
            false => plain(&column.name),
        }));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| plain(&cell.in_one_line(false))));
        }
        for (index, column) in self.columns.iter().enumerate() {
            if let (true, Some(column)) = (column.is_number, table.column_mut(index)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let notes = self.notes.iter().map(|note| plain(note));
        let caption = (!self.caption.is_empty()).then(|| plain(&self.caption));
        lines(caption.into_iter().chain([table.trim_fmt()]).chain(notes))
    }

    /// The table in GitHub's Markdown. Characters with a meaning in Markdown or HTML are escaped.
    pub fn to_markdown(&self) -> String {
        let name = |column: &Column| match column.group.is_empty() {
            true => markdown(&column.name),
            false => format!("{} {}", markdown(&column.group), markdown(&column.name)),
        };
        let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        let header = line(self.columns.iter().map(name).collect());
        let rule = self.columns.iter().map(|column| if column.is_number { "--:" } else { "---" }.to_owned());
        let mut text = Vec::new();
        if !self.caption.is_empty() {
            text.extend([markdown(&self.caption), String::new()]);
        }
        text.extend([header, line(rule.collect())]);
        for row in &self.rows {
            let cells = row.iter().map(|cell| cell.in_one_line(true)).chain(std::iter::repeat(String::new()));
            text.push(line(cells.take(self.columns.len()).collect()));
        }
        for note in &self.notes {
            text.extend([String::new(), markdown(note)]);
        }
        lines(text.into_iter())
    }
}

impl Cell {
    /// The text and its detail.
    fn in_one_line(&self, as_markdown: bool) -> String {
        let show = |text: &str| if as_markdown { markdown(text) } else { text.to_owned() };
        let text = match as_markdown && self.is_best {
            true => format!("**{}**", show(&self.text)),
            false => show(&self.text),
        };
        match &self.detail {
            Some(detail) => format!("{text} {}", show(detail)),
            None => text,
        }
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

/// Without line ends and other control characters, which a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in plain(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '>' | '~' | '#' | '$' => {
                escaped.extend(['\\', character]);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}
