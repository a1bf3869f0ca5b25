//! How long texts are.

use std::collections::BTreeMap;

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use crate::DatasetRow;

/// The lengths of a data set's texts; absent where its rows have no such text.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Lengths {
    /// Of task descriptions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<TextLengths>,
    /// Of single constraints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<TextLengths>,
    /// Of rendered instructions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<TextLengths>,
    /// Of responses, better and worse ones alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<TextLengths>,
}

/// The lengths of some texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TextLengths {
    /// The number of texts.
    pub texts: u64,
    /// In Unicode scalar values.
    pub characters: LengthStats,
    /// In words as Unicode's word boundaries (UAX #29) have them; a Han character is a word of its own.
    pub words: LengthStats,
}

/// A distribution of lengths. A percentile is the smallest length that so many percent of the texts do not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LengthStats {
    /// The shortest.
    pub min: usize,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: usize,
    /// The 90th percentile.
    pub p90: usize,
    /// The 99th percentile.
    pub p99: usize,
    /// The longest.
    pub max: usize,
}

/// Lengths as they are counted. Only different lengths take memory.
#[derive(Debug, Default)]
pub(crate) struct LengthCounts {
    descriptions: TextCounts,
    constraints: TextCounts,
    prompts: TextCounts,
    responses: TextCounts,
}

#[derive(Debug, Default)]
struct TextCounts {
    characters: BTreeMap<usize, u64>,
    words: BTreeMap<usize, u64>,
}

impl LengthCounts {
    pub(crate) fn add(&mut self, row: &DatasetRow) {
        for instruction in row.instructions() {
            self.descriptions.add(&instruction.description);
            instruction.constraints.iter().for_each(|constraint| self.constraints.add(&constraint.text));
        }
        row.prompts().iter().for_each(|prompt| self.prompts.add(prompt));
        row.responses().into_iter().for_each(|response| self.responses.add(response));
    }

    pub(crate) fn finish(&self) -> Lengths {
        Lengths {
            description: self.descriptions.finish(),
            constraint: self.constraints.finish(),
            prompt: self.prompts.finish(),
            response: self.responses.finish(),
        }
    }
}

impl TextCounts {
    fn add(&mut self, text: &str) {
        *self.characters.entry(text.chars().count()).or_default() += 1;
        *self.words.entry(text.unicode_words().count()).or_default() += 1;
    }

    fn finish(&self) -> Option<TextLengths> {
        Some(TextLengths {
            texts: self.characters.values().sum(),
            characters: length_stats(&self.characters)?,
            words: length_stats(&self.words)?,
        })
    }
}

/// The distribution behind counts by length; `None` for no texts.
fn length_stats(counts: &BTreeMap<usize, u64>) -> Option<LengthStats> {
    let texts: u64 = counts.values().sum();
    let total: u64 = counts.iter().map(|(&length, &count)| length as u64 * count).sum();
    let (&min, &max) = (counts.keys().next()?, counts.keys().next_back()?);
    let percentile = |percent: u64| {
        let wanted = (texts * percent).div_ceil(100);
        let mut seen = 0;
        let reached = counts.iter().find(|(_, count)| {
            seen += **count;
            seen >= wanted
        });
        reached.map_or(max, |(&length, _)| length)
    };
    let [p50, p90, p99] = [50, 90, 99].map(percentile);
    Some(LengthStats { min, mean: total as f64 / texts as f64, p50, p90, p99, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(lengths: impl IntoIterator<Item = usize>) -> Option<LengthStats> {
        let mut counts = BTreeMap::new();
        lengths.into_iter().for_each(|length| *counts.entry(length).or_default() += 1);
        length_stats(&counts)
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_lengths() {
        let of_hundred = LengthStats { min: 1, mean: 50.5, p50: 50, p90: 90, p99: 99, max: 100 };
        assert_eq!(stats((1..=100).rev()), Some(of_hundred));
        let of_two = LengthStats { min: 3, mean: 6.0, p50: 3, p90: 9, p99: 9, max: 9 };
        assert_eq!(stats([9, 3]), Some(of_two));
        let of_one = LengthStats { min: 0, mean: 0.0, p50: 0, p90: 0, p99: 0, max: 0 };
        assert_eq!(stats([0]), Some(of_one));
        assert_eq!(stats([]), None);
    }

    #[test]
    fn a_han_character_is_a_word_and_punctuation_is_none() {
        let mut counts = TextCounts::default();
        counts.add("写一首诗。 Two words!");
        assert_eq!(counts.words.keys().collect::<Vec<_>>(), [&6]);
        assert_eq!(counts.characters.keys().collect::<Vec<_>>(), [&16]);
    }
}
