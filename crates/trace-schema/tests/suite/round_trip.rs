//! Rows of every format survive being written and read.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use trace_schema::{
    Constraint, ConstraintDimension, ConstraintOperation, DimensionLabel, EvalRow, Instruction, JsonlReader,
    JsonlWriter, PreferenceGroup, PreferencePair, Provenance, Reasoning, Record, UnknownLabels, to_json_line,
};

/// Any text at all: quotes, control characters and line separators included.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

/// Text that says something.
fn words() -> impl Strategy<Value = String> {
    text().prop_map(|rest| format!("w{rest}"))
}

fn dimension() -> impl Strategy<Value = ConstraintDimension> {
    (0..ConstraintDimension::ALL.len()).prop_map(|index| ConstraintDimension::ALL[index])
}

fn label() -> impl Strategy<Value = DimensionLabel> {
    prop_oneof![
        dimension().prop_map(DimensionLabel::Known),
        text().prop_map(|text| DimensionLabel::parse(&text))
    ]
}

fn instruction(labelled: bool) -> impl Strategy<Value = Instruction> {
    let label = label();
    let label = if labelled { label.prop_map(Some).boxed() } else { option::of(label).boxed() };
    let constraint = (words(), label).prop_map(|(text, dimension)| Constraint { text, dimension });
    let parts = (words(), vec(constraint, 0..4), option::of(text()));
    parts.prop_map(|(description, constraints, input)| Instruction { description, constraints, input })
}

fn provenance() -> impl Strategy<Value = Provenance> {
    let texts = (option::of(text()), option::of(text()), option::of(text()), option::of(text()));
    let numbers = (option::of(any::<u64>()), option::of(any::<u32>()));
    let tokens = (option::of(any::<u64>()), option::of(any::<u64>()));
    let reasoning = option::of(option::of(text())).prop_map(|second_response| {
        second_response.map(|second_response| Reasoning { second_response, ..Reasoning::default() })
    });
    let parts = (texts, numbers, tokens, reasoning);
    parts.prop_map(|(texts, (seed, attempts), (prompt_tokens, completion_tokens), reasoning)| {
        let (source, source_id, generator_model, prompt_hash) = texts;
        Provenance {
            source,
            source_id,
            generator_model,
            prompt_hash,
            seed,
            attempts,
            prompt_tokens,
            completion_tokens,
            reasoning,
        }
    })
}

fn group() -> impl Strategy<Value = PreferenceGroup> {
    let operation = (0..3usize).prop_map(|index| ConstraintOperation::ALL[index]);
    let parts = (
        words(),
        operation,
        instruction(false),
        words(),
        instruction(false),
        words(),
        option::of(provenance()),
    );
    parts.prop_map(|(id, operation, x1, y1, x2, y2, provenance)| PreferenceGroup {
        id,
        operation,
        x1,
        y1,
        x2,
        y2,
        provenance,
    })
}

fn pair() -> impl Strategy<Value = PreferencePair> {
    let parts = (words(), instruction(false), words(), words(), option::of(provenance()));
    parts.prop_map(|(id, instruction, chosen, rejected, provenance)| PreferencePair {
        id,
        instruction,
        chosen,
        rejected,
        provenance,
    })
}

fn eval_row() -> impl Strategy<Value = EvalRow> {
    let number = any::<f64>().prop_filter("JSON has no such number", |number| number.is_finite());
    (words(), instruction(true), words(), text(), number).prop_map(
        |(id, instruction, category, key, number)| {
            let mut row = EvalRow::new(id, &instruction, category).unwrap();
            row.extra.insert(format!("extra {key}"), number.into());
            row
        },
    )
}

fn read_back<T: Record + serde::de::DeserializeOwned + serde::Serialize>(row: &T) -> T {
    let line = to_json_line(row).unwrap();
    assert!(!line.contains('\n'));
    let file = line + "\n";
    let mut reader = JsonlReader::new(file.as_bytes(), "test.jsonl").unknown_labels(UnknownLabels::Keep);
    let read = reader.next().unwrap().unwrap();
    assert!(reader.next().is_none());
    read
}

proptest! {
    #[test]
    fn groups_round_trip(group in group()) {
        prop_assume!(group.validate(UnknownLabels::Keep).is_ok());
        prop_assert_eq!(read_back(&group), group);
    }

    #[test]
    fn pairs_round_trip(pair in pair()) {
        prop_assume!(pair.validate(UnknownLabels::Keep).is_ok());
        prop_assert_eq!(read_back(&pair), pair);
    }

    #[test]
    fn eval_rows_round_trip(row in eval_row()) {
        prop_assert_eq!(read_back(&row), row);
    }

    #[test]
    fn an_instruction_survives_the_evaluation_format(instruction in instruction(true)) {
        let row = EvalRow::new("id", &instruction, "own").unwrap();
        prop_assert_eq!(row.instruction(), instruction);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        for row in JsonlReader::<_, PreferenceGroup>::new(bytes.as_slice(), "test.jsonl") {
            let _ = row;
        }
    }

    #[test]
    fn a_file_cut_anywhere_gives_its_whole_rows_and_then_one_error_or_none(group in group(), cut in 0.0..1.0) {
        prop_assume!(group.validate(UnknownLabels::Keep).is_ok());
        let line = to_json_line(&group).unwrap();
        let file = format!("{line}\n{line}\n");
        let keep = (file.len() as f64 * cut) as usize;
        let reader = JsonlReader::new(&file.as_bytes()[..keep], "test.jsonl").unknown_labels(UnknownLabels::Keep);
        let rows: Vec<Result<PreferenceGroup, _>> = reader.collect();
        let whole = keep.div_euclid(line.len() + 1).max(usize::from(keep >= line.len()));
        prop_assert!(rows.iter().take(whole).all(Result::is_ok));
        prop_assert!(rows.len() <= whole + 1);
    }
}

#[test]
fn a_written_file_reads_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.jsonl");
    let pair = |number: usize| PreferencePair {
        id: number.to_string(),
        instruction: Instruction { description: "Name a number.".to_owned(), ..Instruction::default() },
        chosen: number.to_string(),
        rejected: "blue".to_owned(),
        provenance: None,
    };
    let pairs: Vec<_> = (0..50).map(pair).collect();
    let mut writer = JsonlWriter::create(&path).unwrap();
    for pair in &pairs {
        writer.write(pair).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), 50);
    let read: Vec<PreferencePair> = JsonlReader::open(&path).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(read, pairs);
}
