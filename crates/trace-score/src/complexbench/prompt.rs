//! The prompts of judge and extractor.

use std::path::Path;

use super::item::{ComplexBenchItem, ScoringQuestion};
use crate::trace::{PromptTemplate, TemplateError};

/// The most characters of an instruction that are shown.
const MAX_INSTRUCTION: usize = 6000;

/// The most characters of a response that are shown.
const MAX_RESPONSE: usize = 4000;

/// The prompts of the benchmark, built in or from files.
///
/// The built-in texts are in Chinese like the benchmark and have the structure of the official ones in words of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComplexBenchPrompts {
    judge: PromptTemplate<3>,
    extract: PromptTemplate<3>,
    extract_each: PromptTemplate<3>,
}

impl ComplexBenchPrompts {
    /// The built-in prompts; `complexbench_judge.zh.txt`, `complexbench_extract.zh.txt` and
    /// `complexbench_extract_each.zh.txt` in `folder` take their places, with the places `{instruction}`, `{response}`
    /// and `{question}`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that lacks a place.
    pub fn load(folder: Option<&Path>) -> Result<Self, TemplateError> {
        let load = |name: &str, built_in| {
            let fields = ["instruction", "response", "question"];
            PromptTemplate::load(folder, &format!("complexbench_{name}.zh.txt"), built_in, fields)
        };
        Ok(Self {
            judge: load("judge", include_str!("prompts/judge.zh.txt"))?,
            extract: load("extract", include_str!("prompts/extract.zh.txt"))?,
            extract_each: load("extract_each", include_str!("prompts/extract_each.zh.txt"))?,
        })
    }

    /// The message about one question: to the extractor where the question has a rule, else to the judge.
    ///
    /// [`extract_objects`](super::extract_objects) or [`parse_answer`](super::parse_answer) reads the answer. As in
    /// the official code, the instruction is cut after 6,000 characters and the response after 4,000.
    pub fn render(&self, item: &ComplexBenchItem, question: &ScoringQuestion, response: &str) -> String {
        let template = match question.rule.as_deref() {
            None => &self.judge,
            Some(rule) if rule.contains("each") => &self.extract_each,
            Some(_) => &self.extract,
        };
        template.render([
            cut(&item.instruction, MAX_INSTRUCTION),
            cut(response, MAX_RESPONSE),
            &question.question,
        ])
    }
}

fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(at, _)| &text[..at])
}
