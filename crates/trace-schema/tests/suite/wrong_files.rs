//! One test per way in which a file can be wrong, then a table of broken files.

use std::io::{self, BufReader, Read};

use trace_schema::{DatasetReader, DatasetStats, EvalRow, JsonlError, JsonlReader, PreferencePair};

const GOOD: &str =
    r#"{"id": "a", "instruction": {"description": "Name a colour."}, "chosen": "Red.", "rejected": "Dog."}"#;

fn read(file: &[u8]) -> Vec<Result<PreferencePair, JsonlError>> {
    JsonlReader::new(file, "pairs.jsonl").collect()
}

/// The error of a file whose rows are otherwise good.
fn only_error(file: &[u8]) -> JsonlError {
    let mut errors: Vec<_> = read(file).into_iter().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn open() {
    let error = JsonlReader::<_, PreferencePair>::open("no/such/file.jsonl").err().unwrap();
    assert!(matches!(&error, JsonlError::Open { source, .. } if source.kind() == io::ErrorKind::NotFound));
    assert_eq!(error.to_string(), "cannot open no/such/file.jsonl");
}

/// Gives one good row, then fails for ever.
struct BrokenDisk<'a>(&'a [u8]);

impl Read for BrokenDisk<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk is gone")),
            count => Ok(count),
        }
    }
}

#[test]
fn read_breaks_off_and_ends_the_iterator() {
    let file = format!("{GOOD}\n");
    let rows: Vec<Result<PreferencePair, _>> =
        JsonlReader::new(BufReader::new(BrokenDisk(file.as_bytes())), "pairs.jsonl").collect();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].is_ok());
    assert!(matches!(&rows[1], Err(JsonlError::Read { at, .. }) if at.row == 2));
}

#[test]
fn line_too_long_is_skipped_without_being_held() {
    let long = format!("{GOOD}\n{}\n{GOOD}\n", "x".repeat(5000));
    let rows: Vec<Result<PreferencePair, _>> =
        JsonlReader::new(long.as_bytes(), "pairs.jsonl").max_line_bytes(200).collect();
    assert_eq!(rows.iter().filter(|row| row.is_ok()).count(), 2);
    let message = rows[1].as_ref().unwrap_err().to_string();
    assert!(message.starts_with("row 2 of pairs.jsonl: the line is longer than 200 bytes"), "{message}");
}

#[test]
fn a_line_of_exactly_the_limit_is_read_with_any_line_end() {
    for file in
        [GOOD.to_owned(), format!("{GOOD}\n"), format!("{GOOD}\r\n"), format!("\u{FEFF}{GOOD}\r\n{GOOD}")]
    {
        let rows: Vec<Result<PreferencePair, _>> =
            JsonlReader::new(file.as_bytes(), "f").max_line_bytes(GOOD.len()).collect();
        assert!(!rows.is_empty() && rows.iter().all(Result::is_ok), "{file:?}: {rows:?}");
        let mut shorter =
            JsonlReader::<_, PreferencePair>::new(file.as_bytes(), "f").max_line_bytes(GOOD.len() - 1);
        let error = shorter.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("longer than"), "{file:?}: {error}");
    }
}

#[test]
fn invalid_utf8() {
    let error = only_error(&[GOOD.as_bytes(), b"\n{\"id\": \"\xFF\"}\n"].concat());
    assert_eq!(
        error.to_string(),
        "row 2 of pairs.jsonl: not UTF-8 after byte 8 of the line; save the file as UTF-8"
    );
}

#[test]
fn blank_lines_are_skipped_and_rows_keep_the_numbers_of_their_lines() {
    // The second mark is that of a file that was joined to the first.
    let file = format!("\u{feff}\n{GOOD}\n\n \t\n\u{feff}{GOOD}\n7\n\n");
    let mut rows: JsonlReader<_, PreferencePair> = JsonlReader::new(file.as_bytes(), "pairs.jsonl");
    let mut lines = Vec::new();
    while let Some(row) = rows.next() {
        lines.push((rows.row(), row.is_ok()));
    }
    assert_eq!(lines, [(2, true), (5, true), (6, false)]);
}

