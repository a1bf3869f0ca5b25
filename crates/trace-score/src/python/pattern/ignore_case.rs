//! Which characters a pattern without case takes for one another.

use regex_syntax::hir::ClassUnicode;

use crate::python::case::simple_lower;
use crate::python::chars::{CharSet, set, single};

/// A class to which at most so many characters belong is extended one by one.
const FEW: u32 = 0x1_0000;

/// Every character whose lower case, or an equivalent of it, is the lower case of one in `class`.
///
/// Two lower case characters are equivalent where they have the same upper case: `s` and `ſ`, `i` and `ı`.
///
/// # Source
///
/// `_optimize_charset` of `Lib/re/_compiler.py` and the table of `Lib/re/_casefix.py`, CPython 3.11. That table is
/// what the rule gives for Unicode 14.0; the tests compare all of it.
pub(super) fn without_case(class: &ClassUnicode) -> ClassUnicode {
    let wanted = lowered(class);
    let mut candidates = wanted.clone();
    candidates.union(class);
    // Case folding brings most of them together; the dotted and the dotless i fold to nothing else.
    if candidates.try_case_fold_simple().is_err() {
        return class.clone();
    }
    candidates.union(&wanted);
    if CharSet::new(&wanted).contains('i') {
        candidates.union(&single('İ'));
    }
    let wanted = CharSet::new(&wanted);
    let known = |&c: &char| wanted.contains(simple_lower(c));
    union_of(characters(&candidates).filter(known))
}

/// The lower case of every character in `class`, with its equivalents.
fn lowered(class: &ClassUnicode) -> ClassUnicode {
    let lower: Vec<char> = characters(class).map(simple_lower).collect();
    let equivalents: Vec<char> = lower.iter().flat_map(|&c| equivalents(c)).collect();
    union_of(lower.into_iter().chain(equivalents))
}

/// Lower case characters with the upper case of `c`, `c` left out.
pub(super) fn equivalents(c: char) -> Vec<char> {
    let mut folded = single(c);
    if !set::ASSIGNED.contains(c) || folded.try_case_fold_simple().is_err() {
        return Vec::new();
    }
    // Neither dotted nor dotless i is in a fold with the other; these four pairs share a full upper case only.
    for (left, right) in [('i', 'ı'), ('ΐ', '\u{1fd3}'), ('ΰ', '\u{1fe3}'), ('ﬅ', 'ﬆ')] {
        if c == left || c == right {
            folded.union(&single(left));
            folded.union(&single(right));
        }
    }
    let same = |&other: &char| {
        other != c && simple_lower(other) == other && set::ASSIGNED.contains(other) && upper_equal(c, other)
    };
    characters(&folded).filter(same).collect()
}

fn upper_equal(left: char, right: char) -> bool {
    left.to_uppercase().eq(right.to_uppercase())
}

fn characters(class: &ClassUnicode) -> impl Iterator<Item = char> {
    class.iter().flat_map(|range| range.start()..=range.end())
}

fn union_of(chars: impl Iterator<Item = char>) -> ClassUnicode {
    ClassUnicode::new(chars.map(|c| regex_syntax::hir::ClassUnicodeRange::new(c, c)))
}

/// Whether `class` is small enough for [`without_case`].
pub(super) fn is_small(class: &ClassUnicode) -> bool {
    class.iter().map(|range| range.len() as u32).sum::<u32>() <= FEW
}
