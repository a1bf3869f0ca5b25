//! Files in Google's layout and in that of lm-evaluation-harness.

use std::path::PathBuf;

use trace_score::ifeval::{
    Accuracy, Category, Checker, GivenResponse, InstructionKind, PromptVerdict, ResponseState, Results,
    read_prompts, read_responses, read_samples,
};

const DOC: &str = r#"{"key": 7, "prompt": "Say hi.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{"num_words": null}]}"#;

/// A file, gone at the end of its test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ifeval-files-{}-{name}.jsonl", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_prompt_is_read_with_its_instructions() {
    let prompts = read_prompts(&File::new("prompts", &format!("{DOC}\n")).0).unwrap();
    assert_eq!((prompts[0].key, prompts[0].prompt.as_str()), (7, "Say hi."));
    assert_eq!(prompts[0].instructions[0].kind(), InstructionKind::NoComma);
}

#[test]
fn a_key_that_two_prompts_have_is_an_error() {
    let error = read_prompts(&File::new("twice", &format!("{DOC}\n{DOC}\n")).0).unwrap_err();
    assert_eq!(error.to_string(), "key 7: two prompts have it");
}

#[test]
fn an_instruction_that_cannot_be_read_is_named() {
    let row = DOC.replace("num_words\": null", "num_words\": 3");
    let error = read_prompts(&File::new("unknown", &row).0).unwrap_err();
    let (place, reason) =
        (", key 7, instruction 0: ", "punctuation:no_comma: unknown argument \"num_words\"");
    let error = error.to_string();
    assert!(error.starts_with("row 1 of ") && error.ends_with(&format!("{place}{reason}")), "{error}");
    let row = DOC.replace("[{\"num_words\": null}]", "[]");
    let error = read_prompts(&File::new("count", &row).0).unwrap_err();
    assert!(error.to_string().ends_with(", key 7: 1 instructions, but 0 sets of arguments"), "{error}");
}

#[test]
fn a_response_may_be_null() {
    let rows = "{\"prompt\": \"a\", \"response\": \"b\"}\n{\"prompt\": \"c\", \"response\": null}\n";
    let responses = read_responses(&File::new("responses", rows).0).unwrap();
    assert_eq!(responses[0].response.as_deref(), Some("b"));
    assert_eq!(responses[1].response, None);
}

#[test]
fn a_response_under_another_key_is_no_missing_response() {
    let file = File::new("key", "{\"prompt\": \"a\", \"output\": \"b\"}\n");
    let error = read_responses(&file.0).unwrap_err().to_string();
    assert!(error.starts_with("row 1 of ") && error.contains("missing field `response`"), "{error}");
}

#[test]
fn a_line_that_is_no_row_says_where_it_is() {
    let file = File::new("line", "{\"prompt\": \"a\", \"response\": \"b\"}\n{\"prompt\": 1}\n");
    let error = read_responses(&file.0).unwrap_err();
    assert!(error.to_string().starts_with("row 2 of "), "{error}");
}

#[test]
fn the_filtered_response_of_a_sample_comes_first() {
    for (name, rest, expected) in [
        ("both", r#""resps": [["a, b"]], "filtered_resps": ["c"]"#, Some("c")),
        ("nested", r#""resps": [["a"]], "filtered_resps": [["c", "d"]]"#, Some("c")),
        ("resps", r#""resps": [["a, b"]]"#, Some("a, b")),
        ("null", r#""resps": [["a"]], "filtered_resps": [null]"#, None),
    ] {
        let file = File::new(name, &format!("{{\"doc_id\": 0, \"doc\": {DOC}, {rest}}}\n"));
        let (prompts, responses) = read_samples(&file.0).unwrap();
        assert_eq!(prompts[0].key, 7);
        assert_eq!(responses[0].as_deref(), expected, "{name}");
    }
    let file = File::new("none", &format!("{{\"doc\": {DOC}, \"resps\": [[]]}}\n"));
    let error = read_samples(&file.0).unwrap_err().to_string();
    assert!(error.contains(", key 7: the sample has no response"), "{error}");
}

#[test]
fn what_is_missing_or_null_is_counted_apart_and_not_followed() {
    let prompt = &read_prompts(&File::new("state", &format!("{DOC}\n")).0).unwrap()[0];
    let checker = Checker::default();
    let given = GivenResponse::Text;
    let verdicts = [GivenResponse::Missing, GivenResponse::Null, given("Hi."), given(" "), given("a,")]
        .map(|response| PromptVerdict::new(&checker, prompt, response));
    assert_eq!(verdicts[0].response, ResponseState::Missing);
    let results = Results::of(&verdicts);
    assert_eq!((results.missing, results.null, results.undecided), (1, 1, 0));
    assert_eq!(results.prompt_strict, Accuracy { followed: 1, total: 5 });
    assert_eq!(results.prompt_loose.fraction(), Some(0.2));
    assert_eq!(results.categories.len(), 1);
    assert_eq!(results.categories[0].part, Category::Punctuation);
    assert_eq!(Results::of(&[]).prompt_strict.fraction(), None);
    let json = serde_json::to_value(&results).unwrap();
    assert_eq!(json["kinds"][0]["part"], "punctuation:no_comma");
    assert_eq!(json["categories"][0]["part"], "punctuation");
}

#[test]
fn a_check_without_a_verdict_is_counted_apart() {
    let row = DOC.replace("punctuation:no_comma", "detectable_format:json_format");
    let prompt = &read_prompts(&File::new("undecided", &row).0).unwrap()[0];
    let verdict = PromptVerdict::new(&Checker::default(), prompt, "[".repeat(2000).as_str());
    assert!(!verdict.strict() && !verdict.loose());
    assert_eq!(Results::of(&[verdict]).undecided, 1);
}