#[test]
fn values_of_python_are_read_and_its_spelling_is_named() {
    let surrogate = GOOD.replace("Dog.", "Dog \\ud83d.");
    assert_eq!(read(surrogate.as_bytes()).remove(0).unwrap().rejected, "Dog \u{fffd}.");
    let absent = GOOD.replace('}', ", \"provenance\": NaN}").replacen(", \"provenance\": NaN}", "}", 1);
    assert_eq!(read(absent.as_bytes()).remove(0).unwrap().provenance, None);
    let error = only_error(GOOD.replace('"', "'").as_bytes()).to_string();
    assert!(
        error.starts_with("row 1 of pairs.jsonl: not valid JSON: it looks like Python's spelling"),
        "{error}"
    );
    let array = format!("[{GOOD}]");
    assert!(only_error(array.as_bytes()).to_string().contains("it looks like one JSON array"));
    let error = only_error(b"id,chosen,rejected\n").to_string();
    assert!(error.contains("it looks like a table"), "{error}");
}

#[test]
fn ids_and_counts_are_read_as_data_frames_write_them() {
    let numbered = GOOD.replace("\"a\"", "7.0").replacen('}', ", \"constraints\": null}", 1);
    let numbered =
        numbered.replace("\"Dog.\"", "\"Dog.\", \"provenance\": {\"seed\": 3.0, \"attempts\": null}");
    let row = read(numbered.as_bytes()).remove(0).unwrap();
    let provenance = row.provenance.unwrap();
    assert_eq!((row.id.as_str(), provenance.seed, provenance.attempts), ("7", Some(3), None));
}

