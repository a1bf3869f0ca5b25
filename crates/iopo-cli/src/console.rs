//! Output of programs. `println!` panics on a closed pipe, which may be in the middle of a run.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// A line on standard error. Errors are ignored: a remark is not worth a run.
pub fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A line on standard output, flushed.
///
/// # Errors
/// A full disk and the like. A reader that went away, as `head` does, is not an error.
pub fn say(line: impl Display) -> Result<()> {
    print(format_args!("{line}\n"))
}

/// Text on standard output as it is, flushed.
///
/// # Errors
/// As [`say`].
pub fn print(text: impl Display) -> Result<()> {
    deliver(&mut io::stdout().lock(), text).context("cannot write to standard output")
}

fn deliver(out: &mut impl Write, text: impl Display) -> io::Result<()> {
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what is written, and fails when it is to pass it on.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn only_a_broken_pipe_is_no_error() {
        assert!(deliver(&mut Failing(ErrorKind::BrokenPipe), "text").is_ok());
        assert!(deliver(&mut Failing(ErrorKind::StorageFull), "text").is_err());
    }
}
