//! No text makes a check panic, and the verdicts keep their laws.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use trace_score::ifeval::{
    Checker, Instruction, InstructionKind, Pattern, PatternOptions, ResponseForms, count_words,
    detect_languages, sentences, word_tokens,
};

/// Pieces that the rules look for, so that random texts are near their edges.
const PIECES: [&str; 40] = [
    "*",
    "**",
    "***",
    "******",
    "\n",
    "\n\n",
    " ",
    "\u{1c}",
    "\u{85}",
    "-",
    "--",
    ".",
    "..",
    ". . .",
    "?",
    "\"",
    "'",
    "``",
    "<<",
    ">>",
    "[",
    "]",
    "{",
    "}",
    "```json",
    "P.S.",
    "p.p.s",
    "SECTION 1",
    "1.",
    "Mr.",
    "CANNOT",
    "n't ",
    "İ",
    "Σ",
    "ſ",
    "é\u{301}",
    "日本",
    "𝒜",
    "\u{feff}",
    "My answer is no.",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => proptest::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| text.chars().take(8).collect()),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Arguments of each kind, with `word` where a text is wanted and `count` where a number is.
fn arguments(kind: InstructionKind, word: &str, count: u64, relation: &str) -> Map<String, Value> {
    use InstructionKind as Kind;
    let arguments = match kind {
        Kind::KeywordExistence => json!({"keywords": [word]}),
        Kind::KeywordFrequency => json!({"keyword": word, "frequency": count, "relation": relation}),
        Kind::ForbiddenWords => json!({"forbidden_words": [word]}),
        Kind::LetterFrequency => json!({"letter": "#", "let_frequency": count, "let_relation": relation}),
        Kind::ResponseLanguage => json!({"language": "de"}),
        Kind::NumberSentences => json!({"num_sentences": count, "relation": relation}),
        Kind::NumberParagraphs => json!({"num_paragraphs": count}),
        Kind::NumberWords => json!({"num_words": count, "relation": relation}),
        Kind::NthParagraphFirstWord => {
            json!({"num_paragraphs": count + 1, "nth_paragraph": count / 2 + 1, "first_word": word})
        }
        Kind::NumberPlaceholders => json!({"num_placeholders": count}),
        Kind::Postscript => json!({"postscript_marker": word}),
        Kind::NumberBulletLists => json!({"num_bullets": count}),
        Kind::NumberHighlightedSections => json!({"num_highlights": count}),
        Kind::MultipleSections => json!({"section_spliter": word, "num_sections": count}),
        Kind::RepeatPrompt => json!({"prompt_to_repeat": word}),
        Kind::EndChecker => json!({"end_phrase": word}),
        Kind::CapitalWordFrequency => json!({"capital_frequency": count, "capital_relation": relation}),
        _ => json!({}),
    };
    arguments.as_object().cloned().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_kind_comes_to_a_verdict_on_any_text(
        response in text(),
        word in "[a-zÀ-ÿ日İ .]{1,6}",
        count in 0u64..6,
        at_least in any::<bool>(),
    ) {
        let relation = if at_least { "at least" } else { "less than" };
        let checker = Checker::default();
        let forms = ResponseForms::new(&response);
        for kind in InstructionKind::ALL {
            let instruction = Instruction::parse(kind.id(), &arguments(kind, &word, count, relation)).unwrap();
            prop_assert_eq!(instruction.kind(), kind);
            let verdict = checker.verdict(&instruction, &forms).unwrap();
            // What is followed strictly is followed loosely.
            prop_assert!(verdict.loose || !verdict.strict, "{}", kind);
            prop_assert_eq!(verdict.strict, checker.strict(&instruction, &response).unwrap());
        }
    }

    #[test]
    fn any_word_is_a_pattern_or_an_error(word in any::<String>(), response in text()) {
        for kind in [InstructionKind::ForbiddenWords, InstructionKind::MultipleSections, InstructionKind::Postscript] {
            let arguments = arguments(kind, &word, 1, "at least");
            if let Ok(instruction) = Instruction::parse(kind.id(), &arguments) {
                let _ = Checker::default().check(&instruction, &response);
            }
        }
    }

    #[test]
    fn any_expression_is_compiled_or_refused(
        expression in "[a-c.^$*+?{}\\[\\]\\\\|()<>=!:#P0-9wdsbBAZ,-]{0,12}",
        response in text(),
        ignore_case in any::<bool>(),
    ) {
        let options = PatternOptions { ignore_case, multi_line: false };
        for pattern in [Pattern::new(&expression, options), Pattern::whole_word(&expression, options)].into_iter().flatten() {
            let found = pattern.is_match(&response);
            let count = pattern.count(&response);
            if let (Ok(found), Ok(count), false) = (found, count, pattern.as_str().starts_with(r"\b")) {
                prop_assert_eq!(found, count > 0);
            }
        }
    }

    #[test]
    fn sentences_lie_in_the_text_in_order(response in text()) {
        let mut rest = response.as_str();
        for sentence in sentences(&response) {
            let at = rest.find(sentence);
            prop_assert!(at.is_some(), "{sentence:?} is not in {rest:?}");
            rest = &rest[at.unwrap() + sentence.len()..];
        }
    }

    #[test]
    fn tokens_have_every_letter_of_the_text(response in text()) {
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        prop_assert_eq!(letters(&word_tokens(&response).concat()), letters(&response));
    }

    #[test]
    fn counts_are_those_of_the_official_expressions(response in text()) {
        let multi_line = PatternOptions { ignore_case: false, multi_line: true };
        let official = |pattern: &str| Pattern::new(pattern, multi_line).unwrap().count(&response).unwrap();
        let holds = |id: &str, arguments: Value| {
            let instruction = Instruction::parse(id, arguments.as_object().unwrap()).unwrap();
            Checker::default().check(&instruction, &response).unwrap()
        };
        let placeholders = official(r"\[.*?\]");
        for (wanted, expected) in [(placeholders, true), (placeholders + 1, false)] {
            let found = holds("detectable_content:number_placeholders", json!({"num_placeholders": wanted}));
            prop_assert_eq!(found, expected);
        }
        let bullets = official(r"^\s*\*[^\*].*$") + official(r"^\s*-.*$");
        let found = holds("detectable_format:number_bullet_lists", json!({"num_bullets": bullets}));
        prop_assert!(found, "{} items", bullets);
        let title = Pattern::new(r"<<[^\n]+>>", multi_line).unwrap().is_match(&response).unwrap();
        let found = holds("detectable_format:title", json!({}));
        prop_assert!(title || !found);
    }

    #[test]
    fn strings_of_any_kind_are_taken(response in text()) {
        prop_assert!(count_words(&response) <= response.chars().count() as u64);
        prop_assert!(detect_languages(&response, 3).is_ok());
    }
}

