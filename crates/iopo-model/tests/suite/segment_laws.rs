//! Laws of segments: a tree of shared prefixes computes what its sequences compute alone.
//!
//! Differences are relative to the largest log-prob, or the largest gradient. In f64 1e-12, in f32
//! 1e-5: the same sums are formed in another order, over two layers forward and back.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::{
    Family, assert_close, by_name, fixture, floats, largest, load, random_folder, sequence, tensor, trainable,
};
use burn::tensor::{FloatDType, Tensor};
use iopo_model::{CausalLm, Parameters, Predictions, SegmentSpan, TokenLayout};
use proptest::prelude::*;

const TOLERANCES: [(FloatDType, f64); 2] = [(FloatDType::F64, 1e-12), (FloatDType::F32, 1e-5)];

/// The order in which the children of a segment are laid out.
#[derive(Debug, Clone, Copy)]
enum Siblings {
    Ascending,
    Descending,
}

/// Sequences merged at their common prefixes.
#[derive(Default)]
struct Tree {
    tokens: Vec<u32>,
    positions: Vec<u32>,
    segments: Vec<SegmentSpan>,
    /// Where each sequence's tokens stand.
    paths: Vec<Vec<usize>>,
}

impl Tree {
    fn of(sequences: &[Vec<u32>], siblings: Siblings) -> Self {
        let mut tree = Self { paths: vec![Vec::new(); sequences.len()], ..Default::default() };
        tree.grow(sequences, (0..sequences.len()).collect(), 0, None, siblings);
        tree
    }

    /// Adds what follows the first `depth` tokens, which all `members` share.
    fn grow(
        &mut self,
        sequences: &[Vec<u32>],
        members: Vec<usize>,
        depth: usize,
        parent: Option<usize>,
        siblings: Siblings,
    ) {
        let mut children: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for member in members {
            if let Some(&next) = sequences[member].get(depth) {
                children.entry(next).or_default().push(member);
            }
        }
        let mut children: Vec<Vec<usize>> = children.into_values().collect();
        if matches!(siblings, Siblings::Descending) {
            children.reverse();
        }
        for members in children {
            let first = &sequences[members[0]];
            let shared = |end: usize| members.iter().all(|&m| sequences[m].get(..end) == first.get(..end));
            let end = (depth + 1..=first.len()).take_while(|&end| shared(end)).last().unwrap();
            let start = self.tokens.len();
            self.tokens.extend(&first[depth..end]);
            self.positions.extend((depth..end).map(|position| position as u32));
            for &member in &members {
                self.paths[member].extend(start..self.tokens.len());
            }
            self.segments.push(SegmentSpan { range: start..self.tokens.len(), parent });
            self.grow(sequences, members, end, Some(self.segments.len() - 1), siblings);
        }
    }

    fn layout(&self) -> TokenLayout {
        TokenLayout::new(self.tokens.clone(), self.positions.clone(), self.segments.clone()).unwrap()
    }

    fn predictions(&self, sequences: &[Vec<u32>]) -> Predictions {
        let all = self.paths.iter().zip(sequences);
        let pairs: Vec<(usize, u32)> =
            all.flat_map(|(path, tokens)| path.iter().copied().zip(tokens[1..].iter().copied())).collect();
        let (sources, targets) = pairs.into_iter().unzip();
        Predictions { sources, targets }
    }
}

/// Token log-probs of all sequences in turn, and the gradients of their sum weighted by sequence.
struct Outcome {
    log_probs: Vec<f64>,
    gradients: BTreeMap<String, Vec<f64>>,
}

/// A weight for every sequence, so that a gradient that lands in the wrong one shows.
fn coefficient(sequence: usize) -> f64 {
    [1.0, -0.7, 0.45, -1.3, 0.8][sequence % 5]
}

fn coefficients(sequences: &[Vec<u32>], dtype: FloatDType) -> Tensor<1> {
    let all: Vec<f64> = sequences
        .iter()
        .enumerate()
        .flat_map(|(index, tokens)| vec![coefficient(index); tokens.len() - 1])
        .collect();
    tensor(&all, [all.len()], dtype)
}

fn as_tree(model: &CausalLm, sequences: &[Vec<u32>], siblings: Siblings) -> Outcome {
    let tree = Tree::of(sequences, siblings);
    let log_probs = model.token_log_probs(&tree.layout(), &tree.predictions(sequences)).unwrap();
    let weighted = log_probs.clone() * coefficients(sequences, model.precision().loss);
    Outcome {
        gradients: by_name(model.take_gradients(&mut weighted.sum().backward())),
        log_probs: floats(log_probs),
    }
}

fn separately(model: &CausalLm, sequences: &[Vec<u32>]) -> Outcome {
    let mut sum = Outcome { log_probs: Vec::new(), gradients: BTreeMap::new() };
    for (index, tokens) in sequences.iter().enumerate() {
        let predictions =
            Predictions { sources: (0..tokens.len() - 1).collect(), targets: tokens[1..].to_vec() };
        let log_probs = model.token_log_probs(&sequence(tokens), &predictions).unwrap();
        let mut gradients = (log_probs.clone().sum() * coefficient(index)).backward();
        for (name, gradient) in by_name(model.take_gradients(&mut gradients)) {
            let total = sum.gradients.entry(name).or_insert_with(|| vec![0.0; gradient.len()]);
            total.iter_mut().zip(gradient).for_each(|(total, g)| *total += g);
        }
        sum.log_probs.extend(floats(log_probs));
    }
    sum
}

