//! Keys of LLaMA-Factory, transformers and TRL that have no meaning here, or none yet.

mod ignored;
mod unsupported;

use iopo_files::{setting_flag, setting_number};
use serde_json::Value;

pub(super) use ignored::IGNORED;
pub(super) use unsupported::UNSUPPORTED;

/// A key that is accepted with every value.
pub(super) struct Ignored {
    pub(super) key: &'static str,
    /// The value that asks for what happens anyway, and so needs no line.
    silent: &'static str,
    /// What happens instead.
    pub(super) text: &'static str,
}

impl Ignored {
    /// The line for a value.
    pub(super) fn notice(&self, value: &Value) -> Option<&'static str> {
        (!is(value, self.silent)).then_some(self.text)
    }
}

/// A key that changes results elsewhere and is not implemented.
pub(super) struct Unsupported {
    pub(super) key: &'static str,
    /// Values that ask for what happens anyway.
    pub(super) harmless: &'static [&'static str],
    /// Why, or what to do.
    pub(super) reason: &'static str,
}

impl Unsupported {
    /// Whether a value asks for what happens anyway.
    pub(super) fn allows(&self, value: &Value) -> bool {
        self.harmless.iter().any(|harmless| is(value, harmless))
    }
}

/// Whether a value is the one that is written `expected`, in quotes or not; `0` and `0.0` are the same number.
fn is(value: &Value, expected: &str) -> bool {
    let number = || setting_number(value).is_some_and(|number| expected.parse() == Ok(number));
    let flag = || setting_flag(value).is_some_and(|flag| expected.parse() == Ok(flag));
    written(value) == expected || number() || flag()
}

/// A value as its author wrote it, or nearly: texts without quotes.
pub(super) fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
