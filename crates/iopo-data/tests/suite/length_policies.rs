//! What each length policy does to rows that are too long, and what it reports.

use iopo_data::{
    DropReason, EncodeError, EncodedExample, Encoder, ExampleText, LengthPolicy, Message, RowLocation,
    Template, TextExample, TrieBatch,
};
use proptest::prelude::*;

use crate::common;

fn encoder(cutoff_len: usize, policy: LengthPolicy) -> Encoder {
    Encoder::new(common::encoder("qwen2-tiny", Template::Qwen), cutoff_len, policy)
}

fn example(row: u64, text: ExampleText) -> TextExample {
    TextExample {
        origin: RowLocation { file: "rows.jsonl".to_owned(), row, id: None },
        text,
        unused: Vec::new(),
    }
}

/// A group whose x₂ is longer than x₁, and y₁ much longer than y₂.
fn group() -> TextExample {
    let prompt = |text: &str| vec![Message::system("s"), Message::user(text)];
    let (x1, x2) = (prompt("1 2 3 4 5"), prompt("1 2 3 4 5 6 7 8 9 0"));
    example(1, ExampleText::Group { x1, y1: "1 2 3 4 5 6 7 8 9 0".to_owned(), x2, y2: "1".to_owned() })
}

/// Tokens of x1, x2, y1, y2 when nothing is cut.
fn lengths(example: &EncodedExample) -> [usize; 4] {
    let EncodedExample::Group { x1, x2, y1, y2 } = example else { panic!("not a group") };
    [x1, x2, y1, y2].map(Vec::len)
}

fn whole() -> [usize; 4] {
    lengths(&encoder(10_000, LengthPolicy::Error).encode(&group()).unwrap().unwrap())
}

#[test]
fn a_row_that_just_fits_is_kept_whole_under_every_policy() {
    let [_, x2, y1, _] = whole();
    for policy in
        [LengthPolicy::Error, LengthPolicy::Drop, LengthPolicy::TruncateResponse, LengthPolicy::Reference]
    {
        let encoded = encoder(x2 + y1, policy).encode(&group()).unwrap().unwrap();
        assert_eq!(lengths(&encoded), whole());
    }
}

#[test]
fn error_names_row_and_lengths() {
    let [_, x2, y1, _] = whole();
    let error = encoder(x2 + y1 - 1, LengthPolicy::Error).encode(&group()).unwrap_err();
    let EncodeError::TooLong { prompt_tokens, completion_tokens, .. } = &error else { panic!("{error}") };
    assert_eq!([*prompt_tokens, *completion_tokens], [x2, y1]);
    assert!(error.to_string().starts_with("row 1 of rows.jsonl: "), "{error}");
}

#[test]
fn drop_leaves_the_row_out_and_says_why() {
    let [x1, x2, y1, _] = whole();
    assert!(x1 < x2);
    for (cutoff, reason) in [(x2 + y1 - 1, DropReason::TooLong), (x2, DropReason::PromptTooLong)] {
        let short = example(
            2,
            ExampleText::Completion { prompt: vec![Message::user("q")], response: "y".to_owned() },
        );
        let (kept, report) =
            encoder(cutoff, LengthPolicy::Drop).encode_all(&[short, group(), group()]).unwrap();
        assert_eq!((kept.len(), report.kept, report.num_dropped()), (1, 1, 2));
        assert_eq!((report.dropped[&reason].count, report.dropped[&reason].first.row), (2, 1));
    }
}

#[test]
fn truncate_response_cuts_completions_only_and_fakes_no_end() {
    let [x1, x2, y1, y2] = whole();
    let encoder = encoder(x2 + y1 - 3, LengthPolicy::TruncateResponse);
    let (kept, report) = encoder.encode_all(&[group()]).unwrap();
    assert_eq!(lengths(&kept[0]), [x1, x2, y1 - 3, y2]);
    let EncodedExample::Group { y1, y2, .. } = &kept[0] else { panic!("not a group") };
    assert_ne!(y1.last(), Some(&999));
    assert_eq!(y2.last(), Some(&999));
    assert_eq!((report.truncated, report.completions_without_eos), (1, 1));
}

#[test]
fn truncate_response_drops_a_row_whose_prompt_fills_the_limit() {
    let [_, x2, ..] = whole();
    assert!(encoder(x2 + 1, LengthPolicy::TruncateResponse).encode(&group()).unwrap().is_some());
    assert_eq!(encoder(x2, LengthPolicy::TruncateResponse).encode(&group()).unwrap(), None);
}

