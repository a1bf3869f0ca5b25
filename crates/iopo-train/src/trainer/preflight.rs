//! Everything that is checked and prepared before the first update.

use std::path::PathBuf;

use burn::module::Module;
use iopo_data::EncodedExample;
use iopo_model::CausalLm;

use super::{Observer, Selection, StartReference, Trainer};
use crate::answering::Answering;
use crate::args::Notice;
use crate::batch::{MicroBatch, trie_tokens};
use crate::checkpoint::Checkpoint;
use crate::error::TrainError;
use crate::output::{check_ahead, check_output};
use crate::plan::TokenBudget;
use crate::reference::{Precompute, ReferencePolicy};
use crate::start::check_start;

/// Tokens that go through the reference together, unless `tokens_per_batch` says otherwise. Without autodiff
/// this takes less memory than training on a fraction of them, and is enough to keep a device busy.
const TOKENS_PER_PASS: usize = 4_096;

/// The findings of the checks before a run.
pub(super) struct Ready {
    /// The checkpoint to continue from, where the run is resumed.
    pub(super) resume: Option<ResumePoint>,
}

/// A checkpoint that belongs to this run.
pub(super) struct ResumePoint {
    pub(super) dir: PathBuf,
    pub(super) checkpoint: Checkpoint,
    /// Its best model so far, under the paths of this run.
    pub(super) selection: Selection,
}

impl Trainer {
    /// Refuses a run that would have to stop later, before time is spent or anything is written.
    pub(super) fn preflight(&mut self, observer: &mut dyn Observer) -> Result<Ready, TrainError> {
        if self.data.train.is_empty() {
            return Err(TrainError::no_examples("there are none"));
        }
        self.check_evaluations()?;
        self.report_files(observer)?;
        self.plan_by_tokens(observer)?;
        // The lock that an earlier run of this trainer still holds is its own.
        check_output(&self.config, self.lock.is_some())?;
        let resume = self.resume_point(observer)?;
        if let Some(point) = &resume {
            check_ahead(&self.config, point.checkpoint.global_step, self.total_steps())?;
        }
        self.check_start()?;
        Ok(Ready { resume })
    }

    /// Says what template and tokenizer imply, and what the models' files hold that is not used.
    fn report_files(&self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if let Some(notice) = Answering::of(&self.config)?.notice() {
            observer.on_notice(&notice);
        }
        self.data.notices.iter().for_each(|notice| observer.on_notice(notice));
        let reference = self.reference.as_ref().filter(|_| self.config.reference.is_another());
        let models = [
            ("model_name_or_path", Some(&self.state.policy)),
            ("ref_model", reference.and_then(ReferencePolicy::model)),
        ];
        for (key, model) in models {
            for text in model.into_iter().flat_map(CausalLm::notes) {
                observer.on_notice(&Notice { key: key.to_owned(), text: text.clone() });
            }
        }
        Ok(())
    }

    /// Refuses evaluations that would measure nothing, or less than the configuration asks for.
    fn check_evaluations(&self) -> Result<(), TrainError> {
        let evaluators = &self.evaluators.0;
        let has_prompts = evaluators.iter().any(|evaluator| evaluator.key() == Some("eval_prompts"));
        if self.config.eval_prompts.is_some() && !has_prompts {
            let reason = "this program answers no prompts: it has to give Trainer::with_evaluator an evaluator for \
                          them, such as PromptEvaluator of iopo-lab, or leave the key out";
            return Err(TrainError::invalid("eval_prompts", reason));
        }
        // Where no model is to be chosen, the run goes on although every held-out row was too long.
        if self.data.held_out.is_empty() && evaluators.is_empty() && self.config.selection.is_some() {
            let reason = "the best model cannot be chosen: no held-out row is left, and there is neither a file of \
                          eval_prompts nor an evaluator of the program";
            return Err(TrainError::invalid("metric_for_best_model", reason));
        }
        Ok(())
    }

    /// Counts the tokens of all examples where updates are split by them, and reports those that
    /// exceed the budget alone.
    fn plan_by_tokens(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let Some(tokens) = self.config.tokens_per_batch else {
            return Ok(());
        };
        let lengths = self.data.train.iter().map(|example| trie_tokens(&example.sequences()));
        let lengths = lengths.collect::<Result<Vec<usize>, _>>()?;
        let longer: Vec<usize> = lengths.iter().copied().filter(|&length| length > tokens).collect();
        if let Some(longest) = longer.iter().max() {
            let text = format!(
                "{} of {} examples have more than {tokens} tokens, the longest {longest}; each of them goes through \
                 the model alone",
                longer.len(),
                lengths.len()
            );
            observer.on_notice(&Notice { key: "tokens_per_batch".to_owned(), text });
        }
        self.planner.budget = Some(TokenBudget { tokens, lengths });
        Ok(())
    }

    /// Compares policy and reference on the first examples, where they have to agree.
    fn check_start(&self) -> Result<(), TrainError> {
        let Some(reference) = self.reference.as_ref().filter(|_| !self.config.reference.is_another()) else {
            return Ok(());
        };
        let first = self.first_examples().iter().flat_map(EncodedExample::sequences);
        let batch = MicroBatch::new(&first.collect::<Vec<_>>())?;
        check_start(&self.state.policy, reference, &*self.config.objective, &batch)
    }

    /// The first examples, as many as training would put through the model together.
    fn first_examples(&self) -> &[EncodedExample] {
        let many = self.data.train.len().min(self.config.batch_size);
        let count = match &self.planner.budget {
            None => many,
            Some(budget) => {
                let totals = budget.lengths.iter().scan(0_usize, |total, length| {
                    *total = total.saturating_add(*length);
                    Some(*total)
                });
                totals.take(many).take_while(|total| *total <= budget.tokens).count().max(1)
            }
        };
        &self.data.train[..count]
    }

    /// Shows evaluators the start, while the reference is a model and the policy is where it starts.
    pub(super) fn start_evaluators(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let policy = self.state.policy.valid();
        let reference = match self.reference.as_ref().and_then(ReferencePolicy::model) {
            _ if !self.config.reference.is_another() => StartReference::Policy,
            Some(model) => StartReference::Model(model),
            None => StartReference::LogProbs,
        };
        for evaluator in &mut self.evaluators.0 {
            evaluator
                .on_start(&policy, reference, observer)
                .map_err(|source| TrainError::Evaluator { step: 0, source })?;
        }
        Ok(())
    }

    /// Puts the reference's log-probs of all data in the place of the model that gives them.
    pub(super) fn precompute_reference(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let (Some(dir), Some(reference)) = (&self.config.reference.cache, &self.reference) else {
            return Ok(());
        };
        if !reference.is_live() {
            return Ok(());
        }
        let examples: Vec<&EncodedExample> = self.data.train.iter().chain(&self.data.held_out).collect();
        let tokens = self.config.tokens_per_batch.unwrap_or(TOKENS_PER_PASS);
        let options = Precompute { dir: dir.clone(), tokens };
        let numbers = reference.clone().precompute(&examples, &options, observer)?;
        // The model is dropped: in full fine-tuning it would be a second copy of all weights.
        self.reference = Some(numbers);
        // Numbers from the disk have to agree with the policy, as the model did.
        self.check_start()
    }
}
