use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};
use trace_schema::{Message, Role};

use super::clock::{RenderTime, strftime};
use super::program::Program;
use super::thought::Thought;
use super::{TemplateError, limits};
use crate::tokenizer::TextTokenizer;

/// The tokenizer's own Jinja template, rendered as transformers renders it.
#[derive(Debug, Clone)]
pub(super) struct ChatTemplate {
    // Behind an `Arc` because encoders are cloned into threads.
    engine: Arc<Engine>,
    time: RenderTime,
    bos: Option<String>,
    eos: String,
    /// Texts of all tokens at which generation stops.
    stops: Vec<String>,
}

/// A template and what it can call.
#[derive(Debug)]
struct Engine {
    environment: Environment<'static>,
    program: Program,
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
        let program = Program::compile(&without_generation_tags(source)).map_err(parse_error)?;
        Ok(Self {
            engine: Arc::new(Engine { environment: environment(), program }),
            time: RenderTime::now(),
            bos: tokenizer.bos().map(|bos| bos.text.clone()),
            eos: tokenizer.eos().text.clone(),
            stops: tokenizer.eos_ids().iter().filter_map(|&id| tokenizer.token(id)).collect(),
        })
    }

    /// The time that `strftime_now` tells.
    pub(super) fn time(&self) -> RenderTime {
        self.time
    }

    pub(super) fn set_time(&mut self, time: RenderTime) {
        self.time = time;
    }

    /// Whether the template asks for the time.
    pub(super) fn reads_clock(&self) -> bool {
        self.engine.program.names(CLOCK)
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
    /// that trim their messages, without the white space around it. Where the template
    /// opens a thought for the model, or leaves thoughts out of answers that are over, the
    /// continuation is what [`Thought`] makes of the response.
    ///
    /// `prompt` is what [`ChatTemplate::prompt`] makes of `messages`.
    pub(super) fn completion(
        &self,
        prompt: &str,
        messages: &[Message],
        response: &str,
    ) -> Result<RenderedCompletion, TemplateError> {
        let whole = self.render(messages, Some(response), false)?;
        let as_rendered = whole.strip_prefix(prompt).and_then(|after| {
            let texts = [response, response.trim()];
            texts.into_iter().find_map(|text| Some((text.to_owned(), after.strip_prefix(text)?)))
        });
        let thought = || Thought::new(prompt, response).continuation(&whole);
        let Some((response, ending)) = as_rendered.or_else(thought) else {
            return Err(not_continued(prompt, &whole, response));
        };
        let stop = self.stops.iter().filter_map(|stop| Some(ending.find(stop)? + stop.len())).min();
        let ending = stop.map_or_else(|| ending.trim_end(), |end| &ending[..end]);
        Ok(RenderedCompletion { response, ending: ending.to_owned(), stops: stop.is_some() })
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
        let input = messages.iter().map(|m| m.content.len()).sum::<usize>() + response.map_or(0, str::len);
        let messages: Vec<Value> = messages.iter().map(|m| turn(m.role, &m.content)).chain(answer).collect();
        let context = Value::from_pairs([
            ("messages", Value::from(messages)),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(generate)),
            ("bos_token", Value::from(self.bos.as_deref().unwrap_or_default())),
            ("eos_token", Value::from(self.eos.as_str())),
            (CLOCK, self.clock()),
            (limits::INPUT, Value::from(input)),
        ]);
        let Engine { environment, program } = &*self.engine;
        program.render(environment, context).map_err(|error| {
            let reason = match error.kind() {
                ErrorKind::OutOfFuel => {
                    "the chat template does more than rendering this conversation may take"
                }
                _ => "the chat template refuses this conversation",
            };
            TemplateError::ChatTemplate { reason, source: error.into() }
        })
    }

    fn clock(&self) -> Value {
        let time = self.time;
        Value::from_function(move |format: String| {
            strftime(&format, time).map_err(|message| Error::new(ErrorKind::InvalidOperation, message))
        })
    }
}

/// The function that tells a template the time.
const CLOCK: &str = "strftime_now";

fn not_continued(prompt: &str, whole: &str, response: &str) -> TemplateError {
    let (what, (expected, found)) = match whole.strip_prefix(prompt) {
        None => ("the prompt differently when the response follows", parting(prompt, whole)),
        Some(after) => ("another text after the prompt than the response", parting(response.trim(), after)),
    };
    TemplateError::invalid(format!(
        "the chat template renders {what}: expected {expected:?}, found {found:?}; name another template ({}), or give the \
         folder a chat_template.jinja that renders responses as they are",
        super::KNOWN
    ))
}

/// What transformers gives a template, under limits.
fn environment() -> Environment<'static> {
    /// Enough of a message to say what is wrong.
    const SHOWN: usize = 500;
    let mut environment = Environment::new();
    limits::limit(&mut environment);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        let message: String = message.chars().take(SHOWN).collect();
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment
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
