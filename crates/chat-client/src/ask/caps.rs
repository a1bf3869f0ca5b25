//! Prices, caps and progress.

use crate::error::{AskError, ConfigError};
use crate::journal::Spent;
use crate::response::Usage;

/// The prices of an endpoint, in any one currency. Discounts, on cached prompts for instance, are not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// For a million tokens of conversations.
    pub input_per_million: f64,
    /// For a million tokens of answers.
    pub output_per_million: f64,
}

impl Prices {
    /// (prompt tokens · input price + completion tokens · output price) / 10⁶.
    pub fn cost(&self, usage: Usage) -> f64 {
        let input = usage.prompt_tokens as f64 * self.input_per_million;
        let output = usage.completion_tokens as f64 * self.output_per_million;
        (input + output) / 1e6
    }
}

/// How much the questions of a journal may take, those of earlier runs included.
///
/// A cap stops further questions, while those under way are finished. So cost and tokens can exceed their caps by those
/// of the questions under way; the number of questions cannot. Where an endpoint does not count the tokens of an answer,
/// caps on cost and tokens stop further questions, because they cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Caps {
    /// Most cost, in the currency of the prices.
    pub max_cost: Option<f64>,
    /// Most questions, unanswered ones included.
    pub max_questions: Option<u64>,
    /// Most tokens of conversations and answers together.
    pub max_tokens: Option<u64>,
}

impl Caps {
    /// The cap that is reached or cannot hold, if one does, with `under_way` questions being asked.
    pub(super) fn reached(&self, spent: &Spent, under_way: u64) -> Option<AskError> {
        let reached = |unit, limit: f64, spent: f64| {
            (spent >= limit).then_some(AskError::CapReached { unit, limit, spent })
        };
        let unit = match self {
            Self { max_cost: Some(_), .. } => Some("cost"),
            Self { max_tokens: Some(_), .. } => Some("tokens"),
            _ => None,
        };
        if let (Some(unit), uncounted @ 1..) = (unit, spent.uncounted) {
            return Some(AskError::CapUnknown { unit, uncounted });
        }
        let questions = (spent.questions + under_way) as f64;
        let cost = self.max_cost.and_then(|limit| reached("cost", limit, spent.cost));
        let tokens = self.max_tokens.and_then(|limit| reached("tokens", limit as f64, spent.tokens() as f64));
        cost.or(tokens).or_else(|| reached("questions", self.max_questions? as f64, questions))
    }
}

/// Prices and caps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AskConfig {
    /// The prices of tokens; without prices no cost is counted.
    pub prices: Option<Prices>,
    /// The caps; none by default.
    pub caps: Caps,
}

impl AskConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let is_amount = |value: f64| value.is_finite() && value >= 0.0;
        let range = "a number from 0";
        let prices = self.prices.map(|prices| [prices.input_per_million, prices.output_per_million]);
        if !prices.into_iter().flatten().all(is_amount) {
            return Err(ConfigError::setting(format!("a price must be {range}")));
        }
        match (self.caps.max_cost, self.prices) {
            (Some(cost), _) if !is_amount(cost) => {
                Err(ConfigError::setting(format!("max_cost must be {range}")))
            }
            (Some(_), None) => Err(ConfigError::setting("a cap on the cost needs the prices of tokens")),
            _ => Ok(()),
        }
    }
}

/// Counts of a client since it was made, and what its journal has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AskProgress {
    /// Questions that were asked.
    pub asked: u64,
    /// Questions that were answered.
    pub done: u64,
    /// Questions whose answer, or kept rejection, the journal had.
    pub from_journal: u64,
    /// Questions that were asked and got no answer.
    pub failed: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Questions under way.
    pub in_flight: u64,
    /// The tokens and cost of all questions of the journal, those of earlier runs included.
    pub spent: Spent,
}

/// An observer of progress.
pub trait AskObserver: Send + Sync {
    /// Called after each change, from the thread that made it; it should not block.
    fn progress(&self, progress: &AskProgress);
}

impl<F: Fn(&AskProgress) + Send + Sync> AskObserver for F {
    fn progress(&self, progress: &AskProgress) {
        self(progress);
    }
}
