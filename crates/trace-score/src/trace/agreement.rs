//! How far several raters agree.

use serde::{Deserialize, Serialize};

use crate::ScoreError;

/// Agreement of k raters on n items.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// The number of items, n.
    pub items: usize,
    /// The number of raters of each item, k.
    pub raters: usize,
    /// Mean over items of the share of pairs of raters that agree, from 0 to 1: P̄.
    pub percent_agreement: f64,
    /// Share of items on which all raters agree.
    pub unanimous: f64,
    /// Fleiss' kappa; `None` where all ratings are the same, so that nothing is left to agree about by chance.
    pub fleiss_kappa: Option<f64>,
}

/// Agreement over items, each with one category per rater; which rater is which does not matter.
///
/// Scores from 0 to 10 are eleven categories without order. For agreement on whether a constraint is followed, map them
/// to two before.
///
/// ```text
/// Pᵢ = (Σⱼ nᵢⱼ² − k) / (k(k − 1))     P̄ = mean Pᵢ     P̄ₑ = Σⱼ (Σᵢ nᵢⱼ / (nk))²     κ = (P̄ − P̄ₑ) / (1 − P̄ₑ)
/// ```
///
/// with nᵢⱼ the number of raters that put item i into category j.
///
/// # Errors
///
/// No items, fewer than two raters, or items with different numbers of raters.
///
/// # Source
///
/// Fleiss, *Measuring nominal scale agreement among many raters*, Psychological Bulletin 76 (1971). Section 4.4 of the
/// paper reports an agreement rate of 95 % among three annotators without saying which of the first two rates it is.
///
/// ```
/// let agreement = trace_score::trace::agreement(&[vec![1, 1], vec![0, 1], vec![0, 0], vec![1, 1]])?;
/// assert_eq!(agreement.percent_agreement, 0.75);
/// # Ok::<(), trace_score::ScoreError>(())
/// ```
pub fn agreement(ratings: &[Vec<u8>]) -> Result<Agreement, ScoreError> {
    let raters = check(ratings)?;
    let (items, pairs) = (ratings.len() as f64, (raters * (raters - 1)) as f64);
    let mut totals = [0_usize; 256];
    let (mut agreeing, mut unanimous) = (0.0, 0_usize);
    for item in ratings {
        let mut counts = [0_usize; 256];
        for &category in item {
            counts[usize::from(category)] += 1;
            totals[usize::from(category)] += 1;
        }
        agreeing += counts.iter().map(|n| n * n.saturating_sub(1)).sum::<usize>() as f64 / pairs;
        unanimous += usize::from(counts.contains(&raters));
    }
    let percent_agreement = agreeing / items;
    let share = |&total: &usize| total as f64 / (items * raters as f64);
    let by_chance: f64 = totals.iter().map(share).map(|share| share * share).sum();
    let all_the_same = totals.iter().filter(|&&total| total > 0).count() == 1;
    Ok(Agreement {
        items: ratings.len(),
        raters,
        percent_agreement,
        unanimous: unanimous as f64 / items,
        fleiss_kappa: (!all_the_same).then(|| (percent_agreement - by_chance) / (1.0 - by_chance)),
    })
}

/// The number of raters, the same for every item.
fn check(ratings: &[Vec<u8>]) -> Result<usize, ScoreError> {
    let first = ratings.first().ok_or_else(|| ScoreError::new("no items to compare raters on"))?;
    for (item, found) in ratings.iter().map(Vec::len).enumerate() {
        if found != first.len() {
            let message = format!("item {item} has {found} ratings, the first has {}", first.len());
            return Err(ScoreError::new(message));
        }
        if found < 2 {
            let message = format!("item {item} has {found} ratings; agreement needs at least two");
            return Err(ScoreError::new(message));
        }
    }
    Ok(first.len())
}
