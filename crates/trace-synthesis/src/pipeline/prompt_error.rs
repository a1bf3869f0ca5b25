//! What can be wrong with a prompt.

use std::path::PathBuf;

use thiserror::Error;
use trace_schema::nearest;
use trace_score::trace::TemplateError;

/// A prompt that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PromptError {
    /// The file or folder cannot be read.
    #[error("cannot read {}", .file.display())]
    Read {
        /// The file or folder.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The text is no template, or does not render.
    #[error("{file} is no valid template")]
    Syntax {
        /// The template.
        file: String,
        /// What the template engine says.
        source: minijinja::Error,
    },
    /// The template uses a variable that its prompt does not have.
    #[error("{file} uses the variable `{variable}`, which this prompt does not have; it has {known}{}", did_you_mean(.suggestion.as_deref()))]
    UnknownVariable {
        /// The template.
        file: String,
        /// The variable.
        variable: String,
        /// Those that there are.
        known: String,
        /// The nearest of them.
        suggestion: Option<String>,
    },
    /// The template does not use a variable that it needs.
    #[error("{file} does not use the variable `{variable}`")]
    MissingVariable {
        /// The template.
        file: String,
        /// The variable.
        variable: &'static str,
    },
    /// A text file that takes the place of no prompt.
    #[error("{} takes the place of no prompt{}", .file.display(), did_you_mean(.suggestion.as_deref()))]
    UnknownFile {
        /// The file.
        file: PathBuf,
        /// The nearest name.
        suggestion: Option<String>,
    },
    /// A prompt for judging is wrong.
    #[error(transparent)]
    Judging(#[from] TemplateError),
    /// A prompt does not render with the values of a row.
    #[error("the prompt {kind} cannot be rendered")]
    Render {
        /// Which prompt.
        kind: &'static str,
        /// What the template engine says.
        source: minijinja::Error,
    },
}

impl PromptError {
    pub(super) fn unknown_variable(file: &str, variable: &str, known: &[&str]) -> Self {
        Self::UnknownVariable {
            file: file.to_owned(),
            variable: variable.to_owned(),
            known: known.join(", "),
            suggestion: nearest(variable, known.iter().copied()).map(str::to_owned),
        }
    }

    pub(super) fn unknown_file(file: PathBuf, name: &str, known: Vec<String>) -> Self {
        let suggestion = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        Self::UnknownFile { file, suggestion }
    }
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
