//! The command line.

use std::process::ExitCode;

use clap::Parser;

use crate::console::{part, write_error};

/// Reads the arguments of the program, or says what is wrong with them as any other error: clap repeats them as they are.
///
/// # Errors
/// The code to exit with: that of clap for wrong usage, or 0 after help and version, which are printed here.
pub fn parse<P: Parser>() -> Result<P, ExitCode> {
    P::try_parse().map_err(|error| {
        let code = u8::try_from(error.exit_code()).unwrap_or(2);
        if error.use_stderr() {
            write_error(part(&error.to_string()).trim_end());
        } else {
            // A reader of help that went away is not an error.
            let _ = error.print();
        }
        ExitCode::from(code)
    })
}
