//! `reproduction.md`: what was run, tables, and how to read them. The words are those of `page.md.j2`.

use std::path::Path;

use anyhow::Result;
use iopo_files::write_file;
use iopo_lab::Decoding;
use serde::Serialize;
use trace_score::stats::{IntervalConfig, PairedTTest, SeedMean, p_value_text};
use trace_world::EvaluationKind;

use super::figure;
use super::job::Regime;
use super::report::{COMPARED, Report, Score, comparisons, label};
use super::study::Study;
use crate::page::{self, Rows};

/// How the tables are to be read, written by hand after a run.
pub const READING: &str = include_str!("reading.md");

/// What the template shows.
#[derive(Serialize)]
struct View<'a> {
    study: &'a Study,
    cost_seed: u64,
    reading: &'a str,
    regimes: Vec<RegimeView>,
    beside_paper: Rows,
    costs: Rows,
}

#[derive(Serialize)]
struct RegimeView {
    name: &'static str,
    systems: Rows,
    comparisons: Rows,
}

/// Writes the page and its figures.
///
/// `reading` stands between what was run and the tables.
pub fn write(dir: &Path, report: &Report, reading: &str) -> Result<()> {
    for plan in &report.study.plans {
        let name = plan.regime.name();
        figure::draw(report, plan.regime, &dir.join(format!("reproduction-{name}.svg")))?;
    }
    Ok(write_file(dir.join("reproduction.md"), render(report, reading)?)?)
}

/// The page.
pub fn render(report: &Report, reading: &str) -> Result<String> {
    let regime = |regime: Regime| RegimeView {
        name: regime.name(),
        systems: systems(report, regime),
        comparisons: differences(report, regime),
    };
    let view = View {
        study: &report.study,
        cost_seed: report.study.cost_seed()?,
        reading,
        regimes: report.study.plans.iter().map(|plan| regime(plan.regime)).collect(),
        beside_paper: beside_paper(report),
        costs: costs(report),
    };
    page::render(include_str!("page.md.j2"), view)
}

fn systems(report: &Report, regime: Regime) -> Rows {
    let row = |first: &Score| {
        let score = |kind, decoding| mean(report.score(regime, &first.system, kind, decoding));
        let steps: Vec<String> = first.best_steps.iter().map(ToString::to_string).collect();
        let rate = first.learning_rate.clone().unwrap_or_else(|| "-".to_owned());
        let mut cells = vec![first.system.clone(), rate, steps.join(", ")];
        cells.extend(EvaluationKind::ALL.map(|kind| score(kind, Decoding::Greedy)));
        cells.push(score(EvaluationKind::Multi, Decoding::Sampled));
        cells
    };
    report.systems(regime).into_iter().map(row).collect()
}

fn differences(report: &Report, regime: Regime) -> Rows {
    let row = |(system, other): (&str, &str)| {
        let mut cells = vec![format!("{system} − {other}")];
        for (kind, decoding) in COMPARED {
            let score = |system| report.score(regime, system, kind, decoding);
            let pairs = score(system)?.values.iter().zip(&score(other)?.values);
            let differences: Vec<f64> = pairs.map(|(first, second)| first - second).collect();
            let mean = SeedMean::of(&differences, IntervalConfig::default().level).mean;
            let mean = mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:+.1}"));
            let interval = report.interval(regime, (system, other), kind, decoding);
            let interval = interval.map(|interval| format!(" [{:+.1}, {:+.1}]", interval.low, interval.high));
            cells.push(mean + &interval.unwrap_or_default());
            let test = PairedTTest::of(&differences);
            cells.push(test.map_or_else(|| "-".to_owned(), |test| p_value_text(test.p_value, 3)));
        }
        Some(cells)
    };
    comparisons(regime).into_iter().filter_map(row).collect()
}

/// Table 4 of the paper beside ours.
fn beside_paper(report: &Report) -> Rows {
    let row = |(name, title, qwen, llama): (&str, &str, &str, &str)| {
        let system = match name {
            "start" => Regime::Paper.start().label(),
            name => label(name),
        };
        let score = |kind| report.score(Regime::Paper, system, kind, Decoding::Greedy);
        let (single, multi) = (score(EvaluationKind::Single)?, score(EvaluationKind::Multi)?);
        let texts = [title, qwen, llama].map(str::to_owned);
        Some([&texts[..], &[mean(Some(single)), mean(Some(multi))]].concat())
    };
    PAPER.into_iter().filter_map(row).collect()
}

