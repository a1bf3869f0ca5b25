//! The known name that a misspelled one may stand for.

/// Below this similarity a suggestion would mislead.
const NEAREST: f64 = 0.7;

/// The longest name that is compared, in bytes: a longer one is not a typing error, and costs time.
const LONGEST: usize = 100;

/// The most similar known name, if one is similar at all: what an error suggests for a name that is unknown.
///
/// ```
/// use trace_schema::nearest;
///
/// assert_eq!(nearest("instrution", ["instruction", "input"]), Some("instruction"));
/// assert_eq!(nearest("zebra", ["instruction", "input"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity >= NEAREST)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_text_as_long_as_a_page_is_no_typing_error() {
        let (long, longer) = ("x".repeat(100), "x".repeat(101));
        assert_eq!(nearest(&long, [longer.as_str()]), Some(longer.as_str()));
        assert_eq!(nearest(&longer, [long.as_str()]), None);
    }
}
