//! Prompts that are answered at evaluations, by the policy and by its reference.

use burn::module::Module;
use iopo_model::CausalLm;

use super::{Counters, Evaluation, Observer, Trainer};
use crate::args::Notice;
use crate::error::TrainError;
use crate::output::check_output;
use crate::reference::ReferencePolicy;
use crate::verified::{AnswerProgress, Answers, EvalPrompts, REFERENCE};

/// Prompts, and the reference's answers to them.
#[derive(Debug)]
pub(super) struct PromptEvaluation {
    prompts: EvalPrompts,
    /// Given once, since the reference does not change.
    reference: Option<Answers>,
}

impl PromptEvaluation {
    pub(super) fn new(prompts: EvalPrompts) -> Self {
        Self { prompts, reference: None }
    }

    pub(super) fn prompts(&self) -> &EvalPrompts {
        &self.prompts
    }
}

impl Trainer {
    /// Has the reference answer all prompts, while it is a model and the policy is where it starts.
    pub(super) fn answer_with_reference(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let Some(evaluation) = self.prompts.as_ref().filter(|evaluation| evaluation.reference.is_none())
        else {
            return Ok(());
        };
        // Whatever would stop the run later stops it here, before the time is spent.
        check_output(&self.config)?;
        self.checkpoint_to_resume()?;
        self.check_start()?;
        let Some(model) = self.reference_model() else {
            let text = "the reference is known by its log-probs alone, so only the policy answers".to_owned();
            observer.on_notice(&Notice { key: "eval_prompts".to_owned(), text });
            return Ok(());
        };
        let answers = evaluation.prompts.answer(&model, &mut told(observer, true))?;
        if let Some(evaluation) = &mut self.prompts {
            evaluation.reference = Some(answers);
        }
        Ok(())
    }

    /// The model that the loss compares with; where it compares with none, the policy as it starts.
    fn reference_model(&self) -> Option<CausalLm> {
        match self.reference.as_ref().and_then(ReferencePolicy::model) {
            Some(model) => Some(model.clone()),
            None if self.config.reference.is_another() => None,
            None => Some(self.state.policy.valid()),
        }
    }

    /// Adds the shares of policy and reference to an evaluation, and writes answers of both.
    pub(super) fn measure_answers(
        &self,
        counters: &Counters,
        evaluation: &mut Evaluation,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let Some(PromptEvaluation { prompts, reference }) = &self.prompts else {
            return Ok(());
        };
        let policy = match reference {
            // Before the first update the policy is its reference, and would say the same.
            Some(reference) if counters.step == 0 && !self.config.reference.is_another() => reference.clone(),
            _ => prompts.answer(&self.state.policy.valid(), &mut told(observer, false))?,
        };
        for (name, share) in policy.metrics() {
            evaluation.add(&name, share, 1.0);
        }
        for (name, share) in reference.iter().flat_map(Answers::metrics) {
            evaluation.add(&format!("{REFERENCE}{name}"), share, 1.0);
        }
        let file = prompts.write(&policy, reference.as_ref(), counters.step, &self.config.output_dir)?;
        if let Some(file) = file {
            observer.on_answers(&file);
        }
        Ok(())
    }
}

fn told(observer: &mut dyn Observer, is_reference: bool) -> impl FnMut(usize, usize) {
    move |done, total| observer.on_answering(&AnswerProgress { is_reference, done, total })
}
