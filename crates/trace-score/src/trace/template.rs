//! Prompt templates: text with named places, filled in one pass.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The largest template that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// A prompt template that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum TemplateError {
    /// The template never uses one of its fields.
    #[error("the template {file} has no place {{{field}}}")]
    MissingField { file: String, field: String },
    /// The file exists but cannot be read as UTF-8 text.
    #[error("cannot read the template {}", .file.display())]
    Read { file: PathBuf, source: std::io::Error },
}

/// A text with `N` named places, each used at least once.
///
/// A place is written `{name}`. Substitution is one pass from left to right: braces in the values, and braces in the
/// template that enclose no field, stay as they are. A file that was written for Python's `str.format` therefore needs
/// its doubled braces made single.
///
/// ```
/// use trace_score::trace::PromptTemplate;
///
/// let template = PromptTemplate::parse("greeting", r#"Say {word} as {"json": 1}."#, ["word"])?;
/// assert_eq!(template.render(["{word} {}"]), r#"Say {word} {} as {"json": 1}."#);
/// # Ok::<(), trace_score::trace::TemplateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptTemplate<const N: usize> {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(usize),
}

impl<const N: usize> PromptTemplate<N> {
    /// Splits `text` at its places; `file` names it in errors. Line ends at its end are dropped.
    ///
    /// # Errors
    ///
    /// [`TemplateError::MissingField`] for a field that has no place.
    pub fn parse(file: &str, text: &str, fields: [&str; N]) -> Result<Self, TemplateError> {
        let places = fields.map(|field| format!("{{{field}}}"));
        let mut pieces = Vec::new();
        let mut rest = text.trim_end_matches(['\n', '\r']);
        while let Some((at, field)) = first_place(rest, &places) {
            pieces.push(Piece::Text(rest[..at].to_owned()));
            pieces.push(Piece::Field(field));
            rest = &rest[at + places[field].len()..];
        }
        pieces.push(Piece::Text(rest.to_owned()));
        match (0..N).find(|&field| !pieces.contains(&Piece::Field(field))) {
            Some(field) => {
                Err(TemplateError::MissingField { file: file.to_owned(), field: fields[field].to_owned() })
            }
            None => Ok(Self { pieces }),
        }
    }

    /// Reads `name` in `folder`, or takes `built_in` without a folder or such a file in it.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that lacks a place.
    pub fn load(
        folder: Option<&Path>,
        name: &str,
        built_in: &str,
        fields: [&str; N],
    ) -> Result<Self, TemplateError> {
        let Some(path) = folder.map(|folder| folder.join(name)) else {
            return Self::parse(name, built_in, fields);
        };
        match iopo_files::read_text(&path, MAX_BYTES) {
            Ok(text) => Self::parse(&path.display().to_string(), &text, fields),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::parse(name, built_in, fields),
            Err(source) => Err(TemplateError::Read { file: path, source }),
        }
    }

    /// The text with `values` in the places of the fields, in the order in which the fields were named.
    pub fn render(&self, values: [&str; N]) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Field(field) => values[*field].to_owned(),
        };
        self.pieces.iter().map(text).collect()
    }
}

/// The byte position of the first place, and whose it is.
fn first_place<const N: usize>(text: &str, places: &[String; N]) -> Option<(usize, usize)> {
    let at = |(field, place): (usize, &String)| text.find(place.as_str()).map(|at| (at, field));
    places.iter().enumerate().filter_map(at).min()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs;

    use super::*;

    #[test]
    fn values_are_not_looked_into() {
        let template = PromptTemplate::parse("t", "{a}|{b}|{a}\n", ["a", "b"]).unwrap();
        assert_eq!(template.render(["{b}{{", "{a}}"]), "{b}{{|{a}}|{b}{{");
    }

    #[test]
    fn a_template_without_one_of_its_places_is_an_error() {
        let error = PromptTemplate::parse("t", "{a} { b }", ["a", "b"]).unwrap_err();
        assert_eq!(error.to_string(), "the template t has no place {b}");
    }

    #[test]
    fn a_folder_overrides_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mine.txt"), "mine {a}").unwrap();
        let load = |name| PromptTemplate::load(Some(folder.path()), name, "built in {a}", ["a"]);
        assert_eq!(load("mine.txt").unwrap().render(["x"]), "mine x");
        assert_eq!(load("other.txt").unwrap().render(["x"]), "built in x");
        fs::write(folder.path().join("mark.txt"), "\u{feff}mine {a}").unwrap();
        assert_eq!(load("mark.txt").unwrap().render(["x"]), "mine x");
        fs::write(folder.path().join("bad.txt"), b"\xff").unwrap();
        assert!(matches!(load("bad.txt"), Err(TemplateError::Read { .. })));
    }
}
