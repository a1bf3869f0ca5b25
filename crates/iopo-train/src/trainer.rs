//! The loop: plan, step, log, evaluate, save.

use std::time::{Duration, Instant};

use burn::module::Module;
use burn::tensor::Device;
use iopo_data::EncodedExample;
use iopo_model::CausalLm;
use serde_json::json;

use crate::batch::{MicroBatch, sequence_log_probs};
use crate::checkpoint::{Checkpoint, latest_checkpoint, prepare_output, remove_old};
use crate::config::{EvalStrategy, TrainConfig};
use crate::data::TrainData;
use crate::error::TrainError;
use crate::log::{LogEntry, TrainLog};
use crate::metrics::Metrics;
use crate::plan::{StepPlan, StepPlanner};
use crate::reference::ReferencePolicy;
use crate::schedule::LrSchedule;
use crate::setup::{Prepared, prepare};
use crate::start::check_start;
use crate::step::{StepOutcome, TrainState, WeightedBatch, scalar, train_step};

/// Means over held-out rows.
pub type Evaluation = Metrics;

/// Where a run stands, for a progress bar.
#[derive(Debug, Clone)]
pub struct Progress<'a> {
    /// Updates made.
    pub step: usize,
    /// Updates in all.
    pub total_steps: usize,
    /// Epochs seen.
    pub epoch: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// What the update gave.
    pub outcome: &'a StepOutcome,
    /// Time that the update took.
    pub elapsed: Duration,
}

/// Told of what happens; every method may be left as it is.
pub trait Observer {
    /// An update was made.
    fn on_step(&mut self, _progress: &Progress<'_>) {}
    /// A line was logged.
    fn on_log(&mut self, _entry: &LogEntry) {}
    /// A checkpoint was written.
    fn on_save(&mut self, _dir: &std::path::Path) {}
    /// Training goes on from a checkpoint.
    fn on_resume(&mut self, _step: usize, _dir: &std::path::Path) {}
}

/// An observer that does not look.
impl Observer for () {}

/// What a finished run gave.
#[derive(Debug, Clone)]
pub struct TrainSummary {
    /// Updates made.
    pub steps: usize,
    /// Every log line.
    pub log: Vec<LogEntry>,
    /// Means over the held-out rows at the end, where there are any.
    pub evaluation: Option<Evaluation>,
}

/// A run: configuration, state and data.
#[derive(Debug)]
pub struct Trainer {
    config: TrainConfig,
    state: TrainState,
    reference: Option<ReferencePolicy>,
    data: TrainData,
    planner: StepPlanner,
    schedule: LrSchedule,
}

/// What is counted while training.
struct Counters {
    step: usize,
    examples_seen: usize,
    tokens_seen: u64,
    pending: Metrics,
}

impl Trainer {
    /// Loads everything a configuration names.
    ///
    /// # Errors
    /// As [`prepare`], and an output folder that must not be written to.
    pub fn new(config: TrainConfig, device: &Device) -> Result<Self, TrainError> {
        let prepared = prepare(&config, device)?;
        prepare_output(&config)?;
        Ok(Self::from_prepared(config, prepared))
    }

    /// Takes what was loaded before.
    #[must_use]
    pub fn from_prepared(config: TrainConfig, prepared: Prepared) -> Self {
        let Prepared { state, reference, data } = prepared;
        let planner = StepPlanner {
            examples: data.train.len(),
            batch_size: config.batch_size,
            accumulation: config.accumulation,
            across_epochs: config.accumulate_across_epochs,
            seed: config.seed,
        };
        let total_steps = config.max_steps.unwrap_or_else(|| planner.total_steps(config.epochs));
        let schedule = LrSchedule {
            kind: config.schedule,
            peak: config.learning_rate,
            warmup_steps: config.warmup_steps(total_steps),
            total_steps,
        };
        Self { config, state, reference, data, planner, schedule }
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
    /// # Errors
    /// A start at which policy and reference differ, a loss or gradient that is not finite, and
    /// files that cannot be written; complete checkpoints stay.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<TrainSummary, TrainError> {
        let (mut counters, history) = self.resume(observer)?;
        let mut log = TrainLog::start(&self.config.output_dir, history)?;
        if counters.step == 0 {
            self.check_start()?;
        }
        let plans: Vec<StepPlan> =
            self.planner.steps().take(self.total_steps()).skip(counters.step).collect();
        let mut evaluation = None;
        for plan in plans {
            let started = Instant::now();
            let learning_rate = self.schedule.at(counters.step);
            let batches = self.batches(&plan)?;
            let outcome = train_step(
                &mut self.state,
                self.reference.as_ref(),
                &self.config.objective,
                &batches,
                learning_rate,
                self.config.max_grad_norm,
            )?;
            counters.step += 1;
            counters.examples_seen = plan.examples_seen;
            counters.tokens_seen += outcome.tokens as u64;
            counters.pending.merge(&outcome.metrics);
            counters.pending.add("grad_norm", outcome.gradient_norm, 1.0);
            let progress = Progress {
                step: counters.step,
                total_steps: self.total_steps(),
                epoch: self.epoch(&counters),
                learning_rate,
                outcome: &outcome,
                elapsed: started.elapsed(),
            };
            observer.on_step(&progress);
            self.log_if_due(&mut counters, learning_rate, &mut log, observer)?;
            evaluation = self.evaluate_if_due(&counters, &mut log, observer)?;
            self.save_if_due(&counters, &log, observer)?;
        }
        self.checkpoint(&counters, &log).save_final(&self.state, &self.config)?;
        Ok(TrainSummary { steps: counters.step, log: log.entries().to_vec(), evaluation })
    }

