//! Pages as Markdown templates: the template holds the words, a view the values.

use anyhow::Result;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

/// The cells of a table, row by row.
pub type Rows = Vec<Vec<String>>;

/// Fills in a template.
///
/// Filters beside minijinja's own: `rows` writes the rows of a Markdown table, `number` a number with as many digits
/// as it needs, `scientific` one as `3e-4`.
///
/// # Errors
///
/// A template that is malformed, or that names a value which the view lacks.
pub fn render(template: &str, view: impl Serialize) -> Result<String> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("rows", |rows: Rows| table_rows(&rows));
    environment.add_filter("number", |value: f64| value.to_string());
    environment.add_filter("scientific", |value: f64| format!("{value:e}"));
    Ok(environment.render_str(template, Serde(view))?)
}

fn table_rows(rows: &[Vec<String>]) -> String {
    rows.iter().map(|cells| format!("| {} |", cells.join(" | "))).collect::<Vec<_>>().join("\n")
}

/// A table in Markdown.
pub fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let head = format!("| {} |\n| {} |", headers.join(" | "), vec!["---"; headers.len()].join(" | "));
    format!("{head}\n{}", table_rows(rows))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_leave_no_blank_lines_in_a_table() {
        let template = "| a | b |\n| --- | --- |\n{% if rows %}\n{{ rows | rows }}\n{% endif %}\n{{ x | number }}, {{ x | scientific }}\n";
        let view = json!({"rows": [["1", ""], ["2", "<"]], "x": 0.5});
        assert_eq!(
            render(template, view).unwrap(),
            "| a | b |\n| --- | --- |\n| 1 |  |\n| 2 | < |\n0.5, 5e-1\n"
        );
    }

    #[test]
    fn a_value_that_the_view_lacks_is_an_error() {
        assert!(render("{{ title }}", json!({})).is_err());
    }
}
