//! The prompt of the judge.

use std::path::Path;

use super::item::CfBenchItem;
use crate::trace::{PromptTemplate, TemplateError};

/// The judge's prompt, built in or from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CfBenchPrompt(PromptTemplate<4>);

impl CfBenchPrompt {
    /// The built-in prompt, or `cfbench.zh.txt` in `folder`, with the places `{prompt}`, `{gold}`, `{response}` and
    /// `{criteria}`.
    ///
    /// The built-in text is in Chinese like the benchmark and has the structure of the official one (roles, 0 or 1 for
    /// each criterion, the output format, an example) in words of our own.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that lacks a place.
    pub fn load(folder: Option<&Path>) -> Result<Self, TemplateError> {
        let fields = ["prompt", "gold", "response", "criteria"];
        PromptTemplate::load(folder, "cfbench.zh.txt", include_str!("prompts/judge.zh.txt"), fields).map(Self)
    }

    /// The one user message of the judge; the official temperature is 0.01.
    pub fn render(&self, item: &CfBenchItem, response: &str) -> String {
        let criteria: Vec<&str> = item.criteria.iter().map(|criterion| criterion.text.as_str()).collect();
        self.0.render([&item.prompt, &item.gold, response, &criteria.join("\n\n")])
    }
}
