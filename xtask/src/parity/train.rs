//! A recorded run, replayed batch by batch through the trainer's own step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Device, FloatDType};
use iopo_model::{BackwardOptions, CausalLm, Parameters, Precision, load_adapter, load_config, load_model};
use iopo_train::{
    AdamW, ArgsError, Engine, FineTuning, GradientSum, GroupPasses, LrSchedule, MicroBatch, Problem,
    ReferencePolicy, TrainArgs, TrainConfig, TrainState, WeightedBatch, micro_step, train_step,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

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
}

#[derive(Deserialize)]
struct ParamGroup {
    weight_decay: f64,
    params: Vec<String>,
}

/// Values by parameter name.
type Values = BTreeMap<String, Vec<f64>>;

/// Replays `record.json` and `batches.safetensors` of `dir` on the model in `model`.
///
/// Tolerances: losses 2e-5, relative where they are larger than 1; gradient norms 2e-5 relative;
/// after every update from the second on, the parameters' difference over their update 1e-4 in
/// f32 and, against the f32 record, 5e-4 in f64; against an f64 record 1e-6. Gradients of the
/// first step, where `grads_*.safetensors` lies beside `dir`: 1e-5 in f32, 1e-9 in f64.
pub fn run(dir: &Path, model: &Path) -> Result<Report> {
    let path = dir.join("record.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let record: Record =
        serde_json::from_str(&text).with_context(|| format!("{} is not a record", path.display()))?;
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
    let lean =
        Engine { backward: BackwardOptions { checkpointing: true, head_chunk: 7 }, passes: GroupPasses::Two };
    Ok([("", fast), (" lean", lean)])
}

/// The recorded arguments are LLaMA-Factory's, so they go through the configuration that users write.
///
/// Arguments that it does not know are left out, each with a note: a record lists whatever its
/// command line held.
fn config(record: &Record, path: &Path, notes: &mut Vec<String>) -> Result<TrainConfig> {
    let mut args = record.args.as_object().context("args is not an object")?.clone();
    // What is replayed are recorded batches: there is nothing to hold out or to evaluate.
    for key in ["val_size", "eval_strategy", "evaluation_strategy", "eval_steps", "eval_dataset"] {
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
    start: Values,
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
        let start = values(&policy)?;
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
        let mut updates = Comparison::new(
            format!("{tag} |difference| / |update|, steps 2 on"),
            self.update_tolerance(),
            0.0,
        );
        let mut doubles =
            Comparison::new(format!("{tag} |difference| / |update| against the f64 replay"), 1e-6, 0.0);
        self.first_gradients(tag, engine, report)?;
        for step in &self.record.steps {
            let batches = self.step_batches(step)?;
            let outcome = train_step(
                &mut self.state,
                Some(&self.reference),
                &self.config.objective,
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
            if let Some(file) = self.parameters_after(step.step).filter(|_| step.step >= 2) {
                updates.push(self.distance(&file)?, 0.0);
            }
        }
        report.comparisons.extend([losses, norms, updates]);
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
        let mut sum = GradientSum::default();
        for weighted in self.step_batches(step)? {
            let (policy, objective) = (&self.state.policy, &self.config.objective);
            sum.merge(micro_step(policy, Some(&self.reference), objective, &weighted, engine)?.gradients);
        }
        sum.complete(&self.state.policy);
        let ours = sum
            .iter()
            .map(|gradient| Ok((gradient.name.clone(), gradient.values.clone().try_into_vec_as::<f64>()?)))
            .collect::<Result<Values>>()?;
        let expected = read(&file, self.tied)?;
        let tolerance = if self.dtype == FloatDType::F64 { 1e-9 } else { 1e-5 };
        let mut comparison = Comparison::new(format!("{tag} first gradients, relative L2"), tolerance, 0.0);
        comparison.push(norm_of_difference(&ours, &expected)? / norm(&expected), 0.0);
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

    /// |θ_ours − θ_recorded| / |θ_recorded − θ_start|.
    fn distance(&self, file: &Path) -> Result<f64> {
        let recorded = read(file, self.tied)?;
        let ours = values(&self.state.policy)?;
        Ok(norm_of_difference(&ours, &recorded)? / norm_of_difference(&recorded, &self.start)?)
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
fn check_start(dir: &Path, start: &Values, tied: bool) -> Result<()> {
    let recorded = read(&dir.join("step0.safetensors"), tied)?;
    let difference = norm_of_difference(start, &recorded)?;
    ensure!(
        difference <= 1e-6 * norm(&recorded),
        "the model is not the one that {} starts from",
        dir.display()
    );
    Ok(())
}

fn values(policy: &CausalLm) -> Result<Values> {
    policy
        .trainable_parameters()
        .into_iter()
        .map(|tensor| Ok((tensor.name, tensor.values.try_into_vec_as::<f64>()?)))
        .collect()
}

/// The tensors of a file by our names.
///
/// Some writers list a tied head beside the embedding that it is: `tied` leaves it out.
fn read(path: &Path, tied: bool) -> Result<Values> {
    let golden = Golden::open(path)?;
    let names = golden.names()?;
    let wanted = names.iter().filter(|name| !(tied && *name == "lm_head.weight"));
    wanted.map(|name| Ok((our_name(name), golden.floats(name)?))).collect()
}

/// PEFT's names in memory carry the adapter's own name, `default`.
fn our_name(recorded: &str) -> String {
    recorded.replace(".default.weight", ".weight")
}

fn norm(values: &Values) -> f64 {
    values.values().flatten().map(|x| x * x).sum::<f64>().sqrt()
}

fn norm_of_difference(a: &Values, b: &Values) -> Result<f64> {
    if !a.keys().eq(b.keys()) {
        let only = |x: &Values, y: &Values| {
            x.keys().filter(|name| !y.contains_key(*name)).take(3).cloned().collect::<Vec<_>>()
        };
        bail!("names differ: only ours {:?}, only recorded {:?}", only(a, b), only(b, a));
    }
    let squares: f64 = a.values().flatten().zip(b.values().flatten()).map(|(x, y)| (x - y) * (x - y)).sum();
    Ok(squares.sqrt())
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
