//! How a program ends.

use std::process::ExitCode;

use anyhow::Error;

use crate::console::{part, write_error};

/// How a run without errors ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done: exit code 0.
    Done,
    /// A comparison failed, or nothing came of a run: exit code 1.
    Failed,
    /// Something is left over, such as questions beyond a cap; another run goes on from there: exit code 3.
    Incomplete,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Failed => Self::FAILURE,
            Outcome::Incomplete => Self::from(3),
        }
    }
}

/// Prints an error with its causes and, where there is one, a way out; exit code 2, which clap uses for wrong usage.
pub fn failure(error: &Error, help: Option<&str>) -> ExitCode {
    write_error(&message(error, help));
    ExitCode::from(2)
}

fn message(error: &Error, help: Option<&str>) -> String {
    let mut said = error.to_string();
    let mut text = format!("error: {}", part(&said));
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !repeats(&said, &cause) {
            text += &format!("\n  caused by: {}", part(&cause));
            said += &cause;
        }
    }
    if let Some(help) = help {
        text += &format!("\n  help: {help}");
    }
    text
}

/// Whether a text has the words of a cause already. Errors of rows repeat those of the JSON parser with the column alone.
fn repeats(text: &str, cause: &str) -> bool {
    text.contains(cause) || cause.split_once(" at line ").is_some_and(|(words, _)| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(causes: &[&'static str]) -> Error {
        let mut causes = causes.iter().rev();
        let first = Error::msg(causes.next().copied().unwrap_or_default());
        causes.fold(first, |error, cause| error.context(*cause))
    }

    #[test]
    fn an_error_is_printed_with_its_causes_and_the_way_out() {
        let error = chain(&["cannot write a.txt", "no room", "disk full"]);
        let shown = "error: cannot write a.txt\n  caused by: no room\n  caused by: disk full";
        assert_eq!(message(&error, None), shown);
        assert_eq!(message(&error, Some("delete something")), format!("{shown}\n  help: delete something"));
    }

    #[test]
    fn each_part_of_an_error_is_visible_and_not_too_long() {
        let (long, hidden) = ("x".repeat(9000), "\u{1b}[2J\nerror: no".to_owned());
        let shown = message(&Error::msg(hidden).context(long), None);
        assert!(
            shown.contains("xxx... (9000 characters in all)\n  caused by: \\u001b[2J\n    error: no"),
            "{shown}"
        );
    }

    #[test]
    fn words_that_are_there_already_are_not_repeated() {
        let quoted = chain(&["row 2: disk full", "disk full", "bad day", "disk full"]);
        assert_eq!(message(&quoted, None), "error: row 2: disk full\n  caused by: bad day");
        let json = chain(&[
            "a.jsonl, line 7: missing field `id` (column 3)",
            "missing field `id` at line 1 column 3",
        ]);
        assert_eq!(message(&json, None), "error: a.jsonl, line 7: missing field `id` (column 3)");
    }
}
