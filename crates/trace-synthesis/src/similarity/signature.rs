//! A text as a row of numbers of fixed length, and which of these rows are worth comparing.

use std::array;

use hashbrown::HashTable;

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

/// How often a text at the threshold may be missed.
const MISSED: f64 = 0.005;

/// Tables of the entries that agree in a band of neighbouring places.
#[derive(Debug, Clone)]
pub(super) struct Bands {
    /// The places of a band.
    width: usize,
    /// The entries by the hash of each band.
    tables: Vec<HashTable<u32>>,
}

impl Bands {
    /// Bands for a threshold above 0.
    pub(super) fn new(threshold: f64) -> Self {
        let overlooked = |width: usize| {
            let band = threshold.powi(width as i32);
            (1.0 - band).powi((PLACES / width) as i32)
        };
        let width = (2..=PLACES).take_while(|&width| overlooked(width) <= MISSED).last().unwrap_or(1);
        Self { width, tables: vec![HashTable::new(); PLACES / width] }
    }

    /// The entries that share at least one band with a signature, in order, each once.
    ///
    /// A band's hash stands for the band: two bands with one hash make a candidate too many, which its estimate
    /// unmasks.
    pub(super) fn candidates(&self, signature: &Signature) -> Vec<u32> {
        let hashes = self.hashes(signature);
        let mut entries: Vec<u32> =
            self.tables.iter().zip(hashes).flat_map(|(table, hash)| table.iter_hash(hash).copied()).collect();
        entries.sort_unstable();
        entries.dedup();
        entries
    }

    /// Adds an entry; `signature_of` gives the signatures of the earlier ones, which a growing table asks for.
    pub(super) fn insert(&mut self, entry: u32, signatures: &[Signature]) {
        let width = self.width;
        for (band, table) in self.tables.iter_mut().enumerate() {
            let hash = |&entry: &u32| hash(&signatures[entry as usize][band * width..][..width]);
            table.insert_unique(hash(&entry), entry, hash);
        }
    }

    fn hashes<'a>(&self, signature: &'a Signature) -> impl Iterator<Item = u64> + use<'a> {
        signature.chunks_exact(self.width).map(hash)
    }
}

fn hash(band: &[u16]) -> u64 {
    band.iter().fold(0, |hash, &place| mix(hash ^ u64::from(place)).wrapping_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_as_wide_as_the_threshold_allows() {
        // 1 − (1 − 0.8⁸)³² = 0.997 and 1 − (1 − 0.8⁹)²⁸ = 0.982.
        let shape = |threshold| {
            let bands = Bands::new(threshold);
            (bands.width, bands.tables.len())
        };
        assert_eq!(shape(0.8), (8, 32));
        assert_eq!(shape(1.0), (256, 1));
        // 1 − (1 − 0.1)²⁵⁶ is nearly 1, and 1 − (1 − 0.01)¹²⁸ = 0.72.
        assert_eq!(shape(0.1), (1, 256));
    }
}
