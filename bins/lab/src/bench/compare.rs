//! `cargo xtask bench`: the whole comparison.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use iopo_cli::{note, say};
use iopo_files::write_file;

use super::case::{Case, Run, Side};
use super::plan::Plan;
use super::results::Results;
use super::runner::{Python, RunArgs, Runner};
use super::{figure, machine, report, scaling};
use crate::golden::root;

/// What is compared, and where results are written.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// Folder for benchmarks.json, benchmarks.md and benchmarks.svg.
    #[arg(long, default_value_os_t = root().join("docs"))]
    out: PathBuf,
    /// An interpreter with torch, transformers and peft; by default IOPO_PYTHON, then python3.
    #[arg(long)]
    python: Option<PathBuf>,
    #[command(flatten)]
    runs: RunArgs,
    /// One small file, one round and a few points, to see in minutes that all parts work.
    #[arg(long)]
    quick: bool,
    /// Measure nothing: render page and figure from benchmarks.json.
    #[arg(long)]
    pub render: bool,
}

/// Runs all cases and writes the results; false if a run failed.
pub fn run(args: &CompareArgs) -> Result<bool> {
    if args.render {
        let results = Results::read(&args.out.join("benchmarks.json"))?;
        write_page(&results, &args.out)?;
        return Ok(true);
    }
    let python = Python::find(args.python.as_deref(), &args.runs.inputs)?;
    let runner = Runner::new(&args.runs, python)?;
    let plan = Plan::new(args.runs.rounds, args.quick);
    plan.scaling.write_groups(runner.work())?;
    let has_python = runner.python().is_some();
    let cases: Vec<(usize, Case)> =
        plan.cases().into_iter().filter(|(_, case)| case.side == Side::Ours || has_python).collect();
    // Read before the runs, because the folder may hold another commit when they end.
    let machine = machine::describe(runner.python());
    let (runs, failures) = run_all(&runner, &cases);
    let command = if args.quick { "cargo xtask bench --quick" } else { "cargo xtask bench" };
    let results = Results { command: command.to_owned(), machine, runs };
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    write_file(args.out.join("benchmarks.json"), results.to_json()?)?;
    write_page(&results, &args.out)?;
    say(format_args!("{} runs, {failures} failed; results are in {}", cases.len(), args.out.display()))?;
    Ok(failures == 0)
}

/// A run that fails leaves a gap in the tables; the other runs are kept.
fn run_all(runner: &Runner, cases: &[(usize, Case)]) -> (Vec<Run>, usize) {
    let mut runs = Vec::new();
    for (index, (round, case)) in cases.iter().enumerate() {
        note(format_args!("[{}/{}] round {round} {}", index + 1, cases.len(), describe(case)));
        match runner.run(case) {
            Ok(result) => runs.push(Run { case: case.clone(), round: *round, result }),
            Err(error) => note(format_args!("FAILED: {error:#}")),
        }
    }
    let failures = cases.len() - runs.len();
    (runs, failures)
}

fn describe(case: &Case) -> String {
    let arguments = if case.side == Side::Ours { case.our_arguments() } else { case.torch_arguments() };
    format!("{:?} {} {}: {}", case.purpose, case.data, case.side.label(), arguments.join(" ")).to_lowercase()
}

/// Writes the page, and the figure if there are points for one.
pub fn write_page(results: &Results, out: &Path) -> Result<()> {
    let panels = scaling::panels(&results.runs);
    let with_figure = panels.iter().any(figure::Panel::has_points);
    if with_figure {
        figure::draw(&panels, &out.join("benchmarks.svg"))?;
    }
    Ok(write_file(out.join("benchmarks.md"), report::render(results, with_figure)?)?)
}
