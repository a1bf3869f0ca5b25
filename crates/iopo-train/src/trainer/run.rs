//! The loop: plan, step, log, evaluate, save.

use std::time::Instant;

use burn::module::Module;
use iopo_data::EncodedExample;
use iopo_files::verify_folder;
use serde_json::json;

use super::preflight::{Ready, ResumePoint};
use super::resume::StartLogProbs;
use super::{Evaluation, Observer, Progress, Selection, TrainSummary, Trainer};
use crate::args::Notice;
use crate::batch::MicroBatch;
use crate::checkpoint::{Checkpoint, load_weights};
use crate::config::IntervalStrategy;
use crate::error::TrainError;
use crate::files::OWNER;
use crate::log::{LogEntry, TrainLog};
use crate::metrics::Metrics;
use crate::output::{prepare_output, remove_old};
use crate::plan::StepPlan;
use crate::step::{WeightedBatch, train_step};

/// A trainer between its first update and its final model.
pub(super) struct Run<'a> {
    trainer: &'a mut Trainer,
    observer: &'a mut dyn Observer,
    log: TrainLog,
    counters: Counters,
    /// The last evaluation, if it is of the model as it is.
    evaluation: Option<Evaluation>,
}

/// The counters of a run.
struct Counters {
    step: usize,
    examples_seen: usize,
    tokens_seen: u64,
    /// Whether the last update ended an epoch.
    epoch_ended: bool,
    start: StartLogProbs,
    /// Means that are not logged yet.
    pending: Metrics,
    selection: Selection,
}

impl<'a> Run<'a> {
    /// Restores the checkpoint to continue from, takes the output folder, and starts the log.
    pub(super) fn start(
        trainer: &'a mut Trainer,
        ready: Ready,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let (counters, history) = match ready.resume {
            Some(point) => Counters::resumed(trainer, point, observer)?,
            None => (Counters::fresh(trainer.start_log_probs()?), Vec::new()),
        };
        // Held once: taking it again would find it in use.
        drop(trainer.lock.take());
        trainer.lock = Some(prepare_output(&trainer.config)?);
        let log = TrainLog::start(&trainer.config.output_dir, history)?;
        let mut run = Self { trainer, observer, log, counters, evaluation: None };
        // A run that was killed right after a save left the checkpoints that it was about to remove.
        run.remove_surplus()?;
        Ok(run)
    }

    /// The evaluation before the first update; it chooses nothing, because no checkpoint holds the start.
    pub(super) fn evaluate_on_start(&mut self) -> Result<(), TrainError> {
        let config = &self.trainer.config;
        let is_wanted = config.eval_on_start && config.eval != IntervalStrategy::No;
        if is_wanted && self.counters.step == 0 {
            self.evaluation = self.measure()?;
            // A metric that is missing should not cost the updates up to the first choice.
            self.chosen_by()?;
        }
        Ok(())
    }

    /// Makes the updates that are left, with everything that is due after each of them.
    pub(super) fn make_updates(&mut self) -> Result<(), TrainError> {
        let planner = self.trainer.planner.clone();
        for plan in planner.steps().take(self.trainer.total_steps()).skip(self.counters.step) {
            if self.counters.selection.is_exhausted(self.trainer.config.selection.as_ref()) {
                break;
            }
            self.update(&plan)?;
            self.log_if_due()?;
            self.evaluate_if_due()?;
            self.save_if_due()?;
        }
        Ok(())
    }

    /// Writes the final model and the rest of the log.
    pub(super) fn finish(mut self) -> Result<TrainSummary, TrainError> {
        // A run that stopped early has means that were not due yet.
        self.log_means()?;
        self.trainer.state.check_finite(self.counters.step)?;
        self.take_best()?;
        self.check_lock()?;
        self.checkpoint().save_final(&self.trainer.state, &self.trainer.config)?;
        self.remove_surplus()?;
        let Self { trainer, log, counters, evaluation, .. } = self;
        OWNER.compact(&trainer.config.output_dir)?;
        let Counters { step: steps, selection, .. } = counters;
        Ok(TrainSummary { steps, log: log.entries().to_vec(), evaluation, selection })
    }

