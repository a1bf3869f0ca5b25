//! The check of each kind of instruction on one text.
//!
//! # Source
//!
//! `instructions.py` of google-research `instruction_following_eval`, as of commit 5bdf377 of Podtech-AI/IFEval; every
//! quirk is kept, since published figures depend on it.

mod content;
mod format;
mod layout;
mod length;

use super::language::is_language;
use super::{CheckError, Instruction, word_tokens};
use crate::python::{is_lower, is_upper, lower};

/// Checks responses.
///
/// ```
/// use serde_json::Map;
/// use trace_score::ifeval::{Checker, Instruction};
///
/// let instruction = Instruction::parse("startend:quotation", &Map::new())?;
/// let checker = Checker::default();
/// assert!(!checker.strict(&instruction, "Here it is:\n\"A poem.\"")?);
/// // The loose verdict also looks at the response without its first line.
/// assert!(checker.loose(&instruction, "Here it is:\n\"A poem.\"")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checker {
    /// The seed of the language detector; the official code has none, 0 by default here.
    pub language_seed: u64,
}

impl Checker {
    /// Whether `text` follows the instruction; a blank text may.
    ///
    /// # Errors
    ///
    /// [`CheckError`] where the official code ends with an exception, or a search takes too long.
    pub fn check(&self, instruction: &Instruction, text: &str) -> Result<bool, CheckError> {
        Ok(match instruction {
            Instruction::KeywordExistence { keywords } => {
                for keyword in keywords {
                    if !keyword.is_match(text)? {
                        return Ok(false);
                    }
                }
                true
            }
            Instruction::KeywordFrequency { keyword, count } => count.holds(keyword.count(text)?),
            Instruction::ForbiddenWords { words } => {
                for word in words {
                    if word.is_match(text)? {
                        return Ok(false);
                    }
                }
                true
            }
            Instruction::LetterFrequency { letter, count } => {
                count.holds(lower(text).chars().filter(|c| c == letter).count() as u64)
            }
            Instruction::ResponseLanguage { language } => is_language(text, language, self.language_seed)?,
            Instruction::NumberSentences { count } => count.holds(length::sentence_count(text)),
            Instruction::NumberParagraphs { paragraphs } => {
                length::starred_paragraphs(text) == Some(*paragraphs)
            }
            Instruction::NumberWords { count } => count.holds(crate::python::count_words(text)),
            Instruction::NthParagraphFirstWord { paragraphs, nth, first_word } => {
                length::has_first_word(text, *paragraphs, *nth, first_word)
            }
            Instruction::NumberPlaceholders { at_least } => content::placeholders(text) >= *at_least,
            Instruction::Postscript { marker } => content::has_postscript(text, marker)?,
            Instruction::NumberBulletLists { bullets } => layout::bullets(text) == *bullets,
            Instruction::ConstrainedResponse => content::is_constrained(text),
            Instruction::NumberHighlightedSections { at_least } => layout::highlights(text) >= *at_least,
            Instruction::MultipleSections { heading, at_least } => {
                // A piece is split off for every heading, and for every group that a heading captures.
                heading.count(text)? * (1 + heading.groups() as u64) >= *at_least
            }
            Instruction::JsonFormat => format::is_json(text)?,
            Instruction::Title => layout::has_title(text),
            Instruction::TwoResponses => format::are_two_responses(text),
            Instruction::RepeatPrompt { prompt } => format::repeats(text, prompt),
            Instruction::EndChecker { phrase } => format::ends_with(text, phrase),
            Instruction::Quotation => format::is_quoted(text),
            Instruction::EnglishCapital => is_upper(text) && is_language(text, "en", self.language_seed)?,
            Instruction::EnglishLowercase => is_lower(text) && is_language(text, "en", self.language_seed)?,
            Instruction::CapitalWordFrequency { count } => {
                count.holds(word_tokens(text).iter().filter(|token| is_upper(token)).count() as u64)
            }
            Instruction::NoComma => !text.contains(','),
        })
    }
}
