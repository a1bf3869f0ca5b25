//! Two systems on the same items, right or wrong.

use statrs::distribution::{Binomial, DiscreteCDF};

/// The p-value of McNemar's exact two-sided test.
///
/// ```text
/// min(1, 2·P[X ≤ min(b, c)]),   X ~ Binomial(b + c, ½)
/// ```
///
/// b items only the first system has right, c only the second; items on which both agree do not count. 1 where there
/// are no items of either kind.
///
/// # Source
///
/// McNemar, *Note on the sampling error of the difference between correlated proportions*, Psychometrika 12 (1947), in
/// its exact form.
///
/// ```
/// // 2·(C(6,0) + C(6,1)) / 2⁶ = 14/64
/// assert!((trace_score::stats::mcnemar_exact(1, 5) - 0.21875).abs() < 1e-12);
/// ```
pub fn mcnemar_exact(only_first: usize, only_second: usize) -> f64 {
    let (fewer, all) = (only_first.min(only_second), only_first.saturating_add(only_second));
    match Binomial::new(0.5, all as u64) {
        Ok(distribution) if all > 0 => (2.0 * distribution.cdf(fewer as u64)).min(1.0),
        _ => 1.0,
    }
}
