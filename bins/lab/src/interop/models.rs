//! Folders that iopo-model writes, loaded with transformers and PEFT.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use burn::module::Module;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use iopo_cli::say;
use iopo_model::{
    CausalLm, LoraConfig, LoraTargets, NamedTensor, Parameters, Precision, TokenLayout, load_adapter,
    load_model, save_adapter, save_model, write_safetensors,
};
use serde_json::{Value, json};

use super::compare;
use crate::golden::root;

/// Absolute, on f32 logits of size 3: two programs sum in different orders.
const TOLERANCE: f64 = 1e-4;

/// An adapter must change logits by this much, or its case would pass without the adapter.
const VISIBLE_CHANGE: f64 = 100.0 * TOLERANCE;

const ROWS: usize = 3;
const ROW_LENGTH: usize = 24;

/// Writes models, adapters and merged models, and has Python load them and compare logits.
///
/// # Errors
/// Folders that cannot be written, and a Python program that fails.
pub(super) fn run() -> Result<bool> {
    compare(&["torch", "transformers", "peft"], "interop.py", |dir| Cases::write(dir), print_result)
}

/// Prints one line, and says whether the case passed.
fn print_result(result: &Value) -> Result<bool> {
    let number = |key: &str| result[key].as_f64().unwrap_or(f64::NAN);
    let difference = number("max_difference");
    let passed = difference <= TOLERANCE && result["problems"].as_array().is_none_or(Vec::is_empty);
    say(format_args!(
        "{} {:<60} max|diff|={difference:.2e} max|logit|={:.3} tolerance={TOLERANCE:.0e}",
        if passed { "ok  " } else { "FAIL" },
        result["case"].as_str().unwrap_or("?"),
        number("max_logit"),
    ))?;
    Ok(passed)
}

/// The cases that Python loads.
struct Cases<'a> {
    dir: &'a Path,
    entries: Vec<Value>,
}

impl<'a> Cases<'a> {
    /// Writes everything to `dir`, and returns how many cases there are.
    fn write(dir: &'a Path) -> Result<usize> {
        let mut cases = Self { dir, entries: Vec::new() };
        for name in ["qwen2-tiny", "qwen2-tiny-tied", "qwen2-tiny-hf5", "llama3-tiny"] {
            cases.models(name)?;
        }
        let peft = root().join("fixtures/golden/train_lora/adapter_final");
        cases.adapted("qwen2-tiny", "adapter of PEFT", |model| Ok(load_adapter(model, &peft)?))?;
        cases.adapted("llama3-tiny", "random adapter", |model| {
            random_adapter(model, &LoraConfig::default())
        })?;
        cases.adapted("llama3-tiny", "rank-stabilised adapter of two targets", |model| {
            let targets = LoraTargets::Named(vec!["q_proj".to_owned(), "up_proj".to_owned()]);
            random_adapter(model, &LoraConfig { rank: 6, alpha: 10.0, rank_stabilised: true, targets })
        })?;
        cases.adapted("qwen2-tiny-tied", "adapter of the last layer", |model| {
            let mut model = random_adapter(model, &LoraConfig::default())?;
            let first = &mut model.model.layers[0];
            let (attention, mlp) = (&mut first.self_attn, &mut first.mlp);
            for linear in
                [&mut attention.q_proj, &mut attention.k_proj, &mut attention.v_proj, &mut attention.o_proj]
            {
                linear.lora = None;
            }
            for linear in [&mut mlp.gate_proj, &mut mlp.up_proj, &mut mlp.down_proj] {
                linear.lora = None;
            }
            Ok(model)
        })?;
        fs::write(dir.join("cases.json"), Value::from(cases.entries.clone()).to_string())?;
        Ok(cases.entries.len())
    }

