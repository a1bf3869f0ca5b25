//! Tokens of English text, as NLTK 3.9.1's `word_tokenize` makes them.
//!
//! A sentence is rewritten rule by rule until white space separates its tokens.
//!
//! # Source
//!
//! The rules of `NLTKWordTokenizer` (`nltk.tokenize.destructive` 3.9.1), which follow the Penn Treebank.

use super::punkt::sentences;
use crate::python::{is_decimal, is_space, is_word};

/// Contractions of two words that become two tokens, in lower case.
const CONTRACTIONS: [(&str, &str); 7] = [
    ("can", "not"),
    ("d", "'ye"),
    ("gim", "me"),
    ("gon", "na"),
    ("got", "ta"),
    ("lem", "me"),
    ("more", "'n"),
];

/// The tokens of an English text: words, punctuation, and parts of contractions.
///
/// Straight double quotes become `` `` `` and `''`.
///
/// ```
/// use trace_score::ifeval::word_tokens;
///
/// assert_eq!(word_tokens("You CAN'T stop."), ["You", "CA", "N'T", "stop", "."]);
/// ```
pub fn word_tokens(text: &str) -> Vec<String> {
    sentences(text).into_iter().flat_map(sentence_tokens).collect()
}

fn sentence_tokens(sentence: &str) -> Vec<String> {
    let chars = parentheses_and_dashes(punctuation(opening_quotes(sentence.chars().collect())));
    let padded: Vec<char> = std::iter::once(' ').chain(chars).chain(std::iter::once(' ')).collect();
    let chars = contractions(closing_quotes(padded));
    chars
        .split(|&c| is_space(c))
        .filter(|token| !token.is_empty())
        .map(|token| token.iter().collect())
        .collect()
}

/// A rule: what to write for the characters at an index, and how many of them are used up.
type Rewrite = Option<(Vec<char>, usize)>;

/// Applies a rule from left to right, never twice to one character.
fn rewrite(chars: &[char], rule: impl Fn(&[char], usize) -> Rewrite) -> Vec<char> {
    let mut written = Vec::with_capacity(chars.len() + 16);
    let mut at = 0;
    while at < chars.len() {
        match rule(chars, at) {
            Some((text, used)) if used > 0 => {
                written.extend(text);
                at += used;
            }
            _ => {
                written.push(chars[at]);
                at += 1;
            }
        }
    }
    written
}

/// Puts spaces around each of the characters.
fn pad(chars: &[char], wanted: &[char]) -> Vec<char> {
    rewrite(chars, |chars, at| wanted.contains(&chars[at]).then(|| (vec![' ', chars[at], ' '], 1)))
}

/// Puts spaces around runs of at least `least` times `mark`.
fn pad_runs(chars: &[char], mark: char, least: usize) -> Vec<char> {
    rewrite(chars, |chars, at| {
        let length = chars[at..].iter().take_while(|&&c| c == mark).count();
        (length >= least).then(|| (join(&[&[' '], &chars[at..at + length], &[' ']]), length))
    })
}

fn join(parts: &[&[char]]) -> Vec<char> {
    parts.concat()
}

fn starts_with(chars: &[char], text: &str) -> bool {
    let mut rest = chars.iter();
    text.chars().all(|c| rest.next() == Some(&c))
}

/// Replaces every occurrence of `from`.
fn replace(chars: &[char], from: &str, to: &str) -> Vec<char> {
    rewrite(chars, |chars, at| {
        starts_with(&chars[at..], from).then(|| (to.chars().collect(), from.chars().count()))
    })
}

fn opening_quotes(chars: Vec<char>) -> Vec<char> {
    let chars = pad_runs(&pad(&chars, &['«', '“', '‘', '„']), '`', 1);
    let chars = match chars.split_first() {
        Some(('"', rest)) => join(&[&['`', '`'], rest]),
        _ => chars,
    };
    let chars = replace(&chars, "``", " `` ");
    let chars = rewrite(&chars, |chars, at| {
        let rest = &chars[at + 1..];
        let quote = if rest.first() == Some(&'"') { 1 } else { 2 };
        let opens = [' ', '(', '[', '{', '<'].contains(&chars[at]) && (quote == 1 || starts_with(rest, "''"));
        opens.then(|| (join(&[&[chars[at]], &[' ', '`', '`', ' ']]), 1 + quote))
    });
    rewrite(&chars, quoted_letter)
}

/// An apostrophe before a word of one character, which is no clitic.
fn quoted_letter(chars: &[char], at: usize) -> Rewrite {
    let clitics = ['m', 't', 's', 'd', 'n', 'M', 'T', 'S', 'D', 'N', 'ſ'];
    let letter = *chars.get(at + 1)?;
    let alone = is_word(letter) && !chars.get(at + 2).is_some_and(|&c| is_word(c));
    (chars[at] == '\'' && alone && !clitics.contains(&letter)).then(|| (vec!['\'', ' ', letter], 2))
}

