//! Which signatures are worth comparing.

use hashbrown::HashTable;

use super::grams::mix;
use super::signature::{PLACES, Signature};

/// How often a text at the threshold may be overlooked.
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
