//! Parts of a layout that are computed separately, each on a thread of its own.

use std::collections::BTreeSet;

use crate::layout::{Predictions, SegmentSpan, TokenLayout};

/// Segments that depend on no others, and the predictions made from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) layout: TokenLayout,
    pub(crate) predictions: Predictions,
    /// The index of each prediction among those of the whole layout.
    pub(crate) origin: Vec<usize>,
}

/// Tokens below which a branch is not worth a thread; neighbours are then joined.
const SMALLEST: usize = 256;

/// A prefix is computed once for each of its branches where that adds less than this share of its subtree's tokens.
const REPEATED: usize = 32;

/// Divides a layout where little is computed twice: between roots, and below short prefixes.
///
/// The division follows from the layout alone, so that results do not depend on the number of threads.
pub(crate) fn branches(layout: &TokenLayout, predictions: &Predictions) -> Vec<Branch> {
    let tree = Tree::new(layout);
    let mut pieces = Vec::new();
    for root in tree.roots() {
        tree.divide(root, &mut Vec::new(), &mut pieces);
    }
    let bins = tree.join(pieces);
    if bins.len() < 2 {
        let origin = (0..predictions.sources.len()).collect();
        return vec![Branch { layout: layout.clone(), predictions: predictions.clone(), origin }];
    }
    // A segment of several branches makes its predictions in the first of them.
    let mut owner = vec![usize::MAX; layout.segments().len()];
    for (index, bin) in bins.iter().enumerate() {
        bin.iter().for_each(|&segment| owner[segment] = owner[segment].min(index));
    }
    let branch = |(index, bin)| extract(layout, predictions, &bin, |segment| owner[segment] == index);
    let branches = bins.into_iter().enumerate().map(branch);
    branches.filter(|branch: &Branch| !branch.origin.is_empty()).collect()
}

struct Tree {
    lengths: Vec<usize>,
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    /// Tokens of each segment and all below it.
    subtrees: Vec<usize>,
}

impl Tree {
    fn new(layout: &TokenLayout) -> Self {
        let segments = layout.segments();
        let mut children = vec![Vec::new(); segments.len()];
        let mut subtrees: Vec<usize> = segments.iter().map(|segment| segment.range.len()).collect();
        for (index, segment) in segments.iter().enumerate() {
            if let Some(parent) = segment.parent {
                children[parent].push(index);
            }
        }
        // Children come after their parents.
        for (index, segment) in segments.iter().enumerate().rev() {
            if let Some(parent) = segment.parent {
                subtrees[parent] += subtrees[index];
            }
        }
        Self {
            lengths: segments.iter().map(|segment| segment.range.len()).collect(),
            parents: segments.iter().map(|segment| segment.parent).collect(),
            children,
            subtrees,
        }
    }

    fn roots(&self) -> impl Iterator<Item = usize> {
        (0..self.parents.len()).filter(|&segment| self.parents[segment].is_none())
    }

    /// Adds the pieces of the subtree at `segment`, each with the `prefix` of segments above it.
    fn divide(&self, segment: usize, prefix: &mut Vec<usize>, pieces: &mut Vec<BTreeSet<usize>>) {
        prefix.push(segment);
        let children = &self.children[segment];
        let repeated =
            prefix.iter().map(|&s| self.lengths[s]).sum::<usize>() * children.len().saturating_sub(1);
        if children.len() > 1 && repeated * REPEATED <= self.subtrees[segment] {
            for &child in children {
                self.divide(child, prefix, pieces);
            }
        } else {
            let mut piece: BTreeSet<usize> = prefix.iter().copied().collect();
            // Children come after their parents.
            for later in segment + 1..self.parents.len() {
                if self.parents[later].is_some_and(|parent| parent >= segment && piece.contains(&parent)) {
                    piece.insert(later);
                }
            }
            pieces.push(piece);
        }
        prefix.pop();
    }

    /// Joins neighbours until each has enough tokens.
    fn join(&self, pieces: Vec<BTreeSet<usize>>) -> Vec<BTreeSet<usize>> {
        let size =
            |piece: &BTreeSet<usize>| piece.iter().map(|&segment| self.lengths[segment]).sum::<usize>();
        let mut bins: Vec<BTreeSet<usize>> = Vec::new();
        for piece in pieces {
            match bins.last_mut() {
                Some(last) if size(last) < SMALLEST => last.extend(piece),
                _ => bins.push(piece),
            }
        }
        // A small remainder at the end joins the bin before it.
        if bins.last().is_some_and(|last| size(last) < SMALLEST)
            && let Some(last) = bins.pop()
        {
            match bins.last_mut() {
                Some(before) => before.extend(last),
                None => bins.push(last),
            }
        }
        bins
    }
}