    fn update(&mut self, plan: &StepPlan) -> Result<(), TrainError> {
        let started = Instant::now();
        let learning_rate = self.trainer.schedule.at(self.counters.step);
        let batches = self.batches(plan)?;
        let Trainer { state, reference, config, engine, data, .. } = &mut *self.trainer;
        let outcome = train_step(
            state,
            reference.as_ref(),
            &*config.objective,
            &batches,
            learning_rate,
            config.max_grad_norm,
            engine,
        )?;
        let (counters, examples) = (&mut self.counters, data.train.len());
        counters.epoch_ended = plan.examples_seen / examples > counters.examples_seen / examples;
        counters.step += 1;
        counters.examples_seen = plan.examples_seen;
        counters.tokens_seen += outcome.tokens as u64;
        counters.pending.merge(&outcome.metrics);
        counters.pending.add("grad_norm", outcome.gradient_norm, 1.0);
        let (step, total_steps, epoch) = (self.counters.step, self.trainer.total_steps(), self.epoch());
        let elapsed = started.elapsed();
        self.observer.on_step(&Progress {
            step,
            total_steps,
            epoch,
            learning_rate,
            outcome: &outcome,
            elapsed,
        });
        Ok(())
    }

    fn batches(&self, plan: &StepPlan) -> Result<Vec<WeightedBatch>, TrainError> {
        let total: usize = plan.micro_batches.iter().map(Vec::len).sum();
        let batch = |indices: &Vec<usize>| {
            let examples = indices.iter().map(|&index| &self.trainer.data.train[index]);
            let sequences: Vec<_> = examples.flat_map(EncodedExample::sequences).collect();
            let weight = indices.len() as f64 / total as f64;
            Ok(WeightedBatch { batch: MicroBatch::new(&sequences)?, weight })
        };
        plan.micro_batches.iter().map(batch).collect()
    }

    fn log_if_due(&mut self) -> Result<(), TrainError> {
        let step = self.counters.step;
        let is_due =
            step.is_multiple_of(self.trainer.config.logging_steps) || step == self.trainer.total_steps();
        if is_due { self.log_means() } else { Ok(()) }
    }

    fn log_means(&mut self) -> Result<(), TrainError> {
        if self.counters.pending.is_empty() {
            return Ok(());
        }
        let learning_rate = self.trainer.schedule.at(self.counters.step - 1);
        let pending = std::mem::take(&mut self.counters.pending);
        let mut entry = self.entry("", &pending);
        entry.values.insert("learning_rate".to_owned(), json!(learning_rate));
        entry.values.insert("num_input_tokens_seen".to_owned(), json!(self.counters.tokens_seen));
        self.write_entry(entry)
    }

    fn entry(&self, prefix: &str, metrics: &Metrics) -> LogEntry {
        LogEntry::new(self.counters.step, self.trainer.total_steps(), self.epoch(), prefix, metrics)
    }

    fn write_entry(&mut self, entry: LogEntry) -> Result<(), TrainError> {
        self.observer.on_log(&entry);
        self.log.push(entry)
    }

    fn evaluate_if_due(&mut self) -> Result<(), TrainError> {
        let (strategy, step) = (self.trainer.config.eval, self.counters.step);
        let is_last = strategy != IntervalStrategy::No && step == self.trainer.total_steps();
        if !is_last && !strategy.is_due(step, self.counters.epoch_ended) {
            self.evaluation = None;
            return Ok(());
        }
        self.evaluation = self.measure()?;
        let value = self.chosen_by()?;
        let config = &self.trainer.config;
        if let (Some(choice), Some(value)) = (&config.selection, value) {
            self.counters.selection.see(choice, step, value, &config.output_dir);
        }
        Ok(())
    }

    /// The value that chooses the best model, in the last evaluation.
    fn chosen_by(&self) -> Result<Option<f64>, TrainError> {
        match (&self.trainer.config.selection, &self.evaluation) {
            (Some(choice), Some(evaluation)) => choice.value(evaluation).map(Some),
            _ => Ok(None),
        }
    }

    /// Loss over held-out rows and the evaluators' metrics, logged; `None` where there is nothing to measure.
    fn measure(&mut self) -> Result<Option<Evaluation>, TrainError> {
        let mut evaluation = self.trainer.evaluate(&self.trainer.data.held_out)?;
        let (step, policy) = (self.counters.step, self.trainer.state.policy.valid());
        for evaluator in &mut self.trainer.evaluators.0 {
            let metrics = evaluator
                .evaluate(&policy, step, self.observer)
                .map_err(|source| TrainError::Evaluator { step, source })?;
            for (name, value) in metrics {
                if evaluation.get(&name).is_some() {
                    let reason = "an evaluator measures this, which an evaluation gives already; call it something else";
                    return Err(TrainError::invalid(name, reason));
                }
                evaluation.add(&name, value, 1.0);
            }
        }
        if evaluation.is_empty() {
            return Ok(None);
        }
        self.write_entry(self.entry("eval_", &evaluation))?;
        Ok(Some(evaluation))
    }

