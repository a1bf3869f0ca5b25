//! From a conversation to prompt and completion tokens.

mod chat;
mod clock;
mod error;
mod fixed;
mod limits;
mod prices;
mod program;
mod thought;

use std::fmt;

use chat::ChatTemplate;
pub use clock::{RenderTime, RenderTimeError};
pub use error::TemplateError;
use fixed::FixedTemplate;
use serde::{Deserialize, Serialize};
use trace_schema::Message;

use crate::TokenSequence;
use crate::tokenizer::{Pieces, TextTokenizer};

/// Names in the order in which an error lists them.
const KNOWN: &str = "qwen, llama3, chat";

/// How a conversation becomes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Template {
    /// ChatML as the paper's trainer writes it for Qwen: a default system text, and no
    /// newline after the final `<|im_end|>`.
    Qwen,
    /// Llama 3's headers as the paper's trainer writes them.
    Llama3,
    /// The Jinja template that comes with the tokenizer.
    Chat,
}

impl Template {
    /// The template of a name; without a name the tokenizer's own.
    ///
    /// # Errors
    ///
    /// An unknown name; the message lists the known ones.
    pub fn from_name(name: Option<&str>) -> Result<Self, TemplateError> {
        match name {
            Some("qwen") => Ok(Self::Qwen),
            Some("llama3") => Ok(Self::Llama3),
            Some("chat") | None => Ok(Self::Chat),
            Some(name) => Err(TemplateError::invalid(format!(
                "unknown template \"{name}\": known are {KNOWN}; without a name the tokenizer's own chat template is used"
            ))),
        }
    }

    /// The name that [`Template::from_name`] takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qwen => "qwen",
            Self::Llama3 => "llama3",
            Self::Chat => "chat",
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A template bound to a tokenizer that can write it.
///
/// Prompt and response are always tokenised apart: the prompt's ids are those that
/// generation starts from, whatever the response begins with. And a completion always
/// ends with a token at which generation stops, so that stopping is learned.
///
/// ```
/// use iopo_data::{Message, Template, TemplateEncoder, TextTokenizer};
///
/// # let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/qwen2-tiny");
/// let encoder = TemplateEncoder::new(TextTokenizer::from_dir(dir)?, Template::Qwen)?;
/// let sequence = encoder.encode(&[Message::user("hello")], "world")?;
/// assert_eq!(encoder.tokenizer().decode(&sequence.completion)?, "world<|im_end|>");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TemplateEncoder {
    tokenizer: TextTokenizer,
    template: Template,
    eos_id: u32,
    writer: Writer,
}

#[derive(Debug, Clone)]
enum Writer {
    Fixed(FixedTemplate),
    Chat(ChatTemplate),
}

impl TemplateEncoder {
    /// Binds a template to a tokenizer.
    ///
    /// # Errors
    ///
    /// A tokenizer of another family, and for [`Template::Chat`] one without a valid chat template,
    /// or with one that is larger or more deeply nested than chat templates are.
    pub fn new(tokenizer: TextTokenizer, template: Template) -> Result<Self, TemplateError> {
        let (eos_id, writer) = match template {
            Template::Qwen => (fixed::QWEN.eos_id(&tokenizer)?, Writer::Fixed(fixed::QWEN)),
            Template::Llama3 => (fixed::LLAMA3.eos_id(&tokenizer)?, Writer::Fixed(fixed::LLAMA3)),
            Template::Chat => (tokenizer.eos_id(), Writer::Chat(ChatTemplate::new(&tokenizer)?)),
        };
        tokenizer.check_rows(&[eos_id])?;
        Ok(Self { tokenizer, template, eos_id, writer })
    }

    /// The same, with conversations rendered as of `time` instead of as of now.
    #[must_use]
    pub fn rendered_at(mut self, time: RenderTime) -> Self {
        if let Writer::Chat(template) = &mut self.writer {
            template.set_time(time);
        }
        self
    }

