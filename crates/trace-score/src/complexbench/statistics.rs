//! The decomposed requirements following ratio (DRFR) and its breakdowns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::verdict::Verdict;

/// What statistics need to know of one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedQuestion {
    /// The dimensions of the constraint that it is about.
    pub constraint_dimensions: Vec<String>,
    /// How the constraint is composed with others.
    pub composition_types: Vec<String>,
    /// The verdict after dependencies.
    pub verdict: Verdict,
}

/// What statistics need to know of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedItem {
    /// The group of variants that it belongs to.
    pub group: String,
    /// The kind of task.
    pub task_type: String,
    /// How its constraints are composed.
    pub composition_types: Vec<String>,
    /// Composition and depth, such as `Selection_2`.
    pub category: String,
    /// Its questions with their verdicts.
    pub questions: Vec<JudgedQuestion>,
}

impl JudgedItem {
    /// Its compositions, sorted and joined: `And_Chain`.
    pub(super) fn combination(&self) -> String {
        let mut types = self.composition_types.clone();
        types.sort();
        types.join("_")
    }

    /// The category without its depth.
    pub(super) fn category_prefix(&self) -> &str {
        self.category.split('_').next().unwrap_or_default()
    }

    /// How many of its questions are about a selection.
    pub(super) fn selection_depth(&self) -> usize {
        let selects =
            |question: &&JudgedQuestion| question.composition_types.iter().any(|kind| kind == "Selection");
        self.questions.iter().filter(selects).count()
    }
}

/// The group of a constraint dimension, spelt as in the official statistics.
///
/// # Source
///
/// ComplexBench (Wen et al., 2024), Table 1, and `evaluation/aggregation.py` at 749f457.
pub fn dimension_group(dimension: &str) -> &'static str {
    match dimension {
        "Word Matching" | "Keywords" => "Lexical",
        "JSON Format" | "Markdown Format" | "Bullets Format" | "Length" | "Start with" | "End with"
        | "Punctuation" | "Template" => "Structure",
        "Language Style" | "Personalization" | "Topic" | "Sentiment" => "Semantic",
        "Helpfulness" | "Target Language" | "Supportiveness" | "Consistency" | "Factuality" => "Utillity",
        _ => "Others",
    }
}

/// A share of questions.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Ratio {
    /// The number of questions with a verdict.
    pub n: usize,
    /// The number of questions without a verdict. They are not in the rate.
    pub n_failed: usize,
    /// The share of satisfied questions; `None` where `n` is 0.
    pub rate: Option<f64>,
}

#[derive(Default, Clone, Copy)]
struct Tally {
    holds: usize,
    fails: usize,
    without: usize,
}

impl Tally {
    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Holds => self.holds += 1,
            Verdict::Fails => self.fails += 1,
            Verdict::Unknown | Verdict::Missing => self.without += 1,
        }
    }

    fn ratio(self) -> Ratio {
        let n = self.holds + self.fails;
        let rate = (n > 0).then(|| self.holds as f64 / n as f64);
        Ratio { n, n_failed: self.without, rate }
    }
}

/// How well the variants of a group are followed together.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Coherence {
    /// The number of items.
    pub items: usize,
    /// The number of groups.
    pub groups: usize,
    /// The number of items with a question without a verdict. Neither they nor their groups are counted.
    pub items_failed: usize,
    /// The share of items with all questions satisfied.
    pub origin: Option<f64>,
    /// The share of groups with all questions of all items satisfied.
    pub coherent: Option<f64>,
    /// How much of the first share is lost in the second: (origin − coherent) / origin.
    pub relative_drop: Option<f64>,
}

/// DRFR over everything and by parts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DrfrStatistics {
    /// Over all questions: satisfied ÷ all.
    pub overall: Ratio,
    /// By category.
    pub categories: BTreeMap<String, Ratio>,
    /// By category without depth.
    pub category_prefixes: BTreeMap<String, Ratio>,
    /// By kind of task.
    pub task_types: BTreeMap<String, Ratio>,
    /// By the compositions of an item together.
    pub combinations: BTreeMap<String, Ratio>,
    /// By group of dimensions and by composition of the question; a question counts in each of its own.
    pub dimension_groups: BTreeMap<String, Ratio>,
    /// By dimension and by composition of the question.
    pub dimensions: BTreeMap<String, Ratio>,
    /// Groups whose first item has one question about a selection.
    pub single_selection: Coherence,
    /// Groups whose first item has several.
    pub multiple_selection: Coherence,
}

