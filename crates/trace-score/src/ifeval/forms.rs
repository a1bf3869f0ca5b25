//! The forms of a response that the loose verdict looks at.

use std::borrow::Cow;

use super::{CheckError, Checker, Instruction};
use crate::python::{is_blank, strip};

/// The forms of one response that are not blank, each once, the response itself first.
///
/// Eight are looked at: the response, without its first line, without its last, without both, and each of these
/// without stars. A form is stripped where a line is cut, and not otherwise. Each instruction is followed loosely if
/// any form follows it, so that different forms may follow different instructions of one prompt.
///
/// # Source
///
/// `test_instruction_following_loose` of `evaluation_lib.py`, google-research `instruction_following_eval`.
#[derive(Debug, Clone)]
pub struct ResponseForms<'r> {
    response: &'r str,
    others: Vec<Cow<'r, str>>,
}

impl<'r> ResponseForms<'r> {
    /// The forms of `response`.
    pub fn new(response: &'r str) -> Self {
        let after_first = response.split_once('\n').map_or("", |(_, rest)| rest);
        let before_last = response.rsplit_once('\n').map_or("", |(rest, _)| rest);
        let between = after_first.rsplit_once('\n').map_or("", |(rest, _)| rest);
        let cut = [response, strip(after_first), strip(before_last), strip(between)];
        let starless = cut.map(|form| Cow::Owned(form.replace('*', "")));
        let mut others: Vec<Cow<'r, str>> = Vec::new();
        for form in cut.into_iter().map(Cow::Borrowed).chain(starless) {
            if form != response && !is_blank(&form) && !others.contains(&form) {
                others.push(form);
            }
        }
        Self { response, others }
    }

    /// The forms other than the response itself.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(AsRef::as_ref)
    }
}

/// Whether an instruction is followed by the response, and by some form of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// By the response as it stands.
    pub strict: bool,
    /// By any of the forms.
    pub loose: bool,
}

impl Checker {
    /// Whether the response follows the instruction as it stands; a blank one follows none.
    ///
    /// # Errors
    ///
    /// As [`Checker::check`].
    pub fn strict(&self, instruction: &Instruction, response: &str) -> Result<bool, CheckError> {
        Ok(!is_blank(response) && self.check(instruction, response)?)
    }

    /// Whether any of the [forms](ResponseForms) of the response follows the instruction.
    ///
    /// # Errors
    ///
    /// As [`Checker::check`].
    pub fn loose(&self, instruction: &Instruction, response: &str) -> Result<bool, CheckError> {
        self.verdict(instruction, &ResponseForms::new(response)).map(|verdict| verdict.loose)
    }

    /// Both verdicts.
    ///
    /// # Errors
    ///
    /// As [`Checker::check`].
    pub fn verdict(
        &self,
        instruction: &Instruction,
        forms: &ResponseForms<'_>,
    ) -> Result<Verdict, CheckError> {
        let strict = self.strict(instruction, forms.response)?;
        let mut loose = strict;
        for form in forms.others() {
            loose = loose || self.check(instruction, form)?;
        }
        Ok(Verdict { strict, loose })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(response: &str) -> Vec<String> {
        ResponseForms::new(response).others().map(str::to_owned).collect()
    }

    #[test]
    fn lines_are_cut_and_stars_are_taken_away() {
        assert_eq!(forms("a *1*\n b\nc "), ["b\nc", "a *1*\n b", "b", "a 1\n b\nc ", "a 1\n b"]);
    }

    #[test]
    fn a_single_line_has_no_other_form_but_without_stars() {
        assert_eq!(forms(" *a* "), [" a "]);
        assert!(forms("a").is_empty());
        assert!(forms("**").is_empty());
    }

    #[test]
    fn two_lines_have_nothing_between() {
        assert_eq!(forms("a\nb"), ["b", "a"]);
        assert_eq!(forms("a\n"), ["a"]);
    }
}
