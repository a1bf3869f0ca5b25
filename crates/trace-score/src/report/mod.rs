//! One self-contained HTML page: tables, charts, and answers to read one by one.
//!
//! The page loads nothing, runs no script, and forbids both to the browser; it follows the reader's light or dark
//! setting and fits a phone. All text is escaped. The same report gives the same bytes.

mod answers;
mod axis;
mod bars;
mod lines;
mod view;

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use thiserror::Error;

pub use answers::{Answer, AnswerRow, Answers};
pub use bars::{BarCategory, BarChart};
pub use lines::{LineChart, Series};

use crate::Table;

/// A report: what to show, in order.
///
/// ```
/// use trace_score::report::{Block, Report, Section};
///
/// let provenance = [("seed", "7"), ("rows", "1042")].map(|(key, value)| (key.to_owned(), value.to_owned()));
/// let report = Report {
///     title: "IOPO against DPO".to_owned(),
///     sections: vec![Section::new("Provenance", vec![Block::KeyValues(provenance.to_vec())])],
///     ..Report::default()
/// };
/// let page = report.render()?;
/// assert!(page.contains("<dt>seed</dt>"));
/// # Ok::<(), trace_score::report::ReportError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// The heading of the page.
    pub title: String,
    /// A line under the heading; may be empty.
    pub subtitle: String,
    /// The sections from top to bottom.
    pub sections: Vec<Section>,
}

/// A section of a report.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// The content.
    pub blocks: Vec<Block>,
}

impl Section {
    /// A section.
    pub fn new(title: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self { title: title.into(), blocks }
    }
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Block {
    /// A paragraph of plain text; its line ends are kept.
    Text(String),
    /// Names and values: where the numbers come from.
    KeyValues(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// Bars with intervals.
    Bars(BarChart),
    /// Curves.
    Lines(LineChart),
    /// Answers to read.
    Answers(Answers),
}

/// A page that could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The template refused the data.
    #[error("the report cannot be rendered")]
    Render {
        /// What the template engine says.
        #[from]
        source: minijinja::Error,
    },
}

impl Report {
    /// The page.
    ///
    /// # Errors
    ///
    /// [`ReportError::Render`]; no report is known for which it happens.
    pub fn render(&self) -> Result<String, ReportError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        environment.set_syntax(syntax);
        // Names that end in ".html" are escaped, those in ".css" are not: they are text of this crate.
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        Ok(environment.get_template("page.html")?.render(Serde(view::page(self)))?)
    }
}

/// What every page of the workspace looks like: colours by light and dark, text, tables, cards, and rows to unfold.
pub const BASE_STYLE: &str = include_str!("templates/base.css");

const TEMPLATES: [(&str, &str); 6] = [
    ("page.html", include_str!("templates/page.html")),
    ("blocks.html", include_str!("templates/blocks.html")),
    ("charts.html", include_str!("templates/charts.html")),
    ("answers.html", include_str!("templates/answers.html")),
    ("base.css", BASE_STYLE),
    ("style.css", include_str!("templates/style.css")),
];
