//! The loop: plan, step, log, evaluate, save.

mod evaluation;
mod observer;
mod prompts;
mod reference;
mod resume;
mod selection;
mod tokens;

use std::time::Instant;

use burn::tensor::Device;
use iopo_model::{CausalLm, Checkpointing};
use serde_json::json;

use crate::batch::MicroBatch;
use crate::checkpoint::Checkpoint;
use crate::config::TrainConfig;
use crate::data::TrainData;
use crate::error::TrainError;
use crate::files::FileLock;
use crate::log::{LogEntry, TrainLog};
use crate::metrics::Metrics;
use crate::output::{check_output, prepare_output, remove_old};
use crate::plan::{StepPlan, StepPlanner};
use crate::reference::ReferencePolicy;
use crate::schedule::LrSchedule;
use crate::setup::{Prepared, prepare};
use crate::step::{Engine, TrainState, WeightedBatch, train_step};

use evaluation::ProgramEvaluator;
use prompts::PromptEvaluation;

pub use evaluation::Evaluator;
pub use observer::{Evaluation, Observer, Progress, TrainSummary};
pub use selection::Selection;

/// A run: configuration, state and data.
#[derive(Debug)]
pub struct Trainer {
    config: TrainConfig,
    state: TrainState,
    reference: Option<ReferencePolicy>,
    data: TrainData,
    planner: StepPlanner,
    schedule: LrSchedule,
    engine: Engine,
    prompts: Option<PromptEvaluation>,
    evaluator: Option<ProgramEvaluator>,
    /// Keeps other runs out of the output folder from the start of a run on.
    lock: Option<FileLock>,
}

/// Sums of the first example's log-probs before the first update.
#[derive(Clone, Copy)]
struct StartLogProbs {
    /// Under the policy.
    policy: f64,
    /// Under the reference, where there is one.
    reference: Option<f64>,
}

/// What is counted while training.
struct Counters {
    step: usize,
    examples_seen: usize,
    tokens_seen: u64,
    /// Whether the last update ended an epoch.
    epoch_ended: bool,
    /// See [`Checkpoint::start_log_prob`].
    start: StartLogProbs,
    /// Means that are not logged yet.
    pending: Metrics,
    /// The best model so far.
    selection: Selection,
}

impl Trainer {
    /// Loads everything a configuration names.
    ///
    /// # Errors
    /// As [`prepare`], and an output folder that must not be written to.
    pub fn new(config: TrainConfig, device: &Device) -> Result<Self, TrainError> {
        // Before a large model is loaded for nothing; `run` checks again.
        check_output(&config)?;
        let prepared = prepare(&config, device)?;
        Ok(Self::from_prepared(config, prepared))
    }

    /// Takes what was loaded before.
    #[must_use]
    pub fn from_prepared(config: TrainConfig, prepared: Prepared) -> Self {
        let Prepared { state, reference, data, prompts } = prepared;
        let prompts = prompts.map(PromptEvaluation::new);
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
        Self {
            config,
            state,
            reference,
            data,
            planner,
            schedule,
            engine,
            prompts,
            evaluator: None,
            lock: None,
        }
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

    /// Trains to the end, and writes log, checkpoints and final model.
    ///
    /// Until the trainer is dropped, no other run can write to the output folder.
    ///
    /// # Errors
    /// An output folder that must not be written to or that another run holds, a start at which policy and reference
    /// differ, a checkpoint of another run, a loss, gradient or weight that is not finite, and
    /// files that cannot be written; complete checkpoints stay.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<TrainSummary, TrainError> {
        if self.data.train.is_empty() {
            return Err(TrainError::NoExamples { reason: "there are none".to_owned() });
        }
        self.check_evaluations()?;
        self.plan_by_tokens(observer)?;
        self.answer_with_reference(observer)?;
        self.precompute_reference(observer)?;
        let (mut counters, history) = self.resume(observer)?;
        if counters.step == 0 {
            self.check_start()?;
        }
        // No result on disk is touched before the run is known to be sound.
        // A lock of an earlier run of this trainer would shut out this one.
        drop(self.lock.take());
        self.lock = Some(prepare_output(&self.config)?);
        // A run that was killed between a save and what follows it left this behind.
        counters.selection.remove_superseded(&self.config.output_dir)?;
        let mut log = TrainLog::start(&self.config.output_dir, history)?;
        let planner = self.planner.clone();
        let mut evaluation = self.evaluate_on_start(&counters, &mut log, observer)?;
        for plan in planner.steps().take(self.total_steps()).skip(counters.step) {
            if counters.selection.is_exhausted(self.config.selection.as_ref()) {
                break;
            }
            self.update(&plan, &mut counters, observer)?;
            self.log_if_due(&mut counters, &mut log, observer)?;
            evaluation = self.evaluate_if_due(&mut counters, &mut log, observer)?;
            self.save_if_due(&mut counters, &log, observer)?;
        }
        // Whatever a run that stopped early has not logged yet.
        self.log_means(&mut counters, &mut log, observer)?;
        self.state.check_finite(counters.step)?;
        self.take_best(&counters, observer)?;
        self.checkpoint(&counters, &log).save_final(&self.state, &self.config)?;
        let Counters { step: steps, selection, .. } = counters;
        Ok(TrainSummary { steps, log: log.entries().to_vec(), evaluation, selection })
    }

