//! What the program says. `println!` panics where nobody listens, and that may be in the middle of a run.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// A line on standard error. Errors are ignored: a remark is not worth a run.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Text on standard output, as it is, flushed. A reader that went away, as `head` does, has seen enough.
pub(crate) fn print(text: &str) -> Result<()> {
    deliver(&mut io::stdout().lock(), text).context("cannot write to standard output")
}

/// An error and its causes on standard error. A cause that has been told is not repeated.
pub(crate) fn failure(error: &anyhow::Error) {
    let mut told = error.to_string();
    note(&format!("error: {told}"));
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.contains(&cause) {
            note(&format!("  caused by: {cause}"));
        }
        told = cause;
    }
}

fn deliver(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
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