/// Name here, label, and the paper's scores.
const PAPER: [(&str, &str, &str, &str); 9] = [
    ("start", "SFT (start of the others)", "76.0, 56.1", "75.5, 62.9"),
    ("orpo", "ORPO", "77.9, 61.7", "77.0, 63.1"),
    ("simpo", "SimPO", "78.3, 63.6", "76.3, 64.5"),
    ("dpo", "DPO", "79.0, 67.2", "79.0, 69.2"),
    ("iopo", "IOPO", "82.0, 68.9", "81.5, 70.7"),
    ("iopo-input-only", "IOPO without output preference", "81.0, 66.7", "81.5, 69.6"),
    ("dpo-star", "IOPO without input preference = DPO*", "80.9, 67.1", "79.0, 69.0"),
    ("sft-star", "SFT*", "not printed", "not printed"),
    ("iopo-simplified", "IOPO simplified (Eq. 11)", "not printed", "not printed"),
];

/// Table 5 of the paper beside ours.
fn costs(report: &Report) -> Rows {
    let Some(sft) = report.costs.iter().find(|line| line.system == "SFT").map(|line| &line.cost) else {
        return Vec::new();
    };
    let rows = report.costs.iter().map(|line| {
        let cost = &line.cost;
        let paper = PAPER_COST.into_iter().find(|(name, ..)| *name == line.system);
        let hours =
            paper.map_or_else(|| "-".to_owned(), |(_, hours, _)| format!("{:.2}", hours / PAPER_COST[0].1));
        let memory = paper.map_or("-", |(.., memory)| memory);
        vec![
            line.system.clone(),
            format!("{:.1}", cost.seconds),
            format!("{:.2}", cost.seconds / sft.seconds),
            hours,
            format!("{:.0}", cost.memory.delta),
            format!("{:.2}", cost.memory.delta / sft.memory.delta),
            memory.to_owned(),
        ]
    });
    rows.collect()
}

/// The paper's Table 5: label here, hours, memory as a multiple of SFT's.
const PAPER_COST: [(&str, f64, &str); 3] = [("SFT", 14.54, "1"), ("DPO", 26.30, "2"), ("IOPO", 34.27, "4")];

/// A mean, and half its interval.
fn mean(score: Option<&SeedMean>) -> String {
    let mean = score.and_then(|score| score.mean).map(|mean| format!("{mean:.1}"));
    let interval = score.and_then(|score| score.interval.as_ref());
    let half = interval.map(|interval| format!(" ± {:.1}", (interval.high - interval.low) / 2.0));
    mean.map_or_else(|| "-".to_owned(), |mean| mean + &half.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::golden::root;

    /// Numbers with a decimal point.
    fn decimals(text: &str) -> BTreeSet<&str> {
        let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.');
        parts.map(|part| part.trim_matches('.')).filter(|part| part.contains('.')).collect()
    }

    /// The reading is written by hand, after a run; another run must not leave it behind.
    #[test]
    fn every_decimal_of_the_reading_stands_in_the_tables_of_the_page() {
        let page = fs::read_to_string(root().join("docs/reproduction.md")).unwrap();
        let (before, tables) = page.split_once(READING).unwrap();
        let known: BTreeSet<_> = decimals(before).into_iter().chain(decimals(tables)).collect();
        let unknown: Vec<_> = decimals(READING).difference(&known).copied().collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn the_page_and_the_figures_in_the_book_are_those_of_their_results() {
        let docs = root().join("docs");
        let report = Report::read(&docs.join("reproduction.json")).unwrap();
        let json = fs::read_to_string(docs.join("reproduction.json")).unwrap();
        assert!(json == report.to_json().unwrap(), "reproduction.json is not as this program writes it");
        let written = tempfile::tempdir().unwrap();
        write(written.path(), &report, READING).unwrap();
        let files = report.study.plans.iter().map(|plan| format!("reproduction-{}.svg", plan.regime.name()));
        for name in files.chain(["reproduction.md".to_owned()]) {
            let [ours, theirs] =
                [docs.as_path(), written.path()].map(|dir| fs::read_to_string(dir.join(&name)).unwrap());
            assert!(ours == theirs, "docs/{name} is another: run cargo xtask reproduce --render");
        }
    }
}