    fn save_if_due(&mut self) -> Result<(), TrainError> {
        let Counters { step, epoch_ended, .. } = self.counters;
        let is_scheduled = self.trainer.config.save.strategy.is_due(step, epoch_ended);
        let is_best = self.counters.selection.keeps(step);
        if !is_scheduled && !is_best {
            return Ok(());
        }
        self.counters.selection.best_is_scheduled |= is_scheduled && is_best;
        let (state, config) = (&self.trainer.state, &self.trainer.config);
        state.check_finite(step)?;
        self.check_lock()?;
        let dir = self.checkpoint().save(state, config)?;
        self.observer.on_save(&dir);
        self.remove_surplus()
    }

    /// Another run may have taken the folder's place.
    fn check_lock(&self) -> Result<(), TrainError> {
        match &self.trainer.lock {
            Some(lock) => Ok(lock.check()?),
            None => Ok(()),
        }
    }

    /// Removes the checkpoints that are superseded or more than are to be kept.
    fn remove_surplus(&mut self) -> Result<(), TrainError> {
        let Counters { step, selection, .. } = &mut self.counters;
        let config = &self.trainer.config;
        let mut notices = Vec::from_iter(selection.remove_superseded(&config.output_dir)?);
        if let Some(keep) = config.save.keep {
            let best = selection.best_model_checkpoint.as_deref();
            notices.extend(remove_old(&config.output_dir, keep, *step, best)?);
        }
        notices.iter().for_each(|notice| self.observer.on_notice(notice));
        Ok(())
    }

    /// Puts the best model's weights in the place of the last one's, where they are to be the final ones.
    fn take_best(&mut self) -> Result<(), TrainError> {
        let Trainer { config, state, .. } = &mut *self.trainer;
        let Some(choice) = config.selection.as_ref().filter(|choice| choice.load_best) else {
            return Ok(());
        };
        let Selection { best_global_step, best_model_checkpoint, .. } = &self.counters.selection;
        let (Some(step), Some(dir)) = (best_global_step, best_model_checkpoint) else {
            let text =
                format!("eval_{} was never a number, so the final model is the last one", choice.metric);
            self.observer.on_notice(&Notice { key: "load_best_model_at_end".to_owned(), text });
            return Ok(());
        };
        if *step != self.counters.step {
            verify_folder(dir)?;
            let device = state.policy.device().without_autodiff();
            state.policy = load_weights(dir, state.policy.clone(), config.precision, &device)?;
        }
        Ok(())
    }

    fn checkpoint(&self) -> Checkpoint {
        let counters = &self.counters;
        Checkpoint {
            global_step: counters.step,
            max_steps: self.trainer.total_steps(),
            epoch: self.epoch(),
            examples_seen: counters.examples_seen,
            num_input_tokens_seen: counters.tokens_seen,
            run: self.trainer.settings(),
            start_log_prob: counters.start.policy,
            reference_log_prob: counters.start.reference,
            pending: counters.pending.clone(),
            selection: counters.selection.clone(),
            log_history: self.log.entries().to_vec(),
        }
    }

    fn epoch(&self) -> f64 {
        self.counters.examples_seen as f64 / self.trainer.planner.examples as f64
    }
}

impl Counters {
    fn fresh(start: StartLogProbs) -> Self {
        Self {
            step: 0,
            examples_seen: 0,
            tokens_seen: 0,
            epoch_ended: false,
            start,
            pending: Metrics::default(),
            selection: Selection::default(),
        }
    }

    /// The counters and log lines of a checkpoint, whose weights and moments go into the trainer.
    fn resumed(
        trainer: &mut Trainer,
        point: ResumePoint,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Vec<LogEntry>), TrainError> {
        let ResumePoint { dir, checkpoint, selection } = point;
        trainer.state = checkpoint.restore(&dir, trainer.state.clone(), &trainer.config)?;
        observer.on_resume(checkpoint.global_step, &dir);
        let start =
            StartLogProbs { policy: checkpoint.start_log_prob, reference: checkpoint.reference_log_prob };
        let counters = Self {
            step: checkpoint.global_step,
            examples_seen: checkpoint.examples_seen,
            tokens_seen: checkpoint.num_input_tokens_seen,
            epoch_ended: false,
            start,
            pending: checkpoint.pending,
            selection,
        };
        Ok((counters, checkpoint.log_history))
    }
}
