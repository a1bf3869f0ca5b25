//! When an endpoint is given up, and why questions stayed without an answer.

use std::collections::BTreeMap;

use crate::error::{About, ChatError, with_causes};

/// After so many refusals in the same words, with no answer before them, every other question would be refused alike.
const ALIKE: u64 = 5;

/// After this many consecutive questions without an answer an endpoint counts as unavailable, however few are under way.
const FEWEST: u64 = 32;

/// Most reasons that are told apart.
const MOST_REASONS: usize = 100;

/// What became of the questions of a run, as far as it decides whether to go on.
///
/// A wrong key, a setting that is not supported or an unavailable endpoint would otherwise fail every question of a long
/// run, one after the other.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Whether the endpoint answered in this run, or refused a question for what it says.
    has_answered: bool,
    /// Questions without an answer since.
    in_a_row: u64,
    /// Those of them that ended in the words of the last.
    alike: u64,
    last: String,
    given_up: Option<String>,
    /// How often each reason came, and its words when it came first.
    reasons: BTreeMap<String, (u64, String)>,
}

impl Health {
    /// Whether the endpoint answered, or refused a question for what it says.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Notes an answer.
    pub(super) fn answered(&mut self) {
        self.has_answered = true;
        (self.in_a_row, self.alike) = (0, 0);
    }

    /// Notes a question without an answer, and says whether no further one should be asked.
    pub(super) fn failed(&mut self, error: &ChatError, under_way: u64) -> bool {
        let words = with_causes(error);
        let shape = shape(&words);
        if self.reasons.len() < MOST_REASONS || self.reasons.contains_key(&shape) {
            self.reasons.entry(shape.clone()).or_insert_with(|| (0, words.clone())).0 += 1;
        }
        if is_about_the_question(error) {
            self.answered();
            return false;
        }
        self.in_a_row += 1;
        self.alike = if shape == self.last { self.alike + 1 } else { 1 };
        self.last = shape;
        let stops = match kind(error) {
            Kind::Final => true,
            Kind::OfAll => !self.has_answered || self.alike >= ALIKE,
            Kind::Refusal => !self.has_answered && self.alike >= ALIKE,
            Kind::Failure => false,
        };
        let stops = stops || self.in_a_row >= FEWEST.max(2 * under_way);
        if stops {
            self.given_up.get_or_insert(words);
        }
        stops
    }

    /// Why no further question is asked, if the endpoint was given up.
    pub(super) fn given_up(&self) -> Option<String> {
        self.given_up.clone()
    }

    /// Why questions stayed without an answer, the most frequent reason first, with their numbers.
    pub(super) fn reasons(&self) -> Vec<(String, u64)> {
        let mut reasons: Vec<_> =
            self.reasons.values().map(|(count, words)| (words.clone(), *count)).collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }
}

/// How far an error reaches beyond its question.
enum Kind {
    /// No question will be answered.
    Final,
    /// No question will be answered, unless some were before.
    OfAll,
    /// The endpoint takes no such request.
    Refusal,
    /// Something went wrong.
    Failure,
}

fn kind(error: &ChatError) -> Kind {
    match error {
        ChatError::QuotaExhausted { .. } | ChatError::Redirect { .. } => return Kind::Final,
        _ if error.setting().is_some() => return Kind::OfAll,
        _ => {}
    }
    match error.refusal() {
        Some((401 | 404, _)) => Kind::OfAll,
        Some((400..=499, _)) if !error.is_retryable() => Kind::Refusal,
        _ => Kind::Failure,
    }
}

/// Whether the endpoint works, and said why this question has no answer.
fn is_about_the_question(error: &ChatError) -> bool {
    let is_named = |(_, about): (u16, &About)| matches!(about, About::Policy | About::Length);
    match error {
        ChatError::Refused { .. } | ChatError::NoContent { .. } => true,
        _ => error.rejection().is_some() && error.refusal().is_some_and(is_named),
    }
}

/// Words without the parts that differ from request to request: numbers and names with digits.
fn shape(words: &str) -> String {
    let part = |word: &str| {
        if word.contains(|letter: char| letter.is_ascii_digit()) { "#".to_owned() } else { word.to_owned() }
    };
    // The status comes first, and tells errors apart.
    let mut parts = words.split_whitespace();
    let head = parts.by_ref().take(6).collect::<Vec<_>>().join(" ");
    parts.fold(head, |shape, word| shape + " " + &part(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, message: &str) -> ChatError {
        ChatError::status(status, message, None)
    }

    #[test]
    fn a_wrong_key_ends_a_run_at_once_unless_it_was_right_before() {
        let mut health = Health::default();
        assert!(!health.failed(&status(500, ""), 1));
        assert!(health.failed(&status(401, "second"), 1));
        assert_eq!(health.given_up().as_deref(), Some("the endpoint answered with status 401: second"));

        let mut health = Health::default();
        health.answered();
        assert!((1..ALIKE).all(|_| !health.failed(&status(401, ""), 1)));
        assert!(health.failed(&status(401, ""), 1));
    }

    #[test]
    fn refusals_in_the_same_words_end_a_run_that_has_no_answer() {
        let mut health = Health::default();
        let refused = |number: u64| status(400, &format!("Something is wrong with request req-{number}"));
        assert!((1..ALIKE).all(|number| !health.failed(&refused(number), 1)));
        assert!(health.failed(&refused(9), 1));

        let mut health = Health::default();
        health.answered();
        assert!((1..FEWEST).all(|number| !health.failed(&refused(number), 1)));
        let other = |number: u64| status(400, &"other ".repeat(number as usize));
        let mut health = Health::default();
        assert!((1..FEWEST).all(|number| !health.failed(&other(number), 1)));
    }

    #[test]
    fn a_limit_beyond_the_model_ends_a_run_and_rejects_no_question() {
        let refused = |tokens: u64| {
            let words = "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length";
            status(400, &format!("{words} is 4096 tokens and your request has {tokens} input tokens"))
        };
        assert_eq!((refused(20).rejection(), refused(20).setting()), (None, None));
        let mut health = Health::default();
        assert!((1..ALIKE).all(|number| !health.failed(&refused(number), 1)));
        assert!(health.failed(&refused(90), 1));
    }

    #[test]
    fn refusals_of_what_a_question_says_or_how_long_it_is_end_no_run() {
        let mut health = Health::default();
        for message in ["This prompt was flagged", "maximum context length is 4096 tokens"] {
            assert!((0..2 * FEWEST).all(|_| !health.failed(&status(400, message), 1)), "{message}");
        }
        assert_eq!(health.reasons().len(), 2);
        assert_eq!(health.reasons()[0].1, 2 * FEWEST);
    }

    #[test]
    fn failures_end_a_run_only_in_a_row() {
        let mut health = Health::default();
        let gone = status(500, "gone");
        for _ in 0..3 {
            assert!((1..40).all(|_| !health.failed(&gone, 20)));
            health.answered();
        }
        assert_eq!((1..=40).filter(|_| health.failed(&gone, 20)).count(), 1);
    }
}
