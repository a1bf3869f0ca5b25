//! Laws of the token trie, checked against the four separate sequences it stands for.

#![allow(clippy::single_range_in_vec_init, reason = "a sequence of one segment is a list of one range")]

use std::collections::BTreeSet;

use iopo_data::{TokenSequence, TokenTrie, TrieBatch, TrieError};
use proptest::prelude::*;

fn sequence(prompt: &[u32], completion: &[u32]) -> TokenSequence {
    TokenSequence { prompt: prompt.to_vec(), completion: completion.to_vec() }
}

fn all_tokens(sequence: &TokenSequence) -> Vec<u32> {
    [sequence.prompt.as_slice(), &sequence.completion].concat()
}

/// Three letters only, so that prefixes of every length are shared often.
fn sequences() -> impl Strategy<Value = Vec<TokenSequence>> {
    let tokens = |longest| prop::collection::vec(0_u32..3, 1..longest);
    let one = (tokens(8), tokens(8)).prop_map(|(prompt, completion)| TokenSequence { prompt, completion });
    prop::collection::vec(one, 1..8)
}

fn groups() -> impl Strategy<Value = Vec<TokenSequence>> {
    let tokens = |longest| prop::collection::vec(0_u32..3, 1..longest);
    (tokens(9), tokens(5), tokens(5), tokens(6), tokens(6)).prop_map(|(shared, x1, x2, y1, y2)| {
        let cell = |x: &[u32], y: &[u32]| sequence(&[shared.as_slice(), x].concat(), y);
        vec![cell(&x1, &y1), cell(&x1, &y2), cell(&x2, &y1), cell(&x2, &y2)]
    })
}

fn any_batch() -> impl Strategy<Value = Vec<TokenSequence>> {
    prop_oneof![sequences(), groups()]
}

/// The prefix that ends at each flat token, by walking its segments.
fn prefixes(batch: &TrieBatch) -> Vec<Vec<u32>> {
    (0..batch.num_tokens())
        .map(|token| {
            let segment = batch.segment_of(token).unwrap();
            let own = batch.segments[segment].range.start..token + 1;
            batch
                .ancestor_ranges(segment)
                .into_iter()
                .chain([own])
                .flatten()
                .map(|i| batch.tokens[i])
                .collect()
        })
        .collect()
}

