//! What a response as a whole looks like.

use crate::ifeval::CheckError;
use crate::python::{JsonFault, check_json, is_blank, lower, strip, without_fence};

/// Whether the response is a JSON document, as `json.loads` reads it.
pub(super) fn is_json(text: &str) -> Result<bool, CheckError> {
    match check_json(without_fence(text)) {
        Ok(()) => Ok(true),
        Err(JsonFault::TooDeep) => Err(CheckError::JsonDepth),
        Err(_) => Ok(false),
    }
}

/// Whether `******` divides two different responses; blank text may stand before and after them only.
pub(super) fn are_two_responses(text: &str) -> bool {
    let pieces: Vec<&str> = text.split("******").collect();
    let inner = pieces.get(1..pieces.len() - 1).unwrap_or(&[]);
    if inner.iter().any(|piece| is_blank(piece)) {
        return false;
    }
    let responses: Vec<&str> = pieces.into_iter().filter(|piece| !is_blank(piece)).map(strip).collect();
    matches!(responses[..], [first, second] if first != second)
}

/// Whether the response begins with `prompt`, in any case.
pub(super) fn repeats(text: &str, prompt: &str) -> bool {
    lower(strip(text)).starts_with(prompt)
}

/// Whether the response ends with `phrase`, in any case; quotation marks around the response do not count.
pub(super) fn ends_with(text: &str, phrase: &str) -> bool {
    lower(strip(text).trim_matches('"')).ends_with(phrase)
}

/// Whether the response begins and ends with a quotation mark of its own.
pub(super) fn is_quoted(text: &str) -> bool {
    let text = strip(text);
    text.len() > 1 && text.starts_with('"') && text.ends_with('"')
}
