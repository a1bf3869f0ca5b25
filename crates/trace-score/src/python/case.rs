//! Upper and lower case of whole strings and single characters.

use super::chars::set;

/// `str.isupper()`: some upper case letter, and neither a lower nor a title case one.
pub fn is_upper(text: &str) -> bool {
    !text.chars().any(|c| set::LOWERCASE.contains(c) || set::TITLECASE.contains(c))
        && text.chars().any(|c| set::UPPERCASE.contains(c))
}

/// `str.islower()`: some lower case letter, and neither an upper nor a title case one.
pub fn is_lower(text: &str) -> bool {
    !text.chars().any(|c| set::UPPERCASE.contains(c) || set::TITLECASE.contains(c))
        && text.chars().any(|c| set::LOWERCASE.contains(c))
}

/// Whether the first character alone is upper case.
pub(crate) fn first_is_upper(text: &str) -> bool {
    text.chars().next().is_some_and(|c| set::UPPERCASE.contains(c))
}

/// Whether the first character alone is lower case.
pub(crate) fn first_is_lower(text: &str) -> bool {
    text.chars().next().is_some_and(|c| set::LOWERCASE.contains(c))
}

/// `str.lower()`: the full mapping of Unicode 14.0, with the final sigma.
pub(crate) fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut lowered = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            'Σ' if is_final_sigma(&text[..at], &text[at + c.len_utf8()..]) => lowered.push('ς'),
            _ => lowered.extend(lower_char(c)),
        }
    }
    lowered
}

/// The full lower case of one character by itself; only `İ` has two characters.
pub(crate) fn lower_char(c: char) -> impl Iterator<Item = char> {
    let mapped = set::ASSIGNED.contains(c).then(|| c.to_lowercase());
    let unchanged = mapped.is_none().then_some(c);
    mapped.into_iter().flatten().chain(unchanged)
}

/// The simple lower case, one character for one, as patterns without case use it.
pub(crate) fn simple_lower(c: char) -> char {
    lower_char(c).next().unwrap_or(c)
}

/// Whether a sigma between the two texts ends a word: letters before, none after.
fn is_final_sigma(before: &str, after: &str) -> bool {
    let cased = |c: Option<char>| c.is_some_and(|c| set::CASED.contains(c));
    cased(before.chars().rev().find(|&c| !set::CASE_IGNORABLE.contains(c)))
        && !cased(after.chars().find(|&c| !set::CASE_IGNORABLE.contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_case_and_modifier_letters_are_not_upper_case() {
        assert!(is_upper("HELLO 1!") && is_upper("AⅧ"));
        assert!(!is_upper("123") && !is_upper("") && !is_upper("Aʰ") && !is_upper("Aǅ"));
    }

    #[test]
    fn lower_case_needs_a_lower_case_letter() {
        assert!(is_lower("ʰ") && is_lower("don't") && is_lower("ª"));
        assert!(!is_lower("") && !is_lower("1") && !is_lower("aǅ") && !is_lower("aⅧ"));
    }

    #[test]
    fn the_last_sigma_of_a_word_is_final() {
        assert_eq!(lower("ΟΔΟΣ ΣΑΣ. Σ"), "οδος σας. σ");
        assert_eq!(lower("ΑΣ'Β ΑΣ'"), "ασ'β ας'");
    }

    #[test]
    fn the_dotted_capital_i_has_two_characters() {
        assert_eq!(lower("İ"), "i\u{307}");
        assert_eq!(simple_lower('İ'), 'i');
        assert_eq!(lower("ẞK"), "ßk");
    }

    #[test]
    fn letters_after_unicode_14_have_no_case() {
        // U+1C89 and U+A7CB came with Unicode 16.0.
        assert_eq!(lower("\u{1c89}\u{a7cb}"), "\u{1c89}\u{a7cb}");
        assert!(!is_upper("\u{1c89}"));
    }
}
