//! Round numbers along an axis.

use serde::Serialize;

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Tick {
    /// Where it stands, in percent of the axis.
    pub(super) at: String,
    /// The label.
    pub(super) label: String,
}

/// An axis between two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// An axis that holds the finite ones of `values`, between multiples of 1, 2 or 5 times a power of ten, with about
    /// `ticks` of them.
    pub(super) fn around(values: impl Iterator<Item = f64>, ticks: usize) -> Self {
        // Far beyond what is measured, so that no difference of two numbers overflows.
        let values = values.filter(|value| value.is_finite()).map(|value| value.clamp(-1e300, 1e300));
        let (low, high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        match (low <= high, low < high) {
            (false, _) => Self { low: 0.0, high: 1.0, step: 0.5 },
            (true, false) => {
                Self::rounded(low - low.abs().max(1.0) / 2.0, low + low.abs().max(1.0) / 2.0, ticks)
            }
            (true, true) => Self::rounded(low, high, ticks),
        }
    }

    fn rounded(low: f64, high: f64, ticks: usize) -> Self {
        let rough = (high - low) / ticks as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power);
        // The tolerance keeps 0.2 from becoming 0.5 by the last bit of a quotient.
        let step = step.into_iter().find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(rough);
        let (low, high) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
        Self { low, high, step }
    }

    /// Where a value stands, from 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The marks, with as many digits as their step needs.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        let digits = (-self.step.log10().floor()).clamp(0.0, 9.0) as usize;
        let tick = |index: usize| {
            let value = self.low + index as f64 * self.step;
            Tick { at: percent(self.place(value)), label: number(value, digits) }
        };
        (0..=count.min(20)).map(tick).collect()
    }
}

/// A share of an axis as CSS has it, without the sign.
pub(super) fn percent(place: f64) -> String {
    format!("{:.3}", 100.0 * place)
}

/// A number for people: plain where it is of ordinary size, else with a power of ten.
fn number(value: f64, digits: usize) -> String {
    let size = value.abs();
    if size >= 1e6 || (size > 0.0 && size < 1e-4) {
        return format!("{value:.1e}");
    }
    if size >= 1e4 && digits == 0 {
        return format!("{}k", value / 1e3);
    }
    // A rounded -0 would show its sign.
    let value = if size < 0.5 * 0.1_f64.powi(digits as i32) { 0.0 } else { value };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], ticks: usize) -> Vec<String> {
        Axis::around(values.iter().copied(), ticks).ticks().into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers_around_the_values() {
        assert_eq!(labels(&[0.0, 100.0], 5), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(&[0.693, 0.412], 4), ["0.4", "0.5", "0.6", "0.7"]);
        assert_eq!(labels(&[-0.03, 0.05], 4), ["-0.04", "-0.02", "0.00", "0.02", "0.04", "0.06"]);
        assert_eq!(labels(&[0.0, 50_000.0], 5), ["0", "10k", "20k", "30k", "40k", "50k"]);
    }

    #[test]
    fn an_axis_of_nothing_of_one_value_and_of_extremes_has_ticks() {
        for values in [&[][..], &[f64::NAN], &[3.0], &[0.0], &[-1e308, 1e308], &[1e-12, 2e-12], &[1e15, 1e15]]
        {
            let axis = Axis::around(values.iter().copied(), 5);
            let ticks = axis.ticks();
            assert!((2..=21).contains(&ticks.len()), "{values:?}: {ticks:?}");
            assert!(
                ticks.iter().all(|tick| !tick.label.contains("NaN") && !tick.at.contains("NaN")),
                "{ticks:?}"
            );
        }
    }
}