proptest! {
    #[test]
    fn walking_the_segments_gives_every_sequence_back(input in any_batch()) {
        for batch in [TrieBatch::from_sequences(&input).unwrap(), TrieBatch::unshared(&input).unwrap()] {
            for (index, sequence) in input.iter().enumerate() {
                prop_assert_eq!(batch.sequence_tokens(index), all_tokens(sequence));
            }
        }
    }

    #[test]
    fn one_token_is_stored_per_distinct_prefix(input in any_batch()) {
        let expected: BTreeSet<Vec<u32>> =
            input.iter().map(all_tokens).flat_map(|t| (1..=t.len()).map(move |end| t[..end].to_vec())).collect();
        let batch = TrieBatch::from_sequences(&input).unwrap();
        prop_assert_eq!(batch.num_tokens(), expected.len());
        prop_assert_eq!(prefixes(&batch).into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn the_builder_counts_what_the_layout_holds(input in any_batch()) {
        let mut trie = TokenTrie::new();
        for sequence in &input {
            trie.insert(sequence).unwrap();
        }
        let counted = trie.num_tokens();
        prop_assert_eq!(trie.into_batch().unwrap().num_tokens(), counted);
    }

    #[test]
    fn a_position_is_the_depth(input in any_batch()) {
        for batch in [TrieBatch::from_sequences(&input).unwrap(), TrieBatch::unshared(&input).unwrap()] {
            for (prefix, position) in prefixes(&batch).iter().zip(&batch.positions) {
                prop_assert_eq!(prefix.len(), *position as usize + 1);
            }
        }
    }

    #[test]
    fn each_completion_token_is_predicted_from_the_prefix_before_it(input in any_batch()) {
        for batch in [TrieBatch::from_sequences(&input).unwrap(), TrieBatch::unshared(&input).unwrap()] {
            let prefixes = prefixes(&batch);
            for (index, sequence) in input.iter().enumerate() {
                prop_assert_eq!(batch.completion_tokens(index), sequence.completion.len());
                let tokens = all_tokens(sequence);
                for (offset, prediction) in batch.predictions_of(index).enumerate() {
                    let prediction = batch.predictions[prediction];
                    prop_assert_eq!(prediction.target, sequence.completion[offset]);
                    prop_assert_eq!(&prefixes[prediction.source], &tokens[..sequence.prompt.len() + offset]);
                }
            }
        }
    }

    #[test]
    fn predictions_are_unique_and_all_used(input in any_batch()) {
        let batch = TrieBatch::from_sequences(&input).unwrap();
        let distinct: BTreeSet<_> = batch.predictions.iter().map(|p| (p.source, p.target)).collect();
        prop_assert_eq!(distinct.len(), batch.predictions.len());
        let used: BTreeSet<usize> = (0..input.len()).flat_map(|i| batch.predictions_of(i).collect::<Vec<_>>()).collect();
        prop_assert_eq!(used.len(), batch.predictions.len());
    }

    #[test]
    fn segments_are_maximal_and_parents_come_first(input in any_batch()) {
        let batch = TrieBatch::from_sequences(&input).unwrap();
        let mut next = 0;
        let mut children = vec![0; batch.segments.len()];
        for (index, segment) in batch.segments.iter().enumerate() {
            prop_assert_eq!(segment.range.start, next);
            prop_assert!(!segment.range.is_empty());
            next = segment.range.end;
            if let Some(parent) = segment.parent {
                prop_assert!(parent < index);
                children[parent] += 1;
            }
        }
        prop_assert_eq!(next, batch.num_tokens());
        // An only child would be one segment with its parent.
        prop_assert!(!children.contains(&1));
    }

    #[test]
    fn permuting_the_input_only_permutes(
        (input, order) in any_batch().prop_flat_map(|input| {
            let order: Vec<usize> = (0..input.len()).collect();
            (Just(input), Just(order).prop_shuffle())
        })
    ) {
        let batch = TrieBatch::from_sequences(&input).unwrap();
        let permuted: Vec<_> = order.iter().map(|&i| input[i].clone()).collect();
        let permuted = TrieBatch::from_sequences(&permuted).unwrap();
        prop_assert_eq!(permuted.num_tokens(), batch.num_tokens());
        prop_assert_eq!(permuted.segments.len(), batch.segments.len());
        let nodes = |batch: &TrieBatch| prefixes(batch).into_iter().collect::<BTreeSet<_>>();
        prop_assert_eq!(nodes(&permuted), nodes(&batch));
        let predicted = |batch: &TrieBatch, sequence: usize| -> Vec<(Vec<u32>, u32)> {
            let prefixes = prefixes(batch);
            batch.predictions_of(sequence).map(|p| batch.predictions[p]).map(|p| (prefixes[p.source].clone(), p.target)).collect()
        };
        for (now, &before) in order.iter().enumerate() {
            prop_assert_eq!(predicted(&permuted, now), predicted(&batch, before));
        }
    }

    #[test]
    fn a_further_sequence_leaves_the_others_as_they_are(input in any_batch(), further in any_batch()) {
        let alone = TrieBatch::from_sequences(&input).unwrap();
        let together = TrieBatch::from_sequences(&[input.as_slice(), &further].concat()).unwrap();
        for index in 0..input.len() {
            prop_assert_eq!(together.sequence_tokens(index), alone.sequence_tokens(index));
            prop_assert_eq!(together.completion_tokens(index), alone.completion_tokens(index));
        }
    }
}

#[test]
fn a_preference_group_is_a_tree_of_seven_segments() {
    let (x1, x2) = ([10, 11, 12], [10, 11, 13]);
    let (y1, y2) = ([20, 21, 9], [30, 9]);
    let cells = [sequence(&x1, &y1), sequence(&x1, &y2), sequence(&x2, &y1), sequence(&x2, &y2)];
    let batch = TrieBatch::from_sequences(&cells).unwrap();
    assert_eq!(batch.tokens, [10, 11, 12, 20, 21, 9, 30, 9, 13, 20, 21, 9, 30, 9]);
    assert_eq!(batch.positions, [0, 1, 2, 3, 4, 5, 3, 4, 2, 3, 4, 5, 3, 4]);
    let parents: Vec<_> = batch.segments.iter().map(|segment| segment.parent).collect();
    assert_eq!(parents, [None, Some(0), Some(1), Some(1), Some(0), Some(4), Some(4)]);
    let sources: Vec<_> = batch.predictions.iter().map(|prediction| prediction.source).collect();
    assert_eq!(sources, [2, 3, 4, 2, 6, 8, 9, 10, 8, 12]);
    assert_eq!(batch.sequences, [vec![0..3], vec![3..5], vec![5..8], vec![8..10]]);
    assert_eq!(batch.ancestors(5).collect::<Vec<_>>(), [4, 0]);
}

#[test]
fn a_single_sequence_is_a_chain() {
    let batch = TrieBatch::from_sequences(&[sequence(&[1, 2], &[3, 9])]).unwrap();
    assert_eq!(batch.segments.len(), 1);
    assert_eq!(batch.sequences, [vec![0..2]]);
}

#[test]
fn a_sequence_that_ends_inside_another_adds_no_segment() {
    let (long, short) = (sequence(&[1], &[2, 3, 4]), sequence(&[1], &[2]));
    for input in [[long.clone(), short.clone()], [short, long]] {
        let batch = TrieBatch::from_sequences(&input).unwrap();
        assert_eq!((batch.num_tokens(), batch.segments.len(), batch.predictions.len()), (4, 1, 3));
    }
}

#[test]
fn what_one_sequence_prompts_another_may_complete() {
    let batch = TrieBatch::from_sequences(&[sequence(&[1, 2, 3], &[4]), sequence(&[1], &[2, 3, 4])]).unwrap();
    assert_eq!(batch.num_tokens(), 4);
    assert_eq!(batch.sequences, [vec![2..3], vec![0..3]]);
}

#[test]
fn unshared_sequences_are_roots() {
    let twice = [sequence(&[1], &[2]), sequence(&[1], &[2])];
    let batch = TrieBatch::unshared(&twice).unwrap();
    assert!(batch.segments.iter().all(|segment| segment.parent.is_none()));
    assert_eq!((batch.num_tokens(), batch.predictions.len()), (4, 2));
    assert_eq!(TrieBatch::from_sequences(&twice).unwrap().num_tokens(), 2);
}

#[test]
fn questions_about_what_is_not_there_have_empty_answers() {
    let batch = TrieBatch::from_sequences(&[sequence(&[1], &[2])]).unwrap();
    assert_eq!(batch.completion_tokens(7), 0);
    assert!(batch.sequence_tokens(7).is_empty());
    assert_eq!(batch.segment_of(7), None);
    assert_eq!(batch.ancestors(7).count(), 0);
}

#[test]
fn no_sequences_is_an_error() {
    assert_eq!(TrieBatch::from_sequences(&[]), Err(TrieError::NoSequences));
}

#[test]
fn an_empty_prompt_is_an_error() {
    let input = [sequence(&[1], &[2]), sequence(&[], &[2])];
    assert_eq!(TrieBatch::from_sequences(&input), Err(TrieError::EmptyPrompt { sequence: 1 }));
    assert_eq!(TrieBatch::unshared(&input), Err(TrieError::EmptyPrompt { sequence: 1 }));
}

#[test]
fn an_empty_completion_is_an_error() {
    let input = [sequence(&[1], &[])];
    assert_eq!(TrieBatch::from_sequences(&input), Err(TrieError::EmptyCompletion { sequence: 0 }));
    assert_eq!(TrieBatch::unshared(&input), Err(TrieError::EmptyCompletion { sequence: 0 }));
}
