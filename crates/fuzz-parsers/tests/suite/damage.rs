//! Ways to damage bytes.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Numbers and signs on which parsers stumble.
const WORDS: [&[u8]; 20] = [
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\"",
    b"\\",
    b"\\ud83d",
    b"{",
    b"[",
    b"]]",
    b"{{",
    b"{%",
    b"%}",
    b"-1",
    b"1e999",
    b"18446744073709551615",
    b"NaN",
    b"null",
    b"\n",
    b"data: ",
    b"\xf0\x9f\x98\x80",
];

/// Bytes with one to four random changes: a bit, a cut, a repetition, a word, or a part of another file.
pub fn damaged(rng: &mut ChaCha8Rng, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=bytes.len());
        let end = (at + rng.random_range(0..64)).min(bytes.len());
        match rng.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let part = bytes[at..end].repeat(rng.random_range(1..40));
                bytes.splice(at..at, part);
            }
            4 => {
                let word = WORDS[rng.random_range(0..WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            5 => {
                let word = WORDS[rng.random_range(0..WORDS.len())];
                bytes.splice(at..end, word.iter().copied());
            }
            _ => {
                let from = rng.random_range(0..=other.len());
                let to = (from + rng.random_range(0..200)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
    bytes
}
