//! The decomposed requirements following ratio (DRFR) and its breakdowns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::quirks::ComplexBenchQuirks;
use super::verdict::Verdict;

/// The facts about one question that statistics need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedQuestion {
    /// The dimensions of the constraint that it is about.
    pub constraint_dimensions: Vec<String>,
    /// How the constraint is composed with others.
    pub composition_types: Vec<String>,
    /// The verdict after dependencies.
    pub verdict: Verdict,
}

/// The facts about one item that statistics need.
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
    fn combination(&self) -> String {
        let mut types = self.composition_types.clone();
        types.sort();
        types.join("_")
    }

    /// The category without its depth.
    fn category_prefix(&self) -> &str {
        self.category.split('_').next().unwrap_or_default()
    }

    /// How many of its questions are about a selection.
    fn selection_depth(&self) -> usize {
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
    fn count(&mut self, verdict: Verdict, quirks: ComplexBenchQuirks) {
        match verdict {
            Verdict::Holds => self.holds += 1,
            Verdict::Fails => self.fails += 1,
            _ if quirks.unjudged_fails => self.fails += 1,
            Verdict::Unknown | Verdict::Missing => self.without += 1,
        }
    }

    fn ratio(self) -> Ratio {
        let n = self.holds + self.fails;
        Ratio { n, n_failed: self.without, rate: share(self.holds, n) }
    }
}

fn share(part: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
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

/// DRFR and its breakdowns; questions without a verdict are counted apart.
///
/// # Source
///
/// ComplexBench (Wen et al., 2024), Section 3.3: DRFR over all questions of all items; `evaluation/aggregation.py` at
/// 749f457.
pub fn statistics(items: &[JudgedItem], quirks: ComplexBenchQuirks) -> DrfrStatistics {
    let mut overall = Tally::default();
    let mut by_item: [BTreeMap<String, Tally>; 4] = Default::default();
    let mut by_question: [BTreeMap<String, Tally>; 2] = Default::default();
    for item in items {
        let names = [&item.category, item.category_prefix(), &item.task_type, &item.combination()];
        let is_listed = !item.questions.is_empty() || quirks.lists_items_without_questions;
        for (part, name) in by_item.iter_mut().zip(names).filter(|_| is_listed) {
            let tally = part.entry(name.to_owned()).or_default();
            item.questions.iter().for_each(|question| tally.count(question.verdict, quirks));
        }
        for question in &item.questions {
            overall.count(question.verdict, quirks);
            let satisfied = question.verdict == Verdict::Unknown && quirks.unknown_satisfies;
            let verdict = if satisfied { Verdict::Holds } else { question.verdict };
            let [groups, each] = &mut by_question;
            let dimensions = question.constraint_dimensions.iter().map(|name| (dimension_group(name), name));
            let compositions = question.composition_types.iter().map(|name| (name.as_str(), name));
            for (group, name) in dimensions.chain(compositions) {
                groups.entry(group.to_owned()).or_default().count(verdict, quirks);
                each.entry(name.clone()).or_default().count(verdict, quirks);
            }
        }
    }
    let ratios =
        |part: BTreeMap<String, Tally>| part.into_iter().map(|(name, tally)| (name, tally.ratio())).collect();
    let [categories, category_prefixes, task_types, combinations] = by_item.map(ratios);
    let [dimension_groups, dimensions] = by_question.map(ratios);
    let groups = groups(items);
    let of_depth = |fits: fn(usize) -> bool| {
        let chosen =
            groups.iter().filter(|group| group.first().is_some_and(|item| fits(item.selection_depth())));
        coherence(chosen.map(Vec::as_slice), quirks)
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

impl DrfrStatistics {
    /// The shares under the names of the official file, typing errors included; `None` where one is a share of nothing,
    /// at which the official program ends with a `ZeroDivisionError`.
    pub fn official_names(&self) -> Option<Map<String, Value>> {
        let mut named = Map::new();
        named.insert("overall_drfr".to_owned(), json!(self.overall.rate?));
        for (name, part) in [
            ("categorized_drfr", &self.categories),
            ("categorized_avg_drfr", &self.category_prefixes),
            ("task_types_drfr", &self.task_types),
            ("nested_methods_drfr", &self.combinations),
            ("constraint_types_and_composition_types_acc", &self.dimension_groups),
            ("each_constraint_dimensions_and_composition_types_acc", &self.dimensions),
        ] {
            let rates = part.iter().map(|(name, ratio)| Some((name, ratio.rate?)));
            named.insert(name.to_owned(), json!(rates.collect::<Option<BTreeMap<_, _>>>()?));
        }
        for (prefix, drop, of) in
            [("single", "single", &self.single_selection), ("multiple", "miltiple", &self.multiple_selection)]
        {
            named.insert(format!("{prefix}_origin_test"), json!(of.origin?));
            named.insert(format!("{prefix}_coherent_test"), json!(of.coherent?));
            named.insert(format!("{drop}_relative_drop"), json!(of.relative_drop?));
        }
        Some(named)
    }
}

/// The items of each group, groups by name and items in order.
fn groups(items: &[JudgedItem]) -> Vec<Vec<&JudgedItem>> {
    let mut groups = BTreeMap::<&str, Vec<&JudgedItem>>::new();
    for item in items {
        groups.entry(&item.group).or_default().push(item);
    }
    groups.into_values().collect()
}

fn coherence<'a>(
    groups: impl Iterator<Item = &'a [&'a JudgedItem]>,
    quirks: ComplexBenchQuirks,
) -> Coherence {
    let any = |item: &JudgedItem, wanted: &[Verdict]| {
        item.questions.iter().any(|question| wanted.contains(&question.verdict))
    };
    let mut result = Coherence::default();
    let (mut items_held, mut groups_held) = (0, 0);
    for group in groups {
        let settled =
            |item: &&&JudgedItem| quirks.unjudged_fails || !any(item, &[Verdict::Unknown, Verdict::Missing]);
        let with_verdicts: Vec<_> = group.iter().filter(settled).collect();
        let held = with_verdicts.iter().filter(|item| !any(item, &[Verdict::Fails])).count();
        result.items += with_verdicts.len();
        result.items_failed += group.len() - with_verdicts.len();
        items_held += held;
        if with_verdicts.len() == group.len() {
            result.groups += 1;
            groups_held += usize::from(held == group.len());
        }
    }
    result.origin = share(items_held, result.items);
    result.coherent = share(groups_held, result.groups);
    if let (Some(origin), Some(coherent)) = (result.origin, result.coherent) {
        result.relative_drop = (origin > 0.0).then(|| (origin - coherent) / origin);
    }
    result
}
