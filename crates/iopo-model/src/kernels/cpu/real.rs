//! The float types that kernels are written for, and loops compiled for the processor at hand.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use burn::tensor::{Element, TensorData};
use faer::traits::ComplexField;

use super::FlexTensor;

/// f32, for speed; f64, so that the same code can be checked by finite differences.
pub(crate) trait Real:
    ComplexField
    + Element
    + Copy
    + Debug
    + Send
    + Sync
    + PartialOrd
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
{
    const ZERO: Self;
    const ONE: Self;
    const NEG_INFINITY: Self;

    fn from_f64(value: f64) -> Self;

    fn root(self) -> Self;

    fn is_not_a_number(self) -> bool;

    fn ln(self) -> Self;

    /// `exp(self)`, written so that a loop over it becomes vector instructions.
    ///
    /// Numbers that are too small give 0, those that are too large the largest power of e that is
    /// finite, and "not a number" gives "not a number".
    fn exponential(self) -> Self;

    /// The values, row by row, copied only where memory has another order.
    fn values(tensor: &FlexTensor) -> std::borrow::Cow<'_, [Self]>;

    /// The values, row by row, to be written; copied first where they have another owner.
    fn values_mut(tensor: &mut FlexTensor) -> &mut [Self];
}

macro_rules! real {
    ($type:ty, $exponential:expr) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = <$type>::NEG_INFINITY;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn root(self) -> Self {
                self.sqrt()
            }

            #[inline(always)]
            fn is_not_a_number(self) -> bool {
                self.is_nan()
            }

            #[inline(always)]
            fn ln(self) -> Self {
                <$type>::ln(self)
            }

            #[inline(always)]
            fn exponential(self) -> Self {
                $exponential(self)
            }

            fn values(tensor: &FlexTensor) -> std::borrow::Cow<'_, [Self]> {
                match tensor.as_slice::<$type>() {
                    Some(values) => values.into(),
                    None => tensor.to_contiguous().storage::<$type>().to_vec().into(),
                }
            }

            fn values_mut(tensor: &mut FlexTensor) -> &mut [Self] {
                // A part of a larger tensor lies row by row too, but is not all that is stored.
                let stored = tensor.bytes().len() / size_of::<$type>();
                if !tensor.is_contiguous() || stored != tensor.layout().num_elements() {
                    *tensor = tensor.to_contiguous();
                }
                tensor.storage_mut::<$type>()
            }
        }
    };
}

real!(f32, exp_f32);
real!(f64, |x: f64| x.clamp(-745.2, 709.7).exp());

/// Cody and Waite's reduction to ±ln 2 / 2 and a polynomial, within 2 units in the last place.
///
/// # Source
/// Moshier, Cephes Math Library, `expf`: the constants.
#[inline(always)]
fn exp_f32(x: f32) -> f32 {
    /// Adding it leaves the nearest integer in the lowest bits of the significand.
    const ROUND: f32 = 12_582_912.0;
    const LOWEST: f32 = -87.3;
    const HIGHEST: f32 = 88.0;
    // Comparisons instead of `clamp`'s `min` and `max`, which would turn "not a number" into a bound.
    let bounded = if x > HIGHEST { HIGHEST } else { x };
    let bounded = if bounded < LOWEST { LOWEST } else { bounded };
    let shifted = bounded * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = bounded - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let fraction = p * r * r + r + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000));
    if x < LOWEST { 0.0 } else { fraction * power }
}

/// Defines a function whose body is compiled for several widths of vector instructions, of which each call
/// takes the widest that this processor has.
///
/// A closure would not do: it is inlined into the function that has the instructions only if it is small.
macro_rules! vector_fn {
    ($(#[$meta:meta])* fn $name:ident<$life:lifetime, T>($($argument:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        pub(crate) fn $name<$life, T: $crate::kernels::cpu::real::Real>($($argument: $type),*) {
            struct Task<$life, T> {
                $($argument: $type,)*
                types: std::marker::PhantomData<&$life T>,
            }
            impl<$life, T: $crate::kernels::cpu::real::Real> pulp::WithSimd for Task<$life, T> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) {
                    let Self { $($argument,)* types: _ } = self;
                    $body
                }
            }
            pulp::Arch::new().dispatch(Task { $($argument,)* types: std::marker::PhantomData })
        }
    };
}
pub(crate) use vector_fn;

