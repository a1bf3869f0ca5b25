//! `trace-build annotate`: people check an evaluation set.
//!
//! The questions are those of Section 4.4: three about the parts of an instruction and one about the whole, and for
//! each constraint whether its label is right.

mod agreement;
mod check;
mod export;
mod read;
mod tables;
mod verdicts;

use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, Subcommand};
use iopo_cli::print;

/// Writes forms, or reads them back and prints the agreement.
pub(crate) fn run(command: &AnnotateCommand) -> anyhow::Result<()> {
    match command {
        AnnotateCommand::Export(args) => print(&export::run(args)?),
        AnnotateCommand::Read(args) => {
            ensure!(
                args.level > 0.0 && args.level < 1.0,
                "--level must lie between 0 and 1, not {}",
                args.level
            );
            let sheets =
                args.files.iter().map(|file| read::sheet(file)).collect::<anyhow::Result<Vec<_>>>()?;
            let verdicts = verdicts::Verdicts::collect(sheets)?;
            let agreement = agreement::measure(&verdicts, args.level)?;
            print(&match args.json {
                true => serde_json::to_string_pretty(&agreement)? + "\n",
                false => tables::render(&agreement),
            })
        }
    }
}

/// What to do with the human check of an evaluation set.
#[derive(Debug, Subcommand)]
pub(crate) enum AnnotateCommand {
    /// Sample rows, and write a form for each annotator, as a page (HTML) and as a table (CSV).
    ///
    /// DIR gets sample.jsonl with the sampled rows, and annotator-1.html and annotator-1.csv, and so on. A page keeps
    /// its verdicts in the browser and downloads them as annotator-1-verdicts.csv. It needs no network.
    Export(ExportArgs),
    /// Read the annotators' tables, and report how far they agree.
    ///
    /// Tables may come from the page or from a spreadsheet: with commas, semicolons or tabs, with or without a byte
    /// order mark. A verdict is yes or no, also y, n, true, false, 1, 0, 是 or 否; an empty one is missing.
    Read(ReadArgs),
}

/// The arguments of `trace-build annotate export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The evaluation set: JSONL with the keys of the released file, each row with an id of its own.
    pub(crate) file: PathBuf,

    /// How many rows to sample.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) rows: usize,

    /// The seed of the sample.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// How many annotators there are.
    #[arg(long, value_name = "K", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) annotators: u16,

    /// The folder for the files; made if it is missing. Files of an earlier export are not replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// The arguments of `trace-build annotate read`.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// One table for each annotator, at least two.
    #[arg(required = true, num_args = 2.., value_name = "CSV")]
    pub(crate) files: Vec<PathBuf>,

    /// The level of intervals, between 0 and 1.
    #[arg(long, default_value_t = 0.95)]
    pub(crate) level: f64,

    /// Print one JSON document instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}
