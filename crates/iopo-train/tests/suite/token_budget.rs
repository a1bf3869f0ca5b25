//! Micro-batches by tokens: the same updates, split otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, FloatDType};
use iopo_data::{TokenSequence, TokenTrie};
use iopo_model::ParameterGradients;
use iopo_train::{
    Engine, MicroBatch, Notice, Observer, Progress, ReferencePolicy, StepPlanner, TokenBudget, Trainer,
    WeightedBatch, micro_step,
};
use tempfile::tempdir;

use crate::common::{adapted, base, config, examples, relative_difference};

/// From every example alone to all together; examples have about 260 tokens.
const BUDGETS: [usize; 5] = [1, 300, 600, 1_100, 100_000];

fn tokens(sequences: &[TokenSequence]) -> usize {
    let mut trie = TokenTrie::new();
    sequences.iter().for_each(|sequence| trie.insert(sequence).unwrap());
    trie.num_tokens()
}

/// The first update of eight examples.
fn first_update(examples: &[Vec<TokenSequence>], tokens_per_batch: usize) -> Vec<WeightedBatch> {
    let lengths = examples.iter().map(|example| tokens(example)).collect();
    let planner = StepPlanner {
        examples: examples.len(),
        batch_size: 8,
        accumulation: 1,
        across_epochs: false,
        seed: 1,
        budget: Some(TokenBudget { tokens: tokens_per_batch, lengths }),
    };
    let plan = planner.steps().next().unwrap();
    plan.micro_batches
        .iter()
        .map(|indices| {
            let sequences: Vec<_> = indices.iter().flat_map(|&index| examples[index].clone()).collect();
            let batch = MicroBatch::new(&sequences).unwrap();
            assert!(batch.num_tokens() <= tokens_per_batch || indices.len() == 1);
            WeightedBatch { batch, weight: indices.len() as f64 / 8.0 }
        })
        .collect()
}

#[test]
fn every_budget_gives_the_same_gradient() {
    let examples = examples(&[], 8);
    let objective = config(Path::new("unused"), &[]).objective;
    // A group's four gradients nearly cancel, which leaves fewer of the digits of f32.
    for (dtype, tolerance) in [(FloatDType::F64, 1e-12), (FloatDType::F32, 1e-5)] {
        use burn::module::Module;
        let (policy, reference) = (adapted(dtype).train(), ReferencePolicy::frozen(base(dtype)));
        let mut counts = Vec::new();
        let mut gradients = Vec::new();
        for budget in BUDGETS {
            let batches = first_update(&examples, budget);
            counts.push(batches.len());
            let mut sum = ParameterGradients::default();
            for batch in &batches {
                let step = micro_step(&policy, Some(&reference), &*objective, batch, &Engine::new(1_024));
                sum.merge(step.unwrap().gradients);
            }
            let values = |g: &iopo_model::NamedTensor| g.values.clone().try_into_vec_as::<f64>().unwrap();
            gradients.push(sum.iter().map(|g| (g.name.clone(), values(g))).collect::<BTreeMap<_, _>>());
        }
        assert_eq!((counts[0], counts[4]), (8, 1));
        assert!(counts.is_sorted_by(|a, b| a >= b) && counts[2] < 8 && counts[2] > 1, "{counts:?}");
        for parts in &gradients[..4] {
            let difference = relative_difference(parts, &gradients[4]);
            assert!(difference < tolerance, "{dtype:?} {difference:e}");
        }
    }
}

#[derive(Default)]
struct Watcher {
    micro_batches: Vec<usize>,
    losses: Vec<f64>,
    notices: Vec<String>,
}

impl Observer for Watcher {
    fn on_step(&mut self, progress: &Progress<'_>) {
        self.micro_batches.push(progress.outcome.micro_losses.len());
        self.losses.push(progress.outcome.loss);
    }
    fn on_notice(&mut self, notice: &Notice) {
        if notice.key == "tokens_per_batch" {
            self.notices.push(notice.text.clone());
        }
    }
}

fn run(more: &[&str]) -> Watcher {
    let dir = tempdir().unwrap();
    let lines = [&["max_samples=6", "max_steps=4", "per_device_train_batch_size=6"], more].concat();
    let mut watcher = Watcher::default();
    Trainer::new(config(dir.path(), &lines), &Device::flex()).unwrap().run(&mut watcher).unwrap();
    watcher
}

#[test]
fn runs_of_any_budget_learn_the_same() {
    let plain = run(&[]);
    assert_eq!((plain.micro_batches, plain.notices.len()), (vec![1; 4], 0));
    for budget in ["tokens_per_batch=1", "tokens_per_batch=600", "tokens_per_batch=100000"] {
        for accumulation in [&[][..], &["per_device_train_batch_size=2", "gradient_accumulation_steps=3"]] {
            let by_tokens = run(&[&[budget], accumulation].concat());
            for (found, expected) in by_tokens.losses.iter().zip(&plain.losses) {
                // f32 sums in another order, carried on by Adam.
                assert!((found - expected).abs() < 1e-4, "{budget}: {found} {expected}");
            }
        }
    }
    assert_eq!(run(&["tokens_per_batch=100000"]).micro_batches, [1; 4]);
}

#[test]
fn examples_beyond_the_budget_go_alone_and_are_reported_once() {
    let watcher = run(&["tokens_per_batch=1"]);
    assert_eq!(watcher.micro_batches, [6; 4]);
    let [notice] = &watcher.notices[..] else { panic!("{:?}", watcher.notices) };
    let longest = examples(&["max_samples=6"], 6).iter().map(|example| tokens(example)).max().unwrap();
    assert!(notice.starts_with("6 of 6 examples have more than 1 tokens"), "{notice}");
    assert!(notice.contains(&format!("the longest {longest};")), "{notice}");
    assert_eq!(run(&["tokens_per_batch=100000"]).notices.len(), 0);
}
