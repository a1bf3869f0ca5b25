//! `cargo xtask reproduce`: the paper's tables in miniature.

mod figure;
mod job;
mod page;
mod pool;
mod report;
mod results;
mod store;
mod study;
mod tables;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use iopo_cli::say;
use iopo_files::write_file;

use crate::ensure_release;
use crate::golden::root;
use job::Job;
use report::Report;
use store::Store;
use study::{FULL, Study};

#[derive(Args)]
pub struct ReproduceArgs {
    /// `full`, `smoke` to see whether all parts work, or a JSON file as `--print` writes it.
    #[arg(long, default_value = FULL)]
    study: String,
    /// Folder for models and results; jobs whose result it holds are not run. By default a folder under `target` for
    /// each name.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder for `reproduction.md`, `.json` and `.svg`; by default `docs` for the full study, `--out` for others.
    #[arg(long)]
    docs: Option<PathBuf>,
    /// Processes at a time, each with one thread.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Measure nothing: print the study as JSON.
    #[arg(long)]
    print: bool,
    /// Measure nothing: render page and figures from reproduction.json.
    #[arg(long)]
    render: bool,
    /// One job in this process, as JSON; the program starts itself with it.
    #[arg(long, hide = true)]
    job: Option<String>,
}

pub fn run(args: &ReproduceArgs) -> Result<bool> {
    let study = Study::from_name(&args.study)?;
    if args.print {
        say(serde_json::to_string_pretty(&study)?)?;
        return Ok(true);
    }
    let name = Path::new(&args.study).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let out = args.out.clone().unwrap_or_else(|| root().join(format!("target/reproduce-{name}")));
    let is_full = args.study == FULL;
    let docs = args.docs.clone().unwrap_or_else(|| if is_full { root().join("docs") } else { out.clone() });
    let numbers = docs.join("reproduction.json");
    let report = if args.render {
        Report::read(&numbers)?
    } else {
        ensure_release()?;
        let store = Store::new(&out)?;
        if let Some(job) = &args.job {
            let job: Job = serde_json::from_str(job).context("--job is not a job of this program")?;
            job.run(&store, &study)?;
            return Ok(true);
        }
        study.check()?;
        store.claim(&study)?;
        run_jobs(&store, &study, args)?;
        let report = tables::report(&store, &study)?;
        write_file(&numbers, report.to_json()?)?;
        report
    };
    page::write(&docs, &report, if is_full { page::READING } else { "" })?;
    say(format_args!("written: {}", docs.join("reproduction.md").display()))?;
    Ok(true)
}

/// Runs the jobs that have no result yet, phase by phase.
fn run_jobs(store: &Store, study: &Study, args: &ReproduceArgs) -> Result<()> {
    for (phase, jobs) in [
        ("base models", study.bases()),
        ("supervised models", study.supervised()),
        ("their tests, and preference rows", study.rows()),
        ("learning rates", study.selection()),
    ] {
        say(format_args!("== {phase}"))?;
        pool::run_all(store, &args.study, &jobs, args.workers)?;
    }
    let chosen = study.chosen(store)?;
    say("== all seeds at the learning rates chosen, and their tests")?;
    let tune: Vec<Job> = chosen.iter().cloned().map(Job::Tune).collect();
    pool::run_all(store, &args.study, &tune, args.workers)?;
    let test: Vec<Job> = chosen.into_iter().map(Job::Test).collect();
    pool::run_all(store, &args.study, &test, args.workers)?;
    say("== costs, one at a time")?;
    pool::run_all(store, &args.study, &study.costs(), 1)
}
