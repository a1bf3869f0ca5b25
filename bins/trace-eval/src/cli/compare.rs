//! The arguments of `trace-eval compare`.

use std::path::PathBuf;

use clap::Args;

use super::IntervalArgs;

/// The arguments of `trace-eval compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Results, as FILE, METHOD=FILE or MODEL/METHOD=FILE.
    #[arg(value_name = "[NAME=]FILE", required = true)]
    pub(crate) runs: Vec<String>,

    /// The system that the others are tested against, item by item: a METHOD, of the same model, or MODEL/METHOD.
    ///
    /// Differences have paired bootstrap intervals, and shares the exact McNemar test.
    #[arg(long, value_name = "NAME")]
    pub(crate) baseline: Option<String>,

    /// The folder for the report; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Most answers that the report shows, of those about which systems differ.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) show: usize,

    /// Print the comparison as one line of JSON instead of tables.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) intervals: IntervalArgs,
}
