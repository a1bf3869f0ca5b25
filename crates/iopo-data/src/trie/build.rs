use std::ops::Range;

use super::{Prediction, Segment, TrieBatch, TrieError};
use crate::TokenSequence;

/// A path-compressed prefix tree over borrowed token sequences.
///
/// Equal prefixes exist once. An edge is a span of one of the sequences, so the
/// tree copies no tokens until [`TokenTrie::into_batch`] lays it out, and
/// inserting costs one comparison per shared token. [`TokenTrie::num_tokens`] is
/// what a token budget counts.
#[derive(Debug, Default)]
pub struct TokenTrie<'a> {
    sequences: Vec<&'a TokenSequence>,
    /// The node in which each sequence ends; splits may leave it too deep, never too shallow.
    tails: Vec<usize>,
    nodes: Vec<Node>,
    roots: Vec<usize>,
    num_tokens: usize,
}

/// The tokens at depths `start..end` of the sequence `owner`.
#[derive(Debug)]
struct Node {
    owner: usize,
    start: usize,
    end: usize,
    parent: Option<usize>,
    children: Vec<usize>,
}

impl<'a> TokenTrie<'a> {
    /// An empty trie.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sequence; what it shares with earlier ones is stored once.
    ///
    /// # Errors
    ///
    /// [`TrieError::EmptyPrompt`] and [`TrieError::EmptyCompletion`].
    pub fn insert(&mut self, sequence: &'a TokenSequence) -> Result<(), TrieError> {
        let index = self.admit(sequence)?;
        let mut parent = None;
        let mut depth = 0;
        while depth < sequence.len() {
            let Some(child) = self.child_starting_with(parent, token_at(sequence, depth)) else {
                parent = Some(self.append_leaf(parent, index, depth, sequence.len()));
                break;
            };
            depth = self.common_end(child, sequence, depth);
            let node = &mut self.nodes[child];
            parent = Some(child);
            if depth == sequence.len() {
                break;
            }
            if depth < node.end {
                parent = Some(self.split(child, depth));
            } else if node.children.is_empty() {
                // The sequence continues a leaf: growing it keeps segments maximal.
                self.num_tokens += sequence.len() - node.end;
                (node.owner, node.end) = (index, sequence.len());
                break;
            }
        }
        self.tails.extend(parent);
        Ok(())
    }

    /// Adds a sequence as a root of its own, sharing nothing with those before it.
    pub(super) fn insert_unshared(&mut self, sequence: &'a TokenSequence) -> Result<(), TrieError> {
        let index = self.admit(sequence)?;
        let root = self.append_leaf(None, index, 0, sequence.len());
        self.tails.push(root);
        Ok(())
    }

    /// Number of tokens that the layout will hold: one per distinct prefix.
    pub fn num_tokens(&self) -> usize {
        self.num_tokens
    }

    /// Number of sequences inserted.
    pub fn num_sequences(&self) -> usize {
        self.sequences.len()
    }

    /// Lays the trie out flat, depth first, in the order of insertion.
    ///
    /// # Errors
    ///
    /// [`TrieError::NoSequences`] when nothing was inserted.
    pub fn into_batch(self) -> Result<TrieBatch, TrieError> {
        if self.sequences.is_empty() {
            return Err(TrieError::NoSequences);
        }
        let (mut batch, offsets) = self.lay_out_tokens();
        let paths: Vec<Vec<Range<usize>>> =
            (0..self.sequences.len()).map(|sequence| self.path(sequence, &offsets)).collect();
        batch.predict_completions(&paths, self.sequences.iter().map(|s| s.prompt.len()));
        Ok(batch)
    }

    fn admit(&mut self, sequence: &'a TokenSequence) -> Result<usize, TrieError> {
        let index = self.sequences.len();
        if sequence.prompt.is_empty() {
            return Err(TrieError::EmptyPrompt { sequence: index });
        }
        if sequence.completion.is_empty() {
            return Err(TrieError::EmptyCompletion { sequence: index });
        }
        self.sequences.push(sequence);
        Ok(index)
    }

    fn child_starting_with(&self, parent: Option<usize>, token: u32) -> Option<usize> {
        let children = parent.map_or(&self.roots, |parent| &self.nodes[parent].children);
        children.iter().copied().find(|&child| {
            let node = &self.nodes[child];
            token_at(self.sequences[node.owner], node.start) == token
        })
    }

    /// The depth at which `sequence`, equal to `node` at `depth`, parts from it or ends.
    fn common_end(&self, node: usize, sequence: &TokenSequence, depth: usize) -> usize {
        let node = &self.nodes[node];
        let there = self.sequences[node.owner].tokens(depth..node.end);
        let here = sequence.tokens(depth..node.end);
        depth + there.zip(here).take_while(|(a, b)| a == b).count()
    }

