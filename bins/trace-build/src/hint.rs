//! Help for an error.

use trace_schema::export::{ExportError, Shape};
use trace_schema::{JsonlError, RowError};

/// Help for an error, where an option of the command line mends it.
pub(crate) fn hint(error: &anyhow::Error) -> Option<&'static str> {
    match error.downcast_ref::<ExportError>() {
        Some(ExportError::Unsupported { shape: Shape::Group, .. }) => {
            return Some("`--as pairs` writes a group as two pairs, `--as completions` as two completions");
        }
        Some(ExportError::Unsupported { shape: Shape::Pair, .. }) => {
            return Some("`--as completions` writes the better response of a pair");
        }
        Some(ExportError::NameTaken { .. }) => return Some("`--name` enters the file under another name"),
        _ => {}
    }
    match error.downcast_ref::<JsonlError>()? {
        JsonlError::Invalid { source: RowError::UnknownLabel { .. }, .. } => {
            Some("`--unknown-labels keep` takes such rows as they are")
        }
        _ => None,
    }
}
