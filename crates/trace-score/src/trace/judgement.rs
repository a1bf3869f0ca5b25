//! A judge's answer as scores.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::block::{Entries, blocks};
use super::wording::wording;
use crate::UnreadableAnswer;

/// The score of a constraint that is followed completely, and the top of the scale.
pub const FULL_SCORE: u8 = 10;

/// The longest answer that is parsed, in bytes.
pub const MAX_ANSWER_BYTES: usize = 1 << 18;

/// The scores that a judge gave to one response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// One score from 0 to 10 for each constraint, in the order of the instruction.
    pub scores: Vec<u8>,
    /// The judge's overall score from 0 to 10. It need not be the mean of the others.
    pub overall: f64,
}

impl Judgement {
    /// Whether every constraint has the full score: the indicator of Eq. 3.
    ///
    /// A mean of whole scores is 10 exactly if every score is. Without constraints this is vacuously true.
    pub fn follows_all(&self) -> bool {
        self.scores.iter().all(|&score| score == FULL_SCORE)
    }
}

/// Reads an answer to [`judge_prompt`](super::TracePrompts::judge_prompt), strictly.
///
/// What counts stands after the last heading `Fine Grained Score`, or anywhere without such a heading: the last
/// `Constraints Overall Score: [[d]]`, and before it the last JSON block, an object or a list of objects from constraint
/// to score. So scores that the judge quotes from the response before its own do not count.
///
/// A key stands for the constraint whose text it has, numbering, white space and a final punctuation mark aside, or
/// else for the one whose number it is. If some keys are neither, the scores are taken in order, provided that there
/// are as many as constraints and that no key names a constraint of another place.
///
/// The cost is linear in the answer, whose length is limited to [`MAX_ANSWER_BYTES`].
///
/// # Errors
///
/// An answer that cannot be read; the judge should be asked again.
///
/// # Source
///
/// The answer's format is that of Appendix B.5. The released script reads the overall score alone:
/// [`official_overall_score`](super::official_overall_score).
///
/// ```
/// use trace_score::trace::parse_judgement;
///
/// let answer = "1. Short: yes.\nFine Grained Score: [{\"Be short\": 10, \"Rhyme\": 0}]\nConstraints Overall Score: [[5]]";
/// let judgement = parse_judgement(answer, &["1. Be short;", "2. Rhyme."])?;
/// assert_eq!(judgement.scores, [10, 0]);
/// assert_eq!(judgement.overall, 5.0);
/// # Ok::<(), trace_score::UnreadableAnswer>(())
/// ```
pub fn parse_judgement(answer: &str, constraints: &[impl AsRef<str>]) -> Result<Judgement, UnreadableAnswer> {
    if answer.len() > MAX_ANSWER_BYTES {
        return Err(too_long(answer));
    }
    let last_part = &answer[last(&SCORES_HEADING, answer).map_or(0, |(_, end)| end)..];
    let (before, overall) = overall_score(last_part);
    let (Entries(entries), _) = blocks(before).last().ok_or_else(|| {
        let heading = "Fine Grained Score";
        unreadable(format!("found no JSON object with the scores of the constraints after {heading:?}"))
    })?;
    let scores = assign(&entries, constraints)?;
    Ok(Judgement { scores, overall: overall? })
}

static SCORES_HEADING: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)fine[\s-]*grained\s+scores?").ok());
static OVERALL_HEADING: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)constraints\s+overall\s+score").ok());
/// What follows the heading of an overall score.
static OVERALL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\A[*_`\s]*[:：][*_`\s]*\[\[\s*([^\[\]\s]{1,40})\s*\]\]").ok());

/// Where the last match lies.
fn last(pattern: &LazyLock<Option<Regex>>, text: &str) -> Option<(usize, usize)> {
    pattern.as_ref()?.find_iter(text).last().map(|found| (found.start(), found.end()))
}

/// The text before the last heading of an overall score, and the score after it.
fn overall_score(text: &str) -> (&str, Result<f64, UnreadableAnswer>) {
    let Some((start, end)) = last(&OVERALL_HEADING, text) else {
        let form = "Constraints Overall Score: [[d]]";
        let message = format!("found no {form:?} after the scores of the constraints");
        return (text, Err(unreadable(message)));
    };
    let score = OVERALL
        .as_ref()
        .and_then(|pattern| pattern.captures(&text[end..]))
        .map_or_else(|| Err(bad_overall(&text[end..])), |found| within_scale(&found[1]));
    (&text[..start], score)
}

fn within_scale(digits: &str) -> Result<f64, UnreadableAnswer> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match digits.parse::<f64>() {
        Ok(value) if plain && value <= f64::from(FULL_SCORE) => Ok(value),
        Ok(value) if plain => Err(unreadable(format!("the overall score is {value}, not between 0 and 10"))),
        _ => Err(bad_overall(digits)),
    }
}

