//! Losses, gradients and rewards, against the paper's trainer and against TRL.

mod inputs;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{DType, Tensor};
use iopo_loss::{
    DpoLossConfig, DpoLossType, FDivergence, IopoLossConfig, OrpoLossConfig, PreferenceLink, SftLoss,
    SimpoLossConfig,
};

use self::inputs::{Cases, Inputs};
use super::{Comparison, Report};
use crate::golden::Golden;

/// The paper's trainer replaces a label smoothing of zero by this in its `exo_pair` loss.
const EXO_PAIR_LABEL_SMOOTHING: f64 = 1e-3;

/// The α of TRL's `f_alpha_divergence_coef` where the recording does not name another.
const TRL_ALPHA: f64 = 0.5;

/// Replays `FAMILY/LOSS/.../{f32,f64}/{loss, grad_*, reward*}`; families: iopo, dpo, simpo, orpo, trl.
///
/// The log-probs are read from `inputs/*` of the same file, or, where it has none, of a file of
/// losses in the same folder that was recorded for the same cases.
///
/// Tolerances, each times `1 + |x|`: f64 1e-9, but 1e-6 for TRL's `exo_pair`, whose label smoothing
/// is an f32 number; f32 3e-5, but 2e-4 for ipo, sppo_hard and forward KL, which square or
/// exponentiate. Numbers that are not finite in the recording are not compared. ORPO is compared in f64 only:
/// the recorded `log1p(-exp(x))` has no digits left in f32 near zero.
pub fn run(file: &Path) -> Result<Report> {
    let golden = Golden::open(file)?;
    let recordings = recordings(&golden)?;
    ensure!(!recordings.is_empty(), "{}: no recorded loss", file.display());
    let inputs = Inputs::find(&golden)?;
    let mut replay = Replay::default();
    for recording in &recordings {
        replay.compare(&golden, &inputs, recording).with_context(|| recording.prefix.clone())?;
    }
    replay.into_report(file, &inputs)
}

/// One loss with one set of hyper-parameters in one dtype.
struct Recording {
    prefix: String,
    family: String,
    loss: String,
    label_smoothing: f64,
    beta: f64,
    gamma: f64,
    dtype: DType,
    quantities: Vec<String>,
}

/// Everything but the inputs, grouped by the part of the name before its last `/`.
fn recordings(golden: &Golden) -> Result<Vec<Recording>> {
    let mut quantities = BTreeMap::<String, Vec<String>>::new();
    for name in golden.names()? {
        let (prefix, quantity) = name.rsplit_once('/').with_context(|| format!("unknown key {name}"))?;
        if prefix != "inputs" {
            quantities.entry(prefix.to_owned()).or_default().push(quantity.to_owned());
        }
    }
    quantities.into_iter().map(|(prefix, quantities)| Recording::new(prefix, quantities)).collect()
}

impl Recording {
    fn new(prefix: String, quantities: Vec<String>) -> Result<Self> {
        let mut parts = prefix.split('/');
        let family = parts.next().unwrap_or_default().to_owned();
        let mut recording = Self {
            family,
            loss: String::new(),
            label_smoothing: 0.0,
            beta: f64::NAN,
            gamma: f64::NAN,
            dtype: DType::F64,
            quantities,
            prefix: String::new(),
        };
        let mut dtype = None;
        for (index, part) in parts.enumerate() {
            match part {
                "f32" => dtype = Some(DType::F32),
                "f64" => dtype = Some(DType::F64),
                _ => match parameter(part) {
                    Some(("ls", value)) => recording.label_smoothing = value,
                    Some(("beta", value)) => recording.beta = value,
                    Some(("gamma", value)) => recording.gamma = value,
                    _ if index == 0 => recording.loss = part.to_owned(),
                    _ => bail!("unknown part \"{part}\" of the key {prefix}"),
                },
            }
        }
        recording.dtype = dtype.with_context(|| format!("the key {prefix} names neither f32 nor f64"))?;
        recording.prefix = prefix;
        Ok(recording)
    }

    /// The name under which all hyper-parameters of this loss are compared together.
    fn title(&self) -> String {
        let dtype = if self.dtype == DType::F32 { "f32" } else { "f64" };
        let slash = if self.loss.is_empty() { "" } else { "/" };
        format!("{}{slash}{} {dtype}", self.family, self.loss)
    }

