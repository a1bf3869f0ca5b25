//! The prompts of this benchmark, built in and overridable.

use std::path::Path;

use super::template::{PromptTemplate, TemplateError};

/// The language of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PromptLanguage {
    /// Chinese, the language of the evaluation set.
    #[default]
    Chinese,
    /// English.
    English,
}

impl PromptLanguage {
    /// The part of a template's file name that stands for the language: "zh" or "en".
    pub const fn code(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }
}

/// The system message that the released judge client sends before every prompt.
///
/// # Source
///
/// `TRACE/Eval_script`, Complex-IF 29d5862.
pub const JUDGE_SYSTEM_MESSAGE: &str = "You are a helpful assistant.";

/// The templates for judging responses and for checking instructions.
///
/// The built-in texts have the structure of Appendix B.3 to B.5 in words of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracePrompts {
    pub(super) judge: PromptTemplate<3>,
    pub(super) redundancy: PromptTemplate<3>,
    pub(super) completeness: PromptTemplate<3>,
}

impl TracePrompts {
    /// The templates of a language; a file in `folder` takes the place of the built-in text of the same name.
    ///
    /// | file | places |
    /// |---|---|
    /// | `judge.zh.txt`, `judge.en.txt` | `{query}`, `{constraints}`, `{response}` |
    /// | `redundancy.zh.txt`, `redundancy.en.txt` | `{description}`, `{constraints}`, `{input}` |
    /// | `completeness.zh.txt`, `completeness.en.txt` | `{description}`, `{constraints}`, `{input}` |
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that lacks a place.
    pub fn load(language: PromptLanguage, folder: Option<&Path>) -> Result<Self, TemplateError> {
        let [judge, redundancy, completeness] = match language {
            PromptLanguage::Chinese => [
                include_str!("prompts/judge.zh.txt"),
                include_str!("prompts/redundancy.zh.txt"),
                include_str!("prompts/completeness.zh.txt"),
            ],
            PromptLanguage::English => [
                include_str!("prompts/judge.en.txt"),
                include_str!("prompts/redundancy.en.txt"),
                include_str!("prompts/completeness.en.txt"),
            ],
        };
        let load = |kind: &str, built_in, fields| {
            PromptTemplate::load(folder, &format!("{kind}.{}.txt", language.code()), built_in, fields)
        };
        let parts = ["description", "constraints", "input"];
        Ok(Self {
            judge: load("judge", judge, ["query", "constraints", "response"])?,
            redundancy: load("redundancy", redundancy, parts)?,
            completeness: load("completeness", completeness, parts)?,
        })
    }

    /// The kinds of the templates, as in their file names, with the texts in force, places included.
    pub fn texts(&self) -> [(&'static str, String); 3] {
        let parts = ["{description}", "{constraints}", "{input}"];
        [
            ("judge", self.judge.render(["{query}", "{constraints}", "{response}"])),
            ("redundancy", self.redundancy.render(parts)),
            ("completeness", self.completeness.render(parts)),
        ]
    }
}
