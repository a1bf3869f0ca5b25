//! Numbers as Python reads them, and as numpy adds and rounds them.

use std::sync::LazyLock;

use regex::Regex;

/// `float(text)`, or `None` where Python raises a `ValueError`.
///
/// Every decimal digit of Unicode counts as a digit, underscores may stand between digits, and infinities and NaN have
/// names. Unlike in [`strip`](super::strip), the four separators of ASCII do not count as white space here.
pub(crate) fn float(text: &str) -> Option<f64> {
    let digits: Option<String> = text.trim().chars().map(ascii).collect();
    let digits = digits?;
    match NUMBER.as_ref()?.is_match(&digits) {
        true => digits.replace('_', "").parse().ok(),
        false => None,
    }
}

/// `int(text)` as a float, or `None` beyond 64 bits or where Python raises a `ValueError`.
pub(crate) fn int(text: &str) -> Option<f64> {
    let digits: Option<String> = text.trim().chars().map(ascii).collect();
    let digits = digits?;
    match INTEGER.as_ref()?.is_match(&digits) {
        true => digits.replace('_', "").parse::<i64>().ok().map(|number| number as f64),
        false => None,
    }
}

static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let whole = r"[0-9](?:_?[0-9])*";
    let decimal = format!(r"(?:{whole}(?:\.(?:{whole})?)?|\.{whole})(?:e[+-]?{whole})?");
    Regex::new(&format!(r"(?i)\A[+-]?(?:{decimal}|inf|infinity|nan)\z")).ok()
});
static INTEGER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\A[+-]?[0-9](?:_?[0-9])*\z").ok());
static DIGIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\A\p{Nd}\z").ok());

/// The ASCII digit of the same value; other characters of ASCII as they are; `None` for the rest.
fn ascii(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    if !is_digit(c) {
        return None;
    }
    // Unicode's decimal digits lie in runs of ten, or of several tens, from zero to nine.
    let before =
        (0..u32::from(c)).rev().take_while(|&code| char::from_u32(code).is_some_and(is_digit)).count();
    char::from_digit((before % 10) as u32, 10)
}

fn is_digit(c: char) -> bool {
    DIGIT.as_ref().is_some_and(|digit| digit.is_match(c.encode_utf8(&mut [0; 4])))
}

/// `numpy.mean` of a list of floats; NaN for an empty one.
pub(crate) fn mean(values: &[f64]) -> f64 {
    pairwise_sum(values) / values.len() as f64
}

/// The order in which numpy adds up a contiguous array, on which the last bits of a sum depend.
///
/// Up to 7 values one by one; up to 128 in eight running sums; more in two halves, the first a multiple of 8.
///
/// # Source
///
/// The documented behaviour of `numpy.sum`, "partial pairwise summation", with numpy 2's block size.
fn pairwise_sum(values: &[f64]) -> f64 {
    if values.len() < 8 {
        return values.iter().fold(0.0, |sum, value| sum + value);
    }
    if values.len() > 128 {
        let (first, second) = values.split_at(values.len() / 2 / 8 * 8);
        return pairwise_sum(first) + pairwise_sum(second);
    }
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

/// `round(x, 2)` of a numpy float: multiply, round half to even, divide.
///
/// Python's own `round` looks at the exact decimal value instead: 33/200 is 0.16 here and 0.17 there.
pub(crate) fn round_to_hundredths(value: f64) -> f64 {
    (value * 100.0).round_ties_even() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_as_python_reads_them() {
        let read = [
            ("1", 1.0),
            (" 1\n", 1.0),
            ("\u{85}1\u{3000}", 1.0),
            ("１", 1.0),
            ("١.٥", 1.5),
            ("1_0", 10.0),
            ("+1.", 1.0),
            (".5", 0.5),
            ("-0", 0.0),
            ("1e0", 1.0),
            ("1E-1", 0.1),
            ("𝟏", 1.0),
            ("𝟡", 9.0),
            ("iNf", f64::INFINITY),
            ("1e999", f64::INFINITY),
        ];
        for (text, value) in read {
            assert_eq!(float(text), Some(value), "{text:?}");
        }
        assert!(float("nan").is_some_and(f64::is_nan));
        for text in [
            "", " ", "1。", "0x1", "1_", "_1", "1__0", "yes", "1 0", ".", "e1", "²", "①", "1e", "− 1",
            "1\u{1f}",
        ] {
            assert_eq!(float(text), None, "{text:?}");
        }
    }

    #[test]
    fn integers_are_read_as_python_reads_them() {
        assert_eq!(int(" +1_0\n"), Some(10.0));
        assert_eq!(int("３"), Some(3.0));
        for text in ["", "1.0", "1_", "a", "99999999999999999999"] {
            assert_eq!(int(text), None);
        }
    }
}
