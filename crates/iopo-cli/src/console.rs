//! Output of programs. `println!` panics on a closed pipe, which may be in the middle of a run.
//!
//! All of it passes [`visible`], so that a text from elsewhere stays a text.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Most characters of a remark, and of an error or one of its causes.
const MOST_CHARS: usize = 4000;

/// A remark on standard error. Errors are ignored: a remark is not worth a run.
///
/// Lines after the first are indented, so that no text from elsewhere looks like a remark of its own, and what is longer
/// than 4,000 characters is cut.
pub fn note(remark: impl Display) {
    write_error(&part(&remark.to_string()));
}

/// Remarks on the most frequent reasons, with their numbers, why something is as `what` says; `reasons` has the most
/// frequent first.
pub fn note_reasons(what: &str, reasons: &[(String, u64)]) {
    const SHOWN: usize = 3;
    for (reason, count) in reasons.iter().take(SHOWN) {
        note(format!("{count} {what}: {reason}"));
    }
    let left: u64 = reasons.iter().skip(SHOWN).map(|(_, count)| count).sum();
    if left > 0 {
        note(format!("{left} {what} for other reasons"));
    }
}

/// Text that is ready, on standard error.
pub(crate) fn write_error(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A line on standard output, flushed.
///
/// # Errors
/// A full disk and the like. A reader that went away, as `head` does, is not an error.
pub fn say(line: impl Display) -> Result<()> {
    print(format_args!("{line}\n"))
}

/// Text on standard output, [`visible`] and flushed.
///
/// # Errors
/// As [`say`].
pub fn print(text: impl Display) -> Result<()> {
    let text = text.to_string();
    deliver(&mut io::stdout().lock(), visible(&text)).context("cannot write to standard output")
}

fn deliver(out: &mut impl Write, text: impl Display) -> io::Result<()> {
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// A text whose control characters and invisible characters are escaped, but for line ends and tabs.
///
/// They could command a terminal, hide a part of the text or show it in another order. The escapes are those of JSON, so
/// a document of JSON means the same as before. The joiners and variation selectors that scripts and emoji need stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut left = text.chars().peekable();
    let mut shown = String::with_capacity(text.len() + 16);
    while let Some(character) = left.next() {
        let ends_line = character == '\r' && left.peek() == Some(&'\n');
        if ends_line || !is_hidden(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // A string takes everything.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    Cow::Owned(shown)
}

/// Whether a character is not shown, or changes how others are.
///
/// # Source
///
/// The Unicode categories Cc, Cf, Zl and Zp, without what texts need: line ends, tabs, and the joiners U+200C and U+200D.
fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' | '\u{200c}' | '\u{200d}' => false,
        _ if character.is_control() => true,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' => true,
        '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180e}' | '\u{feff}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' => true,
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// A part of a message: visible, not too long, and with its later lines indented.
pub(crate) fn part(text: &str) -> String {
    let mut lines = text.split('\n');
    let mut whole = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let indent = if line.is_empty() || line.starts_with(' ') { "" } else { "    " };
        whole = whole + "\n" + indent + line;
        if whole.len() > 8 * MOST_CHARS {
            break;
        }
    }
    let shown = match whole.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => {
            format!("{}... ({} characters in all)", &whole[..end], text.chars().count())
        }
        None => whole,
    };
    visible(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what is written, and fails when it is to pass it on.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn only_a_broken_pipe_is_no_error() {
        assert!(deliver(&mut Failing(ErrorKind::BrokenPipe), "text").is_ok());
        assert!(deliver(&mut Failing(ErrorKind::StorageFull), "text").is_err());
    }

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        for (text, expected) in [
            ("\u{1b}[31mred\u{7}", "\\u001b[31mred\\u0007"),
            ("a\rb\u{8}\u{7f}\u{9b}", "a\\u000db\\u0008\\u007f\\u009b"),
            ("\u{202e}evil\u{2066}\u{200f}\u{61c}", "\\u202eevil\\u2066\\u200f\\u061c"),
            ("a\u{200b}b\u{2028}c\u{feff}", "a\\u200bb\\u2028c\\ufeff"),
            ("\u{e0041}", "\\udb40\\udc41"),
            ("one\r\ntwo\tthree\n", "one\r\ntwo\tthree\n"),
        ] {
            assert_eq!(visible(text), expected);
        }
    }

    #[test]
    fn languages_and_emoji_stay_as_they_are() {
        for text in ["👩\u{200d}🚀 ❤\u{fe0f}", "می\u{200c}خواهم", "क्\u{200d}ष", "写一首诗", "𝄞 ñ ⠿"]
        {
            assert!(matches!(visible(text), Cow::Borrowed(shown) if shown == text), "{text}");
        }
    }

    #[test]
    fn a_text_from_elsewhere_cannot_look_like_an_error_of_its_own() {
        assert_eq!(part("bad key\nerror: all is lost\n  - one"), "bad key\n    error: all is lost\n  - one");
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let long = "ö".repeat(5_000_000);
        let shown = part(&long);
        assert!(shown.ends_with("... (5000000 characters in all)"), "{}", &shown[shown.len() - 80..]);
        assert_eq!(shown.chars().take_while(|letter| *letter == 'ö').count(), MOST_CHARS);
        assert!(part(&"\n".repeat(5_000_000)).chars().count() < 2 * MOST_CHARS);
        assert_eq!(part("short"), "short");
    }

    #[test]
    fn escapes_do_not_change_what_a_document_of_json_means() {
        let text = "\u{202e}\u{2028}\u{7f}\u{e0001} fine";
        let shown = visible(text).into_owned();
        assert!(shown.is_ascii());
        assert_eq!(serde_json::from_str::<String>(&format!("\"{shown}\"")).unwrap_or_default(), text);
    }
}
