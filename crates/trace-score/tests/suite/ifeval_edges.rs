//! Edges of the official rules, one line for each.

use serde_json::{Value, json};
use trace_score::ifeval::{Checker, Instruction, sentences, word_tokens};

fn instruction(id: &str, arguments: &Value) -> Instruction {
    Instruction::parse(id, arguments.as_object().unwrap()).unwrap()
}

/// Checks texts that follow the instruction, and texts that do not.
fn check(id: &str, arguments: &Value, follow: &[&str], violate: &[&str]) {
    let instruction = instruction(id, arguments);
    for (texts, expected) in [(follow, true), (violate, false)] {
        for text in texts {
            let found = Checker::default().check(&instruction, text).unwrap();
            assert_eq!(found, expected, "{id} {arguments}: {text:?}");
        }
    }
}

#[test]
fn a_blank_response_follows_nothing_whatever_the_check_says() {
    let no_comma = instruction("punctuation:no_comma", &json!({}));
    for blank in ["", "   ", "\u{1c}\u{1d}"] {
        assert!(Checker::default().check(&no_comma, blank).unwrap());
        assert!(!Checker::default().strict(&no_comma, blank).unwrap());
        assert!(!Checker::default().loose(&no_comma, blank).unwrap());
    }
}

#[test]
fn keywords() {
    check("keywords:existence", &json!({"keywords": ["İ"]}), &["i", "I", "ı"], &["l"]);
    check("keywords:existence", &json!({"keywords": ["ß"]}), &["ẞ"], &["SS"]);
    check(
        "keywords:frequency",
        &json!({"keyword": " aa ", "frequency": 2, "relation": "at least"}),
        &["aaaa"],
        &["aaa"],
    );
    let follow = ["good²", "good_", "goods"];
    check(
        "keywords:forbidden_words",
        &json!({"forbidden_words": ["good"]}),
        &follow,
        &["good\u{301}", "Good\u{200b}"],
    );
    let hash = json!({"letter": "#", "let_frequency": 2, "let_relation": "at least"});
    check("keywords:letter_frequency", &hash, &["# #"], &["#", "ab"]);
}

#[test]
fn numbers_of_words_and_sentences() {
    check(
        "length_constraints:number_words",
        &json!({"num_words": 5, "relation": "at least"}),
        &["क्षेत्र में"],
        &["a b c d"],
    );
    let sentences = |text| sentences(text).len();
    assert_eq!(sentences("Hello “World.” Yes."), 1);
    assert_eq!(sentences("*Hi.* **There.** Yes."), 3);
    let capitals =
        |text| word_tokens(text).iter().filter(|token| token.chars().all(|c| !c.is_lowercase())).count();
    assert_eq!([capitals("DON'T"), capitals("CAN'T STOP"), capitals("GIMME CANNOT GONNA")], [2, 3, 6]);
    assert_eq!(capitals("HELLO.WORLD"), 1);
    assert_eq!(word_tokens("«Hi.»"), ["«", "Hi", ".", "»"]);
    assert_eq!(
        word_tokens("He'd \"wanna\" 'a' ''go'', 1,000: 'tis"),
        ["He", "'d", "``", "wan", "na", "''", "'", "a", "'", "``", "go", "''", ",", "1,000", ":", "'t", "is",]
    );
}

#[test]
fn paragraphs() {
    let two = json!({"num_paragraphs": 2});
    check("length_constraints:number_paragraphs", &two, &["a****b", "a *** b ***"], &["a******b", "a"]);
    check("length_constraints:number_paragraphs", &json!({"num_paragraphs": 1}), &["a", "***a"], &["***"]);
    let second = json!({"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Hello"});
    check(
        "length_constraints:nth_paragraph_first_word",
        &second,
        &["world\n\n\nhello", "world\n\n'Hello, you"],
        &["world\n\n\n\nhello", "world\n \nhello", "hello"],
    );
}

