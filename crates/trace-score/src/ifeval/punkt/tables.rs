//! Facts about English words: abbreviations, and how words are capitalised.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// How a word that occurs in lower case is written elsewhere.
///
/// These are the distinctions between the orthographic contexts of punkt that its decisions depend on. A word that
/// never occurs in lower case decides as one that is not known at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordUse {
    /// Capitalised at the start of sentences, or nowhere.
    LowerCase,
    /// Never capitalised, not even at the start of a sentence.
    LowerCaseStart,
    /// Capitalised within sentences too.
    EitherCase,
}

/// The tables of one language.
#[derive(Debug)]
pub(super) struct Tables {
    abbreviations: HashSet<&'static str>,
    collocations: HashSet<(&'static str, &'static str)>,
    sentence_starters: HashSet<&'static str>,
    uses: HashMap<&'static str, WordUse>,
}

static ENGLISH: LazyLock<Tables> = LazyLock::new(|| {
    let with = |words: &'static str, word_use| words.lines().map(move |word| (word, word_use));
    let collocations = include_str!("english/collocations.txt");
    Tables {
        abbreviations: include_str!("english/abbreviations.txt").lines().collect(),
        collocations: collocations.lines().filter_map(|pair| pair.split_once(' ')).collect(),
        sentence_starters: include_str!("english/sentence_starters.txt").lines().collect(),
        uses: with(include_str!("english/lower_case.txt"), WordUse::LowerCase)
            .chain(with(include_str!("english/lower_case_start.txt"), WordUse::LowerCaseStart))
            .chain(with(include_str!("english/either_case.txt"), WordUse::EitherCase))
            .collect(),
    }
});

impl Tables {
    /// The tables of English; `english/NOTICE` says where they come from.
    pub(super) fn english() -> &'static Self {
        &ENGLISH
    }

    pub(super) fn is_abbreviation(&self, word: &str) -> bool {
        self.abbreviations.contains(word)
    }

    /// Whether `second` often follows `first` and its period within a sentence.
    pub(super) fn is_collocation(&self, first: &str, second: &str) -> bool {
        self.collocations.contains(&(first, second))
    }

    pub(super) fn is_sentence_starter(&self, word: &str) -> bool {
        self.sentence_starters.contains(word)
    }

    /// How the word is written, if it occurs in lower case.
    pub(super) fn use_of(&self, word: &str) -> Option<WordUse> {
        self.uses.get(word).copied()
    }
}
