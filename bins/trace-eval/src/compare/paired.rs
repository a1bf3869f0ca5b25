//! Systems against a baseline, item by item.

use std::collections::HashMap;

use anyhow::{Result, bail};
use serde::Serialize;
use trace_score::cfbench::CfBenchScore;
use trace_score::stats::{IntervalConfig, p_value_text};
use trace_score::{Cell, Column, PairedMean, PairedShare, RunComparison, Table};

use super::runs::{CfBenchRow, ComplexBenchRow, PromptRow, Run};

/// One metric of a system against that of its baseline.
#[derive(Debug, Serialize)]
pub(super) struct Paired {
    baseline: String,
    system: String,
    benchmark: &'static str,
    metric: &'static str,
    /// Differences are system − baseline.
    share: Difference,
}

/// Shares have McNemar's test, means have not.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Difference {
    Share(PairedShare),
    Mean(PairedMean),
}

impl Difference {
    /// What both have: values, difference, items.
    fn mean(&self) -> PairedMean {
        match self {
            Self::Mean(mean) => *mean,
            Self::Share(PairedShare { first, second, difference, interval, n, n_failed, .. }) => PairedMean {
                first: *first,
                second: *second,
                difference: *difference,
                interval: *interval,
                n: *n,
                n_failed: *n_failed,
            },
        }
    }
}

/// Compares each system with its baseline, in every benchmark that both have.
///
/// The baseline is the system of that name, or else that method of the system's own model.
pub(super) fn against(runs: &[Run], baseline: &str, config: &IntervalConfig) -> Result<Vec<Paired>> {
    let mut paired = Vec::new();
    let mut is_known = false;
    for system in runs {
        let named = runs.iter().find(|run| run.name() == baseline);
        let of_model = || runs.iter().find(|run| run.method == baseline && run.model == system.model);
        let Some(base) = named.or_else(of_model) else { continue };
        is_known = true;
        if base.name() != system.name() {
            paired.extend(compare(base, system, config)?);
        }
    }
    if !is_known {
        let names: Vec<_> = runs.iter().map(Run::name).collect();
        bail!("none of the systems is the baseline {baseline:?}; there are {}", names.join(", "));
    }
    Ok(paired)
}

fn compare(base: &Run, system: &Run, config: &IntervalConfig) -> Result<Vec<Paired>> {
    let paired = |benchmark, metric, share| Paired {
        baseline: base.name(),
        system: system.name(),
        benchmark,
        metric,
        share,
    };
    let mut all = Vec::new();
    if let (Some(first), Some(second)) = (&base.trace, &system.trace) {
        let comparison = RunComparison::of(first, second, config)?;
        let metrics = [("IF-S", comparison.single), ("IF-M", comparison.multi), ("IF", comparison.all)];
        all.extend(
            metrics.map(|(metric, scores)| paired("TRACE", metric, Difference::Share(scores.followed))),
        );
    }
    if let (Some(first), Some(second)) = (&base.ifeval, &system.ifeval) {
        let pairs = match_prompts((&base.name(), first), (&system.name(), second))?;
        let of = |verdict: fn(&PromptRow) -> bool| {
            let verdicts: Vec<_> =
                pairs.iter().map(|(first, second)| (verdict(first), verdict(second))).collect();
            Difference::Share(PairedShare::of(&verdicts, 0, config))
        };
        all.push(paired("IFEval", "S-Acc", of(PromptRow::strict)));
        all.push(paired("IFEval", "L-Acc", of(PromptRow::loose)));
    }
    if let (Some(first), Some(second)) = (&base.cfbench, &system.cfbench) {
        let differences = cfbench((&base.name(), first), (&system.name(), second), config)?;
        all.extend(differences.map(|(metric, difference)| paired("CFBench", metric, difference)));
    }
    if let (Some(first), Some(second)) = (&base.complexbench, &system.complexbench) {
        let drfr = complexbench((&base.name(), first), (&system.name(), second), config)?;
        all.push(paired("ComplexBench", "DRFR", Difference::Mean(drfr)));
    }
    Ok(all)
}

