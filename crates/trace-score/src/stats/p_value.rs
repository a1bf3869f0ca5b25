//! p-values as text.

/// A p-value to so many decimal places; one below the last of them as `< 0.001`, because no test's p is zero.
#[must_use]
pub fn p_value_text(p_value: f64, places: usize) -> String {
    let least = 0.1_f64.powf(places as f64);
    if p_value < least { format!("< {least:.places$}") } else { format!("{p_value:.places$}") }
}

#[cfg(test)]
mod tests {
    use super::p_value_text;

    #[test]
    fn a_value_that_would_round_to_zero_is_shown_by_its_bound() {
        assert_eq!(p_value_text(0.0476, 3), "0.048");
        assert_eq!(p_value_text(0.001_01, 3), "0.001");
        assert_eq!(p_value_text(0.000_99, 3), "< 0.001");
        assert_eq!(p_value_text(0.0, 4), "< 0.0001");
        assert_eq!(p_value_text(1.0, 2), "1.00");
    }
}
