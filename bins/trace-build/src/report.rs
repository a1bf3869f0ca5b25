//! Output and errors, as the user sees them.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;
use trace_schema::export::{ExportError, Shape};
use trace_schema::{JsonlError, RowError};

/// The exit code of a failure; clap uses the same for wrong usage.
const FAILURE: u8 = 2;

/// Writes to standard output. A reader that has read enough, `head` for instance, is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// A line on standard error. Errors are ignored: a remark is not worth a run.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints an error with its causes and gives the exit code.
pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    // With standard error closed there is nobody to tell; the exit code still does.
    let _ = io::stderr().lock().write_all(message(error).as_bytes());
    ExitCode::from(FAILURE)
}

/// The error, its causes and, where there is one, a way out.
///
/// Errors of rows tell their cause in their own message; a cause that has been told is not repeated.
fn message(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    let mut text = format!("error: {told}\n");
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !told.contains(cause.as_str()) && !is_reworded_json_error(&told, &cause) {
            text += &format!("  caused by: {cause}\n");
        }
        told = cause;
    }
    if let Some(hint) = hint(error) {
        text += &format!("  help: {hint}\n");
    }
    text
}

/// Whether `cause` is the message of the JSON parser that `told` repeats with the column alone.
fn is_reworded_json_error(told: &str, cause: &str) -> bool {
    cause.split_once(" at line ").is_some_and(|(what, _)| told.contains(what))
}

/// What to do about an error, where something can be done on the command line.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
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