#[test]
fn foreign_texts_are_cut_where_they_are_quoted() {
    let long = "x".repeat(5_000_000);
    for (name, row) in [
        ("an unknown key", GOOD.replace("\"rejected\"", &format!("\"{long}\""))),
        ("an id", GOOD.replace("\"a\"", &format!("\"{long}\"")).replace("Dog.", "Red.")),
        (
            "a text for an object",
            GOOD.replace(r#"{"description": "Name a colour."}"#, &format!("\"{long}\"")),
        ),
    ] {
        let message = only_error(row.as_bytes()).to_string();
        assert!(message.len() < 1000 && message.contains("xxx"), "{name}: {} bytes", message.len());
    }
    let message =
        DatasetReader::new(format!("{{\"{long}\": 1}}").as_bytes(), "f").next().unwrap().unwrap_err();
    assert!(message.to_string().len() < 1000);
}

#[test]
fn truncated() {
    let error = only_error(format!("{GOOD}\n{}", &GOOD[..30]).as_bytes());
    let message = error.to_string();
    assert!(
        message.starts_with("row 2 of pairs.jsonl: the file ends in the middle of this row"),
        "{message}"
    );
}

#[test]
fn syntax() {
    let error = only_error(format!("{GOOD}\n{{\"id\": }}\n").as_bytes());
    assert_eq!(error.to_string(), "row 2 of pairs.jsonl: not valid JSON: expected value at column 8");
}

#[test]
fn shape_names_the_id_of_the_row() {
    let error = only_error(GOOD.replace("\"rejected\"", "\"worse\"").as_bytes());
    let message = error.to_string();
    assert!(
        message
            .starts_with(r#"row 1 of pairs.jsonl (id "a"): not a row of this format: unknown field `worse`"#),
        "{message}"
    );
}

#[test]
fn invalid() {
    let error = only_error(GOOD.replace("Dog.", "Red.").as_bytes());
    assert!(matches!(&error, JsonlError::Invalid { .. }));
    assert_eq!(
        error.to_string(),
        r#"row 1 of pairs.jsonl (id "a"): chosen and rejected are the same response"#
    );
}

#[test]
fn unknown_format() {
    let file = r#"{"id": 7, "prompt": "a", "answer": "b"}"#;
    let error = DatasetReader::new(file.as_bytes(), "f.jsonl").next().unwrap().unwrap_err();
    assert!(matches!(&error, JsonlError::UnknownFormat { .. }));
    assert!(error.to_string().ends_with(r#"this row has "id", "prompt", "answer""#), "{error}");
    let error = DatasetReader::new(b"[1]".as_slice(), "f.jsonl").next().unwrap().unwrap_err();
    assert!(error.to_string().contains("this row is a list: where the file is one JSON array"), "{error}");
}

#[test]
fn empty() {
    for file in ["", "\n\n", "\u{FEFF}"] {
        let error = DatasetStats::of(DatasetReader::new(file.as_bytes(), "f.jsonl")).unwrap_err();
        assert!(matches!(&error, JsonlError::Empty { .. }));
        assert_eq!(error.to_string(), "f.jsonl has no rows");
    }
}

#[test]
fn rows_of_another_format_are_errors_after_the_first() {
    let file = format!("{GOOD}\n{{\"x1\": 1, \"x2\": 2}}\n");
    let rows: Vec<_> = DatasetReader::new(file.as_bytes(), "f.jsonl").collect();
    assert!(rows[0].is_ok());
    let message = rows[1].as_ref().unwrap_err().to_string();
    assert!(message.starts_with("row 2 of f.jsonl: not a row of this format"), "{message}");
}

#[test]
fn names_that_stand_for_nothing() {
    let kind = "Colour".parse::<trace_schema::ConstraintType>().unwrap_err().to_string();
    let types = "the types are Content, Situation, Style, Format and Example";
    assert_eq!(kind, format!("unknown constraint type \"Colour\": {types}"));
    let dimension = "Colour".parse::<trace_schema::ConstraintDimension>().unwrap_err().to_string();
    assert_eq!(dimension, "unknown constraint dimension \"Colour\"");
    let operation = "Colour".parse::<trace_schema::ConstraintOperation>().unwrap_err().to_string();
    let operations = "the operations are ADD, DELETE and REVISE";
    assert_eq!(operation, format!("unknown constraint operation \"Colour\": {operations}"));
}

/// Every broken row gives exactly one error and leaves the rows around it readable.
#[test]
fn broken_rows_are_one_error_each_between_good_rows() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let broken: &[(&str, &str)] = &[
        ("a word", "hello"),
        ("a scalar", "7"),
        ("null", "null"),
        ("an array", "[]"),
        ("an empty object", "{}"),
        ("two documents", r#"{"id": "a"} {"id": "b"}"#),
        ("Python's spelling", "{'id': 'a'}"),
        ("a trailing comma", r#"{"id": "a",}"#),
        ("a raw control character", "{\"id\": \"\u{1}\"}"),
        ("a key twice", r#"{"id": "a", "id": "b"}"#),
        ("a number as id", r#"{"id": 7}"#),
        ("an unknown key", r#"{"id": "a", "colour": "red"}"#),
        (
            "null as a response",
            r#"{"id": "a", "instruction": {"description": "b"}, "chosen": null, "rejected": "c"}"#,
        ),
        (
            "an unknown key inside",
            r#"{"id": "a", "instruction": {"description": "b", "c": 1}, "chosen": "d", "rejected": "e"}"#,
        ),
        ("not a number", r#"{"id": NaN}"#),
        ("too deep", &deep),
        ("half a row", &GOOD[..40]),
    ];
    for (name, row) in broken {
        let rows = read(format!("{GOOD}\n{row}\n{GOOD}\n").as_bytes());
        let good: Vec<bool> = rows.iter().map(Result::is_ok).collect();
        assert_eq!(good, [true, false, true], "{name}");
        let message = rows[1].as_ref().unwrap_err().to_string();
        assert!(message.starts_with("row 2 of pairs.jsonl"), "{name}: {message}");
        assert!(!message.contains("line 1"), "{name}: {message}");
    }
}

#[test]
fn wrong_types_in_evaluation_rows_are_errors() {
    for number in ["-1", "1.5", "\"1\"", "1e300", "null"] {
        let row = format!(
            r#"{{"id": "0", "messages": [], "type": "t", "description": "d", "constraints": "c", "input": "NULL", "constraints_num": {number}, "constraints_splits": ["c"], "levels2": ["l"], "category": "c"}}"#
        );
        let error = JsonlReader::<_, EvalRow>::new(row.as_bytes(), "f").next().unwrap().unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("row 1 of f (id \"0\"): not a row of this format"),
            "{number}: {message}"
        );
    }
}

#[test]
fn utf16_is_an_error_that_asks_for_utf8() {
    let bytes: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(GOOD.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert!(only_error(&bytes).to_string().contains("not UTF-8"));
}

#[test]
fn a_folder_is_an_error_of_reading() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = match JsonlReader::<_, PreferencePair>::open(folder.path()) {
        Ok(rows) => rows,
        // Some systems refuse to open a folder at all.
        Err(error) => return assert!(matches!(error, JsonlError::Open { .. })),
    };
    assert!(matches!(rows.next(), Some(Err(JsonlError::Read { .. }))));
    assert!(rows.next().is_none());
}
