//! The arguments of `trace-build annotate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with the human check of an evaluation set.
#[derive(Debug, Subcommand)]
pub(crate) enum AnnotateCommand {
    /// Draw rows, and write a form for each annotator, as a page (HTML) and as a table (CSV).
    ///
    /// DIR gets sample.jsonl with the drawn rows, and annotator-1.html and annotator-1.csv, and so on. A page keeps
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

    /// How many rows to draw.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) rows: usize,

    /// The seed of the draw.
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
