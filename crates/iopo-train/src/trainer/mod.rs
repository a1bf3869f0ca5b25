//! A run, from the loaded model and data to the final model.

mod evaluator;
mod observer;
mod preflight;
mod resume;
mod run;
mod selection;

use burn::module::Module;
use burn::tensor::Device;
use iopo_data::EncodedExample;
use iopo_model::{CausalLm, Checkpointing};

use crate::batch::{MicroBatch, token_log_probs};
use crate::config::TrainConfig;
use crate::data::TrainData;
use crate::error::TrainError;
use crate::log_probs::BatchLogProbs;
use crate::metrics::Metrics;
use crate::output::check_output;
use crate::plan::StepPlanner;
use crate::reference::ReferencePolicy;
use crate::schedule::LrSchedule;
use crate::setup::{Prepared, prepare};
use crate::step::{Engine, TrainState};
use iopo_files::FolderLock;

use evaluator::Evaluators;
use run::Run;

pub use evaluator::{Evaluator, EvaluatorError, StartReference};
pub use observer::{AnswerProgress, Evaluation, Observer, Progress, TrainSummary};
pub use resume::stable_hash;
pub use selection::Selection;

/// Configuration, state and data of a run.
#[derive(Debug)]
pub struct Trainer {
    config: TrainConfig,
    state: TrainState,
    reference: Option<ReferencePolicy>,
    data: TrainData,
    planner: StepPlanner,
    schedule: LrSchedule,
    engine: Engine,
    evaluators: Evaluators,
    /// Keeps other runs out of the output folder from the start of a run on.
    lock: Option<FolderLock>,
}

impl Trainer {
    /// Loads everything that a configuration names.
    ///
    /// # Errors
    /// As [`prepare`], and an output folder that must not be written to.
    pub fn new(config: TrainConfig, device: &Device) -> Result<Self, TrainError> {
        // Checked before a large model is loaded, and again when the run starts.
        check_output(&config, false)?;
        let prepared = prepare(&config, device)?;
        Ok(Self::from_prepared(config, prepared))
    }

    /// A trainer of parts that are loaded already.
    #[must_use]
    pub fn from_prepared(config: TrainConfig, prepared: Prepared) -> Self {
        let Prepared { state, reference, data } = prepared;
        let planner = StepPlanner {
            examples: data.train.len(),
            batch_size: config.batch_size,
            accumulation: config.accumulation,
            across_epochs: config.accumulate_across_epochs,
            seed: config.seed,
            budget: None,
        };
        let total_steps = config.max_steps.unwrap_or_else(|| planner.total_steps(config.epochs));
        let schedule = LrSchedule {
            kind: config.schedule,
            peak: config.learning_rate,
            warmup_steps: config.warmup_steps(total_steps),
            total_steps,
        };
        let mut engine = Engine::new(state.policy.config().vocab_size);
        if config.gradient_checkpointing {
            engine.backward.checkpointing = Checkpointing::Full;
        }
        engine.passes = config.group_passes;
        let evaluators = Evaluators::default();
        Self { config, state, reference, data, planner, schedule, engine, evaluators, lock: None }
    }

    /// Adds an evaluator's metrics to every evaluation; held-out rows are not needed then.
    #[must_use]
    pub fn with_evaluator(mut self, evaluator: impl Evaluator + 'static) -> Self {
        self.evaluators.0.push(Box::new(evaluator));
        self
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The examples.
    #[must_use]
    pub fn data(&self) -> &TrainData {
        &self.data
    }

    /// Updates in all.
    #[must_use]
    pub fn total_steps(&self) -> usize {
        self.schedule.total_steps
    }

    /// The model as it is now.
    #[must_use]
    pub fn policy(&self) -> &CausalLm {
        &self.state.policy
    }

    /// Means of loss and statistics over examples, without autodiff.
    ///
    /// # Errors
    /// Examples that do not fit the objective; or, once the reference is numbers (see
    /// [`ReferencePolicy::precompute`]), examples that are not in the run's data.
    pub fn evaluate(&self, examples: &[EncodedExample]) -> Result<Evaluation, TrainError> {
        let policy = self.state.policy.valid();
        let mut metrics = Metrics::default();
        for chunk in examples.chunks(self.config.eval_batch_size) {
            let sequences: Vec<_> = chunk.iter().flat_map(EncodedExample::sequences).collect();
            let batch = MicroBatch::new(&sequences)?;
            let reference = match self.reference.as_ref() {
                Some(reference) => Some(reference.log_probs(&batch)?),
                None => None,
            };
            let objective = &self.config.objective;
            let log_probs =
                BatchLogProbs::new(objective.task(), token_log_probs(&policy, &batch)?, reference)?;
            metrics.merge(&objective.loss(&log_probs)?.metrics(chunk.len())?);
        }
        Ok(metrics)
    }

    /// Trains to the end, and writes log, checkpoints and final model.
    ///
    /// No result on disk is touched before the run is known to be sound. Until the trainer is dropped, no other run can
    /// write to the output folder.
    ///
    /// # Errors
    /// An output folder that must not be written to or that another run holds, `eval_prompts` without an evaluator for
    /// them, a start at which policy and reference differ, a checkpoint of another run, a loss, gradient or weight that
    /// is not finite, and files that cannot be written; complete checkpoints stay.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<TrainSummary, TrainError> {
        let ready = self.preflight(observer)?;
        self.start_evaluators(observer)?;
        self.precompute_reference(observer)?;
        let mut run = Run::start(self, ready, observer)?;
        run.evaluate_on_start()?;
        run.make_updates()?;
        run.finish()
    }
}
