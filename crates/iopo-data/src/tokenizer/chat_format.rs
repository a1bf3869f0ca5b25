use std::fmt;

/// The chat template that a new tokenizer gets: turns in ChatML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ChatFormat {
    /// Turns as they are; no system text where the conversation has none.
    #[default]
    Plain,
    /// As Qwen2's models: a conversation without a system text gets "You are a helpful assistant."
    Qwen2,
}

/// Every turn as `<|im_start|>role⏎content<|im_end|>⏎`, then the start of the answer if one is to come.
const TURNS: &str = r"{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const DEFAULT_SYSTEM: &str = r"{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}";

impl ChatFormat {
    /// The format of a name: `plain` or `qwen2`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "plain" => Some(Self::Plain),
            "qwen2" => Some(Self::Qwen2),
            _ => None,
        }
    }

    /// The name that [`ChatFormat::from_name`] takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Qwen2 => "qwen2",
        }
    }

    /// The Jinja source that `tokenizer_config.json` gets.
    ///
    /// # Source
    /// What [`ChatFormat::Qwen2`] renders is what the template in `tokenizer_config.json` of the
    /// repositories `Qwen/Qwen2-*-Instruct` renders.
    #[must_use]
    pub fn template(self) -> String {
        match self {
            Self::Plain => TURNS.to_owned(),
            Self::Qwen2 => [DEFAULT_SYSTEM, TURNS].concat(),
        }
    }
}

impl fmt::Display for ChatFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
