//! Which arguments each kind of instruction has.

use super::arguments::Arguments;
use super::{Instruction, PostscriptMarker};
use crate::ifeval::{InstructionError, InstructionKind};
use crate::python::{Pattern, PatternError, PatternOptions, lower, strip};

const IGNORE_CASE: PatternOptions = PatternOptions { ignore_case: true, multi_line: false };

impl Instruction {
    /// Reads the arguments of a kind.
    pub(super) fn of_kind(
        kind: InstructionKind,
        arguments: &mut Arguments<'_>,
    ) -> Result<Self, InstructionError> {
        use InstructionKind as Kind;
        Ok(match kind {
            Kind::KeywordExistence => Self::KeywordExistence {
                keywords: patterns(arguments, "keywords", |word| Pattern::new(word, IGNORE_CASE))?,
            },
            Kind::KeywordFrequency => Self::KeywordFrequency {
                keyword: {
                    let keyword = strip(arguments.non_empty("keyword")?);
                    arguments.pattern("keyword", Pattern::new(keyword, IGNORE_CASE))?
                },
                count: arguments.bound("frequency", "relation")?,
            },
            Kind::ForbiddenWords => Self::ForbiddenWords {
                words: patterns(arguments, "forbidden_words", |word| Pattern::whole_word(word, IGNORE_CASE))?,
            },
            Kind::LetterFrequency => Self::LetterFrequency {
                count: arguments.bound("let_frequency", "let_relation")?,
                letter: arguments.letter("letter")?,
            },
            Kind::ResponseLanguage => Self::ResponseLanguage { language: arguments.language("language")? },
            Kind::NumberSentences => {
                Self::NumberSentences { count: arguments.bound("num_sentences", "relation")? }
            }
            Kind::NumberParagraphs => {
                Self::NumberParagraphs { paragraphs: arguments.count("num_paragraphs")? }
            }
            Kind::NumberWords => Self::NumberWords { count: arguments.bound("num_words", "relation")? },
            Kind::NthParagraphFirstWord => first_word(arguments)?,
            Kind::NumberPlaceholders => {
                Self::NumberPlaceholders { at_least: arguments.count("num_placeholders")? }
            }
            Kind::Postscript => Self::Postscript { marker: postscript_marker(arguments)? },
            Kind::NumberBulletLists => Self::NumberBulletLists { bullets: arguments.count("num_bullets")? },
            Kind::ConstrainedResponse => Self::ConstrainedResponse,
            Kind::NumberHighlightedSections => {
                Self::NumberHighlightedSections { at_least: arguments.count("num_highlights")? }
            }
            Kind::MultipleSections => sections(arguments)?,
            Kind::JsonFormat => Self::JsonFormat,
            Kind::Title => Self::Title,
            Kind::TwoResponses => Self::TwoResponses,
            Kind::RepeatPrompt => {
                Self::RepeatPrompt { prompt: lower(strip(arguments.non_empty("prompt_to_repeat")?)) }
            }
            Kind::EndChecker => Self::EndChecker { phrase: lower(strip(arguments.text("end_phrase")?)) },
            Kind::Quotation => Self::Quotation,
            Kind::EnglishCapital => Self::EnglishCapital,
            Kind::EnglishLowercase => Self::EnglishLowercase,
            Kind::CapitalWordFrequency => Self::CapitalWordFrequency {
                count: arguments.bound("capital_frequency", "capital_relation")?,
            },
            Kind::NoComma => Self::NoComma,
        })
    }
}

fn patterns(
    arguments: &mut Arguments<'_>,
    key: &'static str,
    compile: impl Fn(&str) -> Result<Pattern, PatternError>,
) -> Result<Vec<Pattern>, InstructionError> {
    let words = arguments.texts(key)?;
    words.into_iter().map(|word| arguments.pattern(key, compile(word))).collect()
}

fn first_word(arguments: &mut Arguments<'_>) -> Result<Instruction, InstructionError> {
    let paragraphs = arguments.count("num_paragraphs")?;
    let nth = arguments.count("nth_paragraph")?;
    if nth == 0 || nth > paragraphs {
        return Err(arguments.wrong("nth_paragraph", "is not from 1 to num_paragraphs"));
    }
    let first_word = lower(arguments.text("first_word")?);
    Ok(Instruction::NthParagraphFirstWord { paragraphs, nth, first_word })
}

fn postscript_marker(arguments: &mut Arguments<'_>) -> Result<PostscriptMarker, InstructionError> {
    const KEY: &str = "postscript_marker";
    match strip(arguments.text(KEY)?) {
        "P.S." => Ok(PostscriptMarker::Ps),
        "P.P.S" => Ok(PostscriptMarker::Pps),
        other => {
            let options = PatternOptions { ignore_case: false, multi_line: true };
            let marker = lower(other);
            // White space before a plain marker, and the rest of its line, change nothing about whether it is found; but
            // looking for them takes quadratic time.
            let pattern = match Pattern::is_literal(&marker) {
                true => Pattern::new(&marker, options),
                false => Pattern::new(&format!(r"\s*{marker}.*$"), options),
            };
            Ok(PostscriptMarker::Other(Box::new(arguments.pattern(KEY, pattern)?)))
        }
    }
}

fn sections(arguments: &mut Arguments<'_>) -> Result<Instruction, InstructionError> {
    // The misspelt key is that of the released data.
    const KEY: &str = "section_spliter";
    let separator = strip(arguments.text(KEY)?);
    let heading = Pattern::new(&format!(r"\s?{separator}\s?\d+\s?"), PatternOptions::default());
    let heading = arguments.pattern(KEY, heading)?;
    Ok(Instruction::MultipleSections { heading, at_least: arguments.count("num_sections")? })
}
