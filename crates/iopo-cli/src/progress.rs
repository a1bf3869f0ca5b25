//! Progress bars.

use std::fmt::Display;

use indicatif::{ProgressBar, ProgressStyle};

use crate::console::{note, part};

/// The style of a bar with its position and length, followed by `rest`, in the template language of indicatif.
pub fn bar_style(rest: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {rest}"));
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A remark above a bar, or alone where the bar is hidden; as [`note`] otherwise.
pub fn note_above(bar: &ProgressBar, remark: impl Display) {
    match bar.is_hidden() {
        true => note(remark),
        false => bar.println(part(&remark.to_string())),
    }
}
