//! Simple instructions to start from, and their file.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use iopo_files::open_text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trace_schema::{
    Purpose, RowLocation, UnusedKeys, excerpt, foreign_text, parse_json, shorten, unread_keys, values,
};

use super::error::PipelineError;
use crate::random::digest_of;

/// The longest line of a seed file, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;

/// A simple instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed {
    /// Unique within the file; its rows have the same id.
    pub id: String,
    /// The instruction.
    pub instruction: String,
    /// The material that it is about, where that is not part of the instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

impl Seed {
    /// The instruction and its input as one text.
    pub fn text(&self) -> String {
        match &self.input {
            Some(input) => format!("{}\n{input}", self.instruction),
            None => self.instruction.clone(),
        }
    }
}

/// A file of seeds, one a line: JSON objects with `id`, `instruction` and perhaps `input`, or plain text.
///
/// A line that begins with `{` is JSON, and then all lines must be. Other keys of an object are not used, and counted.
/// Lines of plain text get the id `line-N`. Blank lines are skipped. The whole file is checked when it is opened; later
/// it is read row by row.
#[derive(Debug, Clone)]
pub struct SeedFile {
    path: PathBuf,
    rows: u64,
    /// Seeds below this digest are held out for evaluation.
    held_out_below: Option<u64>,
    held_out: u64,
    seed: u64,
    unused: UnusedKeys,
}

impl SeedFile {
    /// Checks the file; at most `rows` seeds are taken, from its start.
    ///
    /// # Errors
    ///
    /// [`PipelineError::File`] and, for a wrong line, an id that comes twice or a file without seeds,
    /// [`PipelineError::Invalid`].
    pub fn open(path: impl AsRef<Path>, rows: Option<u64>) -> Result<Self, PipelineError> {
        let path = path.as_ref().to_owned();
        let limit = rows.unwrap_or(u64::MAX);
        let mut file = Self {
            path: path.clone(),
            rows: limit,
            held_out_below: None,
            held_out: 0,
            seed: 0,
            unused: UnusedKeys::default(),
        };
        let mut ids = HashSet::new();
        let mut count = 0;
        for seed in file.lines()? {
            let Numbered { line, seed, unused } = seed?;
            let location = RowLocation { file: path.display().to_string(), row: line, id: None };
            unused.iter().for_each(|key| file.unused.add(key, &location));
            // Half a digest distinguishes some hundred thousand ids, and is smaller than an id.
            if !ids.insert(digest_of(&[&seed.id])) {
                let reason = format!("the id {:?} is that of an earlier line", excerpt(&seed.id));
                return Err(PipelineError::invalid(place(&path, line), reason));
            }
            count += 1;
        }
        if count == 0 {
            return Err(PipelineError::invalid(path.display(), "the file has no seeds"));
        }
        file.rows = count;
        Ok(file)
    }

    /// Holds `count` of the seeds out for evaluation, chosen by `seed` and by their ids.
    ///
    /// # Errors
    ///
    /// As [`SeedFile::open`].
    pub fn hold_out(mut self, count: u64, seed: u64) -> Result<Self, PipelineError> {
        let mut digests = self
            .lines()?
            .map(|row| row.map(|row| rank(seed, &row.seed.id)))
            .collect::<Result<Vec<_>, _>>()?;
        digests.sort_unstable();
        self.held_out = count.min(self.rows);
        self.held_out_below = match usize::try_from(self.held_out) {
            Ok(0) => None,
            Ok(count) => Some(digests.get(count).copied().unwrap_or(u64::MAX)),
            Err(_) => Some(u64::MAX),
        };
        self.seed = seed;
        Ok(self)
    }

    /// Keys of the seeds that are not used.
    pub fn unused(&self) -> &UnusedKeys {
        &self.unused
    }

    /// The number of seeds that are taken.
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// Whether there are no seeds; a file that was opened has at least one.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The number of those that are held out.
    pub fn held_out(&self) -> u64 {
        self.held_out
    }

    /// Whether a seed is held out for evaluation.
    pub fn is_held_out(&self, seed: &Seed) -> bool {
        self.held_out_below.is_some_and(|below| rank(self.seed, &seed.id) < below)
    }

    /// The seeds, in the order of the file.
    ///
    /// # Errors
    ///
    /// [`PipelineError::File`] where the file cannot be opened; the items may be errors as in [`SeedFile::open`].
    pub fn seeds(
        &self,
    ) -> Result<impl Iterator<Item = Result<Seed, PipelineError>> + Send + use<>, PipelineError> {
        Ok(self.lines()?.map(|row| row.map(|row| row.seed)))
    }

