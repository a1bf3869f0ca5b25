//! Numerically stable pieces that every loss is built from.
//!
//! No loss divides by a scalar: in burn 0.22.1 the gradient of `div_scalar` is computed in f32,
//! whatever the dtype of the tensor. Multiplying by the reciprocal has no such loss.

use burn::tensor::{DType, Tensor, activation::relu};

/// Above this log-probability, a probability counts as `1 - LARGEST_LOG_PROB` away from one.
///
/// The logarithm and its gradient (about `1e30`) stay finite in f32 and in f64.
const LARGEST_LOG_PROB: f64 = -1e-30;

/// The smallest normal f16 is 6.1e-5; anything closer to zero would lose its digits.
const LARGEST_LOG_PROB_F16: f64 = -6.2e-5;

/// Number of terms of `(1 - e^x) / -x`; at `x = -ln 2` the next one is below 1e-17.
const EXPM1_TERMS: u32 = 17;

/// Logarithm of the logistic function, exact in both tails with an exact gradient.
///
/// ```text
/// log σ(x) = min(x, 0) - log(1 + e^-|x|),    d/dx log σ(x) = σ(-x)
/// ```
///
/// # Shapes
///
/// - `x`: `[n]`, finite; returns `[n]`
///
/// # Source
///
/// Mächler, *Accurately Computing log(1 - exp(-|a|))*, 2012, Section 2.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use iopo_loss::log_sigmoid;
///
/// let x = Tensor::<1>::from_data([-1e4f32, 0.0, 1e4], &Device::flex());
/// let values = log_sigmoid(x).into_data().try_to_vec::<f32>()?;
/// assert_eq!(values, [-1e4, -std::f32::consts::LN_2, 0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn log_sigmoid(x: Tensor<1>) -> Tensor<1> {
    // With m = min(x, 0): -|x| = 2m - x. Both share one kink, so that at x = 0 the gradient is
    // c - (2c - 1) / 2 = 1/2 for whatever slope c a backend gives relu there; equal policies, the
    // start of every run, sit exactly on this point. For x > 0, m has slope zero and the gradient
    // is that of the tail alone, to the last digit.
    let negative = relu(x.clone().neg()).neg();
    let tail = (negative.clone().mul_scalar(2.0) - x).exp().log1p();
    negative - tail
}

/// Logarithm of one minus the exponential of a log-probability.
///
/// ```text
/// log1mexp(x) = log(1 - e^x),    d/dx log1mexp(x) = -1 / (e^-x - 1)
/// ```
///
/// Values from `-1e-30` up (from `-6.2e-5` up in f16) count as that limit and have gradient zero,
/// so that a probability of exactly one gives large but finite numbers.
///
/// # Shapes
///
/// - `x`: `[n]`, log-probabilities `<= 0`; returns `[n]`
///
/// # Source
///
/// Mächler, *Accurately Computing log(1 - exp(-|a|))*, 2012, Equation 7.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use iopo_loss::log1mexp;
///
/// let x = Tensor::<1>::from_data([-1e-9f32, -1e4], &Device::flex());
/// let values = log1mexp(x).into_data().try_to_vec::<f32>()?;
/// assert!((values[0] - 1e-9f32.ln()).abs() < 1e-5);
/// assert_eq!(values[1], 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn log1mexp(x: Tensor<1>) -> Tensor<1> {
    let split = -std::f64::consts::LN_2;
    let largest = match x.dtype() {
        DType::F16 => LARGEST_LOG_PROB_F16,
        _ => LARGEST_LOG_PROB,
    };
    // Each branch sees only arguments that it is good at: a branch that is masked out must
    // still have a finite derivative, because zero times infinity is not a number.
    let is_far = x.clone().lower_elem(split);
    let far = x.clone().clamp_max(split).exp().neg().log1p();
    let near = x.clamp_min(split).clamp_max(largest);
    let near = near.clone().neg().log() + one_minus_exp_over_minus(near).log();
    near.mask_where(is_far, far)
}

/// `(1 - e^x) / -x = 1 + x/2! + x²/3! + ...` for `-ln 2 <= x < 0`, by Horner's rule.
///
/// burn has no `expm1`, and `1 - e^x` loses all digits as x goes to zero.
fn one_minus_exp_over_minus(x: Tensor<1>) -> Tensor<1> {
    let mut series = x.ones_like();
    for term in (2..=EXPM1_TERMS).rev() {
        series = (series * x.clone()).mul_scalar(1.0 / f64::from(term)).add_scalar(1.0);
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    /// Value and gradient of `f` at each of `points`, in f64.
    fn value_and_gradient(f: fn(Tensor<1>) -> Tensor<1>, points: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let device = Device::flex().autodiff();
        let data = TensorData::new(points.to_vec(), [points.len()]);
        let x = Tensor::<1>::from_data(data, (&device, DType::F64)).require_grad();
        let y = f(x.clone());
        let gradient = x.grad(&y.clone().sum().backward()).unwrap();
        (y.into_data().try_to_vec().unwrap(), gradient.into_data().try_to_vec().unwrap())
    }

    fn assert_close(actual: &[f64], expected: impl Iterator<Item = f64>, relative: f64) {
        for (a, e) in actual.iter().zip(expected) {
            assert!((a - e).abs() <= relative * e.abs(), "{a} is not {e}");
        }
    }

    const POINTS: [f64; 13] = [-1e4, -700.0, -40.0, -3.0, -0.5, -1e-9, 0.0, 1e-9, 0.5, 3.0, 40.0, 700.0, 1e4];

    #[test]
    fn log_sigmoid_and_its_gradient_are_exact_in_both_tails() {
        let (values, gradients) = value_and_gradient(log_sigmoid, &POINTS);
        let softplus_of_minus = |x: f64| (-x).max(0.0) + (-x.abs()).exp().ln_1p();
        let sigmoid_of_minus =
            |x: f64| if x > 0.0 { (-x).exp() / (1.0 + (-x).exp()) } else { 1.0 / (1.0 + x.exp()) };
        assert_close(&values, POINTS.iter().map(|x| -softplus_of_minus(*x)), 1e-14);
        assert_close(&gradients, POINTS.iter().map(|x| sigmoid_of_minus(*x)), 1e-14);
    }

    #[test]
    fn log_sigmoid_of_zero_has_gradient_one_half() {
        let (_, gradients) = value_and_gradient(log_sigmoid, &[0.0, -0.0]);
        assert_eq!(gradients, [0.5, 0.5]);
    }

    const LOG_PROBS: [f64; 12] =
        [-1e4, -700.0, -40.0, -3.0, -0.7, -std::f64::consts::LN_2, -0.69, -0.1, -1e-3, -1e-9, -1e-20, -1e-29];

    #[test]
    fn log1mexp_and_its_gradient_keep_their_digits_on_both_sides_of_the_split() {
        let (values, gradients) = value_and_gradient(log1mexp, &LOG_PROBS);
        let expected = |x: &f64| if *x < -1.0 { (-x.exp()).ln_1p() } else { (-x.exp_m1()).ln() };
        assert_close(&values, LOG_PROBS.iter().map(expected), 1e-14);
        assert_close(&gradients, LOG_PROBS.iter().map(|x| -1.0 / (-x).exp_m1()), 1e-14);
    }

    #[test]
    fn log1mexp_of_zero_is_finite_with_zero_gradient() {
        let (values, gradients) = value_and_gradient(log1mexp, &[0.0]);
        assert_close(&values, [1e-30f64.ln()].into_iter(), 1e-14);
        assert_eq!(gradients, [0.0]);
    }
}
