#![doc = include_str!("README.md")]

mod answer;
mod config;
mod context;
mod duplicates;
mod error;
mod estimate;
mod group;
mod instruct;
mod output;
mod prompts;
mod respond;
mod row;
mod run;
mod seed;
mod stage;
mod tally;

pub use config::{
    Attempts, Checks, LanguageChoice, MAX_CONSTRAINTS, ModelRole, PipelineConfig, QuestionKind, Sampling,
    SimilarityConfig,
};
pub use error::PipelineError;
pub use estimate::{Estimate, ForeseenQuestion, foresee};
pub use output::{OutputFiles, OutputFolder};
pub use prompts::{LanguagePrompts, PROMPTS_VERSION, PromptKind, Prompts};
pub use run::{Pipeline, Progress, RunReport};
pub use seed::{Seed, SeedFile};
pub use stage::{Reason, Stage};
pub use tally::{FunnelStage, InstructionCounts, Kept, ModelCount, OperationCount, Summary};
