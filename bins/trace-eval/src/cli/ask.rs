//! The arguments of everything that asks a model.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// How a model is asked, and the limits of cost and tokens.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// Softmax temperature; the endpoint's default, or 0 for judges.
    #[arg(long, value_name = "T")]
    pub(crate) temperature: Option<f64>,

    /// Mass of the nucleus that tokens are sampled from.
    #[arg(long, value_name = "P")]
    pub(crate) top_p: Option<f64>,

    /// Most tokens of an answer.
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u32>,

    /// Seed of the endpoint's sampler; judges get another one for each vote and each time that they are asked again.
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,

    /// Most questions under way at once.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) concurrency: u16,

    /// Seconds for one attempt.
    #[arg(long, value_name = "SECONDS", default_value = "180", value_parser = parse_seconds)]
    pub(crate) timeout: Duration,

    /// Most attempts at one question before it counts as failed.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempts: u32,

    /// Longest wait in seconds before the second attempt; it doubles from attempt to attempt.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = parse_seconds)]
    pub(crate) retry_delay: Duration,

    /// Where finished questions are kept, so that none is asked twice; beside the output unless given.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,

    /// The price of a million tokens of prompts, in any currency.
    #[arg(long, value_name = "PRICE", requires = "output_price")]
    pub(crate) input_price: Option<f64>,

    /// The price of a million tokens of answers.
    #[arg(long, value_name = "PRICE", requires = "input_price")]
    pub(crate) output_price: Option<f64>,

    /// Ask nothing more when the journal's questions have cost this much; needs the prices.
    #[arg(long, value_name = "COST", requires = "input_price")]
    pub(crate) max_cost: Option<f64>,

    /// Ask nothing more when the journal has so many questions.
    #[arg(long, value_name = "N")]
    pub(crate) max_questions: Option<u64>,

    /// Ask nothing more when the journal's questions have taken so many tokens.
    #[arg(long, value_name = "N")]
    pub(crate) max_total_tokens: Option<u64>,
}

fn parse_seconds(typed: &str) -> Result<Duration, String> {
    let seconds: f64 = typed.parse().map_err(|_| "it is not a number".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("it is not a positive number of seconds".to_owned()),
    }
}
