//! The verdicts of all annotators side by side.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail, ensure};
use serde::Serialize;

use super::check::Item;
use super::read::Sheet;

/// An item that stands in one table more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Repeated {
    pub(super) file: String,
    pub(super) item: Item,
    pub(super) lines: Vec<u64>,
    /// Whether the verdicts differ. Then none of them counts; otherwise they count once.
    pub(super) contradictory: bool,
}

/// An item without a verdict of an annotator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Missing {
    pub(super) annotator: String,
    pub(super) item: Item,
}

/// All items with the verdict of each annotator.
#[derive(Debug)]
pub(super) struct Verdicts {
    pub(super) annotators: Vec<String>,
    /// For each item one verdict by annotator.
    pub(super) items: BTreeMap<Item, Vec<Option<bool>>>,
    pub(super) repeated: Vec<Repeated>,
}

impl Verdicts {
    /// Joins tables by their items.
    pub(super) fn collect(sheets: Vec<Sheet>) -> Result<Self> {
        ensure!(sheets.len() >= 2, "agreement needs the tables of at least two annotators");
        let mut files: BTreeMap<&str, &str> = BTreeMap::new();
        for sheet in &sheets {
            if let Some(first) = files.insert(&sheet.annotator, &sheet.file) {
                bail!("{first} and {} are both by {:?}; give one of them", sheet.file, sheet.annotator);
            }
        }
        let count = sheets.len();
        let (mut items, mut repeated) = (BTreeMap::new(), Vec::new());
        for (place, sheet) in sheets.iter().enumerate() {
            for (item, verdict) in settle(sheet, &mut repeated) {
                items.entry(item).or_insert_with(|| vec![None; count])[place] = verdict;
            }
        }
        let annotators = sheets.into_iter().map(|sheet| sheet.annotator).collect();
        Ok(Self { annotators, items, repeated })
    }

    /// Items without a verdict, by annotator.
    pub(super) fn missing(&self) -> Vec<Missing> {
        let of_item = |(item, verdicts): (&Item, &Vec<Option<bool>>)| {
            let missing = |(verdict, annotator): (&Option<bool>, &String)| {
                verdict.is_none().then(|| Missing { annotator: annotator.clone(), item: item.clone() })
            };
            verdicts.iter().zip(&self.annotators).filter_map(missing).collect::<Vec<_>>()
        };
        self.items.iter().flat_map(of_item).collect()
    }
}

/// The verdicts of one table, each item once.
fn settle(sheet: &Sheet, repeated: &mut Vec<Repeated>) -> BTreeMap<Item, Option<bool>> {
    let mut all: BTreeMap<&Item, Vec<(u64, Option<bool>)>> = BTreeMap::new();
    for entry in &sheet.entries {
        all.entry(&entry.item).or_default().push((entry.line, entry.verdict));
    }
    let mut settled = BTreeMap::new();
    for (item, verdicts) in all {
        let given: BTreeSet<bool> = verdicts.iter().filter_map(|&(_, verdict)| verdict).collect();
        let contradictory = given.len() > 1;
        if verdicts.len() > 1 {
            let lines = verdicts.iter().map(|&(line, _)| line).collect();
            repeated.push(Repeated { file: sheet.file.clone(), item: item.clone(), lines, contradictory });
        }
        settled.insert(item.clone(), given.into_iter().next().filter(|_| !contradictory));
    }
    settled
}
