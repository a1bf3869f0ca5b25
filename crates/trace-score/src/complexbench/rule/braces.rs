//! Braces that match by count.

/// The first part of a text, from a brace to the brace that closes it by count.
///
/// Braces inside of strings are counted too, and a closing brace before the first opening one spoils the count: this is
/// how the official program finds an object.
pub(super) fn first_braces(text: &str) -> &str {
    let (mut depth, mut start) = (0_i64, 0);
    if !text.contains('{') {
        return "";
    }
    for (at, c) in text.char_indices() {
        match c {
            '{' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return &text[start..=at];
                }
            }
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_matched_by_count() {
        assert_eq!(first_braces("x {a{b}} {c}"), "{a{b}}");
        assert_eq!(first_braces("{\"}\"}"), "{\"}");
        assert_eq!(first_braces("} {a}"), "");
        assert_eq!(first_braces("{"), "");
    }
}
