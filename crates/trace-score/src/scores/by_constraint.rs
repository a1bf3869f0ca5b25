//! Scores with the constraint as the unit.

use trace_schema::DimensionLabel;

use super::ConstraintScores;
use crate::Judged;
use crate::stats::{Estimate, IntervalConfig};

/// The scores of the constraints whose label is wanted; `None` where there are none.
pub(super) fn scores(
    rows: &[Judged],
    keep: &dyn Fn(Option<&DimensionLabel>) -> bool,
    config: &IntervalConfig,
) -> Option<ConstraintScores> {
    let (mut n, mut followed, mut n_failed) = (0, 0, 0);
    let mut sums = Vec::new();
    for row in rows {
        let (mut sum, mut count) = (0.0, 0);
        for (_, _, score) in row.constraints().filter(|(_, label, _)| keep(*label)) {
            match score {
                Some(score) => {
                    count += 1;
                    followed += usize::from(score.is_full());
                    sum += score.value();
                }
                None => n_failed += 1,
            }
        }
        n += count;
        sums.push((sum, count));
    }
    (n + n_failed > 0).then(|| ConstraintScores {
        followed: Estimate::share(followed, n, n_failed, config),
        mean_score: Estimate::mean_of_rows(&sums, n_failed, config),
    })
}
