use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, context};
use trace_schema::{Message, Role};

use super::TemplateError;
use super::clock::strftime_now;
use crate::tokenizer::TextTokenizer;

const NAME: &str = "chat_template";

/// The tokenizer's own Jinja template, rendered as transformers renders it.
#[derive(Debug, Clone)]
pub(super) struct ChatTemplate {
    // Behind an `Arc` because encoders are cloned into threads.
    environment: Arc<Environment<'static>>,
    bos: Option<String>,
    eos: String,
    /// Texts of all tokens at which generation stops.
    stops: Vec<String>,
}

/// A completion as text: the response as rendered, and what the template ends it with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RenderedCompletion {
    pub(super) response: String,
    pub(super) ending: String,
    /// Whether the ending has a stop token; if not, the eos id is still to be added.
    pub(super) stops: bool,
}

impl ChatTemplate {
    pub(super) fn new(tokenizer: &TextTokenizer) -> Result<Self, TemplateError> {
        let source =
            tokenizer.chat_template().ok_or_else(|| {
                TemplateError::invalid(format!(
                    "the tokenizer has no chat template, neither in tokenizer_config.json nor in chat_template.jinja: name a \
                     template ({})",
                    super::KNOWN
                ))
            })?;
        let mut environment = environment().map_err(parse_error)?;
        environment.add_template_owned(NAME, without_generation_tags(source)).map_err(parse_error)?;
        Ok(Self {
            environment: Arc::new(environment),
            bos: tokenizer.bos().map(|bos| bos.text.clone()),
            eos: tokenizer.eos().text.clone(),
            stops: tokenizer.eos_ids().iter().filter_map(|&id| tokenizer.token(id)).collect(),
        })
    }

    pub(super) fn prompt(&self, messages: &[Message]) -> Result<String, TemplateError> {
        if !messages.iter().any(|message| message.role == Role::User) {
            return Err(TemplateError::no_user_message());
        }
        self.render(messages, None, true)
    }

    /// What follows the prompt when the response is rendered as the model's turn.
    ///
    /// Training on it is sound only if the model, given the prompt as it is rendered for
    /// generation, could continue with exactly this text. So the whole conversation must
    /// begin with the prompt, and continue with the response: as it is, or, in templates
    /// that trim their messages, without the white space around it.
    ///
    /// `prompt` is what [`ChatTemplate::prompt`] makes of `messages`.
    pub(super) fn completion(
        &self,
        prompt: &str,
        messages: &[Message],
        response: &str,
    ) -> Result<RenderedCompletion, TemplateError> {
        let whole = self.render(messages, Some(response), false)?;
        let Some(after) = whole.strip_prefix(prompt) else {
            let (expected, found) = parting(prompt, &whole);
            return Err(TemplateError::invalid(format!(
                "the chat template renders the prompt differently when the response follows: expected {expected:?}, found \
                 {found:?}; train with a template of the model's family"
            )));
        };
        let as_rendered =
            [response, response.trim()].into_iter().find_map(|text| Some((text, after.strip_prefix(text)?)));
        let Some((response, ending)) = as_rendered else {
            let (expected, found) = parting(response.trim(), after);
            return Err(TemplateError::invalid(format!(
                "the chat template does not render the response as it is: expected {expected:?} after the prompt, found \
                 {found:?}; train with a template of the model's family"
            )));
        };
        let stop = self.stops.iter().filter_map(|stop| Some(ending.find(stop)? + stop.len())).min();
        let ending = stop.map_or_else(|| ending.trim_end(), |end| &ending[..end]);
        Ok(RenderedCompletion {
            response: response.to_owned(),
            ending: ending.to_owned(),
            stops: stop.is_some(),
        })
    }

    fn render(
        &self,
        messages: &[Message],
        response: Option<&str>,
        generate: bool,
    ) -> Result<String, TemplateError> {
        let turn = |role: Role, content: &str| {
            Value::from_pairs([("role", Value::from(role.name())), ("content", Value::from(content))])
        };
        let answer = response.map(|response| turn(Role::Assistant, response));
        let messages: Vec<Value> = messages.iter().map(|m| turn(m.role, &m.content)).chain(answer).collect();
        let context = context! {
            messages => messages,
            tools => Value::from(()),
            documents => Value::from(()),
            add_generation_prompt => generate,
            bos_token => self.bos.as_deref().unwrap_or_default(),
            eos_token => self.eos.as_str(),
        };
        let render = || self.environment.get_template(NAME)?.render(context);
        let refused = "the chat template refuses this conversation";
        render().map_err(|error| TemplateError::ChatTemplate { reason: refused, source: error.into() })
    }
}

/// Jinja as transformers sets it up.
fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", |format: String| {
        strftime_now(&format).map_err(|message| Error::new(ErrorKind::InvalidOperation, message))
    });
    Ok(environment)
}

/// Replaces the tags with which transformers marks what the model wrote.
///
/// They print nothing. A block that is always taken prints nothing either, opens no
/// scope, and keeps the marks that strip white space where they are.
fn without_generation_tags(source: &str) -> String {
    let mut replaced = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let inside = &rest[start + 2..];
        let word_start = inside.len() - inside.trim_start_matches(['-', '+']).trim_start().len();
        let word =
            inside[word_start..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let word_end = start + 2 + word_start + word.len();
        replaced += &rest[..start + 2 + word_start];
        replaced += match word {
            "generation" => "if true",
            "endgeneration" => "endif",
            other => other,
        };
        rest = &rest[word_end..];
    }
    replaced + rest
}

fn parse_error(error: Error) -> TemplateError {
    let reason = "the tokenizer's chat template cannot be parsed";
    TemplateError::ChatTemplate { reason, source: error.into() }
}

/// Both texts from just before their first difference, cut to a readable length.
fn parting(expected: &str, found: &str) -> (String, String) {
    const BEFORE: usize = 12;
    const SHOWN: usize = 60;
    let common = expected.chars().zip(found.chars()).take_while(|(a, b)| a == b).count();
    let excerpt = |text: &str| text.chars().skip(common.saturating_sub(BEFORE)).take(SHOWN).collect();
    (excerpt(expected), excerpt(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_tags_become_a_block_that_is_always_taken() {
        let source = "{% generation %}{%- generation -%}{{ a }}{%+endgeneration%}{% endgeneration %}{% if generation %}{%";
        let expected = "{% if true %}{%- if true -%}{{ a }}{%+endif%}{% endif %}{% if generation %}{%";
        assert_eq!(without_generation_tags(source), expected);
    }

    #[test]
    fn an_excerpt_begins_shortly_before_the_difference() {
        let (expected, found) = parting("0123456789abcdefX", "0123456789abcdefY");
        assert_eq!((expected.as_str(), found.as_str()), ("456789abcdefX", "456789abcdefY"));
    }
}
