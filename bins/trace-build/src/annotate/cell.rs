//! Cells of a table that no spreadsheet takes for formulas.

use std::borrow::Cow;

/// A text as a cell: where it would begin a formula, after an apostrophe. `form.js` writes cells in the same way.
pub(super) fn to_cell(text: &str) -> Cow<'_, str> {
    match is_formula(text) {
        true => format!("'{text}").into(),
        false => text.into(),
    }
}

/// The text of a cell.
pub(super) fn from_cell(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|_| is_formula(cell)).unwrap_or(cell)
}

/// Also after apostrophes, so that each cell has one text.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_begin_no_formulas_and_give_their_texts_back() {
        for text in ["=1+1", "+1", "-1", "@a", "\t=1", "'=1", "''-", "", "'", "'tis", "7", "a=b"] {
            let cell = to_cell(text);
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
            assert_eq!(from_cell(&cell), text);
        }
        assert_eq!(to_cell("'tis"), "'tis");
    }
}
