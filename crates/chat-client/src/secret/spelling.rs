//! The ways in which a text may spell a key.

use base16ct::lower;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Shortest key that is looked for in encodings of bytes: those of a few bytes stand in texts by chance.
const LEAST_ENCODED_BYTES: usize = 8;

/// How often an escape may be escaped again. Texts in texts in JSON reach 7 backslashes.
const MAX_NESTING: usize = 16;

/// Most digits of a character's number, with zeros before it.
const MAX_DIGITS: usize = 8;

/// Entities of HTML for the punctuation that keys have.
const ENTITIES: [(&[u8], u8); 29] = [
    (b"amp;", b'&'),
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"sol;", b'/'),
    (b"bsol;", b'\\'),
    (b"lowbar;", b'_'),
    (b"period;", b'.'),
    (b"comma;", b','),
    (b"colon;", b':'),
    (b"semi;", b';'),
    (b"plus;", b'+'),
    (b"equals;", b'='),
    (b"num;", b'#'),
    (b"dollar;", b'$'),
    (b"percnt;", b'%'),
    (b"commat;", b'@'),
    (b"excl;", b'!'),
    (b"quest;", b'?'),
    (b"lpar;", b'('),
    (b"rpar;", b')'),
    (b"lsqb;", b'['),
    (b"rsqb;", b']'),
    (b"lcub;", b'{'),
    (b"rcub;", b'}'),
    (b"ast;", b'*'),
    (b"verbar;", b'|'),
    (b"Hat;", b'^'),
];

/// Bytes to look for, and what counts as the same byte.
#[derive(Clone)]
pub(super) struct Needle {
    bytes: Vec<u8>,
    fold: fn(u8) -> u8,
}

impl Needle {
    /// Everything by which a key is found: itself, its hexadecimal digits, and its part of a base64 text in which it
    /// begins 0, 1 or 2 bytes after a group of three.
    pub(super) fn of(key: &str) -> Vec<Self> {
        let mut needles = vec![Self { bytes: key.as_bytes().to_vec(), fold: |byte| byte }];
        if key.len() >= LEAST_ENCODED_BYTES {
            let digits = lower::encode_string(key.as_bytes()).into_bytes();
            needles.push(Self { bytes: digits, fold: |byte| byte.to_ascii_lowercase() });
            needles.extend((0..3).map(|before| Self { bytes: base64(key, before), fold: standard }));
        }
        needles.retain(|needle| !needle.bytes.is_empty());
        needles
    }

    /// Where the needle ends that begins at this place of a text, if one does.
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let mut ends = vec![];
        let (first, rest) = self.bytes.split_first()?;
        self.spelled(*first, text, at, &mut ends);
        for byte in rest {
            let before = std::mem::take(&mut ends);
            before.into_iter().for_each(|end| self.spelled(*byte, text, end, &mut ends));
            ends.dedup();
            if ends.is_empty() {
                return None;
            }
        }
        ends.into_iter().max()
    }

    /// Adds the ends of the spellings of a byte at a place.
    fn spelled(&self, byte: u8, text: &[u8], at: usize, ends: &mut Vec<usize>) {
        let itself = text.get(at).map(|found| (*found, at + 1));
        let spellings = itself.into_iter().chain(nested(text, at)).chain(escaped(text, at));
        ends.extend(spellings.filter(|(found, _)| (self.fold)(*found) == byte).map(|(_, end)| end));
    }
}

/// The characters of a base64 text that a key decides alone, with so many bytes before it.
fn base64(key: &str, before: usize) -> Vec<u8> {
    let bytes = [&[0; 3][..before], key.as_bytes()].concat();
    let encoded = STANDARD_NO_PAD.encode(&bytes);
    let (start, end) = ((8 * before).div_ceil(6), 8 * bytes.len() / 6);
    encoded.as_bytes().get(start..end).unwrap_or_default().to_vec()
}

/// The characters of base64 for URLs as those of standard base64.
fn standard(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// Where the signs that begin escapes end, if they are escaped themselves: `\\`, `%25` and `&amp;`, and those of those.
fn nested(text: &[u8], at: usize) -> impl Iterator<Item = (u8, usize)> {
    let sign = text.get(at).copied().unwrap_or_default();
    let part = again(sign);
    let times = if part.is_empty() { 0 } else { (after(text, at + 1, part) - at - 1) / part.len() };
    (1..=times).map(move |times| (sign, at + 1 + times * part.len()))
}

/// What follows a sign that begins escapes where it is escaped itself.
fn again(sign: u8) -> &'static [u8] {
    match sign {
        b'\\' => b"\\",
        b'%' => b"25",
        b'&' => b"amp;",
        _ => b"",
    }
}

/// The byte that an escape at this place stands for, and where the escape ends; it may be escaped again.
fn escaped(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let sign = *text.get(at)?;
    let start = if again(sign).is_empty() { at + 1 } else { after(text, at + 1, again(sign)) };
    match sign {
        b'\\' => after_backslash(text, start),
        b'%' if text.get(start) == Some(&b'u') => digits(text, start + 1, 16, 4..=4),
        b'%' => digits(text, start, 16, 2..=2),
        b'&' => entity(text, start),
        b'=' => digits(text, start, 16, 2..=2),
        _ => None,
    }
}

