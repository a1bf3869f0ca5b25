//! Answering prompts with the model as it is.

use std::collections::BTreeSet;

use iopo_answer::{AnswerError, Respondent};
use iopo_data::TextTokenizer;
use iopo_model::{CausalLm, GenerationConfig, Prompt};
use trace_score::ifeval::Checker;

use super::answers::{Answer, Answers};
use super::error::EvalPromptsError;
use super::prompts::{VerifiedPrompt, read};
use super::verdict::{DECODINGS, is_share};
use crate::config::{EvalPromptsConfig, TrainConfig};
use crate::error::TrainError;

/// Prompts that are answered between two looks at the progress; enough to keep all threads busy.
const TOGETHER: usize = 256;

/// How far answering has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerProgress {
    /// Whether the reference answers, and not the policy.
    pub is_reference: bool,
    /// Answers so far.
    pub done: usize,
    /// Answers in all.
    pub total: usize,
}

/// Prompts that are ready to be answered.
#[derive(Debug, Clone)]
pub(crate) struct EvalPrompts {
    config: EvalPromptsConfig,
    respondent: Respondent,
    pub(super) prompts: Vec<VerifiedPrompt>,
}

impl EvalPrompts {
    /// Reads and renders all prompts, and checks that they give the metric that chooses the best model.
    pub(crate) fn load(
        eval: &EvalPromptsConfig,
        config: &TrainConfig,
        tokenizer: TextTokenizer,
    ) -> Result<Self, TrainError> {
        let respondent = Respondent::new(tokenizer, config.data.template)?;
        let (mut prompts, mut seen) = (Vec::new(), BTreeSet::new());
        for file in &eval.files {
            let wrong = |source: EvalPromptsError| TrainError::EvalPrompts {
                path: file.clone(),
                source: Box::new(source),
            };
            prompts.extend(read(file, &respondent, &mut seen).map_err(wrong)?);
        }
        let prompts = Self { config: eval.clone(), respondent, prompts };
        prompts.check_metric(config)?;
        Ok(prompts)
    }

    fn check_metric(&self, config: &TrainConfig) -> Result<(), TrainError> {
        let Some(choice) = config.selection.as_ref().filter(|choice| is_share(&choice.metric)) else {
            return Ok(());
        };
        let known = self.metric_names();
        if known.contains(&choice.metric) {
            return Ok(());
        }
        let known = known.iter().map(|name| format!("eval_{name}")).collect::<Vec<_>>().join(", ");
        Err(TrainError::MissingMetric { metric: format!("eval_{}", choice.metric), known })
    }

    fn metric_names(&self) -> BTreeSet<String> {
        let bare: BTreeSet<&str> =
            self.prompts.iter().flat_map(|prompt| prompt.rule.shares()).copied().collect();
        let is_both = self.config.greedy && self.config.samples > 0;
        let suffixes: &[&str] = if is_both { &DECODINGS } else { &[] };
        let with = |name: &&str| suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect::<Vec<_>>();
        bare.iter().flat_map(with).chain(bare.iter().map(|&name| name.to_owned())).collect()
    }

    /// How many prompts have their answers written.
    pub(super) fn logged(&self) -> usize {
        self.config.logged.min(self.prompts.len())
    }

    /// What decides the metrics of a model, for checkpoints.
    pub(crate) fn describe(&self, hash: impl Fn(&[(&[u32], String)]) -> u64) -> String {
        let EvalPromptsConfig { files: _, greedy, samples, generation, logged: _ } = &self.config;
        let GenerationConfig { max_new_tokens, temperature, top_p, top_k, seed, .. } = generation;
        let asked: Vec<(&[u32], String)> = self
            .prompts
            .iter()
            .map(|prompt| (prompt.tokens.as_slice(), format!("{:?}", prompt.rule)))
            .collect();
        let how = match samples {
            0 => format!("the most likely answer, of at most {max_new_tokens} tokens"),
            _ => format!(
                "{}{samples} drawn answers of at most {max_new_tokens} tokens, temperature {temperature}, top_p {top_p}, \
                 top_k {top_k}, seed {seed}",
                if *greedy { "the most likely answer and " } else { "" }
            ),
        };
        format!("{} prompts, hash {:016x}; {how}", self.prompts.len(), hash(&asked))
    }

    /// A model's answers to all prompts, with verdicts.
    pub(crate) fn answer(
        &self,
        model: &CausalLm,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Answers, TrainError> {
        let EvalPromptsConfig { greedy, samples, generation, .. } = &self.config;
        let total = (usize::from(*greedy) + samples) * self.prompts.len();
        let mut done = 0;
        let mut report = |more| {
            done += more;
            progress(done, total);
        };
        let mut answers = Answers::default();
        report(0);
        if *greedy {
            answers.greedy = Some(self.pass(model, generation, 0, &mut report)?);
        }
        let drawn = GenerationConfig { do_sample: true, ..generation.clone() };
        for sample in 0..*samples {
            answers.sampled.push(self.pass(model, &drawn, sample, &mut report)?);
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
    ) -> Result<Vec<Answer>, TrainError> {
        let config = self.respondent.ending(config);
        let checker = Checker::default();
        let first = (sample * self.prompts.len()) as u64;
        let prompt =
            |(prompt, stream): (&VerifiedPrompt, u64)| Prompt { tokens: prompt.tokens.clone(), stream };
        let prompts: Vec<Prompt> = self.prompts.iter().zip(first..).map(prompt).collect();
        let mut answers = Vec::with_capacity(prompts.len());
        for (part, rules) in prompts.chunks(TOGETHER).zip(self.prompts.chunks(TOGETHER)) {
            let generated = model.generate_all(part, &config, |_| false).map_err(AnswerError::from)?;
            for (generated, prompt) in generated.iter().zip(rules) {
                let text = self.respondent.text(generated)?;
                let verdict = prompt.rule.check(&checker, &text);
                answers.push(Answer::new(text, generated.finish, verdict));
            }
            report(part.len());
        }
        Ok(answers)
    }
}
