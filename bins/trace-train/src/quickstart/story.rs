//! What happened, on the terminal.

use std::path::Path;

use anyhow::Result;
use iopo_cli::say;
use iopo_lab::Decoding;
use trace_score::stats::p_value_text;
use trace_score::{Judged, PairedShare};
use trace_world::EvaluationKind;

use super::Run;
use super::systems::{COLUMNS, System};

/// How many answers are shown before and after.
const EXAMPLES: usize = 3;

/// Prints the table, the differences, some answers, and where everything lies.
pub fn tell(run: &Run, report: &Path) -> Result<()> {
    say(&run.systems.comparison.table_of_intervals().to_text())?;
    for (system, differences) in run.systems.all[1..].iter().zip(&run.systems.against_start) {
        let columns = COLUMNS.iter().zip(differences).filter(|((kind, _), _)| *kind == EvaluationKind::Multi);
        let columns = columns.map(|((_, decoding), share)| difference(*decoding, share));
        say(&format!("{} − Base, IF-M in points: {}", system.name, columns.collect::<Vec<_>>().join("; ")))?;
    }
    let before = run.systems.all.first();
    let after = run.systems.all.iter().find(|system| system.name == "IOPO");
    if let (Some(before), Some(after)) = (before, after) {
        examples(before, after)?;
    }
    say(&format!(
        "\n{:.0} s in all. Models, rows and the configurations that made them are beside {};\nopen it to read more answers.",
        run.elapsed.as_secs_f64(),
        report.display()
    ))
}

/// The first instructions that one of two systems followed and the other did not, whichever it was.
fn examples(before: &System, after: &System) -> Result<()> {
    say(&format!(
        "\nThe first {EXAMPLES} instructions with several constraints that one of {} and {} followed, and the other did not:",
        before.name, after.name
    ))?;
    let pairs = before.greedy.iter().zip(&after.greedy);
    let split = pairs
        .filter(|(before, after)| before.constraint_count() > 1 && before.followed() != after.followed());
    for (row, other) in split.take(EXAMPLES) {
        say(&format!("\n{}", indented(&row.prompt)))?;
        say(&answer(&before.name, row))?;
        say(&answer(&after.name, other))?;
    }
    Ok(())
}

/// `drawn +6.2 [+3.1, +9.4], p 0.021`
fn difference(decoding: Decoding, share: &PairedShare) -> String {
    let name = match decoding {
        Decoding::Greedy => "most likely",
        Decoding::Sampled => "drawn",
    };
    let points = share.difference.map_or_else(|| "-".to_owned(), |value| format!("{:+.1}", value * 100.0));
    let interval = share.interval.as_ref();
    let interval =
        interval.map(|interval| format!(" [{:+.1}, {:+.1}]", interval.low * 100.0, interval.high * 100.0));
    format!("{name} {points}{}, p {}", interval.unwrap_or_default(), p_value_text(share.p_value, 3))
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