/// The score of each constraint, from entries in any order.
fn assign(entries: &[(String, Value)], constraints: &[impl AsRef<str>]) -> Result<Vec<u8>, UnreadableAnswer> {
    let places = Places::of(constraints);
    let named: Vec<Named> = entries.iter().map(|(key, _)| places.named_by(key)).collect();
    let mut scores = vec![None; constraints.len()];
    if let Some(unknown) = named.iter().position(|named| named.places().next().is_none()) {
        if entries.len() != constraints.len() {
            let (found, expected) = (entries.len(), constraints.len());
            return Err(unreadable(format!("{found} scores for {expected} constraints")));
        }
        let elsewhere = |(place, named): (usize, &Named)| {
            named.places().next().is_some() && !named.places().any(|known| known == place)
        };
        if named.iter().enumerate().any(elsewhere) {
            return Err(unreadable(format!("{:?} is not one of the constraints", entries[unknown].0)));
        }
        return entries.iter().map(|(key, value)| score(key, value)).collect();
    }
    for ((key, value), named) in entries.iter().zip(&named) {
        let Some(place) = named.places().find(|&place| scores[place].is_none()) else {
            return Err(unreadable(format!("{key:?} is scored more than once")));
        };
        scores[place] = Some(score(key, value)?);
    }
    let complete = |(place, score): (usize, Option<u8>)| {
        score.ok_or_else(|| {
            unreadable(format!("no score for the constraint {:?}", constraints[place].as_ref()))
        })
    };
    scores.into_iter().enumerate().map(complete).collect()
}

/// Where constraints stand, by text and by wording; equal ones share an entry.
struct Places {
    count: usize,
    by_text: HashMap<String, Vec<usize>>,
    by_wording: HashMap<String, Vec<usize>>,
}

/// The constraints that a key may stand for: of its text, of its wording, or of its number.
struct Named<'a> {
    of_text: &'a [usize],
    of_wording: &'a [usize],
    of_number: Option<usize>,
}

impl Named<'_> {
    /// All of them, the most exact first.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.of_text.iter().chain(self.of_wording).copied().chain(self.of_number)
    }
}

impl Places {
    fn of(constraints: &[impl AsRef<str>]) -> Self {
        let mut places =
            Self { count: constraints.len(), by_text: HashMap::new(), by_wording: HashMap::new() };
        for (place, text) in constraints.iter().map(AsRef::as_ref).enumerate() {
            places.by_text.entry(text.trim().to_owned()).or_default().push(place);
            places.by_wording.entry(wording(text)).or_default().push(place);
        }
        places
    }

    /// A number counts only where no constraint has the key for its text.
    fn named_by(&self, key: &str) -> Named<'_> {
        let of_text = self.by_text.get(key.trim()).map_or(&[][..], Vec::as_slice);
        let of_wording = self.by_wording.get(&wording(key)).map_or(&[][..], Vec::as_slice);
        let is_text = !of_text.is_empty() || !of_wording.is_empty();
        Named { of_text, of_wording, of_number: self.numbered(key).filter(|_| !is_text) }
    }

    /// The place that a key such as "2", "2." or "约束2" counts, from 1.
    fn numbered(&self, key: &str) -> Option<usize> {
        let key = key.trim().to_lowercase();
        let number = key.trim_start_matches("constraint").trim_start_matches("约束").trim_start();
        let digits = number.trim_end_matches(['.', '、', ':', '：', ')', '）', ';', '；']);
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let place = digits.parse::<usize>().ok().filter(|_| plain)?.checked_sub(1)?;
        (place < self.count).then_some(place)
    }
}

fn score(key: &str, value: &Value) -> Result<u8, UnreadableAnswer> {
    let Some(number) = value.as_f64() else {
        return Err(unreadable(format!("the score of {key:?} is not a number")));
    };
    if !(0.0..=f64::from(FULL_SCORE)).contains(&number) {
        return Err(unreadable(format!("the score of {key:?} is {number}, not between 0 and 10")));
    }
    match (0..=FULL_SCORE).find(|&whole| f64::from(whole) == number) {
        Some(whole) => Ok(whole),
        None => Err(unreadable(format!("the score of {key:?} is {number}, not a whole number"))),
    }
}

fn unreadable(message: String) -> UnreadableAnswer {
    UnreadableAnswer::new(message)
}

/// An answer longer than [`MAX_ANSWER_BYTES`].
pub(super) fn too_long(answer: &str) -> UnreadableAnswer {
    unreadable(format!("the answer has {} bytes, more than {MAX_ANSWER_BYTES}", answer.len()))
}

fn bad_overall(found: &str) -> UnreadableAnswer {
    let found: String = found.trim().chars().take(40).collect();
    unreadable(format!("the overall score is {found:?}, not of the form [[d]]"))
}
