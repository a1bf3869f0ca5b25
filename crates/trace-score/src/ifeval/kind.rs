//! The 25 kinds of instructions.

use std::fmt;

use serde::{Serialize, Serializer};

/// The category of an instruction; the part of its id before the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Category {
    /// Words and letters that the response has or has not.
    Keywords,
    /// The language of the response.
    Language,
    /// How many words, sentences or paragraphs it has.
    LengthConstraints,
    /// Placeholders and postscripts.
    DetectableContent,
    /// Lists, sections, titles, JSON.
    DetectableFormat,
    /// Two responses, or the prompt repeated.
    Combination,
    /// How it begins and ends.
    #[serde(rename = "startend")]
    StartEnd,
    /// Upper and lower case.
    ChangeCase,
    /// Commas.
    Punctuation,
}

/// A kind of instruction that a program can check.
///
/// # Source
///
/// J. Zhou et al. (2023), *Instruction-Following Evaluation for Large Language Models*, Table 1; the ids are those of
/// the released data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum InstructionKind {
    /// Every keyword occurs.
    KeywordExistence,
    /// A keyword occurs so often.
    KeywordFrequency,
    /// None of the words occurs.
    ForbiddenWords,
    /// A letter occurs so often.
    LetterFrequency,
    /// The response is in a given language.
    ResponseLanguage,
    /// So many sentences.
    NumberSentences,
    /// So many paragraphs with `***` between them.
    NumberParagraphs,
    /// So many words.
    NumberWords,
    /// So many paragraphs, one of which begins with a given word.
    NthParagraphFirstWord,
    /// At least so many placeholders in square brackets.
    NumberPlaceholders,
    /// A postscript.
    Postscript,
    /// So many items of Markdown lists.
    NumberBulletLists,
    /// One of three set answers.
    ConstrainedResponse,
    /// At least so many parts highlighted in Markdown.
    NumberHighlightedSections,
    /// At least so many sections with numbered headings.
    MultipleSections,
    /// A JSON document.
    JsonFormat,
    /// A title in double angle brackets.
    Title,
    /// Two different responses with `******` between them.
    TwoResponses,
    /// The prompt, then the answer.
    RepeatPrompt,
    /// The response ends with a given phrase.
    EndChecker,
    /// The response stands in double quotation marks.
    Quotation,
    /// English in capital letters.
    EnglishCapital,
    /// English in lower case letters.
    EnglishLowercase,
    /// So many words in capital letters.
    CapitalWordFrequency,
    /// No commas.
    NoComma,
}

impl InstructionKind {
    /// All kinds, in the order of the ids' categories.
    pub const ALL: [Self; 25] = [
        Self::KeywordExistence,
        Self::KeywordFrequency,
        Self::ForbiddenWords,
        Self::LetterFrequency,
        Self::ResponseLanguage,
        Self::NumberSentences,
        Self::NumberParagraphs,
        Self::NumberWords,
        Self::NthParagraphFirstWord,
        Self::NumberPlaceholders,
        Self::Postscript,
        Self::NumberBulletLists,
        Self::ConstrainedResponse,
        Self::NumberHighlightedSections,
        Self::MultipleSections,
        Self::JsonFormat,
        Self::Title,
        Self::TwoResponses,
        Self::RepeatPrompt,
        Self::EndChecker,
        Self::Quotation,
        Self::EnglishCapital,
        Self::EnglishLowercase,
        Self::CapitalWordFrequency,
        Self::NoComma,
    ];

    /// The id in the released data.
    ///
    /// ```
    /// use trace_score::ifeval::InstructionKind;
    ///
    /// assert_eq!(InstructionKind::NoComma.id(), "punctuation:no_comma");
    /// ```
    pub fn id(self) -> &'static str {
        match self {
            Self::KeywordExistence => "keywords:existence",
            Self::KeywordFrequency => "keywords:frequency",
            Self::ForbiddenWords => "keywords:forbidden_words",
            Self::LetterFrequency => "keywords:letter_frequency",
            Self::ResponseLanguage => "language:response_language",
            Self::NumberSentences => "length_constraints:number_sentences",
            Self::NumberParagraphs => "length_constraints:number_paragraphs",
            Self::NumberWords => "length_constraints:number_words",
            Self::NthParagraphFirstWord => "length_constraints:nth_paragraph_first_word",
            Self::NumberPlaceholders => "detectable_content:number_placeholders",
            Self::Postscript => "detectable_content:postscript",
            Self::NumberBulletLists => "detectable_format:number_bullet_lists",
            Self::ConstrainedResponse => "detectable_format:constrained_response",
            Self::NumberHighlightedSections => "detectable_format:number_highlighted_sections",
            Self::MultipleSections => "detectable_format:multiple_sections",
            Self::JsonFormat => "detectable_format:json_format",
            Self::Title => "detectable_format:title",
            Self::TwoResponses => "combination:two_responses",
            Self::RepeatPrompt => "combination:repeat_prompt",
            Self::EndChecker => "startend:end_checker",
            Self::Quotation => "startend:quotation",
            Self::EnglishCapital => "change_case:english_capital",
            Self::EnglishLowercase => "change_case:english_lowercase",
            Self::CapitalWordFrequency => "change_case:capital_word_frequency",
            Self::NoComma => "punctuation:no_comma",
        }
    }

    /// The kind with this id, if there is one.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }

    /// The category of the kind.
    pub fn category(self) -> Category {
        match self {
            Self::KeywordExistence
            | Self::KeywordFrequency
            | Self::ForbiddenWords
            | Self::LetterFrequency => Category::Keywords,
            Self::ResponseLanguage => Category::Language,
            Self::NumberSentences
            | Self::NumberParagraphs
            | Self::NumberWords
            | Self::NthParagraphFirstWord => Category::LengthConstraints,
            Self::NumberPlaceholders | Self::Postscript => Category::DetectableContent,
            Self::NumberBulletLists
            | Self::ConstrainedResponse
            | Self::NumberHighlightedSections
            | Self::MultipleSections
            | Self::JsonFormat
            | Self::Title => Category::DetectableFormat,
            Self::TwoResponses | Self::RepeatPrompt => Category::Combination,
            Self::EndChecker | Self::Quotation => Category::StartEnd,
            Self::EnglishCapital | Self::EnglishLowercase | Self::CapitalWordFrequency => {
                Category::ChangeCase
            }
            Self::NoComma => Category::Punctuation,
        }
    }
}

impl Category {
    /// All categories, in the order of [`InstructionKind::ALL`].
    pub const ALL: [Self; 9] = [
        Self::Keywords,
        Self::Language,
        Self::LengthConstraints,
        Self::DetectableContent,
        Self::DetectableFormat,
        Self::Combination,
        Self::StartEnd,
        Self::ChangeCase,
        Self::Punctuation,
    ];

    /// The name in the released ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keywords => "keywords",
            Self::Language => "language",
            Self::LengthConstraints => "length_constraints",
            Self::DetectableContent => "detectable_content",
            Self::DetectableFormat => "detectable_format",
            Self::Combination => "combination",
            Self::StartEnd => "startend",
            Self::ChangeCase => "change_case",
            Self::Punctuation => "punctuation",
        }
    }
}

impl fmt::Display for InstructionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for InstructionKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_category_and_one_kind() {
        for kind in InstructionKind::ALL {
            assert_eq!(InstructionKind::from_id(kind.id()), Some(kind));
            assert_eq!(kind.id().split(':').next(), Some(kind.category().name()));
            assert!(Category::ALL.contains(&kind.category()));
        }
        assert_eq!(InstructionKind::from_id("keywords:"), None);
    }
}
