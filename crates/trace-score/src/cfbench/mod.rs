//! CFBench: constraint, instruction and priority satisfaction rates (CSR, ISR, PSR).
//!
//! CFBench (Zhang et al., 2024) asks a judge for 0 or 1 on each criterion of an instruction. The benchmark has no
//! licence: nothing of it is here, and [`load_items`] reads the user's own copy. The judge's prompt
//! ([`CfBenchPrompt`]) is worded anew.
//!
//! [`judge_answer`] reads an answer and [`summarize`] takes means. Both reproduce the released code (0bcbf9b) with
//! [`CfBenchQuirks::official`], whose switches say what that code does otherwise. Beyond those, it makes NaN of an empty
//! split, which is `None` here. With and without quirks, PSR asks for more than 0.8, so 3 of 5 secondary criteria are
//! not enough.

mod item;
mod judgement;
mod prompt;
mod quirks;
mod score;

pub use item::{CfBenchItem, Criterion, Priority, Split, load_items};
pub use judgement::{CfBenchJudgeError, CfBenchJudgement, ParseStatus, judge_answer};
pub use prompt::CfBenchPrompt;
pub use quirks::CfBenchQuirks;
pub use score::{CfBenchRates, CfBenchScore, CfBenchSummary, score_verdicts, summarize};
