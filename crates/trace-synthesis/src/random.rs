//! Random choices that depend on the seed and the row alone, never on time or on the order of answers.

use sha2::{Digest, Sha256};

use trace_world::{WorldRng, world_rng};

/// The first 64 bits of SHA-256 over the parts, each with its length.
pub(crate) fn digest_of(parts: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The generator behind one choice about one row.
pub(crate) fn row_rng(seed: u64, id: &str, choice: &str) -> WorldRng {
    world_rng(seed, digest_of(&[choice, id]))
}
