//! Text and number functions that answer as Python 3.11 does: the official programs are defined by them.
//!
//! Python 3.11 has the character data of Unicode 14.0, so characters that were assigned later are plain unassigned
//! ones here, whatever the standard library's own tables say.
//!
//! # Source
//!
//! CPython 3.11: `Objects/unicodectype.c` (`str` methods), `Lib/re` (patterns), `Lib/json` (documents).

mod case;
mod chars;
mod json;
mod number;
mod pattern;
mod strings;

pub use case::{is_lower, is_upper};
pub use pattern::{Pattern, PatternError, PatternOptions};
pub use strings::count_words;

pub(crate) use case::{first_is_lower, first_is_upper, lower, lower_char};
pub(crate) use chars::{is_decimal, is_space, is_word};
pub(crate) use json::{JsonFault, MAX_JSON_DEPTH, check_json, object_keys, without_fence};
pub(crate) use number::{float, int, mean, round_to_hundredths};
pub(crate) use strings::{is_blank, split_whitespace, strip};

#[cfg(test)]
mod tests;