fn assert_same(actual: &Outcome, expected: &Outcome, tolerance: f64) {
    assert_close("log-probs", &actual.log_probs, &expected.log_probs, tolerance);
    assert_eq!(actual.gradients.len(), expected.gradients.len());
    // Of the largest gradient of the model, not of each tensor: a key's bias moves all scores of a
    // query nearly alike, so its gradient is what is left of terms as large as the others.
    let scale = expected.gradients.values().map(|gradient| largest(gradient)).fold(0.0, f64::max);
    for (name, gradient) in &expected.gradients {
        let difference: Vec<f64> = actual.gradients[name].iter().zip(gradient).map(|(a, e)| a - e).collect();
        let relative = largest(&difference) / scale;
        assert!(relative <= tolerance, "{name}: relative difference {relative:e} is beyond {tolerance:e}");
    }
}

fn models(dir: &Path) -> Vec<(CausalLm, f64)> {
    TOLERANCES.map(|(dtype, tolerance)| (trainable(load(dir, dtype)), tolerance)).into()
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![
        Just(Family::Qwen2 { tied: false }),
        Just(Family::Qwen2 { tied: true }),
        Just(Family::LlamaBiased)
    ]
}

/// Three letters only, so that prefixes of every length are shared often.
fn sequences() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(4_u32..7, 2..9), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_tree_equals_its_separate_sequences(sequences in sequences(), family in family(), seed in 0_u64..4) {
        for (model, tolerance) in models(random_folder(family, seed).path()) {
            let alone = separately(&model, &sequences);
            assert_same(&as_tree(&model, &sequences, Siblings::Ascending), &alone, tolerance);
        }
    }

    #[test]
    fn the_order_of_siblings_changes_nothing(sequences in sequences(), family in family(), seed in 0_u64..4) {
        for (model, tolerance) in models(random_folder(family, seed).path()) {
            let ascending = as_tree(&model, &sequences, Siblings::Ascending);
            assert_same(&as_tree(&model, &sequences, Siblings::Descending), &ascending, tolerance);
        }
    }

    #[test]
    fn another_sequence_changes_no_log_prob(
        sequences in sequences(),
        other in prop::collection::vec(4_u32..7, 2..9),
        seed in 0_u64..4,
    ) {
        let dir = random_folder(Family::Qwen2 { tied: false }, seed);
        let with_other: Vec<Vec<u32>> = sequences.iter().cloned().chain([other]).collect();
        for (model, tolerance) in models(dir.path()) {
            let before = as_tree(&model, &sequences, Siblings::Ascending).log_probs;
            let after = as_tree(&model, &with_other, Siblings::Ascending).log_probs;
            assert_close("log-probs", &after[..before.len()], &before, tolerance);
        }
    }

    #[test]
    fn splitting_a_segment_changes_nothing(tokens in prop::collection::vec(0_u32..13, 3..12), at in 1_usize..11) {
        let at = at.min(tokens.len() - 1);
        let end = tokens.len();
        let parts = vec![SegmentSpan { range: 0..at, parent: None }, SegmentSpan { range: at..end, parent: Some(0) }];
        let split = TokenLayout::new(tokens.clone(), (0..end as u32).collect(), parts).unwrap();
        for (model, tolerance) in models(random_folder(Family::LlamaBiased, 3).path()) {
            let hidden = |layout| floats(model.hidden_states(layout).unwrap().reshape([-1]));
            assert_close("hidden states", &hidden(&split), &hidden(&sequence(&tokens)), tolerance);
        }
    }

    #[test]
    fn a_later_token_changes_no_earlier_hidden_state(
        tokens in prop::collection::vec(0_u32..13, 3..12),
        last in 0_u32..13,
    ) {
        let mut changed = tokens.clone();
        changed[tokens.len() - 1] = last;
        let dir = random_folder(Family::Qwen2 { tied: true }, 4);
        let model = load(dir.path(), FloatDType::F64);
        let hidden = |tokens: &[u32]| floats(model.hidden_states(&sequence(tokens)).unwrap().reshape([-1]));
        let (before, after) = (hidden(&tokens), hidden(&changed));
        let earlier = (tokens.len() - 1) * model.config().hidden_size;
        prop_assert_eq!(&before[..earlier], &after[..earlier]);
    }
}

/// The four sequences of a group: a shared system text, two instructions, two responses.
fn group(vocab: u32) -> Vec<Vec<u32>> {
    let text = |from: u32, length: u32| (0..length).map(move |i| (from + 37 * i * i + 11 * i) % vocab);
    let cell = |x: u32, y: u32| text(5, 20).chain(text(100 + x, 15)).chain(text(300 + y, 12)).collect();
    vec![cell(0, 0), cell(0, 1), cell(1, 0), cell(1, 1)]
}

