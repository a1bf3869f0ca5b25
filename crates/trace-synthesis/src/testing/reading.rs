//! Recognises the question in a rendered prompt.

use trace_schema::{Constraint, ConstraintDimension, ConstraintOperation, Instruction};
use trace_score::trace::{PromptLanguage, TracePrompts};

use crate::pipeline::PromptKind;

/// The question of a prompt.
pub(super) enum Asked {
    Expansion { count: usize },
    Structuring { text: String },
    Completeness,
    Redundancy,
    Repair { instruction: Instruction },
    Worse { instruction: Instruction },
    Perturbation { operation: ConstraintOperation, instruction: Instruction },
    Rationality { x1: String, x2: String, y1: String, y2: String },
    Judgement { query: String, response: String },
}

impl Asked {
    /// `None` for a prompt that is to be answered as it stands.
    pub fn read(prompt: &str) -> Option<Self> {
        if let Some(kind) = kind_of(prompt) {
            return Self::of_kind(kind, prompt);
        }
        let trace = TracePrompts::load(PromptLanguage::English, None).ok()?;
        let texts = trace.texts();
        match texts.iter().find(|(_, text)| prompt.starts_with(opening(text)))?.0 {
            "judge" => Some(Self::Judgement {
                query: last_between(prompt, "<query>:\n", "\n<constraints>:\n")?,
                response: prompt.rsplit_once("\n<response>:\n")?.1.strip_suffix("\n\n—OUTPUT—")?.to_owned(),
            }),
            "redundancy" => Some(Self::Redundancy),
            _ => Some(Self::Completeness),
        }
    }

    fn of_kind(kind: PromptKind, prompt: &str) -> Option<Self> {
        let part = |start: &str, end: &str| between(prompt, start, end);
        Some(match kind {
            PromptKind::Expansion => {
                Self::Expansion { count: part("so that it sets ", " constraint")?.parse().ok()? }
            }
            PromptKind::Structuring => Self::Structuring { text: part("[Instruction]\n", "\n\n[Answer]\n")? },
            PromptKind::Repair => Self::Repair { instruction: instruction(prompt, "\n\n[Answer]\n")? },
            PromptKind::WorseResponse => {
                Self::Worse { instruction: instruction(prompt, "\n\n[Response]\n")? }
            }
            PromptKind::Perturbation => Self::Perturbation {
                operation: part("[Change]\n", ":")?.parse().ok()?,
                instruction: instruction(prompt, "\n\n[Response]\n")?,
            },
            PromptKind::Rationality => Self::Rationality {
                x1: part("\n[x1]\n", "\n\n[x2]\n")?,
                x2: part("\n[x2]\n", "\n\n[y1]\n")?,
                y1: part("\n[y1]\n", "\n\n[y2]\n")?,
                y2: part("\n[y2]\n", "\n\n[Answer]\n")?,
            },
            PromptKind::Response => return None,
        })
    }
}

/// The kind whose built-in text begins as the prompt does.
fn kind_of(prompt: &str) -> Option<PromptKind> {
    let begins = |kind: &&PromptKind| {
        let opening = opening(kind.built_in(PromptLanguage::English));
        !opening.is_empty() && prompt.starts_with(opening)
    };
    PromptKind::ALL.iter().find(begins).copied()
}

/// What stands before the first place of a template.
fn opening(text: &str) -> &str {
    let end = text.find(['{', '⟨']).unwrap_or(text.len());
    // A line that a place is on may differ from the template before it.
    text[..end].trim_end()
}

/// The instruction whose parts a prompt shows, the input being before `end`.
fn instruction(prompt: &str, end: &str) -> Option<Instruction> {
    let description = between(prompt, "[Task description]\n", "\n\n[Constraints]\n")?;
    let lines = between(prompt, "\n\n[Constraints]\n", "\n\n[Input]\n")?;
    let input = between(prompt, "\n\n[Input]\n", end)?;
    let mut constraints: Vec<Constraint> = Vec::new();
    for line in lines.lines() {
        let number = constraints.len() + 1;
        if let Some((dimension, text)) = line.strip_prefix("- (").and_then(|rest| rest.split_once(") ")) {
            let dimension: ConstraintDimension = dimension.parse().ok()?;
            constraints.push(Constraint::new(format!("{number}. {text}"), dimension));
        } else if line.starts_with(&format!("{number}. ")) {
            constraints.push(Constraint::unlabelled(line));
        } else {
            // Examples and procedures go over several lines.
            let last = constraints.last_mut()?;
            last.text = format!("{}\n{line}", last.text);
        }
    }
    Some(Instruction { description, constraints, input: (input != "NULL").then_some(input) })
}

fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let rest = text.split_once(start)?.1;
    Some(rest.split_once(end)?.0.to_owned())
}

fn last_between(text: &str, start: &str, end: &str) -> Option<String> {
    let rest = text.rsplit_once(start)?.1;
    Some(rest.split_once(end)?.0.to_owned())
}
