//! Foreign texts in messages: of any length in a file, short where they are quoted.

use std::borrow::Cow;

/// The longest foreign text that a message quotes, in characters.
const QUOTED: usize = 80;

/// The longest message around a foreign text, in characters.
const MESSAGE: usize = 400;

/// The start of a text from a file, short enough to be quoted in a message.
///
/// ```
/// assert_eq!(iopo_files::excerpt("short"), "short");
/// assert_eq!(iopo_files::excerpt(&"x".repeat(5_000_000)).chars().count(), 81);
/// ```
pub fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTED) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

/// A message in which another program's text may stand, without the middle of what is too long.
///
/// A parser's message begins with what is wrong and ends with what it expected, and quotes the file between them.
pub fn shorten(message: &str) -> Cow<'_, str> {
    let start = message.char_indices().nth(MESSAGE / 2);
    let end = message.char_indices().rev().nth(MESSAGE / 2 - 1);
    match (start, end) {
        (Some((start, _)), Some((end, _))) if start < end => {
            format!("{} … {}", &message[..start], &message[end..]).into()
        }
        _ => message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_keeps_its_start_and_its_end() {
        let message = format!("unknown field `{}`, expected `id`", "水".repeat(1_000_000));
        let short = shorten(&message);
        assert!(short.starts_with("unknown field `水") && short.ends_with("水`, expected `id`"), "{short}");
        assert_eq!(short.chars().count(), MESSAGE + 3);
        assert_eq!(shorten(&"x".repeat(MESSAGE)), "x".repeat(MESSAGE));
    }
}