#[test]
fn deep_documents_are_refused_without_an_end_of_the_stack() {
    let checker = Checker::default();
    let json = Instruction::parse("detectable_format:json_format", &Map::new()).unwrap();
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(checker.check(&json, &nested(990)).unwrap());
    assert!(checker.check(&json, &nested(991)).is_err());
    assert!(checker.check(&json, &"[{\"a\":".repeat(1_000_000)).is_err());
}

/// A rule that is quadratic in such a text takes hours for it.
#[test]
fn what_never_closes_or_ends_is_judged_in_linear_time() {
    use InstructionKind as Kind;
    let cases = [
        (Kind::NumberPlaceholders, "["),
        (Kind::NumberPlaceholders, "[a"),
        (Kind::Title, "<"),
        (Kind::Title, "<<a"),
        (Kind::NumberBulletLists, "\n"),
        (Kind::NumberBulletLists, " \n"),
        (Kind::NumberBulletLists, "*\n"),
        (Kind::NumberHighlightedSections, "*"),
        (Kind::NumberHighlightedSections, "* a"),
        (Kind::NumberSentences, "."),
        (Kind::NumberSentences, "a."),
        (Kind::NumberSentences, ". "),
        (Kind::NumberSentences, "!?"),
        (Kind::NumberSentences, "a-"),
        (Kind::CapitalWordFrequency, "."),
        (Kind::CapitalWordFrequency, "'"),
        (Kind::CapitalWordFrequency, "`"),
        (Kind::CapitalWordFrequency, " "),
        (Kind::Postscript, " "),
        (Kind::Postscript, "\n"),
        (Kind::ForbiddenWords, "said"),
        (Kind::KeywordFrequency, "said"),
        (Kind::MultipleSections, " said "),
        (Kind::LetterFrequency, "Σ'"),
        (Kind::JsonFormat, "{\"a\":1,"),
        (Kind::TwoResponses, "******"),
        (Kind::NumberParagraphs, "***"),
        (Kind::NthParagraphFirstWord, "\n\n"),
        (Kind::EndChecker, "\""),
        (Kind::ResponseLanguage, "a@"),
    ];
    for (kind, piece) in cases {
        let instruction = Instruction::parse(kind.id(), &arguments(kind, "said", 3, "at least")).unwrap();
        let text = piece.repeat(1_000_000 / piece.len());
        Checker::default()
            .check(&instruction, &text)
            .unwrap_or_else(|error| panic!("{kind} {piece:?}: {error}"));
    }
}

#[test]
fn a_response_of_a_megabyte_is_judged() {
    let forms = "**a** <<b>> [c]. - D\n* e, Mr. F said.\n\n".repeat(25_000);
    let forms = ResponseForms::new(&forms);
    for kind in InstructionKind::ALL {
        let instruction = Instruction::parse(kind.id(), &arguments(kind, "said", 3, "at least")).unwrap();
        Checker::default().verdict(&instruction, &forms).unwrap();
    }
}
