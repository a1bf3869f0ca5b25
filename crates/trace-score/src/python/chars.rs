//! Sets of characters, as Unicode 14.0 has them.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// A set of characters with a quick answer for ASCII.
#[derive(Debug, Clone)]
pub(crate) struct CharSet {
    ascii: u128,
    ranges: Vec<(char, char)>,
}

impl CharSet {
    /// The set of a class.
    pub(crate) fn new(class: &ClassUnicode) -> Self {
        let ranges: Vec<(char, char)> = class.iter().map(|range| (range.start(), range.end())).collect();
        let mut set = Self { ascii: 0, ranges };
        set.ascii = (0..128u8).filter(|&byte| set.search(char::from(byte))).map(|byte| 1u128 << byte).sum();
        set
    }

    /// Whether the set has `c`.
    pub(crate) fn contains(&self, c: char) -> bool {
        match c.is_ascii() {
            true => self.ascii & (1 << u32::from(c)) != 0,
            false => self.search(c),
        }
    }

    fn search(&self, c: char) -> bool {
        let after = self.ranges.partition_point(|&(start, _)| start <= c);
        after > 0 && c <= self.ranges[after - 1].1
    }
}

/// The class that a fixed expression of this crate denotes.
///
/// An expression that is not a class gives the empty one, which the tests over all characters would show.
pub(crate) fn class(expression: &str) -> ClassUnicode {
    match regex_syntax::parse(expression).map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class,
        _ => ClassUnicode::empty(),
    }
}

/// The classes by name.
pub(crate) mod set {
    use super::{CharSet, LazyLock, class};

    /// Python's `\w`: `str.isalnum` or the underscore.
    pub(crate) static WORD: LazyLock<CharSet> =
        LazyLock::new(|| CharSet::new(&class(r"[[\p{L}\p{N}_]&&\p{Age:14.0}]")));
    /// Python's `\s`: `str.isspace`.
    pub(crate) static SPACE: LazyLock<CharSet> =
        LazyLock::new(|| CharSet::new(&class(r"[\p{White_Space}\x1c-\x1f]")));
    /// Python's `\d`: `str.isdecimal`.
    pub(crate) static DECIMAL: LazyLock<CharSet> =
        LazyLock::new(|| CharSet::new(&class(r"[\p{Nd}&&\p{Age:14.0}]")));
    /// Characters that `str.isupper` needs one of.
    pub(crate) static UPPERCASE: LazyLock<CharSet> =
        LazyLock::new(|| CharSet::new(&class(r"[\p{Uppercase}&&\p{Age:14.0}]")));
    /// Characters that `str.islower` needs one of; five modifier letters became lower case after Unicode 14.0.
    pub(crate) static LOWERCASE: LazyLock<CharSet> = LazyLock::new(|| {
        CharSet::new(&class(r"[\p{Lowercase}&&\p{Age:14.0}--[\u{10FC}\u{A7F2}-\u{A7F4}\u{AB69}]]"))
    });
    /// Title case letters, which are neither.
    pub(crate) static TITLECASE: LazyLock<CharSet> = LazyLock::new(|| CharSet::new(&class(r"\p{Lt}")));
    /// Characters that the rule for the final sigma sees as letters with case.
    pub(crate) static CASED: LazyLock<CharSet> =
        LazyLock::new(|| CharSet::new(&class(r"[\p{Cased}&&\p{Age:14.0}]")));
    /// Characters that the rule for the final sigma looks through; U+1171E was one of them in Unicode 14.0.
    pub(crate) static CASE_IGNORABLE: LazyLock<CharSet> =
        LazyLock::new(|| CharSet::new(&class(r"[[\p{Case_Ignorable}\u{1171E}]&&\p{Age:14.0}]")));
    /// Characters that Unicode 14.0 assigns.
    pub(crate) static ASSIGNED: LazyLock<CharSet> = LazyLock::new(|| CharSet::new(&class(r"\p{Age:14.0}")));
}

/// Whether Python's `\w` matches `c`.
pub(crate) fn is_word(c: char) -> bool {
    set::WORD.contains(c)
}

/// Whether Python's `\s` matches `c`, and `str.strip` takes it away.
pub(crate) fn is_space(c: char) -> bool {
    set::SPACE.contains(c)
}

/// Whether Python's `\d` matches `c`.
pub(crate) fn is_decimal(c: char) -> bool {
    set::DECIMAL.contains(c)
}

/// The class of one character.
pub(crate) fn single(c: char) -> ClassUnicode {
    range(c, c)
}

/// The class from `start` to `end`, both included.
pub(crate) fn range(start: char, end: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(start, end)])
}