    fn tolerance(&self) -> f64 {
        match (self.dtype, self.family.as_str(), self.loss.as_str()) {
            (DType::F64, "trl", "exo_pair") => 1e-6,
            (DType::F64, ..) => 1e-9,
            (_, _, "ipo" | "sppo_hard" | "sigmoid_forward_kl") => 2e-4,
            _ => 3e-5,
        }
    }

    /// Why there is nothing to compare with, if there is nothing.
    fn left_out(&self) -> Option<&'static str> {
        let loss = self.loss.as_str();
        let known = match self.family.as_str() {
            "simpo_v1" => return Some("dead code in the paper's trainer"),
            "orpo" if self.dtype == DType::F32 => return Some("the recording loses its digits in f32"),
            "iopo" => loss.parse::<PreferenceLink>().is_ok(),
            "dpo" => loss.parse::<DpoLossType>().is_ok(),
            "trl" if matches!(loss, "aot" | "aot_unpaired") => {
                return Some("sorts over the batch: not a loss of a pair");
            }
            "trl" => trl_loss(loss).is_some(),
            _ => true,
        };
        (!known).then_some("iopo-loss has no such loss")
    }

    /// The loss of every case, with the rewards in the order of the recording.
    fn forward(&self, cases: &Cases) -> Result<(Tensor<1>, Vec<Tensor<1>>)> {
        match self.family.as_str() {
            "iopo" => self.iopo(cases),
            "dpo" => self.dpo(cases, self.loss.parse()?, FDivergence::ReverseKl),
            "simpo" => {
                let config = SimpoLossConfig { beta: self.beta, gamma: self.gamma, ..Default::default() };
                Ok((config.init()?.forward(cases.policy_pair()?)?.per_example, Vec::new()))
            }
            "orpo" => {
                let config = OrpoLossConfig { beta: self.beta, ..Default::default() };
                Ok((config.init()?.forward(cases.policy_pair()?)?.per_example, Vec::new()))
            }
            "trl" => self.trl(cases),
            other => bail!("unknown family \"{other}\""),
        }
    }

    fn iopo(&self, cases: &Cases) -> Result<(Tensor<1>, Vec<Tensor<1>>)> {
        let link: PreferenceLink = self.loss.parse()?;
        let config = IopoLossConfig {
            beta: self.beta,
            link,
            label_smoothing: self.trainer_label_smoothing(link.into()),
            ..Default::default()
        };
        let loss = config.init()?.forward(cases.policy_grid()?, Some(cases.reference_grid()?))?;
        let rewards = loss.stats.rewards;
        Ok((loss.per_example, vec![rewards.x1_y1, rewards.x1_y2, rewards.x2_y2, rewards.x2_y1]))
    }

    fn dpo(
        &self,
        cases: &Cases,
        loss_type: DpoLossType,
        divergence: FDivergence,
    ) -> Result<(Tensor<1>, Vec<Tensor<1>>)> {
        let config = DpoLossConfig {
            beta: self.beta,
            loss_type,
            label_smoothing: self.trainer_label_smoothing(loss_type),
            divergence,
            ..Default::default()
        };
        let loss = config.init()?.forward(cases.policy_pair()?, Some(cases.reference_pair()?))?;
        let rewards = loss.stats.rewards;
        Ok((loss.per_example, vec![rewards.chosen, rewards.rejected]))
    }

    fn trl(&self, cases: &Cases) -> Result<(Tensor<1>, Vec<Tensor<1>>)> {
        match trl_loss(&self.loss).context("not a loss of TRL")? {
            TrlLoss::Sft => Ok((SftLoss.forward(cases.policy_pair()?.chosen)?.per_example, Vec::new())),
            TrlLoss::Dpo(loss_type, divergence) => self.dpo(cases, loss_type, divergence),
        }
    }

    fn trainer_label_smoothing(&self, loss_type: DpoLossType) -> f64 {
        if loss_type == PreferenceLink::ExoPair.into() && self.label_smoothing == 0.0 {
            EXO_PAIR_LABEL_SMOOTHING
        } else {
            self.label_smoothing
        }
    }
}

