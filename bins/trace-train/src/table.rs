//! Before and after, side by side.

use comfy_table::{CellAlignment, Table, presets};
use iopo_train::Evaluation;

/// A set of examples, evaluated before and after training.
pub struct Change {
    /// What the examples are.
    pub label: &'static str,
    /// How many there are.
    pub examples: usize,
    /// Before.
    pub before: Evaluation,
    /// After.
    pub after: Evaluation,
}

/// Metric, what to call it, and digits after the point.
const ROWS: [(&str, &str, usize); 9] = [
    ("loss", "loss", 4),
    ("rewards/margins", "margin: matched − swapped", 3),
    ("rewards/accuracies", "right response preferred", 2),
    ("rewards/input_accuracies", "right instruction preferred", 2),
    ("rewards/x1_y1", "x1 → y1 (matched)", 3),
    ("rewards/x2_y2", "x2 → y2 (matched)", 3),
    ("rewards/x1_y2", "x1 → y2 (swapped)", 3),
    ("rewards/x2_y1", "x2 → y1 (swapped)", 3),
    ("rewards/chosen", "chosen", 3),
];

/// The table for people; rows that no evaluation has are left out.
pub fn render(changes: &[Change]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let mut header = vec!["mean over examples".to_owned()];
    header.extend(changes.iter().flat_map(|change| {
        let of = format!("{} ({})", change.label, change.examples);
        [format!("{of}\nbefore"), format!("{of}\nafter")]
    }));
    table.set_header(header);
    for (name, label, digits) in ROWS {
        let is_cell_of_a_pair = name == "rewards/chosen" && has(changes, "rewards/x1_y1");
        if !has(changes, name) || is_cell_of_a_pair {
            continue;
        }
        let mut row = vec![label.to_owned()];
        row.extend(changes.iter().flat_map(|change| {
            [&change.before, &change.after].map(|side| number(side.get(name), name, digits))
        }));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn has(changes: &[Change], name: &str) -> bool {
    changes.iter().any(|change| change.before.get(name).is_some())
}

fn number(value: Option<f64>, name: &str, digits: usize) -> String {
    match value {
        None => String::new(),
        Some(value) if name == "loss" || name.ends_with("accuracies") => format!("{value:.digits$}"),
        Some(value) => format!("{value:+.digits$}"),
    }
}
