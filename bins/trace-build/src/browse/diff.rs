//! What changed between the constraints of two instructions.

use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use trace_schema::Constraint;
use trace_score::trace::without_number;

/// Constraints whose words are alike to this part, from 0 to 1, are one constraint that was revised.
const ALIKE: f32 = 0.5;

/// The change of a constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    Same,
    Added,
    Deleted,
    Revised,
}

/// A constraint of x₁ beside one of x₂.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Aligned<'a> {
    pub(super) change: Change,
    pub(super) first: Option<&'a Constraint>,
    pub(super) second: Option<&'a Constraint>,
}

/// A run of text, and whether the other side has it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) changed: bool,
}

/// Puts the constraints of two instructions side by side.
///
/// Equal texts are the same constraint, wherever they stand and whatever their number, which changes as others come and
/// go. Of the others, those that are alike or of one dimension are a revision, the most alike first; the rest was
/// deleted or added.
pub(super) fn align<'a>(first: &'a [Constraint], second: &'a [Constraint]) -> Vec<Aligned<'a>> {
    let mut partner: Vec<Option<usize>> = vec![None; first.len()];
    let mut taken = vec![false; second.len()];
    for (from, constraint) in first.iter().enumerate() {
        let text = without_number(&constraint.text);
        let same = |to: &usize| !taken[*to] && without_number(&second[*to].text) == text;
        if let Some(to) = (0..second.len()).find(same) {
            (partner[from], taken[to]) = (Some(to), true);
        }
    }
    let mut revisions: Vec<(f32, usize, usize)> = Vec::new();
    for from in (0..first.len()).filter(|from| partner[*from].is_none()) {
        let free = (0..second.len()).filter(|to| !taken[*to]);
        revisions.extend(free.map(|to| (likeness(&first[from], &second[to]), from, to)));
    }
    revisions.retain(|(likeness, ..)| *likeness >= ALIKE);
    // The sort is stable: of equals, the earlier constraints find each other.
    revisions.sort_by(|left, right| right.0.total_cmp(&left.0));
    for (_, from, to) in revisions {
        if partner[from].is_none() && !taken[to] {
            (partner[from], taken[to]) = (Some(to), true);
        }
    }
    in_order(first, second, &partner, &taken)
}

/// The pairs in the order of x₁, each addition after what it stands behind in x₂.
fn in_order<'a>(
    first: &'a [Constraint],
    second: &'a [Constraint],
    partner: &[Option<usize>],
    taken: &[bool],
) -> Vec<Aligned<'a>> {
    let mut added = (0..second.len()).filter(|to| !taken[*to]).peekable();
    let addition = |to: usize| Aligned { change: Change::Added, first: None, second: second.get(to) };
    let mut aligned = Vec::new();
    for (constraint, partner) in first.iter().zip(partner) {
        if let Some(to) = partner {
            while let Some(earlier) = added.next_if(|added| added < to) {
                aligned.push(addition(earlier));
            }
        }
        let second = partner.and_then(|to| second.get(to));
        let change = match second {
            None => Change::Deleted,
            Some(second) if without_number(&second.text) == without_number(&constraint.text) => Change::Same,
            Some(_) => Change::Revised,
        };
        aligned.push(Aligned { change, first: Some(constraint), second });
    }
    aligned.extend(added.map(addition));
    aligned
}

/// The part of words that both have; a dimension in common is enough for a revision.
fn likeness(first: &Constraint, second: &Constraint) -> f32 {
    let words =
        TextDiff::from_unicode_words(without_number(&first.text), without_number(&second.text)).ratio();
    let related = first.dimension.is_some() && first.dimension == second.dimension;
    words + if related { ALIKE } else { 0.0 }
}

/// Two texts in runs of words that both have and runs that one has.
pub(super) fn spans(first: &str, second: &str) -> (Vec<Span>, Vec<Span>) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let diff = TextDiff::from_unicode_words(first, second);
    for change in diff.iter_all_changes() {
        let text = change.value();
        match change.tag() {
            ChangeTag::Equal => {
                push(&mut left, text, false);
                push(&mut right, text, false);
            }
            ChangeTag::Delete => push(&mut left, text, true),
            ChangeTag::Insert => push(&mut right, text, true),
        }
    }
    (left, right)
}

