//! Every character, against CPython 3.11.7.
//!
//! A digest is that of the FNV-1a hash over the UTF-8 bytes of all members in order, as a dozen lines of Python make it
//! from `str` methods and `re`.

use std::hash::Hasher;

use fnv::FnvHasher;

use proptest::prelude::*;

use super::case::simple_lower;
use super::chars::set;
use super::*;

/// The number of texts, and the 64-bit FNV-1a hash over their bytes.
fn digest(texts: impl Iterator<Item = String>) -> (usize, u64) {
    let mut hasher = FnvHasher::default();
    let count = texts.inspect(|text| hasher.write(text.as_bytes())).count();
    (count, hasher.finish())
}

fn members(wanted: impl Fn(char) -> bool) -> (usize, u64) {
    digest((char::MIN..=char::MAX).filter(|&c| wanted(c)).map(String::from))
}

#[test]
fn classes_equal_those_of_re() {
    assert_eq!(members(is_word), (133_548, 0xcb17_34eb_f395_32a1));
    assert_eq!(members(is_space), (29, 0xb86a_e67a_f98e_c53a));
    assert_eq!(members(is_decimal), (660, 0xb16c_8d5f_c0e0_71bb));
}

#[test]
fn cases_equal_those_of_str() {
    assert_eq!(members(|c| set::UPPERCASE.contains(c)), (1951, 0xd4da_a054_94dd_8ca4));
    assert_eq!(members(|c| set::LOWERCASE.contains(c)), (2471, 0xbc10_b88f_a5f0_c3de));
    let mapped = |c: char| Some(lower_char(c).collect::<String>()).filter(|lower| *lower != c.to_string());
    assert_eq!(digest((char::MIN..=char::MAX).filter_map(mapped)), (1433, 0x212d_1199_7bb2_f110));
    let simple = |c: char| Some(simple_lower(c)).filter(|&lower| lower != c).map(String::from);
    assert_eq!(digest((char::MIN..=char::MAX).filter_map(simple)), (1433, 0x6ab0_c3ca_698c_9127));
}

#[test]
fn a_sigma_is_final_where_str_lower_says_so() {
    let second = |text: String| lower(&text).chars().nth(1) == Some('ς');
    assert_eq!(members(|c| second(format!("aΣ{c}"))), (1_107_811, 0xe115_d420_5670_24ab));
    assert_eq!(members(|c| second(format!("aΣ{c}b"))), (1_105_209, 0x6e52_4466_9db8_28f8));
    assert_eq!(members(|c| lower(&format!("{c}Σ")).ends_with('ς')), (4253, 0xa2b5_27f7_1e47_ac15));
}

proptest! {
    #[test]
    fn strings_of_any_kind_are_taken(text in r#"(?:[ \u{1c}\u{85}İΣſé日𝒜{}\[\]",:0-9a-zA-Z]|\\u|NaN){0,24}"#) {
        prop_assert_eq!(lower(&lower(&text)), lower(&text));
        prop_assert_eq!(strip(strip(&text)), strip(&text));
        let _ = (check_json(&text), object_keys(&text));
    }

    #[test]
    fn what_serde_writes_is_a_document(numbers in prop::collection::vec(any::<f64>(), 0..4), text in any::<String>()) {
        let document = serde_json::json!({"text": text, "numbers": numbers}).to_string();
        prop_assert!(check_json(&document).is_ok());
        prop_assert!(check_json(&document[..document.len() - 1]).is_err());
    }
}
