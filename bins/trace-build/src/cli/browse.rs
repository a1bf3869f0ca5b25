//! The arguments of `trace-build browse`.

use std::path::PathBuf;

use clap::Args;

use super::UnknownLabelsArg;

/// The arguments of `trace-build browse`.
#[derive(Debug, Args)]
pub(crate) struct BrowseArgs {
    /// The rows to look at: JSONL with preference groups, pairs, completions or evaluation rows.
    pub(crate) file: PathBuf,

    /// The page to write, whole or not at all.
    #[arg(long, value_name = "PAGE.HTML")]
    pub(crate) out: PathBuf,

    /// How many rows to show; more are drawn from the file at random, and stay in its order.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) limit: usize,

    /// The seed of that draw.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// What to do with labels that name none of the 26 dimensions.
    #[arg(long, value_enum, default_value_t = UnknownLabelsArg::Keep)]
    pub(crate) unknown_labels: UnknownLabelsArg,
}
