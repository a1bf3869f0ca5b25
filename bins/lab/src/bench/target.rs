//! Targets that the ratios are compared with.

/// A bound for a ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Larger is better.
    AtLeast(f64),
    /// Larger is better, and equal is not enough.
    Above(f64),
    /// Smaller is better.
    AtMost(f64),
}

/// Groups per CPU-second over those of the reference recipe in PyTorch.
pub const OVER_RECIPE: Target = Target::AtLeast(2.0);
/// The same over the best PyTorch.
pub const OVER_BEST: Target = Target::Above(1.0);
/// Seconds of an IOPO step over those of SFT on the same two matched pairs.
pub const OVER_SFT_TIME: Target = Target::AtMost(1.6);
/// Memory of an IOPO group over that of one SFT sequence: one pass, all activations kept.
pub const MEMORY_ONE_PASS: Target = Target::AtMost(3.0);
/// The same with checkpointing.
pub const MEMORY_CHECKPOINTING: Target = Target::AtMost(2.0);
/// The same with two passes.
pub const MEMORY_TWO_PASSES: Target = Target::AtMost(1.05);

impl Target {
    /// `2.31 | ≥ 2 | met`: three cells of a table.
    pub fn cells(self, value: Option<f64>) -> [String; 3] {
        let verdict = match value.map(|value| self.met(value)) {
            Some(true) => "met",
            Some(false) => "not met",
            None => "–",
        };
        [ratio(value), self.text(), verdict.to_owned()]
    }

    fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::Above(bound) => value > bound,
            Self::AtMost(bound) => value <= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {bound}"),
            Self::Above(bound) => format!("> {bound}"),
            Self::AtMost(bound) => format!("≤ {bound}"),
        }
    }
}

/// A ratio with its sign, or a dash.
pub fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}×"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_held_against_its_bound() {
        assert_eq!(Target::AtLeast(2.0).cells(Some(2.0)), ["2.00×", "≥ 2", "met"]);
        assert_eq!(Target::Above(1.0).cells(Some(1.0)), ["1.00×", "> 1", "not met"]);
        assert_eq!(Target::AtMost(1.05).cells(Some(1.06)), ["1.06×", "≤ 1.05", "not met"]);
        assert_eq!(Target::AtMost(1.05).cells(None), ["–", "≤ 1.05", "–"]);
        assert_eq!(Target::AtMost(1.0).cells(Some(f64::NAN))[2], "not met");
    }
}
