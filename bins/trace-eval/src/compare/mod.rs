//! `trace-eval compare`: systems side by side.

mod paired;
mod runs;

use anyhow::Result;
use iopo_files::Owner;
use serde::Serialize;
use trace_score::report::{AnswerRow, Answers, BarChart, Block, Report, Section};
use trace_score::stats::{Estimate, IntervalConfig};
use trace_score::{Comparison, Metric, Scores, Table};

use crate::cli::CompareArgs;
use crate::files::{OutFolder, version};
use iopo_cli::{Outcome, print};
use paired::Paired;
use runs::{ComplexBenchRow, PromptRow, Run};

const OWNER: Owner = Owner::new("trace-eval compare");
const COMPARISON: &str = "comparison.json";

/// comparison.json.
#[derive(Debug, Serialize)]
struct Output<'a> {
    program: String,
    files: &'a [String],
    intervals: IntervalConfig,
    comparison: &'a Comparison,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<&'a str>,
    paired: &'a [Paired],
}

/// Compares, writes and prints.
pub(crate) fn run(args: &CompareArgs) -> Result<Outcome> {
    let intervals = IntervalConfig::from(args.intervals);
    intervals.validate()?;
    // Its results are no input of its own, and those of other commands are not its own.
    let folder = args.out.as_ref().map(|folder| OutFolder::claim(folder, OWNER, &[COMPARISON], None));
    let folder = folder.transpose()?;
    let runs = runs::read(&args.runs)?;
    let comparison = comparison(&runs, args.baseline.as_deref(), &intervals)?;
    let paired = match &args.baseline {
        Some(baseline) => paired::against(&runs, baseline, &intervals)?,
        None => Vec::new(),
    };
    let output = Output {
        program: version(),
        files: &args.runs,
        intervals,
        comparison: &comparison,
        baseline: args.baseline.as_deref(),
        paired: &paired,
    };
    let tables = tables(&comparison, &paired);
    if let Some(folder) = &folder {
        folder.make()?;
        folder.write_json(COMPARISON, &output)?;
        folder.write_report(&report(&runs, tables.clone(), args, &intervals)?)?;
    }
    print(&match args.json {
        true => serde_json::to_string(&output)? + "\n",
        false => tables.iter().map(|table| table.to_text() + "\n").collect(),
    })?;
    Ok(Outcome::Done)
}

/// Columns of the benchmarks that occur, in the order of the paper.
fn comparison(runs: &[Run], baseline: Option<&str>, config: &IntervalConfig) -> Result<Comparison> {
    let has_trace = runs.iter().any(|run| run.trace.is_some());
    let has_ifeval = runs.iter().any(|run| run.ifeval.is_some());
    let has_cfbench = runs.iter().any(|run| run.cfbench.is_some());
    let has_complexbench = runs.iter().any(|run| run.complexbench.is_some());
    let columns = [
        ("TRACE", has_trace, &["IF-S", "IF-M"][..]),
        ("IFEval", has_ifeval, &["S-Acc", "L-Acc"]),
        ("CFBench", has_cfbench, &["CSR", "ISR", "PSR"]),
        ("ComplexBench", has_complexbench, &["DRFR"]),
    ];
    let columns = columns.into_iter().filter(|(_, is_there, _)| *is_there);
    let metrics = columns.flat_map(|(of, _, names)| names.iter().map(move |name| Metric::percent(of, *name)));
    let mut comparison = Comparison::new(metrics.collect());
    for run in runs {
        let mut values = Vec::new();
        if has_trace {
            values.extend(trace_values(run, config)?);
        }
        if has_ifeval {
            values.extend(ifeval_values(run, config));
        }
        if has_cfbench {
            values.extend(cfbench_values(run, config));
        }
        if has_complexbench {
            values.push(drfr(run, config));
        }
        comparison.add(&run.model, &run.method, values)?;
    }
    show_improvement(&mut comparison, runs, baseline);
    Ok(comparison)
}

/// Of a model with the baseline, the last other method; arrows are for one method, and the newest stands last.
fn show_improvement(comparison: &mut Comparison, runs: &[Run], baseline: Option<&str>) {
    let Some(base) =
        runs.iter().find(|run| baseline.is_some_and(|name| run.name() == name || run.method == name))
    else {
        return;
    };
    let of = runs.iter().rev().find(|run| run.model == base.model && run.method != base.method);
    if let Some(of) = of {
        // Both are there, and so this cannot fail; without arrows the table would still be right.
        let _ = comparison.show_improvement(&of.method, &base.method);
    }
}