    /// The time that the template prints, if it asks for one: that at which the encoder was made, unless
    /// [`TemplateEncoder::rendered_at`] set another.
    pub fn printed_time(&self) -> Option<RenderTime> {
        match &self.writer {
            Writer::Chat(template) => template.reads_clock().then(|| template.time()),
            Writer::Fixed(_) => None,
        }
    }

    /// The tokens that generation of the next answer starts from.
    ///
    /// # Errors
    ///
    /// A conversation that makes no prompt.
    pub fn prompt(&self, messages: &[Message]) -> Result<Vec<u32>, TemplateError> {
        let (prompt, []) = self.encode_each(&mut Pieces::new(&self.tokenizer), messages, [])?;
        Ok(prompt)
    }

    /// The tokens of a response to `messages`, with everything up to and including the
    /// token that ends it.
    ///
    /// # Errors
    ///
    /// As [`TemplateEncoder::encode`].
    pub fn completion(&self, messages: &[Message], response: &str) -> Result<Vec<u32>, TemplateError> {
        Ok(self.encode(messages, response)?.completion)
    }

    /// Prompt and completion of one row.
    ///
    /// # Errors
    ///
    /// As [`TemplateEncoder::prompt`]. With a chat template also an error when what it
    /// renders for training is not what the model would see and write when it answers.
    /// Thoughts are the exception: one that the prompt opens goes on in the completion, and
    /// one that the template leaves out of past answers stays in it.
    pub fn encode(&self, messages: &[Message], response: &str) -> Result<TokenSequence, TemplateError> {
        let (prompt, [completion]) =
            self.encode_each(&mut Pieces::new(&self.tokenizer), messages, [response])?;
        Ok(TokenSequence { prompt, completion })
    }

    /// One prompt and its completions, rendered and tokenised once each.
    pub(crate) fn encode_each<const N: usize>(
        &self,
        pieces: &mut Pieces<'_>,
        messages: &[Message],
        responses: [&str; N],
    ) -> Result<(Vec<u32>, [Vec<u32>; N]), TemplateError> {
        let mut completions = responses.map(|_| Vec::new());
        let slots = completions.iter_mut().zip(responses);
        let prompt = match &self.writer {
            Writer::Fixed(template) => {
                let prompt = template.prompt(pieces, self.eos_id, messages)?;
                for (completion, response) in slots {
                    completion.extend(pieces.encode(response)?);
                    completion.push(self.eos_id);
                }
                prompt
            }
            Writer::Chat(template) => {
                let prompt = template.prompt(messages)?;
                for (completion, response) in slots {
                    let rendered = template.completion(&prompt, messages, response)?;
                    completion.extend(pieces.encode(&rendered.response)?);
                    completion.extend(pieces.encode(&rendered.ending)?);
                    completion.extend((!rendered.stops).then_some(self.eos_id));
                }
                pieces.encode(&prompt)?.to_vec()
            }
        };
        Ok((prompt, completions))
    }

    /// The token that this template ends a response with.
    ///
    /// It is the template's own stop word, whatever the checkpoint calls eos; for
    /// [`Template::Chat`] it is the tokenizer's.
    pub fn eos_id(&self) -> u32 {
        self.eos_id
    }

    /// A fixed template as the Jinja template that a tokenizer's folder would carry; `None` for [`Template::Chat`],
    /// which is the folder's own.
    pub fn as_chat_template(&self) -> Option<String> {
        match &self.writer {
            Writer::Fixed(template) => Some(template.as_jinja()),
            Writer::Chat(_) => None,
        }
    }

    /// The system text that a fixed template gives to a conversation without one, if any.
    pub fn default_system(&self) -> Option<&'static str> {
        match &self.writer {
            Writer::Fixed(template) => template.default_system,
            Writer::Chat(_) => None,
        }
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// The template.
    pub fn template(&self) -> Template {
        self.template
    }
}
