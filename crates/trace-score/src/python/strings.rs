//! `str` methods over white space, and words.

use super::chars::{is_space, is_word};

/// `str.strip()`: white space here includes U+001C to U+001F.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Whether nothing is left of `text` after [`strip`].
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(is_space)
}

/// `str.split()`: the runs between white space.
pub(crate) fn split_whitespace(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|piece| !piece.is_empty())
}

/// The number of matches of `\w+`.
///
/// Marks do not belong to words, so that "क्षेत्र में" has five.
pub fn count_words(text: &str) -> u64 {
    let mut count = 0;
    let mut inside = false;
    for c in text.chars() {
        let word = is_word(c);
        count += u64::from(word && !inside);
        inside = word;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_white_space() {
        assert_eq!(strip("\u{1c}\u{1d}a\u{a0}\u{3000}\n"), "a");
        assert_eq!(strip("\u{200b}a\u{feff}"), "\u{200b}a\u{feff}");
        assert!(is_blank("\u{1e}\u{1f}\u{85}") && is_blank("") && !is_blank("\u{180e}"));
        assert_eq!(split_whitespace(" a\u{1f}b\n").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn words_have_no_marks() {
        assert_eq!(count_words("क्षेत्र में"), 5);
        assert_eq!(count_words("don't stop_it ² Ⅷ"), 5);
        assert_eq!(count_words("—"), 0);
    }
}
