//! The numbers of a generated data set as text.

use comfy_table::Table;
use trace_world::Summary;

use crate::tables::{align_right, new_table, thousands};

/// Sizes, numbers of constraints, cells of the groups, and what was not kept.
pub(crate) fn render(folder: &str, summary: &Summary) -> String {
    let sections = [
        format!("{folder}: seed {}", summary.seed),
        format!("Rows\n{}", rows(summary)),
        format!("Training instructions with C constraints\n{}", counts(summary)),
        format!("Groups whose cells the verifiers accept\n{}", cells(summary)),
        format!("Candidates that were not kept\n{}", rejections(summary)),
    ];
    sections.join("\n\n") + "\n"
}

fn rows(summary: &Summary) -> Table {
    let mut table = new_table(&["file", "rows"]);
    for file in ["sft", "pairs", "groups"] {
        table.add_row([format!("{file}.jsonl"), thousands(summary.rows as u64)]);
    }
    for (name, rows) in &summary.evaluation_rows {
        table.add_row([format!("eval_{name}.jsonl"), thousands(*rows as u64)]);
    }
    align_right(&mut table, 1..2);
    table
}

fn counts(summary: &Summary) -> Table {
    let mut table = new_table(&["C", "instructions"]);
    for (count, instructions) in &summary.by_constraint_count {
        table.add_row([count.to_string(), thousands(*instructions)]);
    }
    align_right(&mut table, 0..2);
    table
}

fn cells(summary: &Summary) -> Table {
    let mut table = new_table(&["", "y1", "y2"]);
    let cells = &summary.followed;
    table.add_row(["x1".to_owned(), thousands(cells.x1_y1), thousands(cells.x1_y2)]);
    table.add_row(["x2".to_owned(), thousands(cells.x2_y1), thousands(cells.x2_y2)]);
    align_right(&mut table, 1..3);
    table
}

fn rejections(summary: &Summary) -> Table {
    let mut table = new_table(&["reason", "candidates"]);
    for (reason, count) in summary.rejections.iter() {
        table.add_row([reason.name().replace('_', " "), thousands(count)]);
    }
    align_right(&mut table, 1..2);
    table
}
