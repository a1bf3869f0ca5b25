use trace_schema::Role;

use crate::TokenizerError;

/// A conversation that a template cannot turn into tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// No template has this name.
    #[error(
        "unknown template \"{name}\": known are {known}; without a name the tokenizer's own chat template is used"
    )]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: &'static str,
    },
    /// The tokenizer's vocabulary lacks a token that the template is made of.
    #[error(
        "template {template} needs the special token \"{token}\", which this tokenizer does not have: take the template of the model's family, or `chat`"
    )]
    MissingSpecialToken {
        /// The template's name.
        template: &'static str,
        /// The token's text.
        token: &'static str,
    },
    /// The template begins with the bos token and the tokenizer has none.
    #[error("template {template} begins with the bos token, and tokenizer_config.json names no bos_token")]
    NoBos {
        /// The template's name.
        template: &'static str,
    },
    /// The folder has no chat template.
    #[error(
        "the tokenizer has no chat template, neither in tokenizer_config.json nor in chat_template.jinja: name a template ({known})"
    )]
    NoChatTemplate {
        /// The names there are.
        known: &'static str,
    },
    /// The chat template is not valid Jinja.
    #[error("the tokenizer's chat template cannot be parsed")]
    Parse {
        /// What the template engine said, with the line.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The chat template refused the conversation.
    #[error("the chat template refuses this conversation")]
    Render {
        /// What the template engine, or the template itself, said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is nothing to answer.
    #[error("a prompt needs at least one user message")]
    NoUserMessage,
    /// Roles out of order.
    #[error(
        "message {index} of the prompt is from {found}, expected {expected}: after an optional system message, user and assistant take turns and the user has the last word"
    )]
    Turn {
        /// Position of the message, from 0.
        index: usize,
        /// Whose turn it was.
        expected: Role,
        /// Who spoke.
        found: Role,
    },
    /// With the response appended, the chat template renders another prompt.
    #[error(
        "the chat template renders the prompt differently when the response follows: expected {expected:?}, found {found:?}; train with a template of the model's family"
    )]
    PromptNotPrefix {
        /// The prompt's text where the two part.
        expected: String,
        /// The text of the whole conversation there.
        found: String,
    },
    /// The chat template does not put the response right after the prompt.
    #[error(
        "the chat template does not render the response as it is: expected {expected:?} after the prompt, found {found:?}; train with a template of the model's family"
    )]
    ResponseAltered {
        /// The response where the two part.
        expected: String,
        /// The rendered text there.
        found: String,
    },
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}