#[test]
fn a_group_equals_its_four_sequences_in_every_fixture_model() {
    for name in ["qwen2-tiny", "qwen2-tiny-tied", "llama3-tiny"] {
        let sequences = group(1000);
        assert_eq!(
            Tree::of(&sequences, Siblings::Ascending).segments.len(),
            7,
            "a root, two branches, four leaves"
        );
        for (model, tolerance) in models(&fixture(name)) {
            let alone = separately(&model, &sequences);
            for siblings in [Siblings::Ascending, Siblings::Descending] {
                assert_same(&as_tree(&model, &sequences, siblings), &alone, tolerance);
            }
        }
    }
}

#[test]
fn a_segment_does_not_see_its_siblings() {
    let model = load(random_folder(Family::Qwen2 { tied: false }, 8).path(), FloatDType::F64);
    let log_probs = |sibling: u32| {
        let tree = Tree::of(&[vec![1, 2, 3, 4], vec![1, 2, sibling, 5]], Siblings::Descending);
        assert_eq!(tree.segments.len(), 3);
        let predictions = Predictions { sources: tree.paths[0][..3].to_vec(), targets: vec![2, 3, 4] };
        floats(model.token_log_probs(&tree.layout(), &predictions).unwrap())
    };
    assert_eq!(log_probs(7), log_probs(12));
}

#[test]
fn shifting_all_positions_changes_nothing_but_spreading_them_does() {
    let model = load(random_folder(Family::Qwen2 { tied: false }, 9).path(), FloatDType::F64);
    let hidden = |positions: Vec<u32>| {
        let segments = vec![SegmentSpan { range: 0..4, parent: None }];
        let layout = TokenLayout::new(vec![3, 1, 8, 2], positions, segments).unwrap();
        floats(model.hidden_states(&layout).unwrap().reshape([-1]))
    };
    let near = hidden(vec![0, 1, 2, 3]);
    // Angles of size 500 keep 1e-13 of their digits, which scores of size 10 pass on.
    assert_close("shifted by 500", &hidden(vec![500, 501, 502, 503]), &near, 1e-11);
    let apart: Vec<f64> = hidden(vec![0, 2, 4, 6]).iter().zip(&near).map(|(a, b)| a - b).collect();
    assert!(largest(&apart) > 0.01 * largest(&near), "positions hardly matter here");
}

#[test]
fn log_probs_are_those_of_a_distribution() {
    let model = load(&fixture("qwen2-tiny-tied"), FloatDType::F64);
    let vocab = model.config().vocab_size as u32;
    let predictions = Predictions { sources: vec![2; vocab as usize], targets: (0..vocab).collect() };
    let log_probs = floats(model.token_log_probs(&sequence(&[4, 900, 17]), &predictions).unwrap());
    let total: f64 = log_probs.iter().map(|log_prob| log_prob.exp()).sum();
    assert!((total - 1.0).abs() < 1e-12, "{total}");
}

#[test]
fn no_predictions_give_no_log_probs() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let none = Predictions { sources: Vec::new(), targets: Vec::new() };
    assert_eq!(floats(model.token_log_probs(&sequence(&[1, 2]), &none).unwrap()), Vec::<f64>::new());
}

#[test]
fn a_token_outside_the_vocabulary_is_an_error() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let error = model.hidden_states(&sequence(&[5, 1024])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "token id 1024 at 1 is outside the model's vocabulary of 1024: is this the model's own tokenizer?"
    );
}

#[test]
fn a_predicted_token_outside_the_vocabulary_is_an_error() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let predictions = Predictions { sources: vec![0, 1], targets: vec![1023, u32::MAX] };
    let error = model.token_log_probs(&sequence(&[5, 6]), &predictions).unwrap_err();
    assert_eq!(
        error.to_string(),
        "prediction 1 asks for token id 4294967295, outside the model's vocabulary of 1024: is this the model's own \
         tokenizer?"
    );
}

#[test]
fn a_prediction_from_outside_the_layout_is_an_error() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let predictions = Predictions { sources: vec![2], targets: vec![1] };
    let error = model.token_log_probs(&sequence(&[5, 6]), &predictions).unwrap_err();
    assert_eq!(error.to_string(), "prediction 0 reads position 2 of 2");
}

#[test]
fn more_sources_than_targets_are_an_error() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let predictions = Predictions { sources: vec![0, 1], targets: vec![1] };
    let error = model.token_log_probs(&sequence(&[5, 6]), &predictions).unwrap_err();
    assert_eq!(error.to_string(), "2 positions that predict, but 1 predicted tokens");
}

#[test]
fn a_sequence_past_the_last_position_is_an_error() {
    let fits = TokenLayout::sequence(vec![1, 2], u32::MAX - 1).unwrap();
    assert_eq!(fits.positions(), [u32::MAX - 1, u32::MAX]);
    let error = TokenLayout::sequence(vec![1, 2, 3], u32::MAX - 1).unwrap_err();
    assert_eq!(error.to_string(), "3 tokens, but 2 positions");
}
