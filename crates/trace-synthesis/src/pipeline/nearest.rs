//! The known name that a misspelled one may stand for.

/// Below this similarity a suggestion would mislead.
const NEAREST: f64 = 0.6;

/// The longest name that is compared, in bytes: a longer one is nobody's typing error, and costs time.
const LONGEST: usize = 100;

/// The most similar known name, if one is similar at all.
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
    fn a_slip_is_understood_and_a_strange_name_is_not() {
        assert_eq!(nearest("instrution", ["instruction", "input"]), Some("instruction"));
        assert_eq!(nearest("zebra", ["instruction", "input"]), None);
        assert_eq!(nearest(&"x".repeat(200), ["x"]), None);
    }
}
