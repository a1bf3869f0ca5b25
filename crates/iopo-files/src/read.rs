//! Files that are read whole or row by row: regular ones, of bounded size, whose real kind an error names.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

/// The bytes that [`what_it_is`] needs to see.
pub const HEAD: usize = 64;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Opens a regular file for reading.
///
/// # Errors
///
/// The system's error, and a folder, pipe, socket or device: reading a pipe may wait for ever, and a device may never
/// end.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Asked before opening, because opening a pipe waits for its writer.
    regular(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

fn regular(metadata: &fs::Metadata) -> io::Result<()> {
    match (metadata.is_file(), metadata.is_dir()) {
        (true, _) => Ok(()),
        (_, true) => Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder, not a file")),
        _ => Err(invalid("it is a pipe, socket or device, not a regular file".to_owned())),
    }
}

/// Opens a regular file of text for reading row by row, past the byte order mark that some editors write.
///
/// # Errors
///
/// As [`open_regular`], and a file whose start shows that it is no text; the error says what it is.
pub fn open_text(path: &Path) -> io::Result<BufReader<File>> {
    let mut reader = BufReader::new(open_regular(path)?);
    while let Err(error) = reader.fill_buf() {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    if let Some(kind) = what_it_is(reader.buffer()) {
        return Err(invalid(format!("it is {kind}")));
    }
    if reader.buffer().starts_with(BYTE_ORDER_MARK) {
        reader.consume(BYTE_ORDER_MARK.len());
    }
    Ok(reader)
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
///
/// As [`open_regular`], and a file that is larger.
pub fn read_bytes(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= limit {
        true => Ok(bytes),
        false => Err(invalid(format!("it is larger than {}, the limit for such a file", size(limit)))),
    }
}

/// Reads a regular file of UTF-8 text, at most `limit` bytes, without the byte order mark that some editors write.
///
/// # Errors
///
/// As [`read_bytes`], and bytes that are not UTF-8 text; the error says what they are where their start tells.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let bytes = read_bytes(path, limit)?;
    if let Some(kind) = what_it_is(&bytes) {
        return Err(invalid(format!("it is {kind}")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        invalid(format!("it is not UTF-8 after byte {valid}; save it as UTF-8"))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// What a file is that should be text, told from its first [`HEAD`] bytes, with the way out; `None` for text and for
/// what is not known.
pub fn what_it_is(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 20] = [
        (
            b"version https://git-lfs.github.com/spec/",
            "a Git LFS pointer, not the file itself; `git lfs pull` fetches the file",
        ),
        (b"PAR1", "a Parquet file; write its rows as JSONL"),
        (b"ARROW1", "an Arrow file; write its rows as JSONL"),
        (b"\x1f\x8b", "compressed with gzip; unpack it first"),
        (b"BZh", "compressed with bzip2; unpack it first"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
        (b"\xfd7zXZ\0", "compressed with xz; unpack it first"),
        (b"PK\x03\x04", "a ZIP archive (PyTorch, NumPy and Excel files are too)"),
        (b"7z\xbc\xaf", "compressed with 7-Zip; unpack it first"),
        (b"\x80\x02", "a Python pickle"),
        (b"\x80\x04", "a Python pickle"),
        (b"\x80\x05", "a Python pickle"),
        (b"GGUF", "a GGUF file"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"%PDF-", "a PDF document"),
        (b"\xff\xfe\0\0", "text in UTF-32; save it as UTF-8"),
        (b"\xff\xfe", "text in UTF-16; save it as UTF-8"),
        (b"\xfe\xff", "text in UTF-16; save it as UTF-8"),
        (b"\0\0\xfe\xff", "text in UTF-32; save it as UTF-8"),
    ];
    const UTF_16: &str = "text in UTF-16; save it as UTF-8";
    const ARROW: &str = "an Arrow stream; write its rows as JSONL";
    const HTML: &str = "an HTML page, perhaps of an error or a login; download the file again";
    let head = head.get(..HEAD).unwrap_or(head);
    let known = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    let known = known.or_else(|| is_html(head).then_some(HTML));
    known.or_else(|| is_utf_16(head).then_some(UTF_16)).or_else(|| is_arrow_stream(head).then_some(ARROW))
}

/// Whether the length of a first message, which is below 16 MiB, follows the mark of a message.
fn is_arrow_stream(head: &[u8]) -> bool {
    head.starts_with(&[0xff; 4]) && head.get(7) == Some(&0)
}

/// Whether text without a byte order mark has a zero beside each of its first characters.
fn is_utf_16(head: &[u8]) -> bool {
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let start = head.get(..8).unwrap_or_default();
    let (even, odd): (Vec<&u8>, Vec<&u8>) =
        (start.iter().step_by(2).collect(), start.iter().skip(1).step_by(2).collect());
    let has = |text: &[&u8], zeros: &[&u8]| {
        !text.is_empty() && text.iter().all(|byte| is_text(byte)) && zeros.iter().all(|byte| **byte == 0)
    };
    has(&even, &odd) || has(&odd, &even)
}

fn is_html(head: &[u8]) -> bool {
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    let starts = |tag: &[u8]| head.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    starts(b"<!doctype") || starts(b"<html")
}

/// A limit in the largest unit that divides it.
fn size(bytes: u64) -> String {
    match (bytes >> 20, bytes % (1 << 20)) {
        (mib, 0) if mib > 0 => format!("{mib} MiB"),
        _ => format!("{bytes} bytes"),
    }
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn text_loses_its_byte_order_mark() {
        let (_folder, path) = file("\u{feff}{}".as_bytes());
        assert_eq!(read_text(&path, 5).unwrap(), "{}");
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let (_folder, path) = file(b"12345");
        assert_eq!(read_bytes(&path, 5).unwrap(), b"12345");
        assert_eq!(
            read_bytes(&path, 4).unwrap_err().to_string(),
            "it is larger than 4 bytes, the limit for such a file"
        );
    }

    #[test]
    fn what_is_not_text_is_named() {
        for (bytes, kind) in [
            (&b"PAR1\x15\x04"[..], "Parquet"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"\xff\xfe{\0}\0", "UTF-16"),
            (b"{\0\"\0a\0\"\0", "UTF-16"),
            (b"\0{\0\"\0a\0\"", "UTF-16"),
            (b"\n<!DOCTYPE html><html>", "HTML"),
            (b"\xc4\xe3", "UTF-8"),
        ] {
            let (_folder, path) = file(bytes);
            let error = read_text(&path, 1 << 20).unwrap_err().to_string();
            assert!(error.contains(kind), "{error}");
        }
    }

    #[test]
    fn text_that_is_read_row_by_row_is_looked_at_first() {
        let (_folder, path) = file("\u{feff}{}\n".as_bytes());
        assert_eq!(open_text(&path).unwrap().lines().map(Result::unwrap).collect::<Vec<_>>(), ["{}"]);
        let (_folder, path) = file(b"");
        assert_eq!(open_text(&path).unwrap().lines().count(), 0);
        let (_folder, path) = file(b"PAR1\x15\x04");
        assert_eq!(
            open_text(&path).unwrap_err().to_string(),
            "it is a Parquet file; write its rows as JSONL"
        );
    }

    /// The length of a safetensors header is no text.
    #[test]
    fn numbers_with_zeros_are_no_text_in_utf_16() {
        assert_eq!(what_it_is(&2_097_184_u64.to_le_bytes()), None);
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_text(folder.path(), 9).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(read_text(&folder.path().join("none"), 9).unwrap_err().kind(), ErrorKind::NotFound);
        #[cfg(unix)]
        assert_eq!(read_bytes(Path::new("/dev/zero"), 9).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    /// Opening a pipe that nobody writes to would wait for ever.
    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(open_regular(&path).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
