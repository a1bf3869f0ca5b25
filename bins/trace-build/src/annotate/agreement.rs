//! How far annotators agree.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use trace_score::stats::{Interval, wilson_interval};
use trace_score::trace::agreement;

use super::check::{Check, Item};
use super::verdicts::{Missing, Repeated, Verdicts};

/// The measurements of some items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Measured {
    /// Which items.
    pub(super) name: String,
    /// Items that all annotators gave a verdict on; the other numbers are about them.
    pub(super) items: usize,
    /// Items that lack a verdict.
    pub(super) incomplete: usize,
    /// Items on which all agree.
    pub(super) unanimous: usize,
    /// The share of items on which all agree: the paper's agreement rate. `None` of no items.
    pub(super) agreement_rate: Option<f64>,
    /// Its interval.
    pub(super) interval: Option<Interval>,
    /// The share of pairs of annotators that agree.
    pub(super) pairwise: Option<f64>,
    /// Fleiss' kappa; `None` where all verdicts are the same, or there are none.
    pub(super) fleiss_kappa: Option<f64>,
    /// The share of verdicts that are "yes".
    pub(super) yes: Option<f64>,
}

/// An item on which annotators differ, with the verdict of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Dispute {
    pub(super) item: Item,
    pub(super) verdicts: BTreeMap<String, bool>,
}

/// Everything that is known from the tables.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) annotators: Vec<String>,
    pub(super) rows: usize,
    pub(super) level: f64,
    /// Whole rows, each question, and all verdicts together.
    pub(super) agreement: Vec<Measured>,
    pub(super) disputes: Vec<Dispute>,
    pub(super) missing: Vec<Missing>,
    pub(super) repeated: Vec<Repeated>,
}

/// Measures everything; intervals have the given level.
pub(super) fn measure(verdicts: &Verdicts, level: f64) -> Result<Report> {
    let rows = whole_rows(verdicts);
    let mut measured = vec![measure_items("whole row", rows.values().map(Vec::as_slice), level)?];
    for check in Check::ALL {
        let of_check = verdicts.items.iter().filter(|(item, _)| item.check == check);
        measured.push(measure_items(check.name(), of_check.map(|(_, verdicts)| verdicts.as_slice()), level)?);
    }
    measured.push(measure_items("all verdicts", verdicts.items.values().map(Vec::as_slice), level)?);
    Ok(Report {
        annotators: verdicts.annotators.clone(),
        rows: rows.len(),
        level,
        agreement: measured,
        disputes: disputes(verdicts),
        missing: verdicts.missing(),
        repeated: verdicts.repeated.clone(),
    })
}

/// For each row whether an annotator found it good in every respect.
///
/// One "no" decides even where other verdicts are missing.
fn whole_rows(verdicts: &Verdicts) -> BTreeMap<&str, Vec<Option<bool>>> {
    let mut rows: BTreeMap<&str, Vec<Option<bool>>> = BTreeMap::new();
    for (item, given) in &verdicts.items {
        let row = rows.entry(&item.id).or_insert_with(|| vec![Some(true); given.len()]);
        for (all, &one) in row.iter_mut().zip(given) {
            *all = match (*all, one) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
        }
    }
    rows
}

fn measure_items<'a>(
    name: &str,
    items: impl Iterator<Item = &'a [Option<bool>]>,
    level: f64,
) -> Result<Measured> {
    let items: Vec<&[Option<bool>]> = items.collect();
    let complete = |item: &&[Option<bool>]| item.iter().map(|verdict| verdict.map(u8::from)).collect();
    let ratings: Vec<Vec<u8>> = items.iter().filter_map(complete).collect();
    let unanimous = ratings.iter().filter(|item| item.iter().all(|verdict| *verdict == item[0])).count();
    let given: usize = ratings.iter().map(Vec::len).sum();
    let yes: usize = ratings.iter().flatten().map(|&verdict| usize::from(verdict)).sum();
    let agreed = if ratings.is_empty() { None } else { Some(agreement(&ratings)?) };
    Ok(Measured {
        name: name.to_owned(),
        items: ratings.len(),
        incomplete: items.len() - ratings.len(),
        unanimous,
        agreement_rate: agreed.map(|agreed| agreed.unanimous),
        interval: wilson_interval(unanimous, ratings.len(), level),
        pairwise: agreed.map(|agreed| agreed.percent_agreement),
        fleiss_kappa: agreed.and_then(|agreed| agreed.fleiss_kappa),
        yes: (given > 0).then(|| yes as f64 / given as f64),
    })
}

fn disputes(verdicts: &Verdicts) -> Vec<Dispute> {
    let dispute = |(item, given): (&Item, &Vec<Option<bool>>)| {
        let differ = given.contains(&Some(true)) && given.contains(&Some(false));
        let named = verdicts.annotators.iter().cloned().zip(given);
        let verdicts = named.filter_map(|(annotator, verdict)| Some((annotator, (*verdict)?))).collect();
        differ.then(|| Dispute { item: item.clone(), verdicts })
    };
    verdicts.items.iter().filter_map(dispute).collect()
}