    /// Puts a new node above the part of `node` that begins at `depth`, and returns it.
    ///
    /// The lower part keeps its index, so that `tails` stays valid.
    fn split(&mut self, node: usize, depth: usize) -> usize {
        let upper = self.nodes.len();
        let lower = &mut self.nodes[node];
        let parent = lower.parent.replace(upper);
        let start = std::mem::replace(&mut lower.start, depth);
        let owner = lower.owner;
        self.nodes.push(Node { owner, start, end: depth, parent, children: vec![node] });
        let siblings = match parent {
            Some(parent) => &mut self.nodes[parent].children,
            None => &mut self.roots,
        };
        for sibling in siblings.iter_mut().filter(|sibling| **sibling == node) {
            *sibling = upper;
        }
        upper
    }

    fn append_leaf(&mut self, parent: Option<usize>, owner: usize, start: usize, end: usize) -> usize {
        let leaf = self.nodes.len();
        self.nodes.push(Node { owner, start, end, parent, children: Vec::new() });
        match parent {
            Some(parent) => self.nodes[parent].children.push(leaf),
            None => self.roots.push(leaf),
        }
        self.num_tokens += end - start;
        leaf
    }

    /// Tokens, positions and segments; and the flat offset of each node.
    fn lay_out_tokens(&self) -> (TrieBatch, Vec<usize>) {
        let mut batch = TrieBatch::with_capacity(self.num_tokens);
        let mut offsets = vec![0; self.nodes.len()];
        // A stack instead of recursion: n nested splits make a tree n deep.
        let mut open: Vec<(usize, Option<usize>)> =
            self.roots.iter().rev().map(|&root| (root, None)).collect();
        while let Some((index, parent)) = open.pop() {
            let node = &self.nodes[index];
            offsets[index] = batch.tokens.len();
            batch.tokens.extend(self.sequences[node.owner].tokens(node.start..node.end));
            // A depth above u32::MAX would need 16 GiB of token ids in one sequence.
            batch.positions.extend((node.start..node.end).map(|depth| depth as u32));
            let segment = batch.segments.len();
            batch.segments.push(Segment { range: offsets[index]..batch.tokens.len(), parent });
            open.extend(node.children.iter().rev().map(|&child| (child, Some(segment))));
        }
        (batch, offsets)
    }

    /// The flat ranges that hold a sequence, from its first token to its last.
    fn path(&self, sequence: usize, offsets: &[usize]) -> Vec<Range<usize>> {
        let length = self.sequences[sequence].len();
        let mut path = Vec::new();
        let mut next = Some(self.tails[sequence]);
        while let Some(index) = next {
            let node = &self.nodes[index];
            if node.start < length {
                path.push(offsets[index]..offsets[index] + node.end.min(length) - node.start);
            }
            next = node.parent;
        }
        path.reverse();
        path
    }
}

fn token_at(sequence: &TokenSequence, depth: usize) -> u32 {
    match depth.checked_sub(sequence.prompt.len()) {
        Some(in_completion) => sequence.completion[in_completion],
        None => sequence.prompt[depth],
    }
}

impl TrieBatch {
    /// Marks the completion tokens and states, once each, what predicts them.
    ///
    /// The off-by-one of language modelling lives here and nowhere else: the hidden
    /// state of a token predicts the token *after* it, so the source of a completion
    /// token is the flat index just before it on its path: the previous index in its
    /// segment, or the last index of the parent segment.
    fn predict_completions(
        &mut self,
        paths: &[Vec<Range<usize>>],
        prompt_lengths: impl Iterator<Item = usize> + Clone,
    ) {
        let mut supervised = vec![false; self.tokens.len()];
        for (path, prompt) in paths.iter().zip(prompt_lengths.clone()) {
            for range in after(path, prompt) {
                supervised[range].fill(true);
            }
        }
        // `before[i]`: how many predictions have a target at a flat index below `i`.
        let mut before = Vec::with_capacity(self.tokens.len() + 1);
        for segment in &self.segments {
            let above = segment.parent.map(|parent| self.segments[parent].range.end - 1);
            for target in segment.range.clone() {
                before.push(self.predictions.len());
                let source = if target == segment.range.start { above } else { Some(target - 1) };
                // Depth 0 is prompt in every sequence, so a supervised token has a source.
                if let (true, Some(source)) = (supervised[target], source) {
                    self.predictions.push(Prediction { source, target: self.tokens[target] });
                }
            }
        }
        before.push(self.predictions.len());
        for (path, prompt) in paths.iter().zip(prompt_lengths) {
            let mut ranges: Vec<Range<usize>> = Vec::new();
            for range in after(path, prompt) {
                let range = before[range.start]..before[range.end];
                match ranges.last_mut() {
                    Some(last) if last.end == range.start => last.end = range.end,
                    _ => ranges.push(range),
                }
            }
            self.sequences.push(ranges);
        }
    }
}

/// The ranges without their first `skip` indices.
fn after(path: &[Range<usize>], skip: usize) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut depth = 0;
    path.iter().filter_map(move |range| {
        let start = range.start + skip.saturating_sub(depth).min(range.len());
        depth += range.len();
        (start < range.end).then_some(start..range.end)
    })
}