#[test]
fn reference_cuts_by_the_longest_of_the_group() {
    let [x1, x2, y1, y2] = whole();
    let cutoff = 30;
    let (source, target) = iopo_data::infer_seqlen(x2, y1, cutoff);
    let encoded = encoder(cutoff, LengthPolicy::Reference).encode(&group()).unwrap().unwrap();
    assert_eq!(lengths(&encoded), [x1.min(source), x2.min(source), y1.min(target), y2.min(target)]);
}

#[test]
fn a_cut_to_nothing_drops_the_row() {
    let prompt = vec![Message::user("word ".repeat(100))];
    let long = example(1, ExampleText::Completion { prompt, response: "a".to_owned() });
    let encoder = encoder(2, LengthPolicy::Reference);
    assert_eq!(encoder.encode(&long).unwrap(), None);
    let EncodeError::NothingKept { report, .. } = encoder.encode_all(&[long]).unwrap_err() else {
        panic!("kept")
    };
    assert_eq!(report.dropped[&DropReason::NothingLeft].count, 1);
}

#[test]
fn a_dataset_of_which_nothing_is_left_is_an_error() {
    let error = encoder(4, LengthPolicy::Drop).encode_all(&[group(), group()]).unwrap_err();
    assert!(
        matches!(&error, EncodeError::NothingKept { report, .. } if report.num_dropped() == 2),
        "{error}"
    );
    assert!(
        error.to_string().contains("2 because the prompt alone fills cutoff_len, first row 1"),
        "{error}"
    );
}

#[test]
fn a_row_that_the_template_refuses_is_named() {
    let refused = example(7, ExampleText::Completion { prompt: Vec::new(), response: "y".to_owned() });
    let error = encoder(100, LengthPolicy::Drop).encode_all(&[group(), refused]).unwrap_err();
    assert!(matches!(error, EncodeError::Template { .. }));
    assert_eq!(error.to_string(), "row 7 of rows.jsonl: a prompt needs at least one user message");
}

#[test]
fn sequences_come_in_a_fixed_order() {
    let group = EncodedExample::Group { x1: vec![1], x2: vec![2], y1: vec![3], y2: vec![4] };
    let tokens = |example: &EncodedExample| -> Vec<[u32; 2]> {
        example.sequences().iter().map(|sequence| [sequence.prompt[0], sequence.completion[0]]).collect()
    };
    assert_eq!(tokens(&group), [[1, 3], [1, 4], [2, 3], [2, 4]]);
    let pair = EncodedExample::Pair { prompt: vec![1], chosen: vec![2], rejected: vec![3] };
    assert_eq!(tokens(&pair), [[1, 2], [1, 3]]);
    assert_eq!((group.num_sequences(), pair.num_sequences()), (4, 2));
}

#[test]
fn a_dataset_is_encoded_in_its_order() {
    let rows: Vec<TextExample> = (0..50)
        .map(|n| {
            example(n, ExampleText::Completion { prompt: vec![Message::user("q")], response: n.to_string() })
        })
        .collect();
    let encoder = encoder(100, LengthPolicy::Drop);
    let one_by_one: Vec<EncodedExample> =
        rows.iter().map(|row| encoder.encode(row).unwrap().unwrap()).collect();
    let (all, report) = encoder.encode_all(&rows).unwrap();
    assert_eq!(all, one_by_one);
    assert_eq!((report.kept, report.prompt_lengths.count(), report.completion_lengths.count()), (50, 50, 50));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Truncation never leaves a row that cannot be trained on: the cause of NaN losses.
    #[test]
    fn whatever_is_kept_can_be_laid_out_within_the_limit(
        x1 in "[a-z中 \n]{1,60}", x2 in "[a-z中 \n]{1,60}", y1 in "[a-z文 \n]{1,60}", y2 in "[a-z文 \n]{1,60}",
        cutoff in 1_usize..120,
        policy in prop::sample::select(vec![LengthPolicy::Drop, LengthPolicy::TruncateResponse, LengthPolicy::Reference]),
    ) {
        let text = ExampleText::Group { x1: vec![Message::user(x1)], y1, x2: vec![Message::user(x2)], y2 };
        if let Some(kept) = encoder(cutoff, policy).encode(&example(1, text)).unwrap() {
            let sequences = kept.sequences();
            prop_assert!(sequences.iter().all(|sequence| sequence.len() <= cutoff));
            prop_assert!(TrieBatch::from_sequences(&sequences).is_ok());
        }
    }
}