fn punctuation(chars: Vec<char>) -> Vec<char> {
    let chars = final_period(chars, &[']', ')', '}', '>', '"', '\'', '»', '”', '’', ' '], true);
    let chars = rewrite(&chars, |chars, at| {
        let next = *chars.get(at + 1)?;
        let splits = matches!(chars[at], ':' | ',') && !is_decimal(next);
        splits.then(|| (vec![' ', chars[at], ' ', next], 2))
    });
    let chars = rewrite(&chars, |chars, at| {
        let ends = matches!(chars[at], ':' | ',') && matches!(&chars[at + 1..], [] | ['\n']);
        ends.then(|| (vec![' ', chars[at], ' '], 1))
    });
    let chars = pad_runs(&chars, '.', 2);
    let chars = pad(&chars, &[';', '@', '#', '$', '%', '&']);
    let chars = final_period(chars, &[']', ')', '}', '>', '"', '\''], false);
    let chars = pad(&chars, &['?', '!']);
    let chars = rewrite(&chars, |chars, at| {
        let splits = chars[at] != '\'' && starts_with(&chars[at + 1..], "' ");
        splits.then(|| (vec![chars[at], ' ', '\'', ' '], 3))
    });
    pad(&chars, &['*'])
}

/// Puts spaces around a period at the end, after which only `closers` and then white space may stand.
///
/// The closers become tokens of their own if `separate` is set, else they stay together with what follows the period.
fn final_period(chars: Vec<char>, closers: &[char], separate: bool) -> Vec<char> {
    let Some(period) = chars.iter().rposition(|&c| c == '.') else {
        return chars;
    };
    let after = &chars[period + 1..];
    let closing = after.iter().take_while(|c| closers.contains(c)).count();
    let ends = after[closing..].iter().all(|&c| is_space(c));
    if !ends || period == 0 || chars[period - 1] == '.' {
        return chars;
    }
    let between: &[char] = if separate { &[' '] } else { &[] };
    join(&[&chars[..period], &[' ', '.'], between, &after[..closing], &[' ']])
}

fn parentheses_and_dashes(chars: Vec<char>) -> Vec<char> {
    let chars = pad(&chars, &[']', '[', '(', ')', '{', '}', '<', '>']);
    replace(&chars, "--", " -- ")
}

fn closing_quotes(chars: Vec<char>) -> Vec<char> {
    let chars = pad(&chars, &['»', '”', '’']);
    let chars = replace(&chars, "''", " '' ");
    let chars = replace(&chars, "\"", " '' ");
    let chars = rewrite(&chars, |chars, at| {
        let length = chars[at..].iter().take_while(|&&c| is_space(c)).count();
        (length > 0).then(|| (vec![' '], length))
    });
    let chars =
        rewrite(&chars, |chars, at| split_ending(chars, at, &["'s", "'S", "'m", "'M", "'d", "'D", "'"]));
    let endings = ["'ll", "'LL", "'re", "'RE", "'ve", "'VE", "n't", "N'T"];
    rewrite(&chars, |chars, at| split_ending(chars, at, &endings))
}

/// A space between the character at `at` and an ending before a space.
fn split_ending(chars: &[char], at: usize, endings: &[&str]) -> Rewrite {
    let rest = &chars[at + 1..];
    let fits = |ending: &&&str| starts_with(rest, ending) && rest.get(ending.chars().count()) == Some(&' ');
    let ending = endings.iter().find(fits).filter(|_| !matches!(chars[at], '\'' | ' '))?;
    let length = ending.chars().count();
    Some((join(&[&[chars[at], ' '], &rest[..=length]]), length + 2))
}

fn contractions(chars: Vec<char>) -> Vec<char> {
    let mut chars = chars;
    for (first, second) in CONTRACTIONS {
        chars = rewrite(&chars, |chars, at| {
            let length = first.chars().count() + second.chars().count();
            let stands = is_boundary(chars, at) && is_boundary(chars, at + length);
            split_contraction(chars, at, first, second).filter(|_| stands)
        });
    }
    chars = rewrite(&chars, |chars, at| {
        let stands = is_boundary(chars, at) && chars.get(at + 5).is_some_and(|&c| is_space(c));
        split_contraction(chars, at, "wan", "na").filter(|_| stands)
    });
    for second in ["is", "was"] {
        chars = rewrite(&chars, |chars, at| {
            let end = at + 3 + second.len();
            split_contraction(chars, at, " 't", second)
                .filter(|_| is_boundary(chars, end))
                // The space before the word is used up.
                .map(|(written, used)| (written[1..].to_vec(), used))
        });
    }
    chars
}

/// Writes `first` and `second` apart, each with its case, if both stand at `at` in any case.
fn split_contraction(chars: &[char], at: usize, first: &str, second: &str) -> Rewrite {
    let (middle, end) = (at + first.len(), at + first.len() + second.len());
    let found = chars.get(at..end)?.iter().zip(first.chars().chain(second.chars()));
    let same = found.into_iter().all(|(&c, wanted)| is_same_letter(c, wanted));
    same.then(|| (join(&[&[' '], &chars[at..middle], &[' '], &chars[middle..end], &[' ']]), end - at))
}

/// Whether `c` is the lower case ASCII character `wanted` for a pattern without case.
fn is_same_letter(c: char, wanted: char) -> bool {
    c.to_ascii_lowercase() == wanted
        || matches!((c, wanted), ('ı' | 'İ', 'i') | ('ſ', 's') | ('\u{212a}', 'k'))
}

/// Whether a word starts or ends before the index.
fn is_boundary(chars: &[char], at: usize) -> bool {
    let word = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|&c| is_word(c));
    word(at.checked_sub(1)) != word(Some(at))
}