    fn lines(
        &self,
    ) -> Result<impl Iterator<Item = Result<Numbered, PipelineError>> + Send + use<>, PipelineError> {
        let file = self.path.clone();
        let reader = open_text(&file).map_err(|source| PipelineError::File { path: file.clone(), source })?;
        let lines = Lines { file, reader, line: 0, is_json: None };
        Ok(lines.take(usize::try_from(self.rows).unwrap_or(usize::MAX)))
    }
}

fn place(file: &Path, line: u64) -> String {
    format!("line {line} of {}", file.display())
}

fn rank(seed: u64, id: &str) -> u64 {
    digest_of(&["held out", &seed.to_string(), id])
}

struct Numbered {
    line: u64,
    seed: Seed,
    /// Keys that are not used.
    unused: Vec<String>,
}

/// A seed as a line of JSON has it.
#[derive(Deserialize)]
struct JsonSeed {
    #[serde(deserialize_with = "values::id")]
    id: String,
    instruction: String,
    input: Option<String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

struct Lines {
    file: PathBuf,
    reader: BufReader<File>,
    line: u64,
    /// Decided by the first line.
    is_json: Option<bool>,
}

impl Iterator for Lines {
    type Item = Result<Numbered, PipelineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read_line() {
                Ok(None) => return None,
                Ok(Some(text)) if text.trim().is_empty() => {}
                Ok(Some(text)) => {
                    let line = self.line;
                    let read = self.parse(&text).map(|(seed, unused)| Numbered { line, seed, unused });
                    return Some(read.map_err(|problem| self.wrong(problem)));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Lines {
    fn wrong(&self, problem: String) -> PipelineError {
        PipelineError::invalid(place(&self.file, self.line), problem)
    }

    fn read_line(&mut self) -> Result<Option<String>, PipelineError> {
        let mut bytes = Vec::new();
        let mut limited = std::io::Read::take(&mut self.reader, MAX_LINE_BYTES as u64 + 1);
        let read = limited.read_until(b'\n', &mut bytes);
        let read = read.map_err(|source| PipelineError::File { path: self.file.clone(), source })?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        if bytes.len() > MAX_LINE_BYTES {
            return Err(self.wrong(format!("it has more than {MAX_LINE_BYTES} bytes")));
        }
        let not_text = |_| self.wrong("it is not UTF-8; save the file as UTF-8".to_owned());
        let text = String::from_utf8(bytes).map_err(not_text)?;
        Ok(Some(text))
    }

    /// The seed of a line, and its keys that are not used.
    fn parse(&mut self, text: &str) -> Result<(Seed, Vec<String>), String> {
        let text = text.trim();
        if self.is_json.is_none() {
            check_kind(text)?;
        }
        let is_json = *self.is_json.get_or_insert(text.starts_with('{'));
        if !is_json {
            let id = format!("line-{}", self.line);
            return Ok((Seed { id, instruction: text.to_owned(), input: None }, Vec::new()));
        }
        let seed: JsonSeed = parse_json(text).map_err(|error| match foreign_text(text) {
            Some(kind) => format!("not a seed: it looks like {kind}"),
            None => format!("not a seed: {}", shorten(&error.to_string())),
        })?;
        let JsonSeed { id, instruction, input, other } = seed;
        if id.trim().is_empty() {
            return Err("the id is blank".to_owned());
        }
        if instruction.trim().is_empty() {
            return Err("the instruction is blank".to_owned());
        }
        let unused =
            unread_keys(&other, |_| false, Purpose::Prompts)?.into_iter().map(str::to_owned).collect();
        let input = input.filter(|input| !input.trim().is_empty());
        Ok((Seed { id, instruction, input }, unused))
    }
}

/// Refuses a first line that shows that the lines are no texts.
fn check_kind(line: &str) -> Result<(), String> {
    const INSTEAD: &str = "write one seed on a line, as a text or as a JSON object with id and instruction";
    let is_array = line == "[" || line.starts_with("[{");
    let mut cells = line.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"'));
    let is_header =
        line.contains([',', ';', '\t']) && cells.any(|cell| cell.eq_ignore_ascii_case("instruction"));
    match (is_array, is_header) {
        (true, _) => Err(format!("the file looks like a JSON array; {INSTEAD}")),
        (_, true) => Err(format!("the file looks like a table, CSV or alike; {INSTEAD}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seeds");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn seeds(file: &SeedFile) -> Vec<Seed> {
        file.seeds().unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn json_and_plain_text_are_read_and_ended_at_the_number_of_rows() {
        let (_folder, path) = file("\u{feff}Name fruits.\r\n\nWrite a poem.\nThird\n");
        let plain = seeds(&SeedFile::open(&path, Some(2)).unwrap());
        let ids: Vec<&str> = plain.iter().map(|seed| seed.id.as_str()).collect();
        assert_eq!((ids, plain[1].text().as_str()), (vec!["line-1", "line-3"], "Write a poem."));
        let (_folder, path) =
            file("{\"id\": \"a\", \"instruction\": \"Sum up.\", \"input\": \"Text\", \"more\": 1}\n");
        let json = SeedFile::open(&path, None).unwrap();
        assert_eq!((json.len(), seeds(&json)[0].text().as_str()), (1, "Sum up.\nText"));
    }

    #[test]
    fn wrong_lines_are_named() {
        let cases = [
            (
                "{\"id\": \"a\", \"instruction\": \"x\"}\n{\"id\": \"a\", \"instruction\": \"y\"}",
                "line 2",
                "earlier",
            ),
            ("{\"id\": \"a\", \"instruction\": \"x\"}\nplain", "line 2", "not a seed"),
            ("{\"id\": \" \", \"instruction\": \"x\"}", "line 1", "id is blank"),
            ("{\"id\": \"a\", \"instruction\": \"\"}", "line 1", "instruction is blank"),
            (
                "{\"id\": \"a\", \"instruction\": \"x\", \"system\": \"y\"}",
                "line 1",
                "\"system\" is not used here",
            ),
            ("{'id': 'a', 'instruction': 'x'}", "line 1", "Python"),
            ("[\n{\"id\": \"a\", \"instruction\": \"x\"}\n]", "line 1", "a JSON array"),
            ("id,instruction\na,x", "line 1", "a table"),
            ("\n\n", "has no seeds", ""),
        ];
        for (text, place, problem) in cases {
            let (_folder, path) = file(text);
            let error = SeedFile::open(&path, None).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(problem), "{error}");
        }
    }

    #[test]
    fn files_that_are_no_text_are_named() {
        let cause = |path: &Path| {
            let PipelineError::File { source, .. } = SeedFile::open(path, None).unwrap_err() else {
                panic!()
            };
            source.to_string()
        };
        let (folder, path) = file("PAR1");
        assert!(cause(&path).contains("a Parquet file"));
        assert!(cause(folder.path()).contains("a folder"));
        #[cfg(unix)]
        assert!(cause(Path::new("/dev/zero")).contains("not a regular file"));
    }

    #[test]
    fn keys_that_are_not_used_are_counted() {
        let row = "{\"id\": 7.0, \"instruction\": \"Sum up.\", \"output\": \"x\", \"score\": NaN}\n";
        let (_folder, path) = file(row);
        let file = SeedFile::open(&path, None).unwrap();
        assert_eq!(seeds(&file)[0].id, "7");
        let lines = file.unused().lines();
        assert!(
            lines.len() == 1 && lines[0].starts_with("`output` is not used in 1 row, first row 1 of "),
            "{lines:?}"
        );
    }

    #[test]
    fn exactly_so_many_seeds_are_held_out_whatever_the_order_of_the_file() {
        let lines: Vec<String> =
            (0..50).map(|n| format!("{{\"id\": \"{n}\", \"instruction\": \"x\"}}\n")).collect();
        let held_out = |text: String, count, seed| -> Vec<String> {
            let (_folder, path) = file(&text);
            let file = SeedFile::open(&path, None).unwrap().hold_out(count, seed).unwrap();
            let mut ids: Vec<String> =
                seeds(&file).into_iter().filter(|seed| file.is_held_out(seed)).map(|seed| seed.id).collect();
            ids.sort();
            ids
        };
        let straight = held_out(lines.concat(), 7, 1);
        assert_eq!(straight.len(), 7);
        assert_eq!(held_out(lines.iter().rev().cloned().collect(), 7, 1), straight);
        assert_ne!(held_out(lines.concat(), 7, 2), straight);
        assert_eq!(held_out(lines.concat(), 0, 1).len(), 0);
        assert_eq!(held_out(lines.concat(), 99, 1).len(), 50);
    }
}
