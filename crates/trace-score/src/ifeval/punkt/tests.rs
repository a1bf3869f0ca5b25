use super::*;

fn count(text: &str) -> usize {
    sentences(text).len()
}

#[test]
fn abbreviations_and_initials_end_no_sentence() {
    assert_eq!(sentences("Mr. Smith met J. Bach. Ok."), ["Mr. Smith met J. Bach.", "Ok."]);
    assert_eq!(count("U.S. is big. Yes."), 2);
}

#[test]
fn closing_punctuation_stays_with_its_sentence() {
    assert_eq!(sentences("(Sent one.) Sent \"two.\" Three."), ["(Sent one.)", "Sent \"two.\"", "Three."]);
    assert_eq!(sentences("Hello “World.” Yes."), ["Hello “World.” Yes."]);
    assert_eq!(count("*Hi.* **There.** Yes."), 3);
}

#[test]
fn numbers_of_lists_are_sentences() {
    assert_eq!(sentences("1. One\n2. Two\n3. Three"), ["1.", "One\n2.", "Two\n3.", "Three"]);
}

#[test]
fn several_marks_end_one_sentence() {
    assert_eq!(sentences("Wait!!! What?! Ok... Yes."), ["Wait!!!", "What?!", "Ok...", "Yes."]);
}

#[test]
fn a_text_without_sentences_has_none() {
    assert_eq!(count(""), 0);
    assert_eq!(count(" \n\u{a0}"), 0);
}

#[test]
fn words_keep_their_periods() {
    let words = |line| words::words(line).collect::<Vec<_>>();
    assert_eq!(
        words("U.S., (e.g.) it's--no..."),
        ["U.S.", ",", "(", "e.g.", ")", "it", "'s", "--", "no", "..."]
    );
    assert_eq!(words("a . . . b 1,000, -x"), ["a", ". . .", "b", "1,000", ",", "-", "x"]);
    assert_eq!(words(". . x . .. y . . . z"), [".", ".", "x", ".", "..", "y", ". . .", "z"]);
}

#[test]
fn white_space_at_the_start_divides_no_marks() {
    // NLTK takes the index 0 of a blank for "no blank".
    assert_eq!(sentences("\n.!!"), ["\n.!", "!"]);
    assert_eq!(sentences("\n?!\nhe .."), ["\n?!", "he .."]);
}
