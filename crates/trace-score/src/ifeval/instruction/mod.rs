//! One instruction with its arguments.

mod arguments;
mod parse;

use serde_json::{Map, Value};

use super::{InstructionError, InstructionKind};
use crate::python::Pattern;
use arguments::Arguments;

/// The languages of the official code, by their codes of ISO 639-1.
pub const LANGUAGES: [&str; 30] = [
    "en", "es", "pt", "ar", "hi", "fr", "ru", "de", "ja", "it", "bn", "uk", "th", "ur", "ta", "te", "bg",
    "ko", "pl", "he", "fa", "vi", "ne", "sw", "kn", "mr", "gu", "pa", "ml", "fi",
];

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `<`; "less than" in the data.
    LessThan,
    /// `>=`; "at least" in the data.
    AtLeast,
}

/// A bound on a number of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountBound {
    /// How to compare.
    pub relation: Relation,
    /// What to compare with.
    pub threshold: u64,
}

impl CountBound {
    /// Whether `count` keeps the bound.
    pub fn holds(self, count: u64) -> bool {
        match self.relation {
            Relation::LessThan => count < self.threshold,
            Relation::AtLeast => count >= self.threshold,
        }
    }
}

/// The sign of a postscript; two of them the official code searches for in its own way.
#[derive(Debug, Clone)]
pub enum PostscriptMarker {
    /// `P.S.`, perhaps with a space inside.
    Ps,
    /// `P.P.S`, perhaps with spaces inside.
    Pps,
    /// Any other, as a regular expression over the response in lower case.
    Other(Box<Pattern>),
}

/// An instruction, ready to be checked.
///
/// Keywords, words and separators are regular expressions, as in the official code; in the released data each stands
/// for itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Instruction {
    /// Every keyword is found, in any case.
    KeywordExistence {
        /// The keywords.
        keywords: Vec<Pattern>,
    },
    /// The keyword is found so often, in any case.
    KeywordFrequency {
        /// The keyword, without white space around it.
        keyword: Pattern,
        /// How often.
        count: CountBound,
    },
    /// None of the words is found, in any case.
    ForbiddenWords {
        /// The words, each with a boundary before and after it.
        words: Vec<Pattern>,
    },
    /// The character occurs so often, in any case.
    LetterFrequency {
        /// The character, in lower case. The official program takes a random letter where this is not one (the keys 1122
        /// and 1129 of the released data); here the character itself is counted, unless
        /// [`LetterPolicy`](crate::ifeval::LetterPolicy) says otherwise.
        letter: char,
        /// How often.
        count: CountBound,
    },
    /// The response is in the language.
    ResponseLanguage {
        /// One of [`LANGUAGES`].
        language: &'static str,
    },
    /// So many sentences.
    NumberSentences {
        /// How many.
        count: CountBound,
    },
    /// Exactly so many paragraphs with `***` between them.
    NumberParagraphs {
        /// How many.
        paragraphs: u64,
    },
    /// So many words.
    NumberWords {
        /// How many.
        count: CountBound,
    },
    /// Exactly so many paragraphs with an empty line between them, one of which begins with a word.
    NthParagraphFirstWord {
        /// How many.
        paragraphs: u64,
        /// Which of them, counted from 1.
        nth: u64,
        /// The word, in lower case.
        first_word: String,
    },
    /// Placeholders in square brackets.
    NumberPlaceholders {
        /// At least so many.
        at_least: u64,
    },
    /// A postscript.
    Postscript {
        /// Its sign.
        marker: PostscriptMarker,
    },
    /// Exactly so many items of Markdown lists.
    NumberBulletLists {
        /// How many.
        bullets: u64,
    },
    /// "My answer is yes.", "My answer is no." or "My answer is maybe."
    ConstrainedResponse,
    /// Parts highlighted in Markdown.
    NumberHighlightedSections {
        /// At least so many.
        at_least: u64,
    },
    /// Sections with numbered headings.
    MultipleSections {
        /// A heading: the separator, then a number.
        heading: Pattern,
        /// At least so many.
        at_least: u64,
    },
    /// A JSON document, perhaps in a Markdown fence.
    JsonFormat,
    /// A title in double angle brackets.
    Title,
    /// Two different responses with `******` between them.
    TwoResponses,
    /// The response begins with the prompt.
    RepeatPrompt {
        /// The prompt, in lower case and without white space around it.
        prompt: String,
    },
    /// The response ends with a phrase.
    EndChecker {
        /// The phrase, in lower case and without white space around it.
        phrase: String,
    },
    /// Double quotation marks around the response.
    Quotation,
    /// English in capital letters.
    EnglishCapital,
    /// English in lower case letters.
    EnglishLowercase,
    /// So many words in capital letters.
    CapitalWordFrequency {
        /// How many.
        count: CountBound,
    },
    /// No commas.
    NoComma,
}

