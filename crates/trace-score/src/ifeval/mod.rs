//! IFEval: instructions that a program can check, scored as the official checker scores them.
//!
//! An [`Instruction`] is one of 25 [kinds](InstructionKind) with typed arguments; a [`Checker`] says whether a response
//! follows it, strictly or loosely; [`Results`] has the four accuracies. All of it answers as the official program does
//! on Python 3.11 with nltk 3.9.1 and langdetect 1.0.9, with three choices where that program leaves one to chance or
//! ends with an error:
//!
//! * langdetect is seeded, with 0 unless [`Checker::language_seed`] says otherwise;
//! * a character to count that is not a letter (`#`, `!`) is counted itself, unless [`LetterPolicy`] says otherwise;
//! * a response that is missing or null follows nothing and is counted apart, see [`Results`].
//!
//! ```
//! use serde_json::json;
//! use trace_score::ifeval::{Checker, Prompt, PromptVerdict, Results};
//!
//! let arguments = [json!({"num_highlights": 1}), json!({})].map(|object| object.as_object().cloned().unwrap());
//! let ids = ["detectable_format:number_highlighted_sections", "punctuation:no_comma"].map(str::to_owned);
//! let prompt = Prompt::new(1, "Describe the sea.", &ids, &arguments)?;
//!
//! let verdict = PromptVerdict::new(&Checker::default(), &prompt, "Blue, wide, *restless*.");
//! let results = Results::of(&[verdict]);
//! assert_eq!(results.instruction_strict.fraction(), Some(0.5));
//! assert_eq!(results.prompt_strict.followed, 0);
//! # Ok::<(), trace_score::ifeval::IfevalError>(())
//! ```
//!
//! # Source
//!
//! J. Zhou et al. (2023), *Instruction-Following Evaluation for Large Language Models*, arXiv:2311.07911, and
//! google-research `instruction_following_eval`.

mod checks;
mod dataset;
mod error;
mod forms;
mod instruction;
mod kind;
mod language;
mod letters;
mod punkt;
mod results;
mod words;

pub use checks::Checker;
pub use dataset::{
    EARLIER_WORDING_KEY, Pairing, Prompt, Response, read_prompts, read_responses, read_samples,
};
pub use error::{CheckError, IfevalError, InstructionError};
pub use forms::{ResponseForms, Verdict};
pub use instruction::{CountBound, Instruction, LANGUAGES, PostscriptMarker, Relation};
pub use kind::{Category, InstructionKind};
pub use language::detect_languages;
pub use letters::LetterPolicy;
pub use punkt::sentences;
pub use results::{
    Accuracy, GivenResponse, InstructionVerdict, PartAccuracy, PromptVerdict, ResponseState, Results,
};
pub use words::word_tokens;

pub use crate::python::{Pattern, PatternError, PatternOptions, count_words, is_lower, is_upper};
