//! What the libraries below the checkers say of a text.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use trace_schema::Record;
use trace_score::ifeval::{
    CheckError, count_words, detect_languages, is_lower, is_upper, sentences, word_tokens,
};

use super::{Replay, rows};

/// The largest difference between two probabilities of a language.
const PROBABILITY_TOLERANCE: f64 = 1e-6;

/// A recorded row: a text, and what Python, nltk and langdetect say of it.
#[derive(Debug, Deserialize)]
struct Row {
    text: String,
    words: u64,
    sentences: Vec<String>,
    tokens: Vec<String>,
    isupper: bool,
    islower: bool,
    upper_tokens: u64,
    #[serde(default)]
    lang: Vec<(String, f64)>,
    detect: Option<String>,
    #[serde(default)]
    detect_seeds_0_7: BTreeSet<String>,
}

impl Record for Row {}

/// Replays facts about single texts: words, sentences, tokens, case and languages.
///
/// # Errors
///
/// A file or row that cannot be read, or a text on which the language detector fails.
pub fn util(file: &Path) -> Result<Replay> {
    let mut replay = Replay::default();
    for row in rows::<Row>(file)? {
        let (number, row) = row?;
        let text = row.text.as_str();
        replay.push("words", number, count_words(text) as f64, row.words as f64);
        replay.push_equal("sentences", number, &sentences(text), &texts(&row.sentences));
        let tokens = word_tokens(text);
        replay.push_equal("tokens", number, &tokens, &row.tokens);
        let upper = tokens.iter().filter(|token| is_upper(token)).count();
        replay.push("tokens in upper case", number, upper as f64, row.upper_tokens as f64);
        replay.push_truth("isupper", number, is_upper(text), row.isupper);
        replay.push_truth("islower", number, is_lower(text), row.islower);
        languages(&mut replay, number, &row)
            .with_context(|| format!("row {number} of {}", file.display()))?;
    }
    Ok(replay)
}

fn texts(recorded: &[String]) -> Vec<&str> {
    recorded.iter().map(String::as_str).collect()
}

fn languages(replay: &mut Replay, number: usize, row: &Row) -> Result<(), CheckError> {
    let found = detect_languages(&row.text, 0)?;
    let first = found.as_ref().map(|languages| match languages.first() {
        Some((first, _)) => first.clone(),
        None => "unknown".to_owned(),
    });
    replay.push_equal("language", number, &first, &row.detect);
    let found = found.unwrap_or_default();
    let labels = |languages: &[(String, f64)]| -> Vec<String> {
        languages.iter().map(|(label, _)| label.clone()).collect()
    };
    replay.push_equal("languages above 0.1", number, &labels(&found), &labels(&row.lang));
    for ((_, probability), (_, recorded)) in found.iter().zip(&row.lang) {
        let pair = (*probability, *recorded);
        replay.push_within("probability of a language", PROBABILITY_TOLERANCE, number, pair);
    }
    let mut over_seeds = BTreeSet::new();
    for seed in 0..8 {
        if let Some(languages) = detect_languages(&row.text, seed)? {
            over_seeds.insert(languages.first().map_or("unknown".to_owned(), |(first, _)| first.clone()));
        }
    }
    replay.push_equal("languages over eight seeds", number, &over_seeds, &row.detect_seeds_0_7);
    Ok(())
}