impl Instruction {
    /// Reads an instruction from its id and arguments, as the released data has them; arguments that are null count as
    /// absent.
    ///
    /// ```
    /// use serde_json::json;
    /// use trace_score::ifeval::Instruction;
    ///
    /// let arguments = json!({"num_words": 300, "relation": "at least", "language": null});
    /// let arguments = arguments.as_object().unwrap();
    /// let instruction = Instruction::parse("length_constraints:number_words", arguments)?;
    /// assert!(matches!(instruction, Instruction::NumberWords { count } if count.threshold == 300));
    /// # Ok::<(), trace_score::ifeval::InstructionError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InstructionError`] for an unknown id, an argument that is missing, unknown, of a wrong type or out of its
    /// range, and for one that is no regular expression where it must be.
    pub fn parse(id: &str, arguments: &Map<String, Value>) -> Result<Self, InstructionError> {
        let kind =
            InstructionKind::from_id(id).ok_or_else(|| InstructionError::UnknownId { id: id.to_owned() })?;
        let mut arguments = Arguments::new(kind.id(), arguments);
        let instruction = Self::of_kind(kind, &mut arguments)?;
        arguments.finish()?;
        Ok(instruction)
    }

    /// The kind of the instruction.
    pub fn kind(&self) -> InstructionKind {
        match self {
            Self::KeywordExistence { .. } => InstructionKind::KeywordExistence,
            Self::KeywordFrequency { .. } => InstructionKind::KeywordFrequency,
            Self::ForbiddenWords { .. } => InstructionKind::ForbiddenWords,
            Self::LetterFrequency { .. } => InstructionKind::LetterFrequency,
            Self::ResponseLanguage { .. } => InstructionKind::ResponseLanguage,
            Self::NumberSentences { .. } => InstructionKind::NumberSentences,
            Self::NumberParagraphs { .. } => InstructionKind::NumberParagraphs,
            Self::NumberWords { .. } => InstructionKind::NumberWords,
            Self::NthParagraphFirstWord { .. } => InstructionKind::NthParagraphFirstWord,
            Self::NumberPlaceholders { .. } => InstructionKind::NumberPlaceholders,
            Self::Postscript { .. } => InstructionKind::Postscript,
            Self::NumberBulletLists { .. } => InstructionKind::NumberBulletLists,
            Self::ConstrainedResponse => InstructionKind::ConstrainedResponse,
            Self::NumberHighlightedSections { .. } => InstructionKind::NumberHighlightedSections,
            Self::MultipleSections { .. } => InstructionKind::MultipleSections,
            Self::JsonFormat => InstructionKind::JsonFormat,
            Self::Title => InstructionKind::Title,
            Self::TwoResponses => InstructionKind::TwoResponses,
            Self::RepeatPrompt { .. } => InstructionKind::RepeatPrompt,
            Self::EndChecker { .. } => InstructionKind::EndChecker,
            Self::Quotation => InstructionKind::Quotation,
            Self::EnglishCapital => InstructionKind::EnglishCapital,
            Self::EnglishLowercase => InstructionKind::EnglishLowercase,
            Self::CapitalWordFrequency { .. } => InstructionKind::CapitalWordFrequency,
            Self::NoComma => InstructionKind::NoComma,
        }
    }

    /// The letter that is counted, if it is not one from a to z and the official program counts a random one instead.
    ///
    /// Setting it to a random letter gives the official behaviour.
    pub fn non_letter_mut(&mut self) -> Option<&mut char> {
        match self {
            Self::LetterFrequency { letter, .. } if !letter.is_ascii_lowercase() => Some(letter),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
