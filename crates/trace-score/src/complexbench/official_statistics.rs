//! The official statistics, with the official names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::statistics::{JudgedItem, dimension_group, groups};
use super::verdict::Verdict;

type Rates = BTreeMap<String, f64>;

/// The official statistics; names are those of the official file, typing errors included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficialStatistics {
    /// Satisfied questions ÷ all questions.
    pub overall_drfr: f64,
    /// The same by category.
    pub categorized_drfr: Rates,
    /// The same by category without depth.
    pub categorized_avg_drfr: Rates,
    /// The same by kind of task.
    pub task_types_drfr: Rates,
    /// The same by the compositions of an item together.
    pub nested_methods_drfr: Rates,
    /// By group of dimensions and by composition; the verdict 2 counts as satisfied here.
    pub constraint_types_and_composition_types_acc: Rates,
    /// By dimension and by composition; the verdict 2 counts as satisfied here.
    pub each_constraint_dimensions_and_composition_types_acc: Rates,
    /// Among groups with one selection, the share of items without a failed question.
    pub single_origin_test: f64,
    /// The share of such groups without a failed question.
    pub single_coherent_test: f64,
    /// How much of the former is lost in the latter.
    pub single_relative_drop: f64,
    /// As above, for groups with several selections.
    pub multiple_origin_test: f64,
    /// As above, for groups with several selections.
    pub multiple_coherent_test: f64,
    /// As above, for groups with several selections.
    #[serde(rename = "miltiple_relative_drop")]
    pub multiple_relative_drop: f64,
}

/// Where the official statistics end with an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OfficialStatisticsError {
    /// There is no question, no group with one selection, none with several, or no item of theirs passes.
    #[error("ZeroDivisionError: a share of nothing")]
    ZeroDivision,
}

impl OfficialStatisticsError {
    /// The exception's name in Python.
    pub const fn python_name(self) -> &'static str {
        match self {
            Self::ZeroDivision => "ZeroDivisionError",
        }
    }
}

/// Counts of satisfied and of all questions, by name.
#[derive(Default)]
struct Counts(BTreeMap<String, (usize, usize)>);

impl Counts {
    fn add(&mut self, name: &str, held: usize, all: usize) {
        let counts = self.0.entry(name.to_owned()).or_default();
        counts.0 += held;
        counts.1 += all;
    }

    /// A name without questions divides by zero.
    fn rates(self) -> Result<Rates, OfficialStatisticsError> {
        let rate = |(name, (held, all))| Ok((name, ratio(held, all)?));
        self.0.into_iter().map(rate).collect()
    }
}

fn ratio(held: usize, all: usize) -> Result<f64, OfficialStatisticsError> {
    match all {
        0 => Err(OfficialStatisticsError::ZeroDivision),
        _ => Ok(held as f64 / all as f64),
    }
}

/// Statistics as the official code computes them.
///
/// The verdict 2 counts as unsatisfied in DRFR, as satisfied by dimension, and as not failed in the tests of coherence;
/// a missing verdict is unsatisfied in the former two and not failed in the last.
///
/// # Errors
///
/// Where the official code divides by zero.
///
/// # Source
///
/// `evaluation/aggregation.py`, ComplexBench 749f457.
pub fn official_statistics(items: &[JudgedItem]) -> Result<OfficialStatistics, OfficialStatisticsError> {
    let mut by_item: [Counts; 4] = Default::default();
    let mut by_question: [Counts; 2] = Default::default();
    let (mut held, mut all) = (0, 0);
    for item in items {
        let satisfied = item.questions.iter().filter(|question| question.verdict == Verdict::Holds).count();
        held += satisfied;
        all += item.questions.len();
        let names = [&item.category, item.category_prefix(), &item.task_type, &item.combination()];
        for (counts, name) in by_item.iter_mut().zip(names) {
            counts.add(name, satisfied, item.questions.len());
        }
        for question in &item.questions {
            let truthy = usize::from(matches!(question.verdict, Verdict::Holds | Verdict::Unknown));
            let [groups, each] = &mut by_question;
            for dimension in &question.constraint_dimensions {
                groups.add(dimension_group(dimension), truthy, 1);
                each.add(dimension, truthy, 1);
            }
            for composition in &question.composition_types {
                groups.add(composition, truthy, 1);
                each.add(composition, truthy, 1);
            }
        }
    }
    let ([category, prefix, task, combination], [dimension_groups, each]) = (by_item, by_question);
    let single = coherence(items, |depth| depth == 1)?;
    let multiple = coherence(items, |depth| depth >= 2)?;
    Ok(OfficialStatistics {
        overall_drfr: ratio(held, all)?,
        categorized_drfr: category.rates()?,
        categorized_avg_drfr: prefix.rates()?,
        task_types_drfr: task.rates()?,
        nested_methods_drfr: combination.rates()?,
        constraint_types_and_composition_types_acc: dimension_groups.rates()?,
        each_constraint_dimensions_and_composition_types_acc: each.rates()?,
        single_origin_test: single.0,
        single_coherent_test: single.1,
        single_relative_drop: single.2,
        multiple_origin_test: multiple.0,
        multiple_coherent_test: multiple.1,
        multiple_relative_drop: multiple.2,
    })
}

/// Shares of items and of groups without a failed question, and the relative drop between them.
fn coherence(
    items: &[JudgedItem],
    fits: fn(usize) -> bool,
) -> Result<(f64, f64, f64), OfficialStatisticsError> {
    let mut counts = [0; 4];
    for group in groups(items) {
        if !group.first().is_some_and(|item| fits(item.selection_depth())) {
            continue;
        }
        let passes =
            |item: &&&JudgedItem| item.questions.iter().all(|question| question.verdict != Verdict::Fails);
        let passed = group.iter().filter(passes).count();
        let [items_passed, items, groups_passed, groups] = &mut counts;
        *items_passed += passed;
        *items += group.len();
        *groups_passed += usize::from(passed == group.len());
        *groups += 1;
    }
    let (origin, coherent) = (ratio(counts[0], counts[1])?, ratio(counts[2], counts[3])?);
    match counts[0] {
        0 => Err(OfficialStatisticsError::ZeroDivision),
        _ => Ok((origin, coherent, (origin - coherent) / origin)),
    }
}
