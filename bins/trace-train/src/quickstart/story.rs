//! The results, on the terminal.

use std::path::Path;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use iopo_cli::say;
use iopo_lab::Decoding;
use trace_score::stats::{Estimate, p_value_text};
use trace_score::{Judged, PairedShare};
use trace_world::EvaluationKind;

use super::Run;
use super::systems::{COLUMNS, System, Systems};

/// How many answers are shown before and after.
const EXAMPLES: usize = 3;

/// What the heads of the table stand for.
const LEGEND: &str = "\
Greedy and sampled answers to instructions that no training row had; in brackets 95 % intervals.
IF-S: instructions with one constraint that are followed. IF-M: with several constraints.
pairs: held-out pairs, IF-M with constraints that never meet in training.
more: more constraints than in training.
SFT*: supervised training on both instructions of each group, with their right responses.";

/// Prints the table, the differences, some answers, and where everything lies.
pub fn tell(run: &Run, report: &Path) -> Result<()> {
    say(format!("{}\n{LEGEND}\n", table(&run.systems)))?;
    for (system, differences) in run.systems.all[1..].iter().zip(&run.systems.against_start) {
        let columns = COLUMNS.iter().zip(differences).filter(|((kind, _), _)| *kind == EvaluationKind::Multi);
        let columns = columns.map(|((_, decoding), share)| difference(*decoding, share));
        say(format!("{} − Base, IF-M in points: {}", system.name, columns.collect::<Vec<_>>().join("; ")))?;
    }
    let before = run.systems.all.first();
    let after = run.systems.all.iter().find(|system| system.name == "IOPO");
    if let (Some(before), Some(after)) = (before, after) {
        examples(before, after)?;
    }
    say(format!(
        "\n{:.0} s in all. Models, rows and the configurations that made them are beside {};\nopen it to read more answers.",
        run.elapsed.as_secs_f64(),
        report.display()
    ))
}

/// Systems in rows, every value above its interval: less than a hundred columns.
fn table(systems: &Systems) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let head = |(kind, decoding): (EvaluationKind, Decoding)| {
        let kind = match kind {
            EvaluationKind::Single | EvaluationKind::Multi => kind.label(),
            EvaluationKind::Pairs | EvaluationKind::More => kind.name(),
        };
        format!("{}, %\n{kind}", decoding.name())
    };
    table.set_header([String::new()].into_iter().chain(COLUMNS.map(head)));
    for system in systems.comparison.systems() {
        table.add_row([system.method.clone()].into_iter().chain(system.values.iter().map(share)));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_padding((0, 1));
    }
    table
}

fn share(share: &Estimate) -> String {
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    let value = share.value.map_or_else(|| "–".to_owned(), percent);
    let interval = share.interval.as_ref();
    let interval = interval.map(|ends| format!("[{}, {}]", percent(ends.low), percent(ends.high)));
    format!("{value}\n{}", interval.unwrap_or_default())
}

/// The first instructions that one of two systems followed and the other did not, whichever it was.
fn examples(before: &System, after: &System) -> Result<()> {
    say(format!(
        "\nThe first {EXAMPLES} instructions with several constraints that one of {} and {} followed, and the other did not:",
        before.name, after.name
    ))?;
    let pairs = before.greedy.iter().zip(&after.greedy);
    let split = pairs
        .filter(|(before, after)| before.constraint_count() > 1 && before.followed() != after.followed());
    for (row, other) in split.take(EXAMPLES) {
        say(format!("\n{}", indented(&row.prompt)))?;
        say(answer(&before.name, row))?;
        say(answer(&after.name, other))?;
    }
    Ok(())
}

/// `sampled +6.2 [+3.1, +9.4], p 0.021`
fn difference(decoding: Decoding, share: &PairedShare) -> String {
    let points = share.difference.map_or_else(|| "-".to_owned(), |value| format!("{:+.1}", value * 100.0));
    let interval = share.interval.as_ref();
    let interval =
        interval.map(|interval| format!(" [{:+.1}, {:+.1}]", interval.low * 100.0, interval.high * 100.0));
    let (name, p_value) = (decoding.name(), p_value_text(share.p_value, 3));
    format!("{name} {points}{}, p {p_value}", interval.unwrap_or_default())
}

fn answer(name: &str, row: &Judged) -> String {
    let ticks: Vec<String> = row
        .constraints()
        .enumerate()
        .map(|(index, (_, _, score))| {
            let holds = score.is_some_and(|score| score.is_full());
            format!("{}{}", index + 1, if holds { " ✓" } else { " ✗" })
        })
        .collect();
    let followed = if row.followed() == Some(true) { "followed" } else { "not followed" };
    format!("  {name} ({}: {followed})\n{}", ticks.join(", "), indented(&row.answer))
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
