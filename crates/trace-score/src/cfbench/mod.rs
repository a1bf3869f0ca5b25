//! CFBench: constraint, instruction and priority satisfaction rates (CSR, ISR, PSR).
//!
//! CFBench (Zhang et al., 2024) asks a judge for 0 or 1 on each criterion of an instruction. The benchmark has no
//! licence: nothing of it is here, and [`load_items`] reads the user's own copy. The judge's prompt
//! ([`CfBenchPrompt`]) is worded anew.
//!
//! # Official and fixed
//!
//! [`official_judgement`] with [`Rounding::Official`] reproduces the released code (0bcbf9b) to its errors. The default,
//! [`judge_answer`] with [`Rounding::Exact`], repairs them:
//!
//! | | official | fixed |
//! |---|---|---|
//! | a criterion in the answer | identical, blank lines between, one real tab | white space not counted, `\t` and blanks as tab |
//! | an answer that does not parse | lines that end in 1 are kept and zeros dropped, so one such line makes CSR, ISR and PSR 1; with no such line all are 0 | an error, to ask again; what still fails is in no mean but in `n_failed` |
//! | a line whose score is no number | the run ends | an error of that answer |
//! | CSR of a response | rounded to two decimals, then averaged | not rounded |
//! | PSR | from rounded shares, so 0.803 counts as 0.8 and fails | from whole counts |
//! | means | rounded to two decimals by numpy: 33/200 gives 0.16 | not rounded |
//! | an empty split | NaN | `None` |
//!
//! In both, PSR asks for more than 0.8, so 3 of 5 secondary criteria are not enough.

mod item;
mod official;
mod parse;
mod prompt;
pub(crate) mod python;
mod replay;
mod score;
mod summary;

pub use item::{CfBenchDataError, CfBenchItem, Criterion, Priority, Split, load_items};
pub use official::{OfficialError, OfficialJudgement, ParseStatus, official_judgement};
pub use parse::{CfBenchParseError, parse_verdicts};
pub use prompt::CfBenchPrompt;
pub use replay::replay;
pub use score::{CfBenchScore, score_verdicts};
pub use summary::{CfBenchRates, CfBenchSummary, Rounding, summarize};

/// Reads and scores a judge's answer on one item.
///
/// ```
/// use trace_score::cfbench::{Criterion, Priority, judge_answer};
///
/// let criterion = |text: &str, priority| Criterion { text: text.to_owned(), priority, labels: Vec::new() };
/// let criteria = [criterion("two sentences", Priority::Primary), criterion("no commas", Priority::Secondary)];
/// let score = judge_answer("two sentences\t1\nno commas\t0\n", &criteria)?;
/// assert_eq!((score.csr, score.isr, score.psr), (0.5, 0, 0));
/// # Ok::<(), trace_score::cfbench::CfBenchParseError>(())
/// ```
///
/// # Errors
///
/// An answer that does not give a verdict on every criterion; the judge should be asked again.
pub fn judge_answer(answer: &str, criteria: &[Criterion]) -> Result<CfBenchScore, CfBenchParseError> {
    let texts: Vec<&str> = criteria.iter().map(|criterion| criterion.text.as_str()).collect();
    let verdicts = parse_verdicts(answer, &texts)?;
    let priorities: Vec<Priority> = criteria.iter().map(|criterion| criterion.priority).collect();
    score_verdicts(&priorities, &verdicts).ok_or(CfBenchParseError::NoCriteria)
}
