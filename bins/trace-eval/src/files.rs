//! Files in and out, and where numbers come from.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use iopo_files::{Owner, open_regular};
use serde::Serialize;
use sha2::{Digest, Sha256};
use trace_schema::JsonlWriter;
use trace_score::Table;
use trace_score::report::{Block, Report};

const TABLES: &str = "tables.md";
const PAGE: &str = "report.html";

/// A folder that takes the files of a command.
pub(crate) struct OutFolder {
    path: PathBuf,
    owner: Owner,
}

impl OutFolder {
    /// Checks, before the command begins, that the folder can take the files of these names and a report, and that
    /// none of them is an input.
    pub(crate) fn claim<'a>(
        path: &Path,
        owner: Owner,
        names: &[&str],
        inputs: impl IntoIterator<Item = &'a Path>,
    ) -> Result<Self> {
        let folder = Self { path: path.to_owned(), owner };
        owner.claim(names.iter().chain(&[TABLES, PAGE]).map(|name| folder.path(name)), inputs)?;
        Ok(folder)
    }

    /// Makes the folder if it is missing.
    pub(crate) fn make(&self) -> Result<()> {
        fs::create_dir_all(&self.path)
            .with_context(|| format!("cannot make the folder {}", self.path.display()))
    }

    /// Where a file of the folder stands.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes rows of JSON, all or none.
    pub(crate) fn write_rows<T: Serialize>(&self, name: &str, rows: &[T]) -> Result<()> {
        write_rows(self.owner, &self.path(name), rows)
    }

    /// Writes one JSON document.
    pub(crate) fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        write_json(self.owner, &self.path(name), value)
    }

    /// Writes tables as one Markdown page under the title of the report, and the report itself.
    pub(crate) fn write_report(&self, report: &Report) -> Result<()> {
        self.owner.write(self.path(TABLES), markdown(report))?;
        Ok(self.owner.write(self.path(PAGE), report.render()?)?)
    }
}

/// Writes rows of JSON, all or none.
pub(crate) fn write_rows<T: Serialize>(owner: Owner, path: &Path, rows: &[T]) -> Result<()> {
    let mut writer = JsonlWriter::from(owner.create(path)?);
    rows.iter().try_for_each(|row| writer.write(row))?;
    writer.finish()?;
    Ok(())
}

/// Writes one JSON document.
pub(crate) fn write_json<T: Serialize>(owner: Owner, path: &Path, value: &T) -> Result<()> {
    Ok(owner.write(path, serde_json::to_string_pretty(value)? + "\n")?)
}

/// The tables of a report, and what its numbers rest on.
fn markdown(report: &Report) -> String {
    let mut text = format!("# {}\n", report.title);
    for block in report.sections.iter().flat_map(|section| &section.blocks) {
        match block {
            Block::Table(table) => text += &format!("\n{}", table.to_markdown()),
            Block::KeyValues(pairs) => text += &format!("\n{}", table_of(pairs).to_markdown()),
            _ => {}
        }
    }
    text
}

fn table_of(pairs: &[(String, String)]) -> Table {
    let rows = pairs.iter().map(|(name, value)| vec![name.as_str().into(), value.as_str().into()]).collect();
    let columns = ["", ""].map(trace_score::Column::text).to_vec();
    Table { columns, rows, ..Table::default() }
}

/// SHA-256 of a file in hexadecimal digits.
pub(crate) fn file_digest(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut read = || -> io::Result<()> {
        let mut reader = BufReader::new(open_regular(path)?);
        loop {
            let bytes = reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(());
            }
            hasher.update(bytes);
            let count = bytes.len();
            reader.consume(count);
        }
    };
    read().with_context(|| format!("cannot read {}", path.display()))?;
    Ok(base16ct::lower::encode_string(&hasher.finalize()))
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

/// Name and version of this program.
pub(crate) fn version() -> String {
    concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned()
}
