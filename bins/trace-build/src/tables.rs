//! Statistics as text: the paper's Tables 1 and 2 and the numbers of its Figure 3.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};
use trace_schema::{DatasetStats, LengthStats, TypeCount, UnknownLabelCount};

/// The numbers of constraints that stand side by side in Table 2.
const COUNTS_PER_LINE: usize = 15;

/// All statistics of a file.
pub(crate) fn render(file: &str, stats: &DatasetStats) -> String {
    let mut sections = vec![headline(file, stats)];
    // Completions are not taken apart: nothing is known of their instructions.
    if stats.instructions > 0 {
        sections.extend([
            format!("Table 1. Constraints per instruction\n{}", constraints_per_instruction(stats)),
            format!("Table 2. Instructions with C constraints\n{}", instructions_by_count(stats)),
            format!("Figure 3. Constraints by type and dimension\n{}", constraints_by_dimension(stats)),
        ]);
    }
    sections.push(format!("Lengths\n{}", lengths(stats)));
    sections.join("\n\n") + "\n" + &remarks(stats)
}

fn headline(file: &str, stats: &DatasetStats) -> String {
    let mut line = format!("{file}: {} rows, format: {}", thousands(stats.rows), stats.format);
    if let Some(operations) = &stats.operations {
        let parts = [(operations.add, "ADD"), (operations.delete, "DELETE"), (operations.revise, "REVISE")];
        let parts = parts.map(|(count, name)| format!("{} {name}", thousands(count)));
        line += &format!("\n{}; both instructions of a group are counted", parts.join(", "));
    }
    line
}

fn constraints_per_instruction(stats: &DatasetStats) -> Table {
    let counts = &stats.constraints;
    let mut table = new_table(&["#N", "Min.", "Max.", "Avg.", "Constraints"]);
    let (instructions, total) = (thousands(stats.instructions), thousands(counts.total));
    table.add_row([
        instructions,
        counts.min.to_string(),
        counts.max.to_string(),
        format!("{:.3}", counts.mean),
        total,
    ]);
    align_right(&mut table, 0..5);
    table
}

fn instructions_by_count(stats: &DatasetStats) -> Table {
    let counts: Vec<_> = stats.by_constraint_count.iter().collect();
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    for (index, line) in counts.chunks(COUNTS_PER_LINE).enumerate() {
        let numbers =
            std::iter::once("C =".to_owned()).chain(line.iter().map(|(number, _)| number.to_string()));
        let instructions = std::iter::once("instructions".to_owned())
            .chain(line.iter().map(|(_, count)| thousands(**count)));
        match index {
            0 => table.set_header(numbers),
            _ => table.add_row(numbers),
        };
        table.add_row(instructions);
    }
    align_right(&mut table, 1..COUNTS_PER_LINE + 1);
    table
}

fn constraints_by_dimension(stats: &DatasetStats) -> Table {
    let mut table = new_table(&["Type", "Dimension", "Constraints", "Share", "Instructions"]);
    for of_type in &stats.types {
        let TypeCount { constraint_type, constraints, instructions, share } = of_type;
        let (constraints, instructions) = (thousands(*constraints), thousands(*instructions));
        table.add_row([
            constraint_type.to_string(),
            String::new(),
            constraints,
            percent(*share),
            instructions,
        ]);
        for count in stats.dimensions.iter().filter(|count| count.constraint_type == *constraint_type) {
            let (constraints, instructions) = (thousands(count.constraints), thousands(count.instructions));
            table.add_row([
                String::new(),
                count.dimension.to_string(),
                constraints,
                percent(count.share),
                instructions,
            ]);
        }
    }
    align_right(&mut table, 2..5);
    table
}

/// A Han character counts as a word.
fn lengths(stats: &DatasetStats) -> Table {
    let mut table = new_table(&["Text", "in", "Texts", "Min.", "Avg.", "p50", "p90", "p99", "Max."]);
    let all = &stats.lengths;
    let rows = [
        ("description", &all.description),
        ("constraint", &all.constraint),
        ("prompt", &all.prompt),
        ("response", &all.response),
    ];
    for (name, lengths) in rows.into_iter().filter_map(|(name, lengths)| Some((name, lengths.as_ref()?))) {
        table.add_row(length_row(
            [name.to_owned(), "characters".to_owned(), thousands(lengths.texts)],
            &lengths.characters,
        ));
        table.add_row(length_row([String::new(), "words".to_owned(), String::new()], &lengths.words));
    }
    align_right(&mut table, 2..9);
    table
}

fn length_row(head: [String; 3], of: &LengthStats) -> Vec<String> {
    let number = |length: usize| thousands(length as u64);
    let numbers = [
        number(of.min),
        format!("{:.1}", of.mean),
        number(of.p50),
        number(of.p90),
        number(of.p99),
        number(of.max),
    ];
    head.into_iter().chain(numbers).collect()
}

/// What the tables leave out: constraints whose dimension is not known.
fn remarks(stats: &DatasetStats) -> String {
    let mut text = String::new();
    if stats.unlabelled_constraints > 0 {
        text += &format!("\nConstraints without a label: {}\n", thousands(stats.unlabelled_constraints));
    }
    if !stats.unknown_labels.is_empty() {
        let total = stats.unknown_labels.iter().map(|label| label.constraints).sum();
        text += &format!(
            "\nConstraints with a label that names none of the 26 dimensions: {}\n",
            thousands(total)
        );
        text += &stats.unknown_labels.iter().map(unknown_label).collect::<String>();
    }
    if !text.is_empty() {
        text += "They count in Tables 1 and 2, but have no type or dimension.\n";
    }
    text
}

fn unknown_label(label: &UnknownLabelCount) -> String {
    let more = if label.rows > label.ids.len() as u64 { ", ..." } else { "" };
    format!("  {:?}: {} (id {}{more})\n", label.label, thousands(label.constraints), label.ids.join(", "))
}

/// A table with a header.
pub(crate) fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header(header);
    table
}

/// Sets the numbers of some columns under each other.
pub(crate) fn align_right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in table.column_iter_mut().skip(columns.start).take(columns.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// A part of the whole in percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A number with a comma between thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let numbers = [0, 12, 999, 1000, 119_345, 1_234_567].map(thousands);
        assert_eq!(numbers, ["0", "12", "999", "1,000", "119,345", "1,234,567"]);
    }
}
