#![doc = include_str!("../README.md")]

mod answering;
mod args;
mod batch;
mod checkpoint;
mod config;
mod data;
mod error;
mod export;
mod files;
mod log;
mod log_probs;
mod metrics;
mod objective;
mod optimizer;
mod output;
mod plan;
mod reference;
mod schedule;
mod setup;
mod start;
mod step;
mod trainer;

pub use args::{ArgsError, Notice, Problem, TrainArgs};
pub use batch::{MicroBatch, sequence_log_probs, token_log_probs};
pub use checkpoint::Checkpoint;
pub use config::{
    DataConfig, EvalPromptsConfig, FineTuning, IntervalStrategy, ReferenceConfig, SaveConfig,
    SelectionConfig, TrainConfig,
};
pub use data::{TrainData, load_data};
pub use error::TrainError;
pub use export::{ExportReport, export_merged};
pub use log::{LogEntry, TrainLog};
pub use log_probs::{BatchLogProbs, TokenLogProbs};
pub use metrics::Metrics;
pub use objective::{Coupled, Objective, ObjectiveLoss};
pub use optimizer::{AdamW, AdamWConfig};
pub use output::latest_checkpoint;
pub use plan::{StepPlan, StepPlanner, TokenBudget};
pub use reference::{Precompute, ReferencePolicy, ReferenceProgress};
pub use schedule::{LrSchedule, LrScheduleKind};
pub use setup::{Prepared, prepare};
pub use start::check_start;
pub use step::{
    Engine, GroupPasses, MicroStep, StepOutcome, TrainState, WeightedBatch, micro_step, train_step,
};
pub use trainer::{
    AnswerProgress, Evaluation, Evaluator, EvaluatorError, Observer, Progress, Selection, StartReference,
    TrainSummary, Trainer, stable_hash,
};
