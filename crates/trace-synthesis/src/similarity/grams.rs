//! The pieces by which texts are compared.

use std::collections::BTreeSet;
use std::hash::Hasher;

use fnv::FnvHasher;

/// A piece ends where its characters weigh at least this much.
const WEIGHT: u32 = 5;

/// An ideograph says about as much as half a word, and weighs two letters.
const IDEOGRAPH: u32 = 2;

/// The set of a text's pieces, each as a hash of 64 bits.
///
/// A piece starts at every character and goes on until it weighs 5, where a character of Chinese, Japanese or Korean
/// weighs 2 and every other one 1: five letters or three ideographs. A text that weighs less is one piece. Letters are
/// made small, full-width forms of ASCII become ASCII, and white space is dropped.
pub fn grams(text: &str) -> BTreeSet<u64> {
    let characters: Vec<char> = normalized(text).collect();
    let whole_pieces: BTreeSet<u64> =
        (0..characters.len()).filter_map(|start| piece(&characters[start..])).map(hash).collect();
    match whole_pieces.is_empty() {
        true => BTreeSet::from([hash(&characters)]),
        false => whole_pieces,
    }
}

/// The similarity of two texts as it is defined: the share of pieces that both have, from 0 to 1.
///
/// ```
/// use trace_synthesis::similarity::jaccard;
///
/// assert_eq!(jaccard("Ten words,\nplease.", "ten WORDS, please."), 1.0);
/// // "abcde" and "bcdef" of the one, "abcde" and "bcdex" of the other.
/// assert_eq!(jaccard("abcdef", "abcdex"), 1.0 / 3.0);
/// ```
pub fn jaccard(one: &str, other: &str) -> f64 {
    let (one, other) = (grams(one), grams(other));
    let both = one.intersection(&other).count();
    both as f64 / (one.len() + other.len() - both) as f64
}

fn normalized(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|character| !character.is_whitespace()).map(half_width).flat_map(char::to_lowercase)
}

/// The ASCII character of a full-width form; every other character as it is.
fn half_width(character: char) -> char {
    match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character),
        _ => character,
    }
}

/// The shortest start of `characters` that weighs enough.
fn piece(characters: &[char]) -> Option<&[char]> {
    let mut weight = 0;
    let end = characters.iter().position(|&character| {
        weight += if is_ideograph(character) { IDEOGRAPH } else { 1 };
        weight >= WEIGHT
    })?;
    Some(&characters[..=end])
}

/// Whether a character belongs to a script of Chinese, Japanese or Korean that sets no spaces between words, or is Hangul.
fn is_ideograph(character: char) -> bool {
    matches!(u32::from(character), 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7af | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

fn hash(characters: &[char]) -> u64 {
    let mut hasher = FnvHasher::default();
    characters.iter().for_each(|&character| hasher.write(&u32::from(character).to_le_bytes()));
    mix(hasher.finish())
}

/// The last steps of SplitMix64: every bit of the result depends on every bit of `value`.
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_five_letters_or_three_ideographs() {
        let pieces = |text: &str| {
            let characters: Vec<char> = normalized(text).collect();
            (0..characters.len())
                .filter_map(|start| piece(&characters[start..]))
                .map(|piece| piece.iter().collect())
                .collect::<Vec<String>>()
        };
        assert_eq!(pieces("Ab cDEF"), ["abcde", "bcdef"]);
        assert_eq!(pieces("春天的诗"), ["春天的", "天的诗"]);
        assert_eq!(pieces("用 Rust 写"), ["用rus", "rust写", "ust写"]);
        assert_eq!(pieces("ＡＢＣ：１２"), ["abc:1", "bc:12"]);
        assert!(pieces("诗").is_empty());
    }

    #[test]
    fn texts_too_short_for_a_piece_are_one_piece() {
        for text in ["", "a", "诗", "abcd"] {
            assert_eq!(grams(text).len(), 1, "{text:?}");
        }
        assert_ne!(grams("诗"), grams("歌"));
        assert_ne!(grams(""), grams("a"));
    }

    #[test]
    fn the_hash_is_the_same_on_every_machine() {
        // Computed from the definition with another program.
        assert_eq!(hash(&['a']), 0xc07a_34ed_4afc_f393);
        assert_eq!(hash(&['春', '天', '的']), 0xe0b7_f634_9a4b_b404);
    }
}