/// Statistics in which questions without a verdict are counted apart.
///
/// # Source
///
/// ComplexBench (Wen et al., 2024), Section 3.3: DRFR over all questions of all items.
pub fn statistics(items: &[JudgedItem]) -> DrfrStatistics {
    let mut overall = Tally::default();
    let mut parts: [BTreeMap<String, Tally>; 6] = Default::default();
    for item in items {
        let of_item = [
            item.category.clone(),
            item.category_prefix().to_owned(),
            item.task_type.clone(),
            item.combination(),
        ];
        for question in &item.questions {
            overall.count(question.verdict);
            for (part, name) in parts.iter_mut().zip(&of_item) {
                part.entry(name.clone()).or_default().count(question.verdict);
            }
            for dimension in &question.constraint_dimensions {
                parts[4].entry(dimension_group(dimension).to_owned()).or_default().count(question.verdict);
                parts[5].entry(dimension.clone()).or_default().count(question.verdict);
            }
            for composition in &question.composition_types {
                parts[4].entry(composition.clone()).or_default().count(question.verdict);
                parts[5].entry(composition.clone()).or_default().count(question.verdict);
            }
        }
    }
    let ratios =
        |part: BTreeMap<String, Tally>| part.into_iter().map(|(name, tally)| (name, tally.ratio())).collect();
    let [categories, category_prefixes, task_types, combinations, dimension_groups, dimensions] =
        parts.map(ratios);
    let groups = groups(items);
    let of_depth = |fits: fn(usize) -> bool| {
        let chosen =
            groups.iter().filter(|group| group.first().is_some_and(|item| fits(item.selection_depth())));
        coherence(chosen.map(Vec::as_slice))
    };
    DrfrStatistics {
        overall: overall.ratio(),
        categories,
        category_prefixes,
        task_types,
        combinations,
        dimension_groups,
        dimensions,
        single_selection: of_depth(|depth| depth == 1),
        multiple_selection: of_depth(|depth| depth >= 2),
    }
}

/// The items of each group, groups by name and items in order.
pub(super) fn groups(items: &[JudgedItem]) -> Vec<Vec<&JudgedItem>> {
    let mut groups = BTreeMap::<&str, Vec<&JudgedItem>>::new();
    for item in items {
        groups.entry(&item.group).or_default().push(item);
    }
    groups.into_values().collect()
}

fn coherence<'a>(groups: impl Iterator<Item = &'a [&'a JudgedItem]>) -> Coherence {
    let mut result = Coherence::default();
    let (mut items_held, mut groups_held) = (0, 0);
    for group in groups {
        let settled = |item: &&&JudgedItem| {
            item.questions.iter().all(|question| matches!(question.verdict, Verdict::Holds | Verdict::Fails))
        };
        let holds =
            |item: &&JudgedItem| item.questions.iter().all(|question| question.verdict == Verdict::Holds);
        let with_verdicts: Vec<_> = group.iter().filter(settled).collect();
        let held = with_verdicts.iter().filter(|item| holds(item)).count();
        result.items += with_verdicts.len();
        result.items_failed += group.len() - with_verdicts.len();
        items_held += held;
        if with_verdicts.len() == group.len() {
            result.groups += 1;
            groups_held += usize::from(held == group.len());
        }
    }
    let share = |held: usize, all: usize| (all > 0).then(|| held as f64 / all as f64);
    result.origin = share(items_held, result.items);
    result.coherent = share(groups_held, result.groups);
    if let (Some(origin), Some(coherent)) = (result.origin, result.coherent) {
        result.relative_drop = (origin > 0.0).then(|| (origin - coherent) / origin);
    }
    result
}
