//! Progress bars.

use indicatif::ProgressStyle;

/// The style of a bar with its position and length, followed by `rest`, in the template language of indicatif.
pub fn bar_style(rest: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {rest}"));
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}
