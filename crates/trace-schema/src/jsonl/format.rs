//! The spelling of a row: that of Python's `json.dumps(row, ensure_ascii=False)`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Puts a space after every comma and colon, as Python does; characters outside ASCII stay as they are.
struct PythonFormatter;

impl PythonFormatter {
    fn separate<W: ?Sized + Write>(writer: &mut W, first: bool) -> io::Result<()> {
        match first {
            true => Ok(()),
            false => writer.write_all(b", "),
        }
    }
}

impl Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::separate(writer, first)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// Writes one row as the line of a JSONL file, without the end of the line.
///
/// The spelling is that of Python's `json.dumps(row, ensure_ascii=False)`, which is the spelling of the released
/// evaluation file.
///
/// # Errors
///
/// When the row has no JSON form, a map with keys that are not text for instance; the types of this crate all have one.
pub fn to_json_line<T: Serialize + ?Sized>(row: &T) -> Result<String, serde_json::Error> {
    let mut line = Vec::new();
    row.serialize(&mut Serializer::with_formatter(&mut line, PythonFormatter))?;
    String::from_utf8(line).map_err(|error| serde::ser::Error::custom(error.utf8_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_have_a_space_and_text_is_not_escaped() {
        let row = serde_json::json!({"a": [1, 2], "b": {"c": "水\n\u{7f}\u{1}"}, "d": []});
        let expected = "{\"a\": [1, 2], \"b\": {\"c\": \"水\\n\u{7f}\\u0001\"}, \"d\": []}";
        assert_eq!(to_json_line(&row).ok().as_deref(), Some(expected));
    }
}
