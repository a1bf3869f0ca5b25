//! Comparing wordings: numbering, spacing and punctuation set aside.

/// The text of a constraint without a number in front of it, such as `1. `, `(2)` or `3、`.
///
/// ```
/// use trace_score::trace::without_number;
///
/// assert_eq!(without_number("2. Use three words."), "Use three words.");
/// assert_eq!(without_number("1.5 metres at most"), "1.5 metres at most");
/// ```
pub fn without_number(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix(['(', '（', '[', '【']).unwrap_or(text);
    let digits = inner.find(|c: char| !c.is_ascii_digit()).unwrap_or(inner.len());
    let after = &inner[digits..];
    let body = after.trim_start_matches(['.', '．', '、', ':', '：', ')', '）', ']', '】']);
    // A number without a mark after it is part of the sentence, and so are the digits of 1.5, 16:9 and 10:30.
    let joined = after.starts_with(['.', '．', ':', '：']) && body.starts_with(|c: char| c.is_ascii_digit());
    if digits == 0 || digits > 3 || body.len() == after.len() || joined { text } else { body.trim_start() }
}

/// The wording of a constraint: no number, no white space, no mark that ends a list item.
pub(super) fn wording(text: &str) -> String {
    let body = without_number(text).trim_end_matches(|c: char| c.is_whitespace() || ENDS.contains(c));
    body.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Marks that end an item of a list without changing what it says.
const ENDS: &str = "；;。.，,、";

/// The letters and digits of a text, in lower case.
pub(super) fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_front_are_no_part_of_the_wording() {
        for text in [
            "1. 不超过三句；",
            "1、不超过三句",
            "(1) 不超过三句。",
            "【12】不超过三句",
            "不超过三句 ；",
            "3：不超过三句",
        ] {
            assert_eq!(wording(text), "不超过三句", "{text}");
        }
    }

    #[test]
    fn numbers_of_the_sentence_stay() {
        for text in
            ["10 words at most", "1.5 metres", "16:9 pictures", "10：30开始", "2024年的新闻", "1234. x", "6"]
        {
            assert_eq!(without_number(text), text);
        }
    }
}
