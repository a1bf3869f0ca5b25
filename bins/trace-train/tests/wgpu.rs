//! Log-probs, losses, gradients and an update on a WGPU device equal those on the CPU.
//!
//! Run with `cargo xtask check --wgpu`; software Vulkan (Debian's `mesa-vulkan-drivers`) will do.
#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used, reason = "a helper that fails has failed its test")]

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, DeviceType};
use iopo_data::TokenSequence;
use iopo_loss::{DpoLossConfig, IopoLossConfig, OrpoLossConfig, SftLoss, SimpoLossConfig};
use iopo_model::{CausalLm, LoraConfig, NamedTensor, Parameters, Precision, load_model};
use iopo_train::{
    AdamW, AdamWConfig, Engine, MicroBatch, Objective, ReferencePolicy, TrainState, WeightedBatch,
    micro_step, sequence_log_probs, train_step,
};

/// f32 sums of a few hundred terms, in another order on either device.
const RELATIVE: f64 = 1e-4;

fn wgpu() -> Option<Device> {
    let device = Device::enumerate(DeviceType::Wgpu).into_vec().into_iter().next();
    if device.is_none() {
        eprintln!("SKIPPED: no WGPU device; install a Vulkan driver, for example mesa-vulkan-drivers");
    }
    device
}

/// A policy with an adapter whose B is not zero, so that A has gradients and rewards differ.
fn policy(device: &Device) -> CausalLm {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/qwen2-tiny"));
    let model = load_model(dir, Precision::default(), device).unwrap();
    let adapted = model.attach_lora(&LoraConfig::default(), 7).unwrap().train();
    adapted.update_trainable(|_, values| Some(values + 0.01))
}

/// x1 y1, x1 y2, x2 y1, x2 y2 with a shared start of the instructions.
fn group() -> MicroBatch {
    let tokens = |start: u32, n: u32| (0..n).map(|i| (start + 37 * i) % 990).collect::<Vec<_>>();
    let prompt = |start| [tokens(5, 9), tokens(start, 6)].concat();
    let sequence = |x, y| TokenSequence { prompt: prompt(x), completion: tokens(y, 8) };
    MicroBatch::new(&[sequence(100, 3), sequence(100, 4), sequence(200, 3), sequence(200, 4)]).unwrap()
}

fn objectives() -> Vec<(&'static str, Box<dyn Objective>)> {
    vec![
        ("sft", Box::new(SftLoss)),
        ("dpo", Box::new(DpoLossConfig::default().init().unwrap())),
        ("simpo", Box::new(SimpoLossConfig::default().init().unwrap())),
        ("orpo", Box::new(OrpoLossConfig::default().init().unwrap())),
        ("iopo", Box::new(IopoLossConfig::default().init().unwrap())),
    ]
}

fn engine() -> Engine {
    Engine::new(1_024)
}

fn flat<'a>(tensors: impl IntoIterator<Item = &'a NamedTensor>) -> Vec<f64> {
    tensors.into_iter().flat_map(|tensor| tensor.values.clone().try_into_vec_as::<f64>().unwrap()).collect()
}

fn assert_near(what: &str, a: &[f64], b: &[f64]) {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut a.iter().zip(b).map(|(x, y)| x - y)) / norm(&mut b.iter().copied());
    println!("{what}: relative difference {difference:.2e}");
    assert!(a.len() == b.len() && difference < RELATIVE, "{what}: {difference}");
}

#[test]
fn log_probs_losses_and_gradients_equal_the_cpus() {
    let Some(device) = wgpu() else { return };
    let (gpu, cpu, batch) = (policy(&device), policy(&Device::flex()), group());
    let sums =
        |model: &CausalLm| sequence_log_probs(model, &batch).unwrap().sum.try_into_vec_as::<f64>().unwrap();
    assert_near("log-probs", &sums(&gpu), &sums(&cpu));
    for (name, objective) in objectives() {
        let step = |model: &CausalLm| {
            let reference = ReferencePolicy::snapshot(&model.clone().without_lora());
            let weighted = WeightedBatch { batch: batch.clone(), weight: 1.0 };
            micro_step(model, Some(&reference), &*objective, &weighted, &engine()).unwrap()
        };
        let (on_gpu, on_cpu) = (step(&gpu), step(&cpu));
        assert_near(&format!("{name} loss"), &[on_gpu.loss], &[on_cpu.loss]);
        assert_near(
            &format!("{name} gradients"),
            &flat(on_gpu.gradients.iter()),
            &flat(on_cpu.gradients.iter()),
        );
    }
}

#[test]
fn an_update_equals_the_cpus() {
    let Some(device) = wgpu() else { return };
    let objective = IopoLossConfig::default().init().unwrap();
    let updated = |device: &Device| {
        let policy = policy(device);
        let reference = ReferencePolicy::snapshot(&policy.clone().without_lora());
        let mut state = TrainState { policy, optimizer: AdamW::new(AdamWConfig::default()), decayed: None };
        let batches = [WeightedBatch { batch: group(), weight: 1.0 }];
        train_step(&mut state, Some(&reference), &objective, &batches, 1e-3, 1.0, &engine()).unwrap();
        flat(&state.policy.trainable_parameters())
    };
    assert_near("parameters", &updated(&device), &updated(&Device::flex()));
}