/// A text without changes.
pub(super) fn plain(text: &str) -> Vec<Span> {
    vec![Span { text: text.to_owned(), changed: false }]
}

fn push(spans: &mut Vec<Span>, text: &str, changed: bool) {
    match spans.last_mut() {
        Some(last) if last.changed == changed => last.text += text,
        _ => spans.push(Span { text: text.to_owned(), changed }),
    }
}

#[cfg(test)]
mod tests {
    use trace_schema::ConstraintDimension::{Numerical, OutputFormat, Theme};

    use super::*;

    fn changes(first: &[Constraint], second: &[Constraint]) -> Vec<(Change, String, String)> {
        let text = |constraint: Option<&Constraint>| constraint.map_or("", |c| &c.text).to_owned();
        let aligned = align(first, second).into_iter();
        aligned.map(|pair| (pair.change, text(pair.first), text(pair.second))).collect()
    }

    fn row(change: Change, first: &str, second: &str) -> (Change, String, String) {
        (change, first.to_owned(), second.to_owned())
    }

    #[test]
    fn a_deleted_constraint_does_not_make_those_with_new_numbers_changes() {
        let first = [
            Constraint::new("1. Mention rain.", Theme),
            Constraint::new("2. Use five words.", Numerical),
            Constraint::new("3. Answer in JSON.", OutputFormat),
        ];
        let second =
            [Constraint::new("1. Mention rain.", Theme), Constraint::new("2. Answer in JSON.", OutputFormat)];
        assert_eq!(
            changes(&first, &second),
            [
                row(Change::Same, "1. Mention rain.", "1. Mention rain."),
                row(Change::Deleted, "2. Use five words.", ""),
                row(Change::Same, "3. Answer in JSON.", "2. Answer in JSON."),
            ]
        );
        assert_eq!(changes(&second, &first)[1], row(Change::Added, "", "2. Use five words."));
    }

    #[test]
    fn a_rewritten_constraint_is_a_revision_and_an_unrelated_one_is_not() {
        let first = [Constraint::new("1. Use five words.", Numerical), Constraint::unlabelled("Be kind.")];
        let second = [
            Constraint::new("1. Write at most three sentences.", Numerical),
            Constraint::unlabelled("Add a table about whales."),
        ];
        assert_eq!(
            changes(&first, &second),
            [
                row(Change::Revised, "1. Use five words.", "1. Write at most three sentences."),
                row(Change::Deleted, "Be kind.", ""),
                row(Change::Added, "", "Add a table about whales."),
            ]
        );
    }

    #[test]
    fn a_decimal_is_no_number_of_a_list() {
        let (first, second) = ("3.5 metres at most", "4.5 metres at most");
        let [left, right] = [first, second].map(|text| [Constraint::unlabelled(text)]);
        assert_eq!(changes(&left, &right), [row(Change::Revised, first, second)]);
    }

    #[test]
    fn every_constraint_appears_once_on_its_side() {
        let texts = |texts: &[&str]| texts.iter().map(|text| Constraint::unlabelled(*text)).collect();
        let (first, second): (Vec<_>, Vec<_>) =
            (texts(&["1. a b c", "2. a b c", "3.", "x"]), texts(&["x", "1. a b d", "1. a b c", "7", ""]));
        let aligned = align(&first, &second);
        assert_eq!(aligned.iter().filter(|pair| pair.first.is_some()).count(), first.len());
        assert_eq!(aligned.iter().filter(|pair| pair.second.is_some()).count(), second.len());
    }

    #[test]
    fn words_and_han_characters_are_compared_one_by_one() {
        let span = |text: &str, changed| Span { text: text.to_owned(), changed };
        let (left, right) = spans("Use five words.", "Use six words.");
        assert_eq!(left, [span("Use ", false), span("five", true), span(" words.", false)]);
        assert_eq!(right, [span("Use ", false), span("six", true), span(" words.", false)]);
        let (left, _) = spans("不超过五十字", "不超过八十字");
        assert_eq!(left, [span("不超过", false), span("五", true), span("十字", false)]);
    }
}
