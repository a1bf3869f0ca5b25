//! The inputs of commands.

use std::path::{Path, PathBuf};

use anyhow::bail;

/// Refuses to write to a file that is read.
pub(crate) fn refuse_to_replace<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = &'a PathBuf>,
) -> anyhow::Result<()> {
    let Ok(out) = out.canonicalize() else {
        // A path that does not exist cannot be an input.
        return Ok(());
    };
    let is_out = |input: &&PathBuf| input.canonicalize().is_ok_and(|input| input == out);
    match inputs.into_iter().find(is_out) {
        Some(file) => bail!("{} is an input and would be overwritten; name another file", file.display()),
        None => Ok(()),
    }
}
