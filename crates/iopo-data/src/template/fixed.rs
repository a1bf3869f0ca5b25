use trace_schema::{Message, Role};

use super::TemplateError;
use crate::tokenizer::{Pieces, TextTokenizer};

/// A template given as text around each message, encoded piece by piece as the
/// paper's trainer does.
///
/// Each piece is tokenised apart, so that no merge crosses the border between two
/// messages, nor between prompt and response.
#[derive(Debug, Clone, Copy)]
pub(super) struct FixedTemplate {
    pub(super) name: &'static str,
    bos: bool,
    pub(super) default_system: Option<&'static str>,
    system: [&'static str; 2],
    user: [&'static str; 2],
    /// What an answer follows.
    assistant: &'static str,
    /// What stands between an answer and the next question.
    separator: &'static str,
    /// The stop word. It is the eos whatever the checkpoint says.
    eos: &'static str,
    /// Tokens without which the tokenizer belongs to another family.
    required: &'static [&'static str],
}

pub(super) const QWEN: FixedTemplate = FixedTemplate {
    name: "qwen",
    bos: false,
    default_system: Some("You are a helpful assistant."),
    system: ["<|im_start|>system\n", "<|im_end|>\n"],
    user: ["<|im_start|>user\n", "<|im_end|>\n"],
    assistant: "<|im_start|>assistant\n",
    separator: "\n",
    eos: "<|im_end|>",
    required: &["<|im_start|>", "<|im_end|>"],
};

pub(super) const LLAMA3: FixedTemplate = FixedTemplate {
    name: "llama3",
    bos: true,
    default_system: None,
    system: ["<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"],
    user: ["<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"],
    assistant: "<|start_header_id|>assistant<|end_header_id|>\n\n",
    separator: "",
    eos: "<|eot_id|>",
    required: &["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
};

impl FixedTemplate {
    /// The eos id, when the tokenizer has every token that the template is made of.
    pub(super) fn eos_id(&self, tokenizer: &TextTokenizer) -> Result<u32, TemplateError> {
        let missing = |token: &str| {
            TemplateError::invalid(format!(
                "template {} needs the special token \"{token}\", which this tokenizer does not have: take the template of \
                 the model's family, or `chat`",
                self.name
            ))
        };
        for token in self.required {
            tokenizer.token_id(token).ok_or_else(|| missing(token))?;
        }
        if self.bos && tokenizer.bos_id().is_none() {
            return Err(TemplateError::invalid(format!(
                "template {} begins with the bos token, and tokenizer_config.json names no bos_token",
                self.name
            )));
        }
        tokenizer.token_id(self.eos).ok_or_else(|| missing(self.eos))
    }

    pub(super) fn prompt(
        &self,
        pieces: &mut Pieces<'_>,
        eos_id: u32,
        messages: &[Message],
    ) -> Result<Vec<u32>, TemplateError> {
        let (system, turns) = match messages {
            [Message { role: Role::System, content }, turns @ ..] => (Some(content.as_str()), turns),
            turns => (None, turns),
        };
        check_turns(turns, messages.len() - turns.len())?;
        let mut ids = Vec::new();
        if self.bos {
            ids.extend(pieces.tokenizer().bos_id());
        }
        if let Some(system) = system.filter(|text| !text.is_empty()).or(self.default_system) {
            ids.extend(pieces.encode(&wrap(self.system, system))?);
        }
        for (index, turn) in turns.iter().enumerate() {
            if turn.role == Role::Assistant {
                ids.extend(pieces.encode(&turn.content)?);
                ids.push(eos_id);
                continue;
            }
            if index > 0 && !self.separator.is_empty() {
                ids.extend(pieces.encode(self.separator)?);
            }
            // One piece with what the answer follows, as the paper's trainer has it.
            let asked = wrap(self.user, &turn.content) + self.assistant;
            ids.extend(pieces.encode(&asked)?);
        }
        Ok(ids)
    }
}

impl FixedTemplate {
    /// The same prompts and answers as a Jinja template, as tokenizers carry them.
    pub(super) fn as_jinja(&self) -> String {
        // None of the texts holds a quote or a backslash.
        let quoted = |text: &str| format!("'{}'", text.replace('\n', "\\n"));
        let [system, system_end] = self.system.map(quoted);
        let [user, user_end] = self.user.map(quoted);
        let [assistant, separator, eos] = [self.assistant, self.separator, self.eos].map(quoted);
        let default = quoted(self.default_system.unwrap_or_default());
        let bos = if self.bos { "{{- bos_token }}\n" } else { "" };
        format!(
            "{{%- set has_system = messages[0]['role'] == 'system' %}}
{{%- set system = messages[0]['content'] if has_system and messages[0]['content'] else {default} %}}
{bos}{{%- if system %}}
{{{{- {system} + system + {system_end} }}}}
{{%- endif %}}
{{%- for message in (messages[1:] if has_system else messages) %}}
{{%- if message['role'] == 'user' %}}
{{%- if not loop.first %}}
{{{{- {separator} }}}}
{{%- endif %}}
{{{{- {user} + message['content'] + {user_end} }}}}
{{%- if not loop.last or add_generation_prompt %}}
{{{{- {assistant} }}}}
{{%- endif %}}
{{%- else %}}
{{{{- message['content'] + {eos} }}}}
{{%- endif %}}
{{%- endfor %}}"
        )
    }
}

/// Joins by position: `{{content}}` or `{{idx}}` inside a message is only text.
fn wrap([before, after]: [&str; 2], content: &str) -> String {
    [before, content, after].concat()
}

fn check_turns(turns: &[Message], offset: usize) -> Result<(), TemplateError> {
    if turns.is_empty() {
        return Err(TemplateError::no_user_message());
    }
    let both = [Role::User, Role::Assistant];
    for (index, turn) in turns.iter().enumerate() {
        let expected = both[index % 2];
        if turn.role != expected {
            return Err(out_of_turn(offset + index, expected, turn.role));
        }
    }
    if turns.len().is_multiple_of(2) {
        return Err(out_of_turn(offset + turns.len() - 1, Role::User, Role::Assistant));
    }
    Ok(())
}

fn out_of_turn(index: usize, expected: Role, found: Role) -> TemplateError {
    TemplateError::invalid(format!(
        "message {index} of the prompt is from {found}, expected {expected}: after an optional system message, user and \
         assistant take turns and the user has the last word"
    ))
}
