#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::ignore_case::equivalents;
use super::*;
use crate::python::case::simple_lower;

const IGNORE_CASE: PatternOptions = PatternOptions { ignore_case: true, multi_line: false };

fn found(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern, IGNORE_CASE).unwrap().is_match(text).unwrap()
}

fn count(pattern: &str, text: &str) -> u64 {
    Pattern::new(pattern, PatternOptions::default()).unwrap().count(text).unwrap()
}

#[test]
fn letters_without_case_are_those_of_python() {
    assert!(found("İ", "i") && found("İ", "I") && found("i", "ı") && found("ı", "İ"));
    assert!(found("ß", "ẞ") && !found("ß", "SS"));
    assert!(found("k", "\u{212a}") && found("s", "ſ") && found("σ", "ς") && found("Σ", "ς"));
    assert!(found("[a-c]", "B") && !found("[^a]", "A"));
}

#[test]
fn equivalents_equal_the_table_of_cpython() {
    // The 50 rows of Lib/re/_casefix.py, CPython 3.11: each lower case character with its equivalents.
    let expected = "iı sſ µμ ıi ſs \u{345}ι\u{1fbe} ΐ\u{1fd3} ΰ\u{1fe3} βϐ εϵ θϑ ι\u{345}\u{1fbe} κϰ μµ πϖ ρϱ ςσ σς \
                    φϕ ϐβ ϑθ ϕφ ϖπ ϰκ ϱρ ϵε вᲀ дᲁ оᲂ сᲃ тᲄᲅ ъᲆ ѣᲇ ᲀв ᲁд ᲂо ᲃс ᲄтᲅ ᲅтᲄ ᲆъ ᲇѣ ᲈꙋ ṡẛ ẛṡ \
                    \u{1fbe}\u{345}ι \u{1fd3}ΐ \u{1fe3}ΰ ꙋᲈ ﬅﬆ ﬆﬅ";
    let lower_case = (char::MIN..=char::MAX).filter(|&c| simple_lower(c) == c);
    let rows: Vec<String> = lower_case
        .map(|c| (c, equivalents(c)))
        .filter(|(_, equivalents)| !equivalents.is_empty())
        .map(|(c, equivalents)| std::iter::once(c).chain(equivalents).collect())
        .collect();
    assert_eq!(rows.join(" "), expected);
}

#[test]
fn words_end_where_python_ends_them() {
    for (pattern, text, expected) in [
        ("good", "good\u{301}", true),
        ("good", "good²", false),
        ("good", "good_ goods", false),
        ("good", "goods good\u{200b}", true),
        ("aa", "aaa aa", true),
        ("c+", "c cc", true),
        ("_x", "a_x _x", true),
        ("", "a", true),
        ("", "- -", false),
    ] {
        let literal = Pattern::whole_word(pattern, IGNORE_CASE).unwrap();
        assert_eq!(literal.is_match(text).unwrap(), expected, "{pattern:?} in {text:?}");
        let looking = Pattern::new(&format!(r"\b(?:{pattern})\b"), IGNORE_CASE).unwrap();
        assert_eq!(looking.is_match(text).unwrap(), expected, "{pattern:?} in {text:?}");
    }
}

#[test]
fn nothing_is_counted_as_python_counts_it() {
    assert_eq!(count("x*", "axb"), 4);
    assert_eq!(count("|a", "a"), 3);
    assert_eq!(count("a??", "aa"), 5);
    assert_eq!(count("aa", "aaaa"), 2);
    assert_eq!(count(r"\b", "a b"), 4);
    assert_eq!(count("$", "a\n"), 2);
    assert_eq!(count("c++", "ccc c"), 2);
    assert_eq!(count("c++c", "ccc c"), 0);
    assert_eq!(count("(?:ab){2}", "ababab"), 1);
    assert_eq!(count("a{,1}b", "ab b"), 2);
    assert_eq!(count("{a}", "{a}"), 1);
    assert_eq!(count(r"(a|b)\1", "aabbab"), 2);
    assert_eq!(count(r"[]\d-]+", "1]-a٣"), 2);
    assert_eq!(count(r"(?P<x>a)(?P=x)", "aaa"), 1);
    assert_eq!(count(r"\x41\101\u0042", "AAB"), 1);
    assert_eq!(count("(?s).", "\n"), 1);
    assert_eq!(count("(?i:a)b", "AbAB"), 1);
}

#[test]
fn what_python_refuses_is_refused() {
    for pattern in [
        "*a", "a**", "(", ")", "[a", r"\q", r"\", "a{2,1}", "(?P<1>a)", r"\1", "[b-a]", "(?z)", "^*",
        r"[\w-a]",
    ] {
        let error = Pattern::new(pattern, IGNORE_CASE).unwrap_err();
        assert!(matches!(error, PatternError::Invalid { .. }), "{pattern}: {error}");
    }
}

#[test]
fn what_has_no_equivalent_is_named() {
    for pattern in ["(?x) a", r"(a)\1", "(a)?(?(1)b|c)", r"\N{DIGIT ONE}"] {
        let error = Pattern::new(pattern, IGNORE_CASE).unwrap_err();
        assert!(matches!(error, PatternError::Unsupported { .. }), "{pattern}: {error}");
    }
}
