//! Answers with verdicts, and the metrics and files that are made of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use iopo_model::FinishReason;
use iopo_train::EvalPromptsConfig;
use serde::Serialize;

use super::PromptEvaluator;
use super::verdict::{Tally, Verdict};
use crate::error::LabError;
use crate::files::write_rows;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    answer: String,
    /// Whether it ended because it became too long.
    is_cut: bool,
    #[serde(flatten)]
    verdict: Verdict,
}

impl Answer {
    pub(super) fn new(answer: String, finish: FinishReason, verdict: Verdict) -> Self {
        Self { answer, is_cut: finish == FinishReason::Length, verdict }
    }
}

/// One model's answers to all prompts, pass by pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) greedy: Option<Vec<Answer>>,
    /// One list for each sample.
    pub(super) sampled: Vec<Vec<Answer>>,
}

impl Answers {
    /// Shares by name. Where answers are decoded in both ways, each way has its own, and the mean of both has the bare
    /// name: the greedy answer shows what a model can do, sampled answers how reliably it does it.
    pub(super) fn metrics(&self) -> BTreeMap<String, f64> {
        let sampled = Tally::of(self.sampled.iter().flatten().map(|answer| &answer.verdict));
        let Some(greedy) = &self.greedy else {
            return sampled.shares().map(|(name, share)| (name.to_owned(), share)).collect();
        };
        let greedy = Tally::of(greedy.iter().map(|answer| &answer.verdict));
        let sampled: BTreeMap<_, _> = sampled.shares().collect();
        let [greedy_suffix, sampled_suffix] = EvalPromptsConfig::DECODINGS;
        let mut metrics = BTreeMap::new();
        for (name, share) in greedy.shares() {
            let Some(sampled) = sampled.get(name) else {
                metrics.insert(name.to_owned(), share);
                continue;
            };
            metrics.insert(name.to_owned(), (share + sampled) / 2.0);
            metrics.insert(format!("{name}{greedy_suffix}"), share);
            metrics.insert(format!("{name}{sampled_suffix}"), *sampled);
        }
        metrics
    }

    /// The answers with the name of their decoding and, for sampled ones, their number.
    fn passes(&self) -> impl Iterator<Item = (&'static str, Option<usize>, &[Answer])> {
        let greedy = self.greedy.iter().map(|answers| ("greedy", None, answers.as_slice()));
        let sampled = self.sampled.iter().enumerate();
        greedy.chain(sampled.map(|(sample, answers)| ("sampled", Some(sample), answers.as_slice())))
    }
}

/// One answer of the policy beside the reference's.
#[derive(Serialize)]
struct AnswersRow<'a> {
    step: usize,
    id: &'a str,
    format: &'static str,
    prompt: &'a str,
    decoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<usize>,
    policy: &'a Answer,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a Answer>,
}

impl PromptEvaluator {
    /// Writes the policy's answers to some of the prompts beside the reference's, spread over all prompts.
    ///
    /// Returns the file, unless no answers are to be written.
    pub(super) fn write(&self, policy: &Answers, step: usize) -> Result<Option<PathBuf>, LabError> {
        let logged = self.config.logged.min(self.prompts.len());
        if logged == 0 {
            return Ok(None);
        }
        let references = self.reference.as_ref().map(|reference| reference.passes().collect::<Vec<_>>());
        let mut rows = Vec::new();
        for index in (0..logged).map(|number| number * self.prompts.len() / logged) {
            let prompt = &self.prompts[index];
            for (pass, (decoding, sample, answers)) in policy.passes().enumerate() {
                rows.push(AnswersRow {
                    step,
                    id: &prompt.id,
                    format: prompt.rule.format(),
                    prompt: &prompt.text,
                    decoding,
                    sample,
                    policy: &answers[index],
                    reference: references.as_ref().map(|passes| &passes[pass].2[index]),
                });
            }
        }
        let path = self.answers_dir.join(format!("step-{step}.jsonl"));
        write_rows(&path, &rows)?;
        Ok(Some(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(followed: bool, constraints: &[bool]) -> Answer {
        let verdict = Verdict::World { followed, constraints: constraints.to_vec() };
        Answer::new(String::new(), FinishReason::Eos, verdict)
    }

    fn ifeval(strict: bool) -> Answer {
        let (strict_instructions, loose_instructions) = (vec![strict, true], vec![true, true]);
        let verdict = Verdict::Ifeval { strict, loose: true, strict_instructions, loose_instructions };
        Answer::new(String::new(), FinishReason::Eos, verdict)
    }

    fn shares<const N: usize>(expected: [(&str, f64); N]) -> BTreeMap<String, f64> {
        expected.map(|(name, share)| (name.to_owned(), share)).into()
    }

    #[test]
    fn shares_are_of_prompts_and_of_their_parts() {
        let answers = vec![
            world(true, &[true, true, true]),
            world(false, &[true, true, true]),
            world(false, &[false]),
            world(false, &[]),
            ifeval(false),
        ];
        let expected = shares([
            ("if", 0.25),
            ("if_constraints", 6.0 / 7.0),
            ("if_strict", 0.0),
            ("if_loose", 1.0),
            ("if_inst_strict", 0.5),
            ("if_inst_loose", 1.0),
        ]);
        assert_eq!(Answers { greedy: Some(answers.clone()), sampled: Vec::new() }.metrics(), expected);
        assert_eq!(Answers { greedy: None, sampled: vec![answers] }.metrics(), expected);
    }

    #[test]
    fn of_two_decodings_the_bare_name_is_the_mean_and_all_samples_count_alike() {
        let samples = [true, false, false, false].map(|followed| vec![world(followed, &[followed])]);
        let answers = Answers { greedy: Some(vec![world(true, &[true])]), sampled: samples.to_vec() };
        let each = |name: &str| {
            [(name.to_owned(), 0.625), (format!("{name}_greedy"), 1.0), (format!("{name}_sampled"), 0.25)]
        };
        assert_eq!(answers.metrics(), ["if", "if_constraints"].into_iter().flat_map(each).collect());
    }
}
