//! An annotator's table, as the page or a spreadsheet wrote it.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use iopo_files::{read_bytes, what_it_is};
use trace_schema::excerpt;

use super::check::{Check, Item};

/// What separates fields; spreadsheets of some countries write semicolons, and "text" export writes tabs.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The largest table that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// The columns that are read; others are passed over.
const COLUMNS: [&str; 5] = ["annotator", "id", "check", "constraint", "verdict"];

/// A verdict at its place in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: u64,
    pub(super) item: Item,
    /// `None` where the annotator left it open.
    pub(super) verdict: Option<bool>,
}

/// One annotator's verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) file: String,
    pub(super) annotator: String,
    pub(super) entries: Vec<Entry>,
}

/// Reads a table.
pub(super) fn sheet(path: &Path) -> Result<Sheet> {
    let file = path.display().to_string();
    let bytes = read_bytes(path, MAX_BYTES).with_context(|| format!("cannot read {file}"))?;
    match what_it_is(&bytes) {
        Some(kind) => bail!("{file} is {kind}: a table of text is needed, \"CSV UTF-8\" in spreadsheets"),
        None => parse(&file, &bytes),
    }
}

fn parse(file: &str, bytes: &[u8]) -> Result<Sheet> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        anyhow!("{file}, line {line}: this is not UTF-8; save the table as \"CSV UTF-8\"")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (delimiter, columns) = header(file, text)?;
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let mut sheet = Sheet { file: file.to_owned(), annotator: String::new(), entries: Vec::new() };
    let mut lines = LineCounter { text: text.as_bytes(), counted: 0, number: 1 };
    for record in reader.records() {
        let record = record.with_context(|| format!("{file} is not a table"))?;
        // Spreadsheets keep lines whose cells have been emptied.
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let start = record.position().map_or(0, csv::Position::byte) as usize;
        let line = Line { file, number: lines.number_at(start), record: &record, columns };
        line.annotator(&mut sheet.annotator)?;
        sheet.entries.push(line.entry()?);
    }
    match sheet.entries.is_empty() {
        true => bail!("{file} has a header and no verdicts"),
        false => Ok(sheet),
    }
}

/// The delimiter under which the first line has all columns, and where they are.
fn header(file: &str, text: &str) -> Result<(u8, [usize; 5])> {
    let mut missing = COLUMNS.to_vec();
    for delimiter in DELIMITERS {
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
        let names = reader.headers().with_context(|| format!("{file} is not a table"))?;
        let place = |column: &str| names.iter().position(|name| name.trim().eq_ignore_ascii_case(column));
        let places = COLUMNS.map(place);
        if let [Some(a), Some(b), Some(c), Some(d), Some(e)] = places {
            return Ok((delimiter, [a, b, c, d, e]));
        }
        let absent: Vec<_> = COLUMNS
            .into_iter()
            .zip(places)
            .filter(|(_, place)| place.is_none())
            .map(|(name, _)| name)
            .collect();
        if absent.len() < missing.len() {
            missing = absent;
        }
    }
    bail!("{file}, line 1: the table has no column {}", missing.join(", "))
}

/// Numbers the lines of a text; the csv crate's own numbers are too low after CRLF and empty lines.
struct LineCounter<'a> {
    text: &'a [u8],
    counted: usize,
    number: u64,
}

impl LineCounter<'_> {
    /// The line of the first text at or after `place`; places may only grow.
    fn number_at(&mut self, place: usize) -> u64 {
        let ends = self.text[place..].iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = &self.text[self.counted..place + ends];
        self.number += passed.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.counted = place + ends;
        self.number
    }
}

struct Line<'a> {
    file: &'a str,
    number: u64,
    record: &'a csv::StringRecord,
    columns: [usize; 5],
}

impl Line<'_> {
    fn field(&self, column: usize) -> Result<&str> {
        let field = self.record.get(self.columns[column]);
        field.map(str::trim).ok_or_else(|| self.wrong(column, "the line ends before it"))
    }

    fn wrong(&self, column: usize, what: impl std::fmt::Display) -> anyhow::Error {
        anyhow!("{}, line {}, column {}: {what}", self.file, self.number, COLUMNS[column])
    }

    /// Checks that the whole table is by one annotator.
    fn annotator(&self, known: &mut String) -> Result<()> {
        let annotator = self.field(0)?;
        match (annotator, known.as_str()) {
            ("", _) => Err(self.wrong(0, "no annotator is named")),
            (_, "") => {
                *known = annotator.to_owned();
                Ok(())
            }
            (annotator, first) if annotator == first => Ok(()),
            (annotator, first) => {
                let (annotator, first) = (excerpt(annotator), excerpt(first));
                Err(self.wrong(0, format!("{annotator:?} in a table by {first:?}")))
            }
        }
    }

    fn entry(&self) -> Result<Entry> {
        let id = from_cell(self.field(1)?).to_owned();
        if id.is_empty() {
            return Err(self.wrong(1, "no row is named"));
        }
        let name = self.field(2)?;
        let Some(check) = Check::ALL.into_iter().find(|check| check.name() == name) else {
            let known = Check::ALL.map(Check::name).join(", ");
            return Err(self.wrong(2, format!("there is no check {:?}; they are {known}", excerpt(name))));
        };
        let typed = self.field(3)?;
        // A data frame with empty cells writes 3 as 3.0.
        let constraint = match typed.strip_suffix(".0").unwrap_or(typed).parse::<usize>() {
            Ok(number) if (number > 0) == (check == Check::LabelRight) => number,
            Ok(_) if check == Check::LabelRight => {
                return Err(self.wrong(3, "constraints are counted from 1"));
            }
            Ok(number) => {
                return Err(self.wrong(3, format!("{number}, where {name} is about the whole row: 0")));
            }
            Err(_) => {
                return Err(self.wrong(3, format!("{:?} is no number of a constraint", excerpt(typed))));
            }
        };
        let typed = self.field(4)?;
        let verdict = verdict(typed)
            .ok_or_else(|| self.wrong(4, format!("{:?} is neither yes nor no", excerpt(typed))))?;
        Ok(Entry { line: self.number, item: Item { id, check, constraint }, verdict })
    }
}

