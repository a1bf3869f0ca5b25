//! A text as a row of numbers of fixed length.

use std::array;

use super::grams::{grams, mix};

/// The number of hash functions.
pub(super) const PLACES: usize = 256;

/// The golden ratio in 64 bits: the step of SplitMix64 from one of its numbers to the next.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// For each hash function 16 bits of the smallest value over all pieces.
///
/// Different minima agree in 16 bits once in 65,536 times, which adds less than 0.00002 to an estimate.
pub(super) type Signature = [u16; PLACES];

/// The hash functions h(x) = (a x + b) mod 2⁶⁴, of which the upper 32 bits are compared.
#[derive(Debug, Clone)]
pub(super) struct HashFunctions {
    factors: [u64; PLACES],
    summands: [u64; PLACES],
}

impl HashFunctions {
    pub(super) fn new() -> Self {
        let number = |index: usize| mix((index as u64 + 1).wrapping_mul(STEP));
        Self {
            factors: array::from_fn(|place| number(2 * place) | 1),
            summands: array::from_fn(|place| number(2 * place + 1)),
        }
    }

    /// The signature of a text.
    pub(super) fn signature(&self, text: &str) -> Signature {
        let mut minima = [u32::MAX; PLACES];
        for gram in grams(text) {
            for ((minimum, factor), summand) in minima.iter_mut().zip(&self.factors).zip(&self.summands) {
                let value = (gram.wrapping_mul(*factor).wrapping_add(*summand) >> 32) as u32;
                *minimum = value.min(*minimum);
            }
        }
        // A minimum is small, so that its upper bits are mostly 0.
        minima.map(|minimum| minimum as u16)
    }
}

/// The share of places at which two signatures agree.
pub(super) fn estimate(one: &Signature, other: &Signature) -> f64 {
    let equal = one.iter().zip(other).filter(|(one, other)| one == other).count();
    equal as f64 / PLACES as f64
}