    fn update(
        &mut self,
        plan: &StepPlan,
        counters: &mut Counters,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let started = Instant::now();
        let learning_rate = self.schedule.at(counters.step);
        let batches = self.batches(plan)?;
        let outcome = train_step(
            &mut self.state,
            self.reference.as_ref(),
            &*self.config.objective,
            &batches,
            learning_rate,
            self.config.max_grad_norm,
            &self.engine,
        )?;
        let examples = self.data.train.len();
        counters.epoch_ended = plan.examples_seen / examples > counters.examples_seen / examples;
        counters.step += 1;
        counters.examples_seen = plan.examples_seen;
        counters.tokens_seen += outcome.tokens as u64;
        counters.pending.merge(&outcome.metrics);
        counters.pending.add("grad_norm", outcome.gradient_norm, 1.0);
        observer.on_step(&Progress {
            step: counters.step,
            total_steps: self.total_steps(),
            epoch: self.epoch(counters),
            learning_rate,
            outcome: &outcome,
            elapsed: started.elapsed(),
        });
        Ok(())
    }

    fn batches(&self, plan: &StepPlan) -> Result<Vec<WeightedBatch>, TrainError> {
        let total: usize = plan.micro_batches.iter().map(Vec::len).sum();
        plan.micro_batches
            .iter()
            .map(|indices| {
                let sequences: Vec<_> =
                    indices.iter().flat_map(|&i| self.data.train[i].sequences()).collect();
                let weight = indices.len() as f64 / total as f64;
                Ok(WeightedBatch { batch: MicroBatch::new(&sequences)?, weight })
            })
            .collect()
    }

    fn log_if_due(
        &self,
        counters: &mut Counters,
        log: &mut TrainLog,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let due =
            counters.step.is_multiple_of(self.config.logging_steps) || counters.step == self.total_steps();
        if due { self.log_means(counters, log, observer) } else { Ok(()) }
    }

    fn log_means(
        &self,
        counters: &mut Counters,
        log: &mut TrainLog,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        if counters.pending.is_empty() {
            return Ok(());
        }
        let learning_rate = self.schedule.at(counters.step - 1);
        let pending = std::mem::take(&mut counters.pending);
        let mut entry = LogEntry::new(counters.step, self.total_steps(), self.epoch(counters), "", &pending);
        entry.values.insert("learning_rate".to_owned(), json!(learning_rate));
        entry.values.insert("num_input_tokens_seen".to_owned(), json!(counters.tokens_seen));
        observer.on_log(&entry);
        log.push(entry)
    }

    fn save_if_due(
        &self,
        counters: &mut Counters,
        log: &TrainLog,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let scheduled = self.config.save.strategy.is_due(counters.step, counters.epoch_ended);
        let best = counters.selection.keeps(counters.step);
        if !scheduled && !best {
            return Ok(());
        }
        counters.selection.best_is_scheduled |= scheduled && best;
        self.state.check_finite(counters.step)?;
        let dir = self.checkpoint(counters, log).save(&self.state, &self.config)?;
        observer.on_save(&dir);
        counters.selection.remove_superseded(&self.config.output_dir)?;
        match self.config.save.keep {
            Some(keep) => {
                remove_old(&self.config.output_dir, keep, counters.selection.best_model_checkpoint.as_deref())
            }
            None => Ok(()),
        }
    }

    fn checkpoint(&self, counters: &Counters, log: &TrainLog) -> Checkpoint {
        Checkpoint {
            global_step: counters.step,
            max_steps: self.total_steps(),
            epoch: self.epoch(counters),
            examples_seen: counters.examples_seen,
            num_input_tokens_seen: counters.tokens_seen,
            run: self.settings(),
            start_log_prob: counters.start.policy,
            reference_log_prob: counters.start.reference,
            pending: counters.pending.clone(),
            selection: counters.selection.clone(),
            log_history: log.entries().to_vec(),
        }
    }

    fn epoch(&self, counters: &Counters) -> f64 {
        counters.examples_seen as f64 / self.planner.examples as f64
    }
}
