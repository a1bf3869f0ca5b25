//! From conversations to tokens, and from tokens to answers.

use std::path::Path;

use iopo_data::{Message, RenderTime, Template, TemplateEncoder, TextTokenizer};
use iopo_model::{CausalLm, Generated, GenerationConfig, load_config};

use crate::error::AnswerError;

/// Tokenizer, template, and the tokens that end an answer.
#[derive(Debug, Clone)]
pub struct Respondent {
    template: TemplateEncoder,
    eos_token_ids: Vec<u32>,
}

impl Respondent {
    /// Binds a template to a tokenizer.
    ///
    /// # Errors
    /// A template that the tokenizer cannot write.
    pub fn new(tokenizer: TextTokenizer, template: Template) -> Result<Self, AnswerError> {
        let mut eos_token_ids = tokenizer.eos_ids().to_vec();
        let template = TemplateEncoder::new(tokenizer, template)?;
        if !eos_token_ids.contains(&template.eos_id()) {
            eos_token_ids.push(template.eos_id());
        }
        Ok(Self { template, eos_token_ids })
    }

    /// The tokenizer of a model's folder. A conversation with a token that the model has no embedding for is refused.
    ///
    /// # Errors
    /// Files that cannot be read, and as [`Respondent::new`].
    pub fn from_dir(dir: &Path, template: Template) -> Result<Self, AnswerError> {
        // First: its error says what a folder without a model holds.
        let rows = load_config(dir)?.vocab_size;
        let mut tokenizer = TextTokenizer::from_dir(dir)?;
        tokenizer.limit_vocabulary(rows)?;
        Self::new(tokenizer, template)
    }

    /// The same, with conversations rendered as of `time` instead of as of now.
    #[must_use]
    pub fn rendered_at(mut self, time: RenderTime) -> Self {
        self.template = self.template.rendered_at(time);
        self
    }

    /// The time that the template prints, if it asks for one.
    #[must_use]
    pub fn printed_time(&self) -> Option<RenderTime> {
        self.template.printed_time()
    }

    /// A line for the user about the tokenizer, if there is one.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        self.template.tokenizer().note()
    }

    /// The tokens that an answer to a conversation starts from.
    ///
    /// # Errors
    /// A conversation that the template cannot render.
    pub fn prompt(&self, messages: &[Message]) -> Result<Vec<u32>, AnswerError> {
        Ok(self.template.prompt(messages)?)
    }

    /// The end of the text that an answer starts from: a template may open something there that the answer closes, such as
    /// `<think>`.
    ///
    /// # Errors
    /// Tokens that the tokenizer cannot turn into text.
    pub fn opening(&self, prompt: &[u32]) -> Result<String, AnswerError> {
        const TOKENS: usize = 16;
        let start = prompt.len().saturating_sub(TOKENS);
        Ok(self.template.tokenizer().decode(prompt.get(start..).unwrap_or_default())?)
    }

    /// The settings with every token that ends an answer of this template and tokenizer.
    #[must_use]
    pub fn ending(&self, config: &GenerationConfig) -> GenerationConfig {
        let mut config = config.clone();
        let known = config.eos_token_ids.clone();
        config.eos_token_ids.extend(self.eos_token_ids.iter().filter(|id| !known.contains(id)));
        config
    }

    /// The text of an answer, without special tokens.
    ///
    /// # Errors
    /// Tokens that the tokenizer cannot turn into text.
    pub fn text(&self, generated: &Generated) -> Result<String, AnswerError> {
        Ok(self.template.tokenizer().decode_plain(&generated.tokens)?)
    }

    /// One answer to each conversation, the i-th with the random stream i.
    ///
    /// # Errors
    /// A conversation that the template cannot render, and as [`CausalLm::generate`].
    pub fn answers(
        &self,
        model: &CausalLm,
        conversations: &[Vec<Message>],
        config: &GenerationConfig,
    ) -> Result<Vec<String>, AnswerError> {
        let prompts: Vec<Vec<u32>> =
            conversations.iter().map(|messages| self.prompt(messages)).collect::<Result<_, _>>()?;
        let generated = model.generate(&prompts, &self.ending(config), |_| false)?;
        generated.iter().map(|answer| self.text(answer)).collect()
    }
}
