//! The interval of a share.

use statrs::distribution::{ContinuousCDF, Normal};

use super::Interval;
use super::interval::is_level;

/// Wilson's score interval of `successes` out of `n`.
///
/// ```text
/// (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n),   p = successes/n,   z = Φ⁻¹((1 + level)/2)
/// ```
///
/// It stays within 0 and 1, and has a width where every item or none is a success. `None` where there are no items, more
/// successes than items, or a level outside of (0, 1). Items are taken to be independent.
///
/// # Source
///
/// Wilson, *Probable inference, the law of succession, and statistical inference*, JASA 22 (1927).
///
/// ```
/// let interval = trace_score::stats::wilson_interval(81, 263, 0.95).unwrap();
/// assert!((interval.low - 0.2553).abs() < 5e-5 && (interval.high - 0.3662).abs() < 5e-5);
/// ```
pub fn wilson_interval(successes: usize, n: usize, level: f64) -> Option<Interval> {
    if n == 0 || successes > n || !is_level(level) {
        return None;
    }
    let z = Normal::standard().inverse_cdf((1.0 + level) / 2.0);
    let (successes, total) = (successes as f64, n as f64);
    let share = successes / total;
    let shrink = z * z / total;
    let centre = share + shrink / 2.0;
    let half = z * (share * (1.0 - share) / total + shrink / (4.0 * total)).sqrt();
    let end = |end: f64| end / (1.0 + shrink);
    // At the ends rounding would leave a trace above 0 or below 1.
    let low = if successes == 0.0 { 0.0 } else { end(centre - half) };
    let high = if successes == total { 1.0 } else { end(centre + half) };
    Some(Interval { low, high })
}