/// CSR, ISR and PSR over the items that failed in neither.
fn cfbench(
    (first_name, first): (&str, &[CfBenchRow]),
    (second_name, second): (&str, &[CfBenchRow]),
    config: &IntervalConfig,
) -> Result<[(&'static str, Difference); 3]> {
    let by_id: HashMap<u64, &CfBenchRow> = second.iter().map(|row| (row.id, row)).collect();
    let pairs: Vec<_> = first.iter().filter_map(|row| Some((row, *by_id.get(&row.id)?))).collect();
    if [pairs.len(), by_id.len(), second.len()].iter().any(|count| *count != first.len()) {
        bail!("{first_name} and {second_name} are not over the same items of CFBench");
    }
    let scored: Vec<_> = pairs.iter().filter_map(|(first, second)| first.score.zip(second.score)).collect();
    let n_failed = pairs.len() - scored.len();
    let share = |holds: fn(&CfBenchScore) -> bool| {
        let held: Vec<_> = scored.iter().map(|(first, second)| (holds(first), holds(second))).collect();
        Difference::Share(PairedShare::of(&held, n_failed, config))
    };
    let csr: Vec<_> = scored.iter().map(|(first, second)| (first.csr, second.csr)).collect();
    Ok([
        ("CSR", Difference::Mean(PairedMean::of(&csr, n_failed, config))),
        ("ISR", share(|score| score.isr == 1)),
        ("PSR", share(|score| score.psr == 1)),
    ])
}

/// DRFR over the questions with a verdict in both, with a bootstrap that resamples whole items.
fn complexbench(
    (first_name, first): (&str, &[ComplexBenchRow]),
    (second_name, second): (&str, &[ComplexBenchRow]),
    config: &IntervalConfig,
) -> Result<PairedMean> {
    let by_id: HashMap<i64, &ComplexBenchRow> = second.iter().map(|row| (row.main_id, row)).collect();
    let pairs: Vec<_> = first.iter().filter_map(|row| Some((row, *by_id.get(&row.main_id)?))).collect();
    let same = [pairs.len(), by_id.len(), second.len()].iter().all(|count| *count == first.len());
    if !same || !pairs.iter().all(|(first, second)| first.asked().eq(second.asked())) {
        bail!("{first_name} and {second_name} are not over the same questions of ComplexBench");
    }
    let rows: Vec<_> = pairs
        .iter()
        .map(|(first, second)| first.both(second))
        .map(|(first, second, all)| (first as f64, second as f64, all))
        .collect();
    let questions: usize = first.iter().map(|row| row.asked().count()).sum();
    let known: usize = rows.iter().map(|row| row.2).sum();
    Ok(PairedMean::of_rows(&rows, questions - known, config))
}

/// The rows of the same key; both systems must have the same.
fn match_prompts<'a>(
    (first_name, first): (&str, &'a [PromptRow]),
    (second_name, second): (&str, &'a [PromptRow]),
) -> Result<Vec<(&'a PromptRow, &'a PromptRow)>> {
    let by_key: HashMap<u64, &PromptRow> = second.iter().map(|row| (row.key, row)).collect();
    let pairs: Vec<_> = first.iter().filter_map(|row| Some((row, *by_key.get(&row.key)?))).collect();
    let same = pairs.len() == first.len() && by_key.len() == first.len() && second.len() == first.len();
    match same && pairs.iter().all(|(first, second)| first.kinds() == second.kinds()) {
        true => Ok(pairs),
        false => bail!("{first_name} and {second_name} are not over the same prompts of IFEval"),
    }
}

/// The comparisons as a table.
pub(super) fn table(paired: &[Paired]) -> Table {
    let percent =
        |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", 100.0 * share));
    let row = |of: &Paired| {
        let share = of.share.mean();
        let change = |value: f64| format!("{:+.1}", 100.0 * value);
        let difference = Cell {
            text: share.difference.map_or_else(|| "–".to_owned(), change),
            detail: share.interval.map(|ends| format!("[{}, {}]", change(ends.low), change(ends.high))),
            is_best: false,
        };
        let test = match &of.share {
            Difference::Mean(_) => ["–", "–", "–"].map(Cell::from),
            Difference::Share(share) => {
                let counts = [share.only_first, share.only_second].map(|count| count.to_string());
                let [only_first, only_second] = counts;
                [only_first, only_second, p_value_text(share.p_value, 4)].map(Cell::from)
            }
        };
        let [only_first, only_second, p_value] = test;
        vec![
            of.system.as_str().into(),
            of.baseline.as_str().into(),
            format!("{} {}", of.benchmark, of.metric).into(),
            percent(share.first).into(),
            percent(share.second).into(),
            difference,
            only_first,
            only_second,
            p_value,
            share.n.to_string().into(),
            share.n_failed.to_string().into(),
        ]
    };
    let texts = ["System", "Baseline", "Metric"].map(Column::text);
    let numbers = [
        "baseline, %",
        "system, %",
        "difference",
        "only baseline",
        "only system",
        "McNemar p",
        "items",
        "failed",
    ];
    Table {
        caption: "Differences to the baseline, item by item".to_owned(),
        columns: texts.into_iter().chain(numbers.map(Column::number)).collect(),
        rows: paired.iter().map(row).collect(),
        notes: vec!["p-values are not adjusted for the number of comparisons.".to_owned()],
    }
}