fn trace_values(run: &Run, config: &IntervalConfig) -> Result<[Estimate; 2]> {
    let Some(rows) = &run.trace else { return Ok(Default::default()) };
    let scores = Scores::of(rows, config)?;
    Ok([scores.single.followed, scores.multi.followed])
}

fn ifeval_values(run: &Run, config: &IntervalConfig) -> [Estimate; 2] {
    let Some(rows) = &run.ifeval else { return Default::default() };
    let verdicts: [fn(&PromptRow) -> bool; 2] = [PromptRow::strict, PromptRow::loose];
    verdicts.map(|verdict| {
        let followed = rows.iter().filter(|row| verdict(row)).count();
        Estimate::share(followed, rows.len(), 0, config)
    })
}

fn cfbench_values(run: &Run, config: &IntervalConfig) -> [Estimate; 3] {
    let Some(rows) = &run.cfbench else { return Default::default() };
    let scores: Vec<_> = rows.iter().filter_map(|row| row.score).collect();
    let n_failed = rows.len() - scores.len();
    let csr: Vec<f64> = scores.iter().map(|score| score.csr).collect();
    let share = |held: usize| Estimate::share(held, scores.len(), n_failed, config);
    [
        Estimate::mean(&csr, n_failed, config),
        share(scores.iter().filter(|score| score.isr == 1).count()),
        share(scores.iter().filter(|score| score.psr == 1).count()),
    ]
}

/// The share of questions that are satisfied, with a bootstrap over whole items.
fn drfr(run: &Run, config: &IntervalConfig) -> Estimate {
    let Some(rows) = &run.complexbench else { return Estimate::default() };
    let counts: Vec<_> = rows.iter().map(ComplexBenchRow::counts).collect();
    let of_item: Vec<_> = counts.iter().map(|&(hold, all, _)| (hold as f64, all)).collect();
    Estimate::mean_of_rows(&of_item, counts.iter().map(|(.., without)| without).sum(), config)
}

fn tables(comparison: &Comparison, paired: &[Paired]) -> Vec<Table> {
    let mut tables = vec![
        Table { caption: "Systems, in percent".to_owned(), ..comparison.table() },
        Table { caption: "The same with intervals".to_owned(), ..comparison.table_of_intervals() },
    ];
    if !paired.is_empty() {
        tables.push(paired::table(paired));
    }
    tables
}

fn report(runs: &[Run], tables: Vec<Table>, args: &CompareArgs, config: &IntervalConfig) -> Result<Report> {
    let mut sections = vec![Section::new("Comparison", tables.into_iter().map(Block::Table).collect())];
    let named: Vec<(String, &[trace_score::Judged])> =
        runs.iter().filter_map(|run| Some((run.name(), run.trace.as_deref()?))).collect();
    if !named.is_empty() {
        let scores: Vec<Scores> =
            named.iter().map(|(_, rows)| Scores::of(rows, config)).collect::<Result<_, _>>()?;
        let scored: Vec<_> = named.iter().zip(&scores).map(|((name, _), of)| (name.as_str(), of)).collect();
        let charts = [BarChart::by_constraint_count, BarChart::by_type, BarChart::by_dimension];
        let charts = charts.map(|chart| Block::Bars(chart(&scored)));
        sections.push(Section::new("TRACE by part", charts.to_vec()));
        let named: Vec<_> = named.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
        let split = Answers::of(&named)?.keep(args.show, AnswerRow::is_split);
        sections.push(Section::new("Answers about which systems differ", vec![Block::Answers(split)]));
    }
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let mut provenance = vec![pair("program", version())];
    provenance.extend(args.runs.iter().map(|typed| pair("results", typed.clone())));
    provenance.push(pair(
        "intervals",
        format!("level {}, {} resamples, seed {}", config.level, config.resamples, config.seed),
    ));
    sections.push(Section::new("Provenance", vec![Block::KeyValues(provenance)]));
    let title = "Comparison".to_owned();
    Ok(Report { title, subtitle: "Systems on the same instructions".to_owned(), sections })
}
