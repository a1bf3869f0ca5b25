//! Judging responses to TRACE, and checking its instructions.
//!
//! Section 4.3 has a judge score every constraint of an instruction from 0 to 10 and counts a response as correct where
//! all scores are 10 (Eq. 3). This module has everything around the judge: the prompt
//! ([`TracePrompts::judge_prompt`]), the reading of its answer ([`parse_judgement`]), the joining of several answers
//! ([`vote`]) and their agreement ([`agreement`]). No module here calls a model.
//!
//! Section 4.4 checks the instructions themselves: [`check_quality`] by rule, and by a judge with
//! [`TracePrompts::redundancy_prompt`] and [`TracePrompts::completeness_prompt`].
//!
//! # What differs from the released script
//!
//! The script reads the overall score alone, and the code that turns scores into Eq. 3 is not public.
//! [`parse_judgement`] reads the scores of the constraints, so that Eq. 3 can be computed as it is written;
//! [`official_overall_score`] is the script's rule, kept to reproduce its numbers. The prompts are worded anew; the
//! original can be passed as a file ([`TracePrompts::load`]). Where the script's arguments leave open what the judge is
//! shown, [`QueryReading`] offers both readings.

mod agreement;
mod block;
mod judgement;
mod official;
mod prompts;
mod quality;
mod query;
mod template;
mod vote;
mod wording;

pub use agreement::{Agreement, agreement};
pub use block::json_objects;
pub use judgement::{FULL_SCORE, Judgement, MAX_ANSWER_BYTES, parse_judgement};
pub use official::official_overall_score;
pub use prompts::{JUDGE_SYSTEM_MESSAGE, PromptLanguage, TracePrompts};
pub use quality::{QualityIssue, QualityVerdict, check_quality, parse_quality_verdict};
pub use query::QueryReading;
pub use template::{PromptTemplate, TemplateError};
pub use vote::{VoteRule, VotedJudgement, constraint_ratings, vote};
pub use wording::without_number;