    /// A model saved in f32, and in bf16.
    fn models(&mut self, name: &str) -> Result<()> {
        for (dtype, label) in [(FloatDType::F32, "float32"), (FloatDType::BF16, "bfloat16")] {
            let saved = self.save(&load(&fixture(name))?.with_weights_as(dtype), name)?;
            // Loaded again in f32, as Python does: rounding is then the same on both sides.
            self.add(&format!("{name}, saved in {label}"), &saved, None, label, &logits(&load(&saved)?)?)?;
        }
        Ok(())
    }

    /// An adapter beside its model, and merged into it.
    fn adapted(
        &mut self,
        name: &str,
        what: &str,
        adapt: impl Fn(CausalLm) -> Result<CausalLm>,
    ) -> Result<()> {
        let base = fixture(name);
        let adapted = adapt(load(&base)?)?;
        let values = logits(&adapted)?;
        let change = (values.clone() - logits(&load(&base)?)?).abs().max().try_into_scalar::<f64>()?;
        ensure!(change > VISIBLE_CHANGE, "{name}: the {what} changes logits by {change:e} only");
        let adapter = self.fresh_folder();
        save_adapter(&adapted, &base.display().to_string(), &adapter)?;
        self.add(&format!("{name}, {what}"), &base, Some(&adapter), "float32", &values)?;
        let merged = self.save(&adapted.merge_lora(), name)?;
        self.add(&format!("{name}, {what}, merged"), &merged, None, "float32", &values)
    }

    fn save(&self, model: &CausalLm, source: &str) -> Result<PathBuf> {
        let dir = self.fresh_folder().with_extension(format!("{:?}", model.precision().weights));
        save_model(model, &fixture(source), &dir)?;
        Ok(dir)
    }

    /// A folder that does not exist yet.
    fn fresh_folder(&self) -> PathBuf {
        self.dir.join(format!("case{}", self.entries.len()))
    }

    fn add(
        &mut self,
        name: &str,
        model: &Path,
        adapter: Option<&Path>,
        dtype: &str,
        logits: &Tensor<3>,
    ) -> Result<()> {
        let file = self.dir.join(format!("logits{}.safetensors", self.entries.len()));
        let values = logits.clone().reshape([-1]);
        write_safetensors(
            &file,
            &[NamedTensor { name: "logits".to_owned(), shape: logits.dims().into(), values }],
        )?;
        self.entries.push(json!({
            "name": name, "model": model, "adapter": adapter, "dtype": dtype, "logits": file,
            "rows": (0..ROWS).map(row).collect::<Vec<_>>(),
        }));
        Ok(())
    }
}

fn fixture(name: &str) -> PathBuf {
    root().join("fixtures/models").join(name)
}

fn load(dir: &Path) -> Result<CausalLm> {
    Ok(load_model(dir, Precision::default(), &Device::flex())?)
}

/// Tokens spread over a vocabulary of 1000.
fn row(index: usize) -> Vec<u32> {
    (0..ROW_LENGTH).map(|i| ((index + 1) * (i + 3) * 7_919 % 1_000) as u32).collect()
}

/// Logits of all rows: `[rows, length, vocab]`.
fn logits(model: &CausalLm) -> Result<Tensor<3>> {
    let of_row = |index| -> Result<Tensor<2>> {
        let layout = TokenLayout::sequence(row(index), 0)?;
        Ok(model.logits(model.hidden_states(&layout)?))
    };
    Ok(Tensor::stack((0..ROWS).map(of_row).collect::<Result<Vec<_>>>()?, 0))
}

/// An adapter whose B is not zero.
fn random_adapter(model: CausalLm, config: &LoraConfig) -> Result<CausalLm> {
    let device = model.device();
    let adapted = model.attach_lora(config, 7)?.train().update_trainable(|name, values| {
        let [n] = values.dims();
        let waves: Vec<f64> = (0..n).map(|i| 0.1 * (1.7 * i as f64 + n as f64).sin()).collect();
        name.contains("lora_B")
            .then(|| Tensor::from_data(TensorData::new(waves, [n]), (&device, values.dtype())))
    });
    Ok(adapted.valid())
}