/// The verdict that was typed; `Some(None)` for an empty cell.
fn verdict(typed: &str) -> Option<Option<bool>> {
    match typed.to_lowercase().as_str() {
        "" => Some(None),
        "yes" | "y" | "true" | "1" | "是" => Some(Some(true)),
        "no" | "n" | "false" | "0" | "否" => Some(Some(false)),
        _ => None,
    }
}

/// A text as a cell: where it would begin a formula, after an apostrophe. `form.js` writes cells in the same way.
pub(super) fn to_cell(text: &str) -> Cow<'_, str> {
    match is_formula(text) {
        true => format!("'{text}").into(),
        false => text.into(),
    }
}

/// The text of a cell.
pub(super) fn from_cell(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|_| is_formula(cell)).unwrap_or(cell)
}

/// Also after apostrophes, so that each cell has one text.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const TABLE: &str =
        "annotator,id,check,constraint,verdict\nann,7,valid,0,yes\nann,7,label_right,1,no\nann,8,valid,0,\n";

    fn verdicts(sheet: &Sheet) -> Vec<(&str, usize, Option<bool>)> {
        sheet
            .entries
            .iter()
            .map(|entry| (entry.item.id.as_str(), entry.item.constraint, entry.verdict))
            .collect()
    }

    #[test]
    fn the_habits_of_spreadsheets_change_nothing() {
        let expected = parse("a", TABLE.as_bytes()).unwrap();
        assert_eq!(verdicts(&expected), [("7", 0, Some(true)), ("7", 1, Some(false)), ("8", 0, None)]);
        let variants = [
            TABLE.replace('\n', "\r\n"),
            TABLE.replace(',', ";"),
            TABLE.replace(',', "\t"),
            format!("\u{feff}{}", TABLE.replace(',', ";").replace('\n', "\r\n")),
            TABLE.replace("yes", " YES ").replace(",no", ",FALSE"),
            TABLE.replace("yes", "是").replace(",no", ",否"),
            format!("{TABLE},,,,\n"),
            TABLE.replace("annotator,id", "Annotator,ID"),
            TABLE.replace(",1,no", ",1.0,no"),
        ];
        for variant in variants {
            assert_eq!(parse("a", variant.as_bytes()).unwrap(), expected, "{variant:?}");
        }
    }

    #[test]
    fn errors_name_file_line_and_column() {
        let cases = [
            (
                TABLE.replace("1,no", "1,maybe"),
                "t.csv, line 3, column verdict: \"maybe\" is neither yes nor no",
            ),
            (
                TABLE.replace("label_right,1", "label_right,0"),
                "t.csv, line 3, column constraint: constraints are counted from 1",
            ),
            (
                TABLE.replace("8,valid,0", "8,valid,2"),
                "t.csv, line 4, column constraint: 2, where valid is about the whole row: 0",
            ),
            (
                TABLE.replace("8,valid,0", "8,valid,x"),
                "t.csv, line 4, column constraint: \"x\" is no number of a constraint",
            ),
            (
                TABLE.replace("ann,8", "bob,8"),
                "t.csv, line 4, column annotator: \"bob\" in a table by \"ann\"",
            ),
            (TABLE.replace("ann,8", "ann,"), "t.csv, line 4, column id: no row is named"),
            (
                TABLE.replace("ann,8,valid,0,", "ann,8"),
                "t.csv, line 4, column check: the line ends before it",
            ),
            (TABLE.replace(",verdict", ",verdit"), "t.csv, line 1: the table has no column verdict"),
            (TABLE.lines().next().unwrap_or_default().to_owned(), "t.csv has a header and no verdicts"),
        ];
        for (table, expected) in cases {
            assert_eq!(parse("t.csv", table.as_bytes()).unwrap_err().to_string(), expected);
        }
        let blank_lines = TABLE.replace("ann,8,valid,0,", "\n\nann,8,valid,0,x").replace('\n', "\r\n");
        let error = parse("t.csv", blank_lines.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "t.csv, line 6, column verdict: \"x\" is neither yes nor no");
        let error = parse("t.csv", b"annotator,id\n\xff").unwrap_err().to_string();
        assert_eq!(error, "t.csv, line 2: this is not UTF-8; save the table as \"CSV UTF-8\"");
    }

    #[test]
    fn cells_begin_no_formulas_and_give_their_texts_back() {
        for text in ["=1+1", "+1", "-1", "@a", "\t=1", "'=1", "''-", "", "'", "'tis", "7", "a=b"] {
            let cell = to_cell(text);
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
            assert_eq!(from_cell(&cell), text);
        }
        assert_eq!(to_cell("'tis"), "'tis");
    }
}