/// How a loss of TRL is made here.
enum TrlLoss {
    Sft,
    Dpo(DpoLossType, FDivergence),
}

fn trl_loss(name: &str) -> Option<TrlLoss> {
    let sigmoid_with = |divergence| Some(TrlLoss::Dpo(PreferenceLink::Sigmoid.into(), divergence));
    match name {
        "sft" => Some(TrlLoss::Sft),
        "sigmoid_forward_kl" => sigmoid_with(FDivergence::ForwardKl),
        "sigmoid_js_divergence" => sigmoid_with(FDivergence::JensenShannon),
        "sigmoid_alpha_divergence" => sigmoid_with(FDivergence::Alpha { alpha: TRL_ALPHA }),
        _ => Some(TrlLoss::Dpo(name.parse().ok()?, FDivergence::ReverseKl)),
    }
}

/// Splits a part such as `beta0.1`.
fn parameter(part: &str) -> Option<(&str, f64)> {
    let digits = part.find(|c: char| c.is_ascii_digit() || c == '-' || c == '.')?;
    let (name, value) = part.split_at(digits);
    Some((name, value.parse().ok()?))
}

/// Comparisons under way.
#[derive(Default)]
struct Replay {
    comparisons: BTreeMap<String, Comparison>,
    left_out: BTreeMap<&'static str, BTreeSet<String>>,
    not_finite: BTreeMap<String, usize>,
}

impl Replay {
    fn compare(&mut self, golden: &Golden, inputs: &Inputs, recording: &Recording) -> Result<()> {
        if let Some(reason) = recording.left_out() {
            self.left_out.entry(reason).or_default().insert(recording.title());
            return Ok(());
        }
        let cases = inputs.cases(recording)?;
        let (loss, rewards) = recording.forward(&cases)?;
        let gradients = loss.clone().sum().backward();
        for quantity in &recording.quantities {
            let (kind, actual) = if quantity == "loss" {
                ("loss", loss.clone())
            } else if let Some(name) = quantity.strip_prefix("grad_") {
                let column = cases.column(name)?;
                ("gradients", column.grad(&gradients).unwrap_or_else(|| column.inner().zeros_like()))
            } else if let Some(index) = quantity.strip_prefix("reward") {
                let index: usize = index.parse().with_context(|| format!("unknown quantity {quantity}"))?;
                (
                    "rewards",
                    rewards.get(index).cloned().with_context(|| format!("unknown quantity {quantity}"))?,
                )
            } else {
                bail!("unknown quantity {quantity}");
            };
            let expected = golden.floats(&format!("{}/{quantity}", recording.prefix))?;
            let actual = actual.into_data().try_into_vec_as::<f64>()?;
            ensure!(
                expected.len() == actual.len(),
                "{quantity} has {} of {} cases",
                expected.len(),
                actual.len()
            );
            self.push(recording, kind, &actual, &expected);
        }
        Ok(())
    }

    fn push(&mut self, recording: &Recording, kind: &str, actual: &[f64], expected: &[f64]) {
        let name = format!("{} {kind}", recording.title());
        for (actual, expected) in actual.iter().zip(expected) {
            if !expected.is_finite() {
                *self.not_finite.entry(name.clone()).or_default() += 1;
                continue;
            }
            self.comparisons
                .entry(name.clone())
                .or_insert_with(|| {
                    Comparison::new(name.clone(), recording.tolerance(), recording.tolerance())
                })
                .push(*actual, *expected);
        }
    }

    fn into_report(self, file: &Path, inputs: &Inputs) -> Result<Report> {
        let mut report = Report::default();
        if inputs.path != file {
            report.notes.push(format!("inputs are read from {}", inputs.path.display()));
        }
        for (reason, titles) in self.left_out {
            let titles = titles.into_iter().collect::<Vec<_>>().join(", ");
            report.notes.push(format!("not compared: {titles} ({reason})"));
        }
        for (name, count) in self.not_finite {
            report.notes.push(format!("{name}: {count} recorded numbers are not finite, and not compared"));
        }
        report.comparisons = self.comparisons.into_values().collect();
        Ok(report)
    }
}

#[cfg(test)]
mod tests;
