//! Learning rates over the course of a run.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// The shape of the schedule after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrScheduleKind {
    /// Half a cosine down to 0.
    Cosine,
    /// A line down to 0.
    Linear,
    /// Constant; no warm-up.
    Constant,
    /// Constant after the warm-up.
    ConstantWithWarmup,
}

/// A learning rate for every update.
///
/// ```text
/// k < w:  η k / w
/// k ≥ w:  cosine  η ½ (1 + cos(π (k − w) / (T − w)))
///         linear  η (T − k) / (T − w)
/// ```
///
/// With a warm-up the first update has rate 0, as in transformers, whose rules these are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LrSchedule {
    /// Shape.
    pub kind: LrScheduleKind,
    /// Highest rate.
    pub peak: f64,
    /// Number of warm-up updates, w.
    pub warmup_steps: usize,
    /// Number of updates in all, T.
    pub total_steps: usize,
}

impl LrSchedule {
    /// The rate of update `step`, from 0.
    #[must_use]
    pub fn at(&self, step: usize) -> f64 {
        if self.kind == LrScheduleKind::Constant {
            return self.peak;
        }
        if step < self.warmup_steps {
            return self.peak * step as f64 / self.warmup_steps as f64;
        }
        let after = (self.total_steps.saturating_sub(self.warmup_steps)).max(1) as f64;
        let progress = ((step - self.warmup_steps) as f64 / after).min(1.0);
        match self.kind {
            LrScheduleKind::Cosine => self.peak * 0.5 * (1.0 + (PI * progress).cos()),
            LrScheduleKind::Linear => self.peak * (1.0 - progress),
            LrScheduleKind::Constant | LrScheduleKind::ConstantWithWarmup => self.peak,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(kind: LrScheduleKind) -> LrSchedule {
        LrSchedule { kind, peak: 1.0, warmup_steps: 2, total_steps: 10 }
    }

    #[test]
    fn warm_up_starts_at_zero_and_ends_at_the_peak() {
        let cosine = schedule(LrScheduleKind::Cosine);
        assert_eq!([cosine.at(0), cosine.at(1), cosine.at(2)], [0.0, 0.5, 1.0]);
    }

    #[test]
    fn cosine_is_half_way_down_in_the_middle_and_zero_at_the_end() {
        let cosine = schedule(LrScheduleKind::Cosine);
        assert!((cosine.at(6) - 0.5).abs() < 1e-15);
        assert!(cosine.at(10).abs() < 1e-15);
    }

    #[test]
    fn linear_falls_by_equal_steps() {
        let linear = schedule(LrScheduleKind::Linear);
        assert!((linear.at(4) - 0.75).abs() < 1e-15);
    }

    #[test]
    fn constant_knows_no_warm_up() {
        assert_eq!(schedule(LrScheduleKind::Constant).at(0), 1.0);
        assert_eq!(schedule(LrScheduleKind::ConstantWithWarmup).at(1), 0.5);
    }
}