    fn resume(&mut self, observer: &mut dyn Observer) -> Result<(Counters, Vec<LogEntry>), TrainError> {
        let fresh = Counters { step: 0, examples_seen: 0, tokens_seen: 0, pending: Metrics::default() };
        let dir = match &self.config.resume {
            None => return Ok((fresh, Vec::new())),
            Some(dir) if dir.as_os_str().is_empty() => latest_checkpoint(&self.config.output_dir)?,
            Some(dir) => Some(dir.clone()),
        };
        let Some(dir) = dir else {
            return Err(TrainError::Checkpoint {
                dir: self.config.output_dir.clone(),
                reason: "there is no checkpoint to resume from".to_owned(),
            });
        };
        let checkpoint = Checkpoint::open(&dir)?;
        if checkpoint.run != self.fingerprint() {
            return Err(TrainError::Checkpoint {
                dir,
                reason: format!(
                    "it belongs to a run with other settings ({}), not to this one ({})",
                    checkpoint.run,
                    self.fingerprint()
                ),
            });
        }
        self.state = checkpoint.restore(&dir, self.state.clone(), &self.config)?;
        observer.on_resume(checkpoint.global_step, &dir);
        let counters = Counters {
            step: checkpoint.global_step,
            examples_seen: checkpoint.examples_seen,
            tokens_seen: checkpoint.num_input_tokens_seen,
            pending: checkpoint.pending,
        };
        Ok((counters, checkpoint.log_history))
    }

    fn check_start(&self) -> Result<(), TrainError> {
        let Some(reference) = &self.reference else {
            return Ok(());
        };
        let first = self.data.train.iter().take(self.config.batch_size).flat_map(EncodedExample::sequences);
        let batch = MicroBatch::new(&first.collect::<Vec<_>>())?;
        check_start(&self.state.policy, reference, &self.config.objective, &batch)
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

    /// Means of loss and statistics over examples, without a tape.
    ///
    /// # Errors
    /// Examples that do not fit the objective.
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
            let loss = self.config.objective.loss(sequence_log_probs(&policy, &batch)?, reference)?;
            let weight = chunk.len() as f64;
            metrics.add("loss", scalar(loss.per_example.mean())?, weight);
            for (name, values) in loss.stats {
                metrics.add(name, scalar(values.mean())?, weight);
            }
        }
        Ok(metrics)
    }

    fn log_if_due(
        &self,
        counters: &mut Counters,
        learning_rate: f64,
        log: &mut TrainLog,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let due =
            counters.step.is_multiple_of(self.config.logging_steps) || counters.step == self.total_steps();
        if !due || counters.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut counters.pending);
        let mut entry = LogEntry::new(counters.step, self.total_steps(), self.epoch(counters), "", &pending);
        entry.values.insert("learning_rate".to_owned(), json!(learning_rate));
        entry.values.insert("num_input_tokens_seen".to_owned(), json!(counters.tokens_seen));
        observer.on_log(&entry);
        log.push(entry)
    }

    fn evaluate_if_due(
        &self,
        counters: &Counters,
        log: &mut TrainLog,
        observer: &mut dyn Observer,
    ) -> Result<Option<Evaluation>, TrainError> {
        let last = counters.step == self.total_steps();
        let due = match self.config.eval {
            EvalStrategy::No => false,
            EvalStrategy::Steps(every) => counters.step.is_multiple_of(every) || last,
            EvalStrategy::Epoch => counters.step.is_multiple_of(self.planner.steps_per_epoch()) || last,
        };
        if !due || self.data.held_out.is_empty() {
            return Ok(None);
        }
        let evaluation = self.evaluate(&self.data.held_out)?;
        let entry =
            LogEntry::new(counters.step, self.total_steps(), self.epoch(counters), "eval_", &evaluation);
        observer.on_log(&entry);
        log.push(entry)?;
        Ok(Some(evaluation))
    }

    fn save_if_due(
        &self,
        counters: &Counters,
        log: &TrainLog,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        if !self.config.save.every.is_some_and(|every| counters.step.is_multiple_of(every)) {
            return Ok(());
        }
        let dir = self.checkpoint(counters, log).save(&self.state, &self.config)?;
        observer.on_save(&dir);
        match self.config.save.keep {
            Some(keep) => remove_old(&self.config.output_dir, keep),
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
            run: self.fingerprint(),
            pending: counters.pending.clone(),
            log_history: log.entries().to_vec(),
        }
    }

    /// What must be the same for a resumed run to continue this one.
    fn fingerprint(&self) -> String {
        let StepPlanner { examples, batch_size, accumulation, across_epochs, seed } = self.planner;
        format!(
            "{examples} examples, batch {batch_size} x {accumulation}{}, seed {seed}, {} steps",
            if across_epochs { " across epochs" } else { "" },
            self.total_steps()
        )
    }

    fn epoch(&self, counters: &Counters) -> f64 {
        counters.examples_seen as f64 / self.planner.examples as f64
    }
}
