//! Prompts whose answers a program can check, answered and scored at the trainer's evaluations.

mod answers;
mod prompts;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use burn::tensor::Device;
use iopo_answer::{AnswerError, Respondent};
use iopo_model::{CausalLm, GenerationConfig, Prompt};
use iopo_train::{
    AnswerProgress, EvalPromptsConfig, Evaluator, EvaluatorError, Notice, Observer, StartReference,
    TrainConfig, Trainer, stable_hash,
};
use trace_score::ifeval::Checker;
use trace_score::{Parted, part_reasoning_after};

use crate::error::LabError;
use answers::{Answer, Answers};
use prompts::{VerifiedPrompt, read};

/// Prompts that are answered between two reports of progress; enough to keep all threads busy.
const TOGETHER: usize = 256;

/// The key of the trainer's configuration.
const KEY: &str = "eval_prompts";

/// A trainer with the evaluator that its configuration asks for.
///
/// # Errors
/// As [`PromptEvaluator::new`] and [`Trainer::new`].
pub fn trainer(config: TrainConfig, device: &Device) -> Result<Trainer, LabError> {
    // Prompts and rows are rendered as of the same time.
    let config = config.with_template_date()?;
    // A wrong file of prompts should not cost the loading of a large model.
    let evaluator = PromptEvaluator::new(&config)?;
    let trainer = Trainer::new(config, device)?;
    Ok(match evaluator {
        Some(evaluator) => trainer.with_evaluator(evaluator),
        None => trainer,
    })
}

/// Has policy and reference answer the `eval_prompts` of a configuration: IFEval's rules or the verifiers of the world
/// say how many are followed.
#[derive(Debug, Clone)]
pub struct PromptEvaluator {
    config: EvalPromptsConfig,
    respondent: Respondent,
    prompts: Vec<VerifiedPrompt>,
    answers_dir: PathBuf,
    /// Answered once, because no update changes the reference.
    reference: Option<Answers>,
    /// Whether the reference is the policy as it starts.
    reference_is_start: bool,
}

impl PromptEvaluator {
    /// Reads and renders the prompts of a configuration, if it has any.
    ///
    /// # Errors
    /// A file that cannot be used, and prompts that do not give the metric that chooses the best model.
    pub fn new(config: &TrainConfig) -> Result<Option<Self>, LabError> {
        let Some(eval) = &config.eval_prompts else {
            return Ok(None);
        };
        let mut respondent = Respondent::from_dir(&config.model, config.data.template)?;
        if let Some(time) = config.data.template_date {
            respondent = respondent.rendered_at(time);
        }
        let (mut prompts, mut seen) = (Vec::new(), BTreeSet::new());
        for file in &eval.files {
            let wrong = |source| LabError::EvalPrompts { path: file.clone(), source };
            prompts.extend(read(file, &respondent, &mut seen).map_err(wrong)?);
        }
        let evaluator = Self {
            config: eval.clone(),
            respondent,
            prompts,
            answers_dir: config.answers_dir(),
            reference: None,
            reference_is_start: false,
        };
        let chosen_by = config.selection.iter().map(|choice| choice.metric.as_str());
        for metric in chosen_by.filter(|metric| EvalPromptsConfig::is_share(metric)) {
            evaluator.check_metric(metric)?;
        }
        Ok(Some(evaluator))
    }

    fn check_metric(&self, metric: &str) -> Result<(), LabError> {
        let known = self.metric_names();
        if known.contains(metric) {
            return Ok(());
        }
        let known = known.iter().map(|name| format!("eval_{name}")).collect::<Vec<_>>().join(", ");
        Err(LabError::MissingMetric { metric: format!("eval_{metric}"), known })
    }

    fn metric_names(&self) -> BTreeSet<String> {
        let bare: BTreeSet<&str> =
            self.prompts.iter().flat_map(|prompt| prompt.rule.shares()).copied().collect();
        let is_both = self.config.greedy && self.config.samples > 0;
        let suffixes: &[&str] = if is_both { &EvalPromptsConfig::DECODINGS } else { &[] };
        let with = |name: &&str| suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect::<Vec<_>>();
        bare.iter().flat_map(with).chain(bare.iter().map(|&name| name.to_owned())).collect()
    }

    /// A model's answers to all prompts, with verdicts.
    fn answer(
        &self,
        model: &CausalLm,
        is_reference: bool,
        observer: &mut dyn Observer,
    ) -> Result<Answers, AnswerError> {
        let EvalPromptsConfig { greedy, samples, generation, .. } = &self.config;
        let total = (usize::from(*greedy) + samples) * self.prompts.len();
        let mut done = 0;
        let mut report = |more| {
            done += more;
            observer.on_answering(&AnswerProgress { is_reference, done, total });
        };
        let mut answers = Answers::default();
        report(0);
        if *greedy {
            answers.greedy = Some(self.pass(model, generation, 0, &mut report)?);
        }
        let sampling = GenerationConfig { do_sample: true, ..generation.clone() };
        for sample in 0..*samples {
            answers.sampled.push(self.pass(model, &sampling, sample, &mut report)?);
        }
        Ok(answers)
    }

