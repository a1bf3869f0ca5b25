//! Every way in which a run can fail.

use std::path::PathBuf;

use iopo_answer::AnswerError;
use iopo_data::{
    DatasetError, EncodeError, PrepareError, Task, TaskError, TemplateError, TokenizerError, TrieError,
};
use iopo_loss::{LossConfigError, LossError};
use iopo_model::{LayoutError, LoraError, WeightsError};
use thiserror::Error;

use crate::args::ArgsError;
use crate::verified::EvalPromptsError;

/// A run that cannot start, or has to stop.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The model's files.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The adapter.
    #[error(transparent)]
    Lora(#[from] LoraError),
    /// The tokenizer's files.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The chat template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The dataset's files.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A row that is not what the stage needs.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A row that cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Sequences that cannot be laid out.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// A layout that does not fit the model.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Options of the loss.
    #[error(transparent)]
    LossConfig(#[from] LossConfigError),
    /// Log-probs that the loss cannot take.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// No row is left to train on.
    #[error("no example is left to train on: {reason}")]
    NoExamples {
        /// Where they went.
        reason: String,
    },
    /// A batch that does not hold whole examples.
    #[error("a batch of {sequences} sequences does not hold whole examples of {per_example}")]
    BrokenBatch {
        /// Sequences in the batch.
        sequences: usize,
        /// Sequences that make an example.
        per_example: usize,
    },
    /// A custom loss that asks for examples of another task than its own.
    #[error("this loss asked for {needed} as its example, and says that it takes {found}")]
    OtherTask {
        /// What the examples are.
        found: Task,
        /// What was asked for.
        needed: Task,
    },
    /// The policy is not the reference before the first update.
    #[error(
        "before the first update the policy must equal its reference, but {what} is {found}, expected {expected}; \
         check that model, adapter and reference belong together"
    )]
    BrokenStart {
        /// The quantity.
        what: &'static str,
        /// Its value.
        found: f64,
        /// The value that equality gives.
        expected: f64,
    },
    /// A file that should hold reference log-probs, and does not begin like one.
    #[error("{} holds no log-probs of this reference model; delete it, and they are computed anew", file.display())]
    ReferenceCache {
        /// The file.
        file: PathBuf,
    },
    /// Reference log-probs on disk that are not those of the reference model.
    #[error(
        "{} says that a sequence's log-prob under the reference is {cached}, but the reference gives {live}, and \
         {tolerance:.1e} is what rounding explains; delete the file, and its numbers are computed anew",
        file.display()
    )]
    ReferenceDiffers {
        /// The file.
        file: PathBuf,
        /// What it holds.
        cached: f64,
        /// What the model gives now.
        live: f64,
        /// What is allowed.
        tolerance: f64,
    },
    /// A reference log-prob that is not a number.
    #[error(
        "the reference gives a sequence the log-prob {value}; check the model and adapter that it is made of"
    )]
    ReferenceNotFinite {
        /// The log-prob.
        value: f64,
    },
    /// A sequence that is not part of the data for which the reference was computed.
    #[error(
        "sequence {sequence} of the batch is not in the run's data, so its reference log-prob was not computed; \
         set precompute_ref_log_probs: false to have the reference at hand for other rows"
    )]
    NotPrecomputed {
        /// Its position in the batch.
        sequence: usize,
    },
    /// The reference model reads token ids in another way.
    #[error("{} cannot be the reference of this policy: {reason}", dir.display())]
    ReferenceVocabulary {
        /// The folder of the reference model.
        dir: PathBuf,
        /// How its tokenizer differs.
        reason: String,
    },
    /// A loss, gradient or weight that is not a number.
    #[error(
        "update {step}: the {what} is {value}; training stops, and complete checkpoints stay; a lower learning_rate \
         or a longer warm-up may help"
    )]
    NotFinite {
        /// The update in which it happened, from 1.
        step: usize,
        /// The quantity.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// A file of prompts to answer at evaluations.
    #[error("eval_prompts: {}: {source}", path.display())]
    EvalPrompts {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<EvalPromptsError>,
    },
    /// Answers at an evaluation.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// A program's own evaluation failed.
    #[error("the evaluation after update {step} failed")]
    Evaluator {
        /// Updates made.
        step: usize,
        /// What the evaluator says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A metric that both an evaluation and a program's evaluator give.
    #[error("the evaluator measures {name}, which an evaluation gives already; call it something else")]
    MetricTwice {
        /// The metric.
        name: String,
    },
    /// No evaluation has the metric that chooses the best model.
    #[error("metric_for_best_model is {metric}, and an evaluation gives {known}")]
    MissingMetric {
        /// The metric asked for.
        metric: String,
        /// Those that there are.
        known: String,
    },
    /// The best model is to be chosen, and there is nothing to evaluate on.
    #[error(
        "the best model cannot be chosen: no held-out row is left, and there is neither a file of eval_prompts nor an evaluator of the program"
    )]
    NothingToEvaluate,
    /// Values could not be read back from the device.
    #[error("cannot read {what} from the device: {reason}")]
    Device {
        /// What was read.
        what: &'static str,
        /// What the device says.
        reason: String,
    },
    /// The output folder holds something already.
    #[error(
        "{} holds results already; set overwrite_output_dir: true to replace them, or resume_from_checkpoint to go on",
        dir.display()
    )]
    OutputExists {
        /// The folder.
        dir: PathBuf,
    },
    /// Another run holds the output folder.
    #[error("another run is writing to {}; wait for it to end, or choose another output_dir", dir.display())]
    OutputInUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The output folder holds weights that no run of ours left there.
    #[error(
        "{} holds {file}, but no {} of a run of ours beside it: it may be another program's model, and is not replaced; \
         choose another output_dir, or move it away first",
        dir.display(), crate::output::STATE
    )]
    OutputIsForeign {
        /// The folder.
        dir: PathBuf,
        /// What would be replaced or removed.
        file: String,
    },
    /// The output would replace the model or adapter that the run starts from, or its reference.
    #[error(
        "output_dir {} is the folder of the model or adapter that training starts from, or of its reference; choose another",
        dir.display()
    )]
    OutputIsInput {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder to export to holds something.
    #[error("{} is not empty; choose another folder to export to, or remove it first", dir.display())]
    ExportExists {
        /// The folder.
        dir: PathBuf,
    },
    /// A checkpoint that cannot be gone on from.
    #[error("{}: {reason}", dir.display())]
    Checkpoint {
        /// The checkpoint.
        dir: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A merged model that does not answer as its adapter does.
    #[error(
        "the merged model's logits differ from the adapter's by {difference:.2e}, more than {tolerance:.2e} \
         for {dtype} weights; nothing was exported"
    )]
    MergeDiffers {
        /// Largest absolute difference.
        difference: f64,
        /// What is allowed.
        tolerance: f64,
        /// Float type of the merged weights.
        dtype: String,
    },
    /// A merged model in which rounding drowns what the adapter learnt.
    #[error(
        "rounding the merged weights to {dtype} changes the logits by {difference:.2e}, and the adapter itself changes \
         them by only {effect:.2e} (root mean squares): what it learnt would be lost; nothing was exported; export as \
         float32, or use the adapter as it is"
    )]
    MergeLosesUpdate {
        /// Root mean square of merged minus adapted logits.
        difference: f64,
        /// Root mean square of adapted minus base logits.
        effect: f64,
        /// Float type of the merged weights.
        dtype: String,
    },
}

impl From<PrepareError> for TrainError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Dataset(error) => error.into(),
            PrepareError::Task(error) => error.into(),
            PrepareError::Encode(error) => error.into(),
        }
    }
}
