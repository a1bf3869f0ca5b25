//! A recorded run, replayed batch by batch through the trainer's own step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, FloatDType};
use iopo_model::{
    BackwardOptions, CausalLm, Checkpointing, ParameterGradients, Parameters, Precision, load_adapter,
    load_config, load_model,
};
use iopo_train::{
    AdamW, ArgsError, Engine, FineTuning, GroupPasses, LrSchedule, MicroBatch, Problem, ReferencePolicy,
    StepOutcome, TrainArgs, TrainConfig, TrainState, WeightedBatch, micro_step, train_step,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::arrays::{Arrays, our_name};
use super::recorded::RecordedBatch;
use super::{Comparison, Report};
use crate::golden::Golden;

#[derive(Deserialize)]
struct Record {
    args: Value,
    steps: Vec<Step>,
    param_groups: Vec<ParamGroup>,
    max_steps: usize,
    warmup_steps: usize,
}

#[derive(Deserialize)]
struct Step {
    step: usize,
    lr_used: f64,
    grad_norm_before_clip: f64,
    micro_losses: Vec<f64>,
    #[serde(default)]
    metrics: Vec<BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
struct ParamGroup {
    weight_decay: f64,
    params: Vec<String>,
}

/// Replays `record.json` and `batches.safetensors` of `dir` on the model in `model`.
///
/// Tolerances: losses 2e-5, relative where they are larger than 1; gradient norms 2e-5 relative;
/// after every update from the second on, the parameters' difference over their update 1e-4 in
/// f32 and, against the f32 record, 5e-4 in f64; against an f64 record 1e-6. Gradients of the
/// first step, where `grads_*.safetensors` lies beside `dir`: 1e-5 in f32, 1e-9 in f64.
pub fn run(dir: &Path, model: &Path) -> Result<Report> {
    // `.` has no name by which its gradients could be found.
    let dir = &dir.canonicalize().with_context(|| format!("cannot read {}", dir.display()))?;
    let path = dir.join("record.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let record: Record =
        serde_json::from_str(&text).with_context(|| format!("{} is not a record", path.display()))?;
    ensure!(!record.steps.is_empty(), "{}: the record has no steps", path.display());
    let mut report = Report::default();
    let config = config(&record, &path, &mut report.notes)?;
    report.comparisons.push(schedule(&record, &config));
    for dtype in [FloatDType::F32, FloatDType::F64] {
        for (name, engine) in engines(model)? {
            Replay::new(dir, model, &record, &config, dtype)?.run(name, &engine, &mut report)?;
        }
    }
    Ok(report)
}

/// The fastest way to the gradients, and the leanest: one layer, one sequence and few scores at a time.
fn engines(model: &Path) -> Result<[(&'static str, Engine); 2]> {
    let fast = Engine::new(load_config(model)?.vocab_size);
    let lean = Engine {
        backward: BackwardOptions { checkpointing: Checkpointing::Full, head_chunk: 7 },
        passes: GroupPasses::Two,
    };
    Ok([("", fast), (" lean", lean)])
}

/// The recorded arguments are LLaMA-Factory's, so they go through the configuration that users write.
///
/// Arguments that it does not know are left out, each with a note: a record lists whatever its
/// command line held.
fn config(record: &Record, path: &Path, notes: &mut Vec<String>) -> Result<TrainConfig> {
    let mut args = record.args.as_object().context("args is not an object")?.clone();
    // What is replayed are recorded batches: there is nothing to hold out or to evaluate.
    for key in ["do_train", "val_size", "eval_strategy", "evaluation_strategy", "eval_steps", "eval_dataset"]
    {
        args.remove(key);
    }
    let parse = |args: &Map<String, Value>| TrainArgs::from_yaml(&json!(args).to_string(), path, &[]);
    let parsed = match parse(&args) {
        Err(ArgsError::Invalid { problems, .. }) => {
            for problem in &problems {
                if let Problem::UnknownKey { key, .. } = problem {
                    args.remove(key);
                    notes.push(format!("argument `{key}` is unknown, and left out"));
                }
            }
            parse(&args)?
        }
        parsed => parsed?,
    };
    Ok(parsed.validate()?)
}

fn schedule(record: &Record, config: &TrainConfig) -> Comparison {
    let schedule = LrSchedule {
        kind: config.schedule,
        peak: config.learning_rate,
        warmup_steps: config.warmup_steps(record.max_steps),
        total_steps: record.max_steps,
    };
    let mut comparison = Comparison::new("warm-up steps and learning rates", 0.0, 1e-12);
    comparison.push(schedule.warmup_steps as f64, record.warmup_steps as f64);
    for (index, step) in record.steps.iter().enumerate() {
        comparison.push(schedule.at(index), step.lr_used);
    }
    comparison
}

struct Replay<'a> {
    dir: &'a Path,
    record: &'a Record,
    config: &'a TrainConfig,
    dtype: FloatDType,
    batches: Golden,
    state: TrainState,
    reference: ReferencePolicy,
    start: Arrays,
    tied: bool,
}

impl<'a> Replay<'a> {
    fn new(
        dir: &'a Path,
        model: &Path,
        record: &'a Record,
        config: &'a TrainConfig,
        dtype: FloatDType,
    ) -> Result<Self> {
        let policy = starting_policy(dir, model, config, dtype)?;
        let start = Arrays::of(&policy.trainable_parameters())?;
        let tied = policy.config().tie_word_embeddings;
        check_start(dir, &start, tied)?;
        // Which parameters the record's optimizer decayed is a fact of the record: transformers
        // 4.43 decays Qwen2's norms, though not Llama's.
        let decayed: BTreeSet<String> = record
            .param_groups
            .iter()
            .filter(|group| group.weight_decay != 0.0)
            .flat_map(|group| group.params.iter().map(|name| our_name(name)))
            .collect();
        Ok(Self {
            dir,
            record,
            config,
            dtype,
            batches: Golden::open(&dir.join("batches.safetensors"))?,
            reference: ReferencePolicy::snapshot(&policy),
            state: TrainState { policy, optimizer: AdamW::new(config.optimizer), decayed: Some(decayed) },
            start,
            tied,
        })
    }

    fn run(mut self, name: &str, engine: &Engine, report: &mut Report) -> Result<()> {
        let tag = &format!("{}{name}", if self.dtype == FloatDType::F64 { "f64" } else { "f32" });
        let mut losses = Comparison::new(format!("{tag} micro-batch losses / max(1, |loss|)"), 2e-5, 0.0);
        let mut norms = Comparison::new(format!("{tag} gradient norms"), 0.0, 2e-5);
        let mut updates =
            Comparison::new(format!("{tag} |difference| / |update|"), self.update_tolerance(), 0.0);
        let mut doubles =
            Comparison::new(format!("{tag} |difference| / |update| against the f64 replay"), 1e-6, 0.0);
        let mut cells = Cells::new(tag, self.config.objective.beta());
        self.first_gradients(tag, engine, report)?;
        for step in &self.record.steps {
            let batches = self.step_batches(step)?;
            let outcome = train_step(
                &mut self.state,
                Some(&self.reference),
                &*self.config.objective,
                &batches,
                step.lr_used,
                self.config.max_grad_norm,
                engine,
            )?;
            // Losses of order one keep 2e-5; an ipo loss starts at 25 and has fewer digits behind the point.
            let scaled = |losses: &[f64]| -> Vec<f64> {
                losses.iter().zip(&step.micro_losses).map(|(loss, of)| loss / of.abs().max(1.0)).collect()
            };
            losses.extend(&scaled(&outcome.micro_losses), &scaled(&step.micro_losses));
            norms.push(outcome.gradient_norm, step.grad_norm_before_clip);
            let double = self.dir.join(format!("step{}_f64.safetensors", step.step));
            if self.dtype == FloatDType::F64 && double.is_file() {
                doubles.push(self.distance(&double)?, 0.0);
            }
            cells.push(step, &batches, &outcome);
            match self.parameters_after(step.step) {
                Some(file) => updates.push(self.distance(&file)?, 0.0),
                None => report.notes.push(format!("{tag}: no parameters after step {}", step.step)),
            }
        }
        report.comparisons.extend([losses, norms, updates]);
        report.comparisons.extend(cells.into_comparisons());
        if !doubles.is_empty() {
            report.comparisons.push(doubles);
        }
        Ok(())
    }

    /// 1e-4 between two f32 runs. In f64 what is left is the record's own rounding, which Adam
    /// magnifies where a gradient nearly vanishes: 5e-4; the f64 record pins f64 to 1e-6.
    fn update_tolerance(&self) -> f64 {
        if self.dtype == FloatDType::F64 { 5e-4 } else { 1e-4 }
    }

    fn step_batches(&self, step: &Step) -> Result<Vec<WeightedBatch>> {
        // transformers gives every micro-batch the same weight, however many rows it holds.
        let weight = 1.0 / step.micro_losses.len() as f64;
        (0..step.micro_losses.len())
            .map(|micro| {
                let recorded =
                    RecordedBatch::read(&self.batches, &format!("step{}.micro{micro}", step.step))?;
                Ok(WeightedBatch { batch: MicroBatch::new(&recorded.sequences)?, weight })
            })
            .collect()
    }

    fn first_gradients(&self, tag: &str, engine: &Engine, report: &mut Report) -> Result<()> {
        let name = self.dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let file = self.dir.with_file_name(format!("{}.safetensors", name.replacen("train", "grads", 1)));
        if !file.is_file() {
            report.notes.push(format!("{tag}: no {} to compare the first gradients with", file.display()));
            return Ok(());
        }
        let step = self.record.steps.first().context("the record has no steps")?;
        let mut sum = ParameterGradients::default();
        for weighted in self.step_batches(step)? {
            let (policy, objective) = (&self.state.policy, &*self.config.objective);
            sum.merge(micro_step(policy, Some(&self.reference), objective, &weighted, engine)?.gradients);
        }
        sum.complete(&self.state.policy);
        let ours = Arrays::of(sum.iter())?;
        let expected = Arrays::read(&file, self.tied)?;
        let tolerance = if self.dtype == FloatDType::F64 { 1e-9 } else { 1e-5 };
        let mut comparison = Comparison::new(format!("{tag} first gradients, relative L2"), tolerance, 0.0);
        comparison.push(ours.distance(&expected)? / expected.norm(), 0.0);
        report.comparisons.push(comparison);
        Ok(())
    }

    /// The file of the parameters after an update: `stepN`, or the final adapter after the last one.
    fn parameters_after(&self, step: usize) -> Option<PathBuf> {
        let last = step == self.record.steps.len();
        let final_adapter = last.then(|| self.dir.join("adapter_final/adapter_model.safetensors"));
        let of_step = self.dir.join(format!("step{step}.safetensors"));
        [Some(of_step), final_adapter].into_iter().flatten().find(|file| file.is_file())
    }

    /// |θ_ours − θ_recorded| / |θ_recorded − θ_start|, or over |θ_start| where nothing moved yet.
    fn distance(&self, file: &Path) -> Result<f64> {
        let recorded = Arrays::read(file, self.tied)?;
        let ours = Arrays::of(&self.state.policy.trainable_parameters())?;
        let update = recorded.distance(&self.start)?;
        Ok(ours.distance(&recorded)? / if update == 0.0 { self.start.norm() } else { update })
    }
}

/// Rewards and log-probs of a group's four cells, in means over a step.
struct Cells {
    rewards: Comparison,
    log_probs: Comparison,
}

/// The record's names of the cells, and ours.
const CELLS: [(&str, &str); 4] =
    [("chosen_v1", "x1_y1"), ("rejected_v1", "x1_y2"), ("chosen_v2", "x2_y2"), ("rejected_v2", "x2_y1")];

impl Cells {
    /// 5e-4 for a sum of some hundred log-probs, as for `parity logps`; a reward is β times the
    /// difference of two.
    fn new(tag: &str, beta: f64) -> Self {
        Self {
            rewards: Comparison::new(format!("{tag} rewards of the cells"), 5e-4 * beta, 0.0),
            log_probs: Comparison::new(format!("{tag} log-probs of the cells"), 5e-4, 0.0),
        }
    }

    fn push(&mut self, step: &Step, batches: &[WeightedBatch], outcome: &StepOutcome) {
        let examples: Vec<f64> = batches.iter().map(|b| b.batch.num_sequences() as f64).collect();
        for (recorded, ours) in CELLS {
            for (kind, comparison) in [("rewards", &mut self.rewards), ("logps", &mut self.log_probs)] {
                // Ours is the mean over all examples of the step, the record's over each micro-batch.
                let per_micro: Option<Vec<f64>> =
                    step.metrics.iter().map(|m| m.get(&format!("{kind}/{recorded}")).copied()).collect();
                let (Some(per_micro), Some(ours)) =
                    (per_micro, outcome.metrics.get(&format!("{kind}/{ours}")))
                else {
                    continue;
                };
                if per_micro.len() == examples.len() {
                    let sum: f64 = per_micro.iter().zip(&examples).map(|(mean, n)| mean * n).sum();
                    comparison.push(ours, sum / examples.iter().sum::<f64>());
                }
            }
        }
    }

    fn into_comparisons(self) -> impl Iterator<Item = Comparison> {
        [self.rewards, self.log_probs].into_iter().filter(|comparison| !comparison.is_empty())
    }
}

fn starting_policy(dir: &Path, model: &Path, config: &TrainConfig, dtype: FloatDType) -> Result<CausalLm> {
    use burn::module::Module;
    let policy = load_model(model, Precision::uniform(dtype), &Device::flex())?;
    Ok(match config.fine_tuning {
        FineTuning::Full => policy.set_require_grad(true).train(),
        FineTuning::Lora(_) => load_adapter(policy, &dir.join("adapter_step0"))?.train(),
    })
}

/// The model, or the adapter, that was given must be the one that the record starts from.
fn check_start(dir: &Path, start: &Arrays, tied: bool) -> Result<()> {
    let recorded = Arrays::read(&dir.join("step0.safetensors"), tied)?;
    ensure!(
        start.distance(&recorded)? <= 1e-6 * recorded.norm(),
        "the model is not the one that {} starts from",
        dir.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{find, root};

    #[test]
    fn recorded_runs_are_reproduced() {
        for run_name in ["train_full", "train_lora", "train_lora_ga8_yaml"] {
            let Some(dir) = find(run_name) else { continue };
            let report = run(&dir, &root().join("fixtures/models/qwen2-tiny")).unwrap();
            assert!(report.passed(), "{run_name}\n{report}");
        }
    }

    #[test]
    fn a_run_of_another_model_is_refused() {
        let Some(dir) = find("train_full") else { return };
        assert!(run(&dir, &root().join("fixtures/models/llama3-tiny")).is_err());
    }
}