#[test]
fn lists_and_highlights() {
    for (text, bullets) in [
        ("---\n* a", 2),
        ("*\na", 1),
        ("**a**\n**b**", 0),
        ("*a*\n*b*", 2),
        ("*\n*\n*", 1),
        ("\n\n - a\n\u{1c}- b", 2),
    ] {
        check(
            "detectable_format:number_bullet_lists",
            &json!({"num_bullets": bullets}),
            &[text],
            &["- a\n".repeat(bullets + 1).as_str()],
        );
    }
    for (text, highlights) in [("**a** **b**", 2), ("* a\n* b", 0), ("2*3*4", 1), ("***a***", 2), ("****", 0)]
    {
        let id = "detectable_format:number_highlighted_sections";
        check(id, &json!({"num_highlights": highlights}), &[text], &[]);
        check(id, &json!({"num_highlights": highlights + 1}), &[], &[text]);
    }
}

#[test]
fn sections_and_titles() {
    let two = json!({"section_spliter": "SECTION", "num_sections": 2});
    check(
        "detectable_format:multiple_sections",
        &two,
        &["SUBSECTION 1 SECTION 2", "SECTION ١ SECTION ２"],
        &["SECTION  1 SECTION  2", "section 1 section 2"],
    );
    check(
        "detectable_format:title",
        &json!({}),
        &["<< > >>", "<<<a>>", "<<a>> <<"],
        &["<<<>>>", "<<a\nb>>", "<<>>"],
    );
    check(
        "detectable_content:number_placeholders",
        &json!({"num_placeholders": 2}),
        &["[][a]"],
        &["[[a]", "[a\n][b]"],
    );
}

#[test]
fn postscripts() {
    check(
        "detectable_content:postscript",
        &json!({"postscript_marker": "P.S."}),
        &["a p.\ns. b", "P.P.S."],
        &["PS", "P.S"],
    );
    check(
        "detectable_content:postscript",
        &json!({"postscript_marker": "P.P.S"}),
        &["p. P.\u{1c}s"],
        &["P.S.", "p.  p.s"],
    );
    check("detectable_content:postscript", &json!({"postscript_marker": "PS:"}), &["x ps: y"], &["P.S."]);
}

#[test]
fn documents() {
    check(
        "detectable_format:json_format",
        &json!({}),
        &[
            "NaN",
            "5",
            r#""\ud800""#,
            &"1".repeat(400),
            r#"{"a": 1, "a": 2}"#,
            "```json```Json```{}```",
            "[1e400, -Infinity]",
        ],
        &[
            "\u{feff}{}",
            "```jsonc\n{}```",
            "``` json\n{}```",
            "```JSON```json{}```",
            "a ```{}```",
            &"1".repeat(4301),
            "[01]",
            "[1,]",
            "{1: 2}",
        ],
    );
}

#[test]
fn beginnings_and_ends() {
    check(
        "combination:two_responses",
        &json!({}),
        &["a*******b", "A******a", "******a******b******"],
        &["a************b", "a****** a "],
    );
    check(
        "combination:repeat_prompt",
        &json!({"prompt_to_repeat": " Say HI. "}),
        &["\nsay hi. Hi"],
        &["Please say hi."],
    );
    let end = json!({"end_phrase": "Peace! "});
    check("startend:end_checker", &end, &["and peace!\"", "PEACE!\n"], &["peace!*", "peace"]);
    assert!(Checker::default().loose(&instruction("startend:end_checker", &end), "Peace!*").unwrap());
    check("startend:quotation", &json!({}), &["\"\"", " \"a\"\n"], &["\"", "“a”", "\"a"]);
    check(
        "detectable_format:constrained_response",
        &json!({}),
        &["So: My answer is no.!"],
        &["my answer is no.", "My answer is no"],
    );
}

#[test]
fn languages_and_cases() {
    let german = json!({"language": "de"});
    check(
        "language:response_language",
        &german,
        &["http://example.com", "123", ""],
        &["This is an English sentence."],
    );
    // The detector skips words in capitals, so that few English texts in capitals are found to be English.
    check("change_case:english_capital", &json!({}), &["Ⅷ"], &["HELLO WORLD.", "123", "Hello"]);
    check(
        "change_case:english_lowercase",
        &json!({}),
        &["this is an english sentence."],
        &["This is English.", "123"],
    );
}
