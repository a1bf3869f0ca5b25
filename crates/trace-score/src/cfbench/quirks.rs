//! Where the official program does otherwise than its paper says.

/// What the official program does otherwise; each switch is one of its quirks, and is on to reproduce it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CfBenchQuirks {
    /// The official program wants each criterion verbatim, one tab before its score, and one blank line between
    /// criteria; without this, white space is not counted, and `\t` or blanks stand for the tab.
    pub verbatim_criteria: bool,
    /// Where an answer is not of that form, the official program keeps the lines that end in 1 and drops those that end
    /// in 0, so that one such line makes all three rates 1, and none makes them 0; without this, it is an error.
    pub ones_only: bool,
    /// The official program rounds shares and means to two decimals as numpy does, so that 0.803 counts as 0.8, which
    /// is not enough, and a mean of 33/200 is 0.16; without this, nothing is rounded.
    pub rounded_rates: bool,
}

impl CfBenchQuirks {
    /// Every quirk, for the numbers of the official program.
    pub const fn official() -> Self {
        Self { verbatim_criteria: true, ones_only: true, rounded_rates: true }
    }

    /// No quirk.
    pub const fn none() -> Self {
        Self { verbatim_criteria: false, ones_only: false, rounded_rates: false }
    }
}