/// As JSON, C, Rust, Python and JavaScript escape.
fn after_backslash(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let letter = *text.get(at)?;
    let number = match letter {
        b'u' | b'x' if text.get(at + 1) == Some(&b'{') => digits(text, at + 2, 16, 1..=MAX_DIGITS)
            .filter(|(_, end)| text.get(*end) == Some(&b'}'))
            .map(|(byte, end)| (byte, end + 1)),
        b'u' => digits(text, at + 1, 16, 4..=4),
        b'U' => digits(text, at + 1, 16, 8..=8),
        b'x' => digits(text, at + 1, 16, 2..=2),
        b'0'..=b'7' => digits(text, at, 8, 3..=3),
        _ => None,
    };
    number.or(Some((letter, at + 1)))
}

/// What follows an ampersand.
fn entity(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let rest = text.get(at..)?;
    if rest.first() != Some(&b'#') {
        let named = ENTITIES.iter().find(|(name, _)| rest.starts_with(name));
        return named.map(|(name, byte)| (*byte, at + name.len()));
    }
    let (byte, end) = match rest.get(1)? {
        b'x' | b'X' => digits(text, at + 2, 16, 1..=MAX_DIGITS)?,
        _ => digits(text, at + 1, 10, 1..=MAX_DIGITS)?,
    };
    // Browsers do without the semicolon.
    Some((byte, end + usize::from(text.get(end) == Some(&b';'))))
}

/// The place after repetitions of a part.
fn after(text: &[u8], at: usize, part: &[u8]) -> usize {
    let repeated =
        |times: &usize| text.get(at + times * part.len()..).is_some_and(|rest| rest.starts_with(part));
    at + part.len() * (0..MAX_NESTING).take_while(repeated).count()
}

/// The number of an ASCII character, in as many digits as there are up to a limit, and where it ends.
fn digits(
    text: &[u8],
    at: usize,
    radix: u32,
    widths: std::ops::RangeInclusive<usize>,
) -> Option<(u8, usize)> {
    let found =
        text.get(at..)?.iter().take(*widths.end()).map_while(|byte| char::from(*byte).to_digit(radix));
    let (mut number, mut width) = (0_u32, 0);
    for digit in found {
        number = number.saturating_mul(radix).saturating_add(digit);
        width += 1;
    }
    let byte = u8::try_from(number).ok().filter(u8::is_ascii)?;
    widths.contains(&width).then_some((byte, at + width))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;
    use crate::secret::Secret;

    /// The ways to write one character, by number; the last way escapes escapes.
    const WAYS: usize = 16;

    fn spell(character: char, way: usize) -> String {
        let number = u32::from(character);
        match way {
            0 => format!("\\{character}"),
            1 => format!("\\u{number:04x}"),
            2 => format!("\\u{number:04X}"),
            3 => format!("\\\\u{number:04X}"),
            4 => format!("\\x{number:02x}"),
            5 => format!("\\u{{{number:x}}}"),
            6 => format!("\\U{number:08X}"),
            7 => format!("\\{number:03o}"),
            8 => format!("%{number:02x}"),
            9 => format!("%{number:02X}"),
            10 => format!("%2525{number:02X}"),
            11 => format!("&#{number};"),
            12 => format!("&#x{number:04X};"),
            13 => format!("&amp;#0{number};"),
            14 => format!("={number:02X}"),
            15 => ENTITIES.iter().find(|(_, byte)| u32::from(*byte) == number).map_or_else(
                || character.to_string(),
                |(name, _)| format!("&{}", std::str::from_utf8(name).unwrap()),
            ),
            _ => character.to_string(),
        }
    }

    fn is_digit_or_letter(character: char) -> bool {
        character.is_ascii_alphanumeric()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_key_in_any_mixture_of_escapes_is_redacted(
            key in "sk-[A-Za-z0-9+/_.:=&%\\\\-]{13,60}",
            ways in prop::collection::vec(0..WAYS + 6, 64),
            before in "[ -~]{0,20}",
            after in "[ -~]{0,20}",
        ) {
            let spelled: String = key
                .chars()
                .zip(&ways)
                // A letter after a backslash may begin another escape.
                .map(|(character, way)| match way {
                    0 | 7 if is_digit_or_letter(character) => character.to_string(),
                    way => spell(character, *way),
                })
                .collect();
            let shown = Secret::new(&key).redact(&format!("{before} {spelled} {after}"));
            prop_assert!(!shown.contains(&spelled), "{}", shown);
            prop_assert!(shown.contains("[redacted]"), "{}", shown);
        }

        #[test]
        fn a_key_in_base64_or_hexadecimal_digits_is_redacted(
            key in "[!-~]{8,80}",
            before in "[ -~]{0,7}",
            after in "[ -~]{0,7}",
        ) {
            let text = format!("{before}{key}{after}");
            let secret = Secret::new(&key);
            for encoded in [
                STANDARD.encode(&text),
                STANDARD_NO_PAD.encode(&text),
                URL_SAFE.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
                STANDARD.encode(&text).replace('/', "\\/").replace('+', "%2B").replace('=', "%3d"),
                lower::encode_string(text.as_bytes()),
                lower::encode_string(text.as_bytes()).to_uppercase(),
            ] {
                let shown = secret.redact(&encoded);
                prop_assert!(shown.contains("[redacted]"), "{} {}", encoded, shown);
            }
        }

        #[test]
        fn a_text_without_the_key_stays_as_it_is(text in "\\PC{0,200}") {
            prop_assert_eq!(Secret::new("sk-0123456789abcdef~").redact(&text), text);
        }
    }

    #[test]
    fn short_keys_are_found_as_themselves_alone() {
        let secret = Secret::new("EMPTY");
        assert_eq!(secret.redact("EMPTY RU1QVFk= 454d505459"), "[redacted] RU1QVFk= 454d505459");
    }
}
