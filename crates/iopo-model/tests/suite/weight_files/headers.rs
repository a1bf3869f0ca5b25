//! Headers that are wrong, each in words of its own.

use std::fs;

use proptest::prelude::*;
use safetensors::Dtype;

use super::{NORM, WEIGHTS, load_error, try_load};
use crate::common::{copy_of, read_tensors, write_tensors};

/// The bytes of a file with this header and as many zeros.
fn file(header: &str, data: usize) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &vec![0; data]].concat()
}

fn message(bytes: &[u8]) -> String {
    let dir = copy_of("qwen2-tiny");
    let path = dir.path().join(WEIGHTS);
    fs::write(&path, bytes).unwrap();
    let message = load_error(dir.path());
    let place = format!("{} ({} bytes) is not a sound safetensors file: ", path.display(), bytes.len());
    message.strip_prefix(&place).unwrap_or_else(|| panic!("{message}")).to_owned()
}

#[test]
fn each_fault_of_a_header_has_words_of_its_own() {
    let tensor = |name: &str, dtype: &str, shape: &str, offsets: &str| {
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}"#)
    };
    let one = |dtype: &str, shape: &str, offsets: &str| format!("{{{}}}", tensor("a", dtype, shape, offsets));
    let two = |first: &str, second: &str| {
        format!("{{{},{}}}", tensor("a", "F32", "[1]", first), tensor("b", "F32", "[1]", second))
    };
    let twice = format!("{{{0},{0}}}", tensor("a", "F32", "[1]", "[0,4]"));
    for (header, data, expected) in [
        (
            one("F32", "[2]", "[0,8]"),
            4,
            "its tensors need 8 bytes after the header, of which 4 are there; was the",
        ),
        (one("F32", "[2]", "[8,0]"), 8, "tensor a ends before it starts, at bytes 8 to 0"),
        (one("F32", "[3]", "[0,8]"), 8, "tensor a of shape [3] and type F32 needs 12 bytes, and has 8"),
        (one("F32", "[4294967296,4294967296,2]", "[0,8]"), 8, "tensor a has more elements than this machine"),
        (one("F31", "[2]", "[0,8]"), 8, "tensor a has the unknown type \"F31\""),
        (one("F32", "[-2]", "[0,8]"), 8, "its header does not list tensors: invalid value"),
        (one("F32", "[1]", "[0,4]"), 8, "4 bytes after its last tensor belong to none"),
        (two("[0,4]", "[2,6]"), 6, "tensor b begins at byte 2, within the tensor before it"),
        (two("[0,4]", "[8,12]"), 12, "4 bytes before tensor b belong to none"),
        (twice, 4, "it names a twice"),
        ("tensors".to_owned(), 0, "its header does not list tensors: expected"),
        ("[]".to_owned(), 0, "expected a JSON object of tensors"),
    ] {
        let message = message(&file(&header, data));
        assert!(message.contains(expected), "{header}: {message}");
    }
    for (bytes, expected) in [
        (&b""[..], "it is empty"),
        (b"1234", "it ends within its first 8 bytes; was the download or copy cut off?"),
        (
            &u64::MAX.to_le_bytes(),
            "it begins with a header length of 18446744073709551615, and the format allows",
        ),
        (
            &[&100_u64.to_le_bytes()[..], b"{}"].concat(),
            "its header has 100 bytes, of which 2 are there; was the",
        ),
    ] {
        let message = message(bytes);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_file_of_another_kind_is_named() {
    for (bytes, kind) in [
        (&b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"[..], "git lfs pull"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03abcdef", "gzip"),
        (b"<!DOCTYPE html><html><body>Login</body></html>", "HTML"),
        (b"PK\x03\x04\0\0\0\0\0\0\0\0", "ZIP archive"),
        (b"GGUF\x03\0\0\0\0\0\0\0", "GGUF"),
    ] {
        let message = message(bytes);
        assert!(message.starts_with("it is ") && message.contains(kind), "{message}");
    }
}

/// 640 bytes is a length whose first bytes are those of a Python pickle.
#[test]
fn a_header_whose_length_looks_like_another_format_is_read() {
    let dir = copy_of("qwen2-tiny");
    let path = dir.path().join(WEIGHTS);
    let norm = read_tensors(&path).remove(NORM).unwrap();
    write_tensors(&path, &[(NORM.to_owned(), norm)].into());
    let bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
    header.push_str(&" ".repeat(640 - length));
    fs::write(&path, [file(&header, 0), bytes[8 + length..].to_vec()].concat()).unwrap();
    assert!(load_error(dir.path()).contains(" tensors missing: "));
}

#[test]
fn a_name_of_megabytes_is_cut() {
    let dir = copy_of("qwen2-tiny");
    let path = dir.path().join(WEIGHTS);
    let mut tensors = read_tensors(&path);
    tensors.insert(format!("model.{}", "x".repeat(5_000_000)), (Dtype::F32, vec![1], vec![0; 4]));
    write_tensors(&path, &tensors);
    let message = load_error(dir.path());
    assert!(message.len() < 500 && message.contains("model.xxx"), "{} bytes", message.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// The reader agrees with the one of the crate `safetensors` about which files are sound.
    #[test]
    fn sound_headers_are_those_of_the_safetensors_crate(
        tensors in prop::collection::vec((0_usize..4, 0_usize..3, 0_usize..2), 1..4),
        spare in 0_usize..2,
    ) {
        let (mut header, mut end) = (String::from("{"), 0);
        for (index, (size, gap, excess)) in tensors.iter().enumerate() {
            let start = end + gap.saturating_sub(1);
            end = start + 4 * size + excess;
            header += &format!(
                r#"{}"t{index}":{{"dtype":"F32","shape":[{size}],"data_offsets":[{start},{end}]}}"#,
                if index == 0 { "" } else { "," }
            );
        }
        let bytes = file(&(header + "}"), end + spare);
        let dir = copy_of("qwen2-tiny");
        fs::write(dir.path().join(WEIGHTS), &bytes).unwrap();
        let is_format = try_load(dir.path()).unwrap_err().to_string().contains("is not a sound safetensors file");
        prop_assert_eq!(is_format, safetensors::SafeTensors::deserialize(&bytes).is_err());
    }
}
