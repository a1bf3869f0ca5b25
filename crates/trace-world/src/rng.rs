//! Random choices whose bytes depend on the seed alone.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The generator behind every random choice of the world.
pub type WorldRng = ChaCha8Rng;

/// A generator from a seed and a stream; streams of one seed are independent of each other.
///
/// The key is the seed itself, so the numbers do not depend on how another crate expands a seed.
pub fn world_rng(seed: u64, stream: u64) -> WorldRng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = WorldRng::from_seed(key);
    rng.set_stream(stream);
    rng
}

/// A number below `end`; 0 when `end` is 0.
pub(crate) fn below(end: usize, rng: &mut WorldRng) -> usize {
    ((u128::from(rng.next_u64()) * end as u128) >> 64) as usize
}

/// One of the values; `None` of an empty list.
pub fn pick<'a, T>(values: &'a [T], rng: &mut WorldRng) -> Option<&'a T> {
    values.get(below(values.len(), rng))
}

/// `count` of the values, or all when there are fewer, in random order.
pub fn pick_some<T: Clone>(values: &[T], count: usize, rng: &mut WorldRng) -> Vec<T> {
    let mut values = values.to_vec();
    shuffle(&mut values, rng);
    values.truncate(count);
    values
}

/// Puts the values in random order.
pub(crate) fn shuffle<T>(values: &mut [T], rng: &mut WorldRng) {
    for last in (1..values.len()).rev() {
        values.swap(last, below(last + 1, rng));
    }
}

/// True with the given probability, to one part in 2⁵³. Always draws once.
pub fn chance(probability: f64, rng: &mut WorldRng) -> bool {
    const STEPS: u64 = 1 << 53;
    // A product with a power of two is exact, so every platform compares the same integers.
    let threshold = (probability.clamp(0.0, 1.0) * STEPS as f64) as u64;
    (rng.next_u64() >> 11) < threshold
}
