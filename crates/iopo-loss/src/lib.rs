#![doc = include_str!("../README.md")]

mod batch_log_probs;
mod check;
mod divergence;
mod dpo;
mod error;
mod grid;
mod iopo;
mod link;
mod log_probs;
mod loss_type;
mod math;
mod orpo;
mod output;
mod pair;
mod sft;
mod simpo;
mod stats;
#[cfg(test)]
mod testing;

pub use batch_log_probs::batch_log_probs;
pub use divergence::FDivergence;
pub use dpo::{DpoLoss, DpoLossConfig};
pub use error::{LossConfigError, LossError, UnknownLossType};
pub use grid::PairGrid;
pub use iopo::{IopoLoss, IopoLossConfig, IopoVariant};
pub use link::PreferenceLink;
pub use log_probs::CompletionLogProbs;
pub use loss_type::DpoLossType;
pub use math::{log_sigmoid, log1mexp};
pub use orpo::{OrpoLoss, OrpoLossConfig};
pub use output::PreferenceLoss;
pub use pair::Pair;
pub use sft::SftLoss;
pub use simpo::{SimpoLoss, SimpoLossConfig};
pub use stats::{GroupStats, PairStats, SftStats};
