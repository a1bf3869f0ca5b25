//! Agreement as text.

use trace_score::stats::Interval;

use super::agreement::{Dispute, Measured, Report};
use super::check::{Check, Item};
use super::verdicts::{Missing, Repeated};
use crate::tables::{align_right, new_table, percent};

/// The most lines of a list that are printed; `--json` has all.
const LISTED: usize = 50;

/// The whole report.
pub(super) fn render(report: &Report) -> String {
    let mut text = format!(
        "{} annotators ({}), {} rows\n\nAgreement, intervals at {}\n{}\n",
        report.annotators.len(),
        report.annotators.join(", "),
        report.rows,
        percent(report.level),
        agreement(report)
    );
    text += "Agreed: all annotators gave the same verdict. A whole row is good where all of an annotator's verdicts are yes.\n";
    text += "Intervals take items to be independent; labels of one row are not quite.\n";
    if report.agreement.iter().any(|measured| measured.items > 0 && measured.fleiss_kappa.is_none()) {
        text +=
            "Kappa is undefined where all verdicts are the same: nothing is left to agree about by chance.\n";
    }
    text += &list("Disagreements", report.disputes.iter().map(dispute));
    text += &list("Missing verdicts", report.missing.iter().map(missing));
    text += &list("Items that stand in a table more than once", report.repeated.iter().map(repeated));
    text
}

fn agreement(report: &Report) -> comfy_table::Table {
    let mut table = new_table(&[
        "Question",
        "Items",
        "Incomplete",
        "Agreed",
        "Rate",
        "Interval",
        "Pairs",
        "Kappa",
        "Yes",
    ]);
    for measured in &report.agreement {
        table.add_row(line(measured));
    }
    align_right(&mut table, 1..9);
    table
}

fn line(measured: &Measured) -> [String; 9] {
    let share = |share: Option<f64>| share.map_or("–".to_owned(), percent);
    let interval = |interval: Interval| format!("{} to {}", percent(interval.low), percent(interval.high));
    let kappa = match (measured.fleiss_kappa, measured.items) {
        (Some(kappa), _) => format!("{kappa:.3}"),
        (None, 0) => "–".to_owned(),
        (None, _) => "undefined".to_owned(),
    };
    [
        measured.name.clone(),
        measured.items.to_string(),
        measured.incomplete.to_string(),
        measured.unanimous.to_string(),
        share(measured.agreement_rate),
        measured.interval.map_or("–".to_owned(), interval),
        share(measured.pairwise),
        kappa,
        share(measured.yes),
    ]
}

fn list(title: &str, lines: impl ExactSizeIterator<Item = String>) -> String {
    let count = lines.len();
    if count == 0 {
        return format!("\n{title}: none\n");
    }
    let mut text = format!("\n{title}: {count}\n");
    lines.take(LISTED).for_each(|line| text += &format!("  {line}\n"));
    if count > LISTED {
        text += &format!("  and {} more; --json has all\n", count - LISTED);
    }
    text
}

fn item(item: &Item) -> String {
    match item.check {
        Check::LabelRight => {
            format!("id {}, {} of constraint {}", item.id, item.check.name(), item.constraint)
        }
        _ => format!("id {}, {}", item.id, item.check.name()),
    }
}

fn dispute(dispute: &Dispute) -> String {
    let said = |verdict: bool| {
        let names: Vec<&str> = dispute
            .verdicts
            .iter()
            .filter(|(_, given)| **given == verdict)
            .map(|(name, _)| name.as_str())
            .collect();
        names.join(", ")
    };
    format!("{}: yes by {}; no by {}", item(&dispute.item), said(true), said(false))
}

fn missing(missing: &Missing) -> String {
    format!("{}: by {}", item(&missing.item), missing.annotator)
}

fn repeated(repeated: &Repeated) -> String {
    let lines: Vec<String> = repeated.lines.iter().map(u64::to_string).collect();
    let outcome = match repeated.contradictory {
        true => "the verdicts differ, and none counts",
        false => "counted once",
    };
    format!("{}, lines {}: {}: {outcome}", repeated.file, lines.join(", "), item(&repeated.item))
}