/// Sixteen partial sums side by side: float additions keep their order, so one sum would not be vectorised.
pub(crate) const LANES: usize = 16;

/// `Σ term(a_i, b_i)`.
#[inline(always)]
pub(crate) fn sum_of<T: Real>(a: &[T], b: &[T], term: impl Fn(T, T) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: T = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(&a, &b)| term(a, b)).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    lanes.into_iter().sum::<T>() + rest
}

/// `Σ a_i b_i`.
#[inline(always)]
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    sum_of(a, b, |a, b| a * b)
}

/// The largest value; "not a number" where any value is.
#[inline(always)]
pub(crate) fn largest<T: Real>(row: &[T]) -> T {
    // A comparison with "not a number" is false, so that "not a number" is kept once found.
    let larger = |a: T, b: T| if a >= b || a.is_not_a_number() { a } else { b };
    let mut lanes = [T::NEG_INFINITY; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder().iter().fold(T::NEG_INFINITY, |a, &b| larger(a, b));
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], chunk[lane]);
        }
    }
    lanes.into_iter().fold(rest, larger)
}

/// Puts `exp(z − max z)` in the place of every `z`, and returns their sum.
#[inline(always)]
pub(crate) fn exponentials<T: Real>(row: &mut [T]) -> T {
    let top = largest(row);
    let mut lanes = [T::ZERO; LANES];
    let mut rest = T::ZERO;
    let mut chunks = row.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            chunk[lane] = (chunk[lane] - top).exponential();
            lanes[lane] += chunk[lane];
        }
    }
    for z in chunks.into_remainder() {
        *z = (*z - top).exponential();
        rest += *z;
    }
    lanes.into_iter().sum::<T>() + rest
}

/// A tensor of values that lie row by row.
pub(crate) fn tensor<T: Real, const D: usize>(values: Vec<T>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Rows in each of the blocks that threads work on.
///
/// Blocks follow from the number of rows alone, so that results do not depend on the number of
/// threads. There is an even number of them, of at most 256 rows, where there are rows enough.
pub(crate) fn block_rows(rows: usize) -> usize {
    const LARGEST: usize = 256;
    rows.div_ceil(2 * rows.div_ceil(2 * LARGEST).max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_within_two_units_in_the_last_place() {
        for i in -870_000..880_000 {
            let x = i as f32 * 1e-4;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp_f32(x)) - exact).abs() / exact;
            assert!(error < 2.0 * f64::from(f32::EPSILON), "exp({x}): {error:e}");
        }
    }

    #[test]
    fn exponentials_at_the_edges() {
        assert_eq!(exp_f32(0.0), 1.0);
        assert_eq!(exp_f32(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp_f32(-1e30), 0.0);
        assert!(exp_f32(f32::INFINITY).is_finite() && exp_f32(1e30) > 1e38);
        assert!(exp_f32(f32::NAN).is_nan());
    }

    #[test]
    fn the_largest_value_is_not_a_number_where_one_value_is_not() {
        for length in [1, 15, 16, 17, 40] {
            for place in 0..length {
                let mut row: Vec<f32> = (0..length).map(|i| i as f32).collect();
                assert_eq!(largest(&row), (length - 1) as f32);
                row[place] = f32::NAN;
                assert!(largest(&row).is_nan(), "{place} of {length}");
            }
        }
    }

    #[test]
    fn sums_cover_every_element() {
        for length in [0, 1, 15, 16, 17, 33] {
            let ones = vec![1.0f64; length];
            assert_eq!(dot(&ones, &ones), length as f64);
        }
    }

    #[test]
    fn blocks_are_an_even_number_of_at_most_256_rows() {
        for rows in 2..3_000 {
            let block = block_rows(rows);
            assert!(block <= 256 && rows.div_ceil(block) * block >= rows, "{rows}");
            assert!(rows < 64 || rows.div_ceil(block).is_multiple_of(2), "{rows} in blocks of {block}");
        }
        assert_eq!(block_rows(1), 1);
    }
}
