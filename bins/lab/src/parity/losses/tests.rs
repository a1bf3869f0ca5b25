//! Recordings that pass, and ones that must not.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;
use crate::golden::find;

#[test]
fn losses_equal_those_of_the_papers_trainer() {
    let Some(path) = find("losses_reference.safetensors") else { return };
    let report = run(&path).unwrap();
    println!("{report}");
    assert!(report.passed());
}

#[test]
fn losses_equal_those_of_trl() {
    let Some(path) = find("losses_trl.safetensors") else { return };
    let report = run(&path).unwrap();
    println!("{report}");
    assert!(report.passed());
}

/// A recording of two sigmoid DPO losses: log-ratios 0 and 0, then 2 and -2, at β = 0.5.
fn small(name: &str, change: impl FnOnce(&mut Vec<(&'static str, Vec<f64>)>)) -> PathBuf {
    let loss = |margin: f64| (1.0 + (-margin).exp()).ln();
    let mut tensors = vec![
        ("inputs/pc1", vec![-5.0, -3.0]),
        ("inputs/pr1", vec![-6.0, -9.0]),
        ("inputs/rc1", vec![-5.0, -5.0]),
        ("inputs/rr1", vec![-6.0, -7.0]),
        ("dpo/sigmoid/ls0.0/beta0.5/f64/loss", vec![loss(0.0), loss(2.0)]),
        ("dpo/sigmoid/ls0.0/beta0.5/f64/grad_pc1", vec![-0.25, -0.5 / (1.0 + 2f64.exp())]),
    ];
    change(&mut tensors);
    let bytes: Vec<(&str, usize, Vec<u8>)> = tensors
        .iter()
        .map(|(name, values)| (*name, values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = bytes
        .iter()
        .map(|(name, length, bytes)| (*name, TensorView::new(Dtype::F64, vec![*length], bytes).unwrap()));
    let path = std::env::temp_dir().join(format!("parity-{name}-{}.safetensors", std::process::id()));
    fs::write(&path, safetensors::serialize(views, None::<HashMap<String, String>>).unwrap()).unwrap();
    path
}

fn run_small(name: &str, change: impl FnOnce(&mut Vec<(&'static str, Vec<f64>)>)) -> Result<Report> {
    let path = small(name, change);
    let report = run(&path);
    fs::remove_file(path).unwrap();
    report
}

#[test]
fn a_right_recording_passes() {
    assert!(run_small("right", |_| {}).unwrap().passed());
}

#[test]
fn a_loss_or_gradient_off_by_more_than_the_tolerance_fails() {
    for (index, name) in [(4, "loss"), (5, "gradient")] {
        let report = run_small(name, |tensors| tensors[index].1[1] += 1e-8).unwrap();
        assert!(!report.passed(), "{name}");
    }
}

#[test]
fn an_unknown_key_is_an_error() {
    for key in [
        "dpo/sigmoid/ls0.0/beta0.5/f64/los",
        "dpo/sigmoid/beta0.5/delta1.0/f64/loss",
        "ppo/sigmoid/beta0.5/f64/loss",
        "dpo/sigmoid/beta0.5/loss",
        "loss",
    ] {
        assert!(run_small("unknown", |tensors| tensors[4].0 = key).is_err(), "{key}");
    }
}

#[test]
fn a_loss_that_is_not_implemented_is_named_in_a_note() {
    let report = run_small("kto", |tensors| {
        tensors[4].0 = "dpo/kto_pair/ls0.0/beta0.5/f64/loss";
    });
    let report = report.unwrap();
    assert!(report.notes[0].contains("dpo/kto_pair f64"));
    assert!(report.passed(), "the gradient is compared all the same");
}

#[test]
fn a_malformed_recording_is_an_error() {
    assert!(run_small("short", |tensors| tensors[4].1.truncate(1)).is_err());
    assert!(run_small("short-input", |tensors| tensors[1].1.truncate(1)).is_err());
    assert!(run_small("no-input", |tensors| drop(tensors.remove(2))).is_err());
    assert!(run_small("no-loss", |tensors| tensors.truncate(4)).is_err());
    assert!(run_small("zero-beta", |tensors| tensors[4].0 = "dpo/sigmoid/beta0.0/f64/loss").is_err());
}
