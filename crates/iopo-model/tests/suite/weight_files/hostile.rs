//! Hostile files.

use std::fs;
use std::path::{Path, PathBuf};

use iopo_model::{CausalLm, WeightsError};
use proptest::prelude::*;

use super::{NORM, WEIGHTS, try_load};
use crate::common::copy_of;

fn header_length(bytes: &[u8]) -> usize {
    u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

fn write_weights(dir: &Path, bytes: &[u8]) -> PathBuf {
    let path = dir.join(WEIGHTS);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_file_cut_at_any_length_is_a_format_error() {
    let dir = copy_of("qwen2-tiny");
    let whole = fs::read(dir.path().join(WEIGHTS)).unwrap();
    let header = 8 + header_length(&whole);
    let near = |at: usize| at.saturating_sub(3)..(at + 3).min(whole.len());
    let lengths = (0..24).chain(near(header)).chain((0..whole.len()).step_by(9_973)).chain(near(whole.len()));
    let mut tried = 0;
    for length in lengths {
        write_weights(dir.path(), &whole[..length]);
        let error = try_load(dir.path()).unwrap_err();
        assert!(matches!(error, WeightsError::Format { len, .. } if len == length), "{length}: {error:?}");
        tried += 1;
    }
    println!("{tried} lengths of {}", whole.len());
}

#[test]
fn a_file_with_bytes_after_its_tensors_is_a_format_error() {
    let dir = copy_of("qwen2-tiny");
    let mut bytes = fs::read(dir.path().join(WEIGHTS)).unwrap();
    bytes.push(0);
    write_weights(dir.path(), &bytes);
    assert!(matches!(try_load(dir.path()).unwrap_err(), WeightsError::Format { .. }));
}

/// Writes a file of the given header and `data` bytes of zeros.
fn with_header(dir: &Path, header: &str, data: usize) -> Result<CausalLm, WeightsError> {
    let bytes: Vec<u8> =
        (header.len() as u64).to_le_bytes().into_iter().chain(header.bytes()).chain(vec![0; data]).collect();
    write_weights(dir, &bytes);
    try_load(dir)
}

#[test]
fn headers_that_lie_are_format_errors() {
    let dir = copy_of("qwen2-tiny");
    let tensor = |shape: &str, offsets: &str| {
        format!("{{\"{NORM}\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}}}}}")
    };
    for (what, header, data) in [
        ("offsets past the end", tensor("[64]", "[0,256]"), 100),
        ("offsets backwards", tensor("[64]", "[256,0]"), 256),
        ("a gap before the data", tensor("[1]", "[4,8]"), 8),
        ("shape and offsets disagree", tensor("[65]", "[0,256]"), 256),
        ("a shape that overflows", tensor("[4294967296,4294967296,4]", "[0,256]"), 256),
        ("an offset that overflows", tensor("[64]", "[0,18446744073709551615]"), 256),
        ("a negative size", tensor("[-64]", "[0,256]"), 256),
        ("no such type", tensor("[64]", "[0,256]").replace("F32", "F31"), 256),
        ("not JSON", "tensors".to_owned(), 256),
        ("deep nesting", "[".repeat(100_000), 0),
        ("a number", "3".to_owned(), 0),
    ] {
        let error = with_header(dir.path(), &header, data).unwrap_err();
        assert!(matches!(error, WeightsError::Format { .. }), "{what}: {error:?}");
    }
}

#[test]
fn a_header_longer_than_any_file_is_a_format_error() {
    let dir = copy_of("qwen2-tiny");
    for length in [u64::MAX, u64::MAX - 8, 1 << 40, 100_000_001] {
        write_weights(dir.path(), &[&length.to_le_bytes()[..], b"{}"].concat());
        assert!(matches!(try_load(dir.path()).unwrap_err(), WeightsError::Format { .. }), "{length}");
    }
}

#[test]
fn an_empty_header_misses_every_tensor() {
    let dir = copy_of("qwen2-tiny");
    let error = with_header(dir.path(), "{}", 0).unwrap_err();
    assert!(error.to_string().contains(": 27 tensors missing: "), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Loading may succeed, where only a name in the metadata or a weight changed; it must return.
    #[test]
    fn random_bytes_in_the_header_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let dir = copy_of("qwen2-tiny");
        let mut bytes = fs::read(dir.path().join(WEIGHTS)).unwrap();
        let header = 8 + header_length(&bytes);
        for (index, byte) in changes {
            bytes[index.index(header)] = byte;
        }
        write_weights(dir.path(), &bytes);
        if let Err(error) = try_load(dir.path()) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn random_files_are_format_errors(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let dir = copy_of("qwen2-tiny");
        write_weights(dir.path(), &bytes);
        let error = try_load(dir.path()).unwrap_err();
        prop_assert!(matches!(error, WeightsError::Format { .. }), "{:?}", error);
    }
}
