//! The prompts that there are, and the variables of each.

use minijinja::{Value, context};
use trace_schema::{Constraint, ConstraintDimension, Instruction};
use trace_score::trace::{PromptLanguage, without_number};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident: $name:literal, needs $needed:expr, may have $optional:expr;)+) => {
        /// A prompt of the pipeline's own. Those for judging are [`TracePrompts`](trace_score::trace::TracePrompts).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum PromptKind {
            $($(#[$doc])* $variant,)+
        }

        impl PromptKind {
            /// All of them, in the order of the pipeline.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The first part of the file name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Variables without which the prompt would not say what it is about.
            pub const fn needed(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => $needed,)+
                }
            }

            /// Variables that a template may use besides.
            pub const fn optional(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => $optional,)+
                }
            }

            pub(crate) const fn built_in(self, language: PromptLanguage) -> &'static str {
                match (self, language) {
                    $(
                        (Self::$variant, PromptLanguage::English) => {
                            include_str!(concat!("prompts/", $name, ".en.txt"))
                        }
                        (Self::$variant, PromptLanguage::Chinese) => {
                            include_str!(concat!("prompts/", $name, ".zh.txt"))
                        }
                    )+
                }
            }
        }
    };
}

kinds! {
    /// Adds constraints to a simple instruction (Appendix B.1).
    Expansion: "expansion", needs &["instruction", "count", "dimensions"], may have &["input"];
    /// Takes an instruction apart (Appendix B.2).
    Structuring: "structuring", needs &["instruction"], may have &["dimensions"];
    /// Corrects what quality control found (Section 4.1).
    Repair: "repair", needs &["description", "constraints", "input", "faults"], may have &["dimensions"];
    /// Asks for a response (Section 4.1): by default the instruction itself.
    Response: "response", needs &["prompt"], may have &["description", "constraints", "input"];
    /// Asks for a worse response (Appendix C).
    WorseResponse: "worse-response", needs &["description", "constraints", "input", "response"], may have &["prompt"];
    /// Changes constraints (Appendix D, Step 1).
    Perturbation: "perturbation", needs &["description", "constraints", "input", "response", "operation"],
        may have &["dimensions", "prompt"];
    /// Checks the four pairs of a group (Appendix D).
    Rationality: "rationality", needs &["x1", "x2", "y1", "y2"], may have &[];
}

/// The dimensions as templates see them: `name`, `label`, `description` and `type`.
pub(super) fn dimensions(dimensions: &[ConstraintDimension]) -> Value {
    let value = |dimension: &ConstraintDimension| {
        context! {
            name => dimension.name(),
            label => dimension.released_label(),
            description => dimension.description(),
            type => dimension.constraint_type().name(),
        }
    };
    dimensions.iter().map(value).collect()
}

/// The parts of an instruction as templates see them: `description`, `constraints`, `input` and `prompt`.
pub(super) fn parts(instruction: &Instruction) -> Value {
    let constraint = |constraint: &Constraint| {
        context! {
            text => without_number(&constraint.text),
            dimension => constraint.dimension.as_ref().map(|label| label.name()),
        }
    };
    context! {
        description => &instruction.description,
        constraints => instruction.constraints.iter().map(constraint).collect::<Value>(),
        input => instruction.input.as_deref(),
        prompt => instruction.prompt().trim_end_matches('\n'),
    }
}

/// Values for every variable of every prompt, to try templates with.
pub(super) fn sample() -> Value {
    let instruction = Instruction {
        description: "Describe the sea.".to_owned(),
        constraints: vec![Constraint::new("1. Use three words.", ConstraintDimension::Numerical)],
        input: None,
    };
    context! {
        instruction => "Describe the sea.",
        count => 1,
        dimensions => dimensions(&ConstraintDimension::ALL),
        faults => ["none"],
        operation => "ADD",
        response => "Blue, wide, restless.",
        x1 => "x1", x2 => "x2", y1 => "y1", y2 => "y2",
        ..parts(&instruction)
    }
}