/// The segments of a bin as a layout of its own, with the predictions from the segments for which `owns` holds.
fn extract(
    layout: &TokenLayout,
    predictions: &Predictions,
    bin: &BTreeSet<usize>,
    owns: impl Fn(usize) -> bool,
) -> Branch {
    let (mut tokens, mut positions, mut segments) = (Vec::new(), Vec::new(), Vec::new());
    // The index in the branch of each token of the whole layout.
    let mut moved = vec![None; layout.num_tokens()];
    let mut owned = vec![false; layout.num_tokens()];
    let index_of = |segment: usize| bin.range(..segment).count();
    for &segment in bin {
        let SegmentSpan { range, parent } = &layout.segments()[segment];
        let start = tokens.len();
        for (offset, token) in range.clone().enumerate() {
            moved[token] = Some(start + offset);
            owned[token] = owns(segment);
        }
        tokens.extend_from_slice(&layout.tokens()[range.clone()]);
        positions.extend_from_slice(&layout.positions()[range.clone()]);
        segments.push(SegmentSpan { range: start..tokens.len(), parent: parent.map(index_of) });
    }
    let mut branch = Branch {
        layout: TokenLayout::from_parts(tokens, positions, segments),
        predictions: Predictions { sources: Vec::new(), targets: Vec::new() },
        origin: Vec::new(),
    };
    for (index, (&source, &target)) in predictions.sources.iter().zip(&predictions.targets).enumerate() {
        if let Some(source_here) = moved[source].filter(|_| owned[source]) {
            branch.predictions.sources.push(source_here);
            branch.predictions.targets.push(target);
            branch.origin.push(index);
        }
    }
    branch
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::*;

    fn layout(segments: &[(usize, Option<usize>)]) -> TokenLayout {
        let (mut start, mut spans, mut positions) = (0, Vec::new(), Vec::<u32>::new());
        for &(length, parent) in segments {
            let range: Range<usize> = start..start + length;
            let depth = parent.map_or(0, |parent: usize| {
                let span: &SegmentSpan = &spans[parent];
                positions[span.range.end - 1] + 1
            });
            positions.extend(depth..depth + length as u32);
            spans.push(SegmentSpan { range, parent });
            start += length;
        }
        TokenLayout::new((0..start as u32).collect(), positions, spans).unwrap()
    }

    /// Every position predicts a token that says where it stood.
    fn all_predict(layout: &TokenLayout) -> Predictions {
        let sources: Vec<usize> = (0..layout.num_tokens()).collect();
        Predictions { targets: layout.tokens().to_vec(), sources }
    }

    fn sizes(segments: &[(usize, Option<usize>)]) -> Vec<usize> {
        let layout = layout(segments);
        branches(&layout, &all_predict(&layout)).iter().map(|branch| branch.layout.num_tokens()).collect()
    }

    #[test]
    fn roots_are_branches_and_long_prefixes_are_not_repeated() {
        let group =
            [(300, None), (200, Some(0)), (210, Some(0)), (310, None), (200, Some(3)), (210, Some(3))];
        assert_eq!(sizes(&group), [710, 720]);
    }

    #[test]
    fn a_short_prefix_is_repeated() {
        let group = [(20, None), (300, Some(0)), (200, Some(1)), (210, Some(1)), (310, Some(0))];
        assert_eq!(sizes(&group), [730, 330]);
    }

    /// However large the batch around it is.
    #[test]
    fn a_long_prefix_is_not_repeated_in_a_large_batch() {
        let group = |at: usize| [(256, None), (128, Some(at)), (128, Some(at))];
        let groups: Vec<_> = (0..64).flat_map(|index| group(3 * index)).collect();
        assert_eq!(sizes(&groups), [512; 64]);
    }

    #[test]
    fn small_pieces_are_joined() {
        assert_eq!(sizes(&[(100, None), (100, None), (100, None), (90, None), (10, None)]), [400]);
        assert_eq!(sizes(&[(200, None), (100, None), (300, None), (90, None)]), [300, 390]);
        assert_eq!(sizes(&[(1_000, None)]), [1_000]);
    }

    proptest! {
        /// Each prediction is made once, from a token that sees what it saw.
        #[test]
        fn every_prediction_is_made_once_and_sees_what_it_saw(
            shape in prop::collection::vec((1..400usize, any::<prop::sample::Index>(), any::<bool>()), 1..14),
        ) {
            let segments: Vec<_> = shape
                .iter()
                .enumerate()
                .map(|(index, (length, parent, root))| {
                    (*length, (index > 0 && !root).then(|| parent.index(index)))
                })
                .collect();
            let whole = layout(&segments);
            let predictions = all_predict(&whole);
            let seen = |layout: &TokenLayout, source: usize| -> Vec<(u32, u32)> {
                let segment = layout.segments().iter().position(|s| s.range.contains(&source)).unwrap();
                let mut ranges = layout.ancestors(segment);
                ranges.push(layout.segments()[segment].range.start..source + 1);
                ranges.into_iter().flatten().map(|t| (layout.tokens()[t], layout.positions()[t])).collect()
            };
            let mut made = vec![0; predictions.sources.len()];
            let mut tokens = 0;
            for branch in branches(&whole, &predictions) {
                tokens += branch.layout.num_tokens();
                for (here, &origin) in branch.origin.iter().enumerate() {
                    made[origin] += 1;
                    prop_assert_eq!(branch.predictions.targets[here], predictions.targets[origin]);
                    prop_assert_eq!(
                        seen(&branch.layout, branch.predictions.sources[here]),
                        seen(&whole, predictions.sources[origin])
                    );
                }
            }
            prop_assert!(made.iter().all(|&times| times == 1), "{:?}", made);
            // Each segment with several children repeats at most a thirty-second part.
            prop_assert!(tokens <= whole.num_tokens() * (REPEATED + segments.len()) / REPEATED);
        }
    }
}