    /// One answer to each prompt. Each prompt and sample has a random stream of its own, the same at every evaluation.
    fn pass(
        &self,
        model: &CausalLm,
        config: &GenerationConfig,
        sample: usize,
        report: &mut dyn FnMut(usize),
    ) -> Result<Vec<Answer>, AnswerError> {
        let config = self.respondent.ending(config);
        let checker = Checker::default();
        let first = (sample * self.prompts.len()) as u64;
        let prompt =
            |(prompt, stream): (&VerifiedPrompt, u64)| Prompt { tokens: prompt.tokens.clone(), stream };
        let prompts: Vec<Prompt> = self.prompts.iter().zip(first..).map(prompt).collect();
        let mut answers = Vec::with_capacity(prompts.len());
        for (part, rules) in prompts.chunks(TOGETHER).zip(self.prompts.chunks(TOGETHER)) {
            let generated = model.generate_all(part, &config, |_| false)?;
            for (generated, prompt) in generated.iter().zip(rules) {
                let text = self.respondent.text(generated)?;
                let opening = self.respondent.opening(&prompt.tokens)?;
                let Parted { answer, is_open, .. } = part_reasoning_after(&opening, &text);
                // What ends within its reasoning is no answer.
                let verdict = prompt.rule.check(&checker, if is_open { "" } else { &answer });
                answers.push(Answer::new(text, generated.finish, verdict));
            }
            report(part.len());
        }
        Ok(answers)
    }
}

impl Evaluator for PromptEvaluator {
    fn key(&self) -> Option<&'static str> {
        Some(KEY)
    }

    /// How many prompts, a hash of their tokens and rules, and how they are answered.
    fn rules(&self, metric: &str) -> Option<String> {
        if !EvalPromptsConfig::is_share(metric) {
            return None;
        }
        let EvalPromptsConfig { files: _, greedy, samples, generation, logged: _ } = &self.config;
        let GenerationConfig { max_new_tokens, temperature, top_p, top_k, seed, .. } = generation;
        let asked: Vec<(&[u32], &str)> =
            self.prompts.iter().map(|prompt| (prompt.tokens.as_slice(), prompt.identity.as_str())).collect();
        let how = match samples {
            0 => format!("greedy answers of at most {max_new_tokens} tokens"),
            _ => format!(
                "{}{samples} sampled answers of at most {max_new_tokens} tokens, temperature {temperature}, \
                 top_p {top_p}, top_k {top_k}, seed {seed}",
                if *greedy { "greedy answers and " } else { "" }
            ),
        };
        Some(format!("{} prompts, hash {:016x}; {how}", self.prompts.len(), stable_hash(asked.as_slice())))
    }

    /// Has the reference answer all prompts.
    fn on_start(
        &mut self,
        policy: &CausalLm,
        reference: StartReference<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), EvaluatorError> {
        if self.reference.is_some() {
            return Ok(());
        }
        let (model, is_start) = match reference {
            StartReference::Policy => (policy, true),
            StartReference::Model(model) => (model, false),
            StartReference::LogProbs => {
                let text =
                    "the reference is known by its log-probs alone, so only the policy answers".to_owned();
                observer.on_notice(&Notice { key: KEY.to_owned(), text });
                return Ok(());
            }
        };
        self.reference = Some(self.answer(model, true, observer)?);
        self.reference_is_start = is_start;
        Ok(())
    }

    /// Shares of policy and reference; answers of both are written side by side.
    fn evaluate(
        &mut self,
        policy: &CausalLm,
        step: usize,
        observer: &mut dyn Observer,
    ) -> Result<BTreeMap<String, f64>, EvaluatorError> {
        let answers = match &self.reference {
            // Before the first update the policy is this reference, and its answers would be the same.
            Some(reference) if step == 0 && self.reference_is_start => reference.clone(),
            _ => self.answer(policy, false, observer)?,
        };
        let mut metrics = answers.metrics();
        for (name, share) in self.reference.iter().flat_map(Answers::metrics) {
            metrics.insert(format!("{}{name}", EvalPromptsConfig::REFERENCE), share);
        }
        let file = self.write(&answers, step)?;
        if let Some(file) = file {
            observer.on_answers(&file);
        }
        Ok(metrics)
    }
}
