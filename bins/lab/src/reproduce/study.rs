//! What is run: a recipe, regimes, methods, learning rates and seeds.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use iopo_lab::{METHODS, Method, Recipe, Writing};
use serde::{Deserialize, Serialize};

use super::job::{COST_REGIME, Job, Regime, Start, Tuning};
use super::results::Tuned;
use super::store::Store;

/// A regime and the methods that are compared in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub regime: Regime,
    /// Names in the order of the tables.
    pub methods: Vec<String>,
}

/// Methods that the paper does not have; two regimes compare them.
const FURTHER: [&str; 2] = ["sft-star-2x", "iopo-paper-beta"];

impl Plan {
    /// Every method of the paper.
    fn of(regime: Regime) -> Self {
        let further = matches!(regime, Regime::Paper | Regime::Oracle);
        let names = METHODS.iter().map(|method| method.name);
        let names: Vec<&str> = names.filter(|name| further || !FURTHER.contains(name)).collect();
        Self { regime, methods: owned(&names) }
    }
}

/// A study.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    pub recipe: Recipe,
    /// How rows are written in [`Regime::Oracle`].
    pub oracle: Writing,
    /// How rows are written in [`Regime::Noisy`].
    pub noisy: Writing,
    pub plans: Vec<Plan>,
    /// The grid, the same for every method.
    pub learning_rates: Vec<String>,
    pub seeds: Vec<u64>,
    /// The seeds on which learning rates are chosen.
    pub selection_seeds: Vec<u64>,
}

/// The name of the study behind docs/reproduction.md.
pub const FULL: &str = "full";

impl Study {
    /// The study of a name, or in a JSON file.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            FULL => Ok(Self::full()),
            "smoke" => Ok(Self::smoke()),
            path => {
                let known = "a study is full, smoke, or a JSON file";
                let text =
                    fs::read(Path::new(path)).with_context(|| format!("cannot read {path}; {known}"))?;
                serde_json::from_slice(&text).with_context(|| format!("{path} describes no study"))
            }
        }
    }

    /// The one behind docs/reproduction.md.
    fn full() -> Self {
        Self {
            recipe: Recipe::study(),
            oracle: Writing::ORACLE,
            noisy: Writing::judged(0.2, 0.4),
            plans: [Regime::Paper, Regime::Oracle, Regime::Noisy, Regime::Own].map(Plan::of).to_vec(),
            learning_rates: owned(&["1e-5", "3e-5", "1e-4", "3e-4"]),
            seeds: vec![1, 2, 3, 4, 5],
            selection_seeds: vec![1],
        }
    }

    /// Every step as small as possible, to see whether the program works.
    fn smoke() -> Self {
        let mut study = Self { recipe: Recipe::smoke(), ..Self::full() };
        // So small a model writes no sample that the verifiers accept.
        study.plans.retain(|plan| plan.regime != Regime::Own);
        for plan in &mut study.plans {
            plan.methods = owned(&["sft", "sft-star", "dpo", "dpo-star", "iopo"]);
        }
        study.learning_rates = owned(&["1e-4"]);
        study.seeds = vec![1, 2];
        study
    }

    /// Checks what would otherwise fail after hours.
    pub fn check(&self) -> Result<()> {
        ensure!(!self.seeds.is_empty(), "the study has no seed");
        ensure!(!self.learning_rates.is_empty(), "the grid of learning rates is empty");
        ensure!(!self.selection_seeds.is_empty(), "no seed chooses learning rates");
        for seed in &self.selection_seeds {
            ensure!(
                self.seeds.contains(seed),
                "seed {seed} is in selection_seeds and not in seeds: add it to seeds"
            );
        }
        for method in self.plans.iter().flat_map(|plan| &plan.methods) {
            ensure!(Method::from_name(method).is_some(), "there is no method {method:?}");
        }
        Ok(())
    }

    /// Training of the base models from random weights.
    pub fn bases(&self) -> Vec<Job> {
        self.seeds.iter().map(|&seed| Job::Base { seed }).collect()
    }

    /// Training of the supervised models from the base models.
    pub fn supervised(&self) -> Vec<Job> {
        self.seeds.iter().map(|&seed| Job::Sft { seed }).collect()
    }

    /// Tests of the starts, and preference rows.
    pub fn rows(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for &seed in &self.seeds {
            jobs.extend(self.plans.iter().map(|plan| Job::Rows { regime: plan.regime, seed }));
            jobs.extend([Start::Base, Start::Sft].map(|start| Job::TestStart { start, seed }));
        }
        jobs
    }

    /// Every method at every learning rate, on the seeds that choose.
    pub fn selection(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for Plan { regime, methods } in &self.plans {
            for method in methods {
                for rate in &self.learning_rates {
                    jobs.extend(self.selection_seeds.iter().map(|&seed| tune(*regime, method, rate, seed)));
                }
            }
        }
        jobs
    }

    /// The seed whose start and rows costs are measured with.
    pub fn cost_seed(&self) -> Result<u64> {
        self.seeds.first().copied().context("the study has no seed")
    }

    /// The cost of every method of the regime where costs are measured.
    pub fn costs(&self) -> Vec<Job> {
        let plan = self.plans.iter().find(|plan| plan.regime == COST_REGIME);
        let methods = plan.into_iter().flat_map(|plan| &plan.methods);
        methods.map(|method| Job::Cost { method: method.clone() }).collect()
    }

    /// The learning rate with the best validation score; of equals, the first of the grid.
    pub fn chosen_rate(&self, store: &Store, regime: Regime, method: &str) -> Result<&str> {
        let mut best: Option<(&str, f64)> = None;
        for rate in &self.learning_rates {
            let mut score = 0.0;
            for &seed in &self.selection_seeds {
                let found: Tuned = store.read(&tune(regime, method, rate, seed))?;
                score += found.best.map_or(0.0, |(_, score)| score);
            }
            if best.is_none_or(|(_, least)| score > least) {
                best = Some((rate, score));
            }
        }
        best.map_or_else(|| bail!("the grid of learning rates is empty"), |(rate, _)| Ok(rate))
    }

    /// Every method at its learning rate, on all seeds.
    pub fn chosen(&self, store: &Store) -> Result<Vec<Tuning>> {
        let mut jobs = Vec::new();
        for Plan { regime, methods } in &self.plans {
            for method in methods {
                let rate = self.chosen_rate(store, *regime, method)?;
                jobs.extend(self.seeds.iter().map(|&seed| tuning(*regime, method, rate, seed)));
            }
        }
        Ok(jobs)
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

pub fn tuning(regime: Regime, method: &str, rate: &str, seed: u64) -> Tuning {
    Tuning { regime, method: method.to_owned(), learning_rate: rate.to_owned(), seed }
}

fn tune(regime: Regime, method: &str, rate: &str, seed: u64) -> Job {
    Job::Tune(tuning(regime, method, rate, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_study_that_would_fail_after_hours_is_refused_at_once() {
        assert!(Study::full().check().is_ok() && Study::smoke().check().is_ok());
        let broken: [fn(&mut Study); 4] = [
            |study| study.selection_seeds = vec![6],
            |study| study.plans[0].methods = owned(&["iopp"]),
            |study| study.learning_rates.clear(),
            |study| study.seeds.clear(),
        ];
        for (index, change) in broken.iter().enumerate() {
            let mut study = Study::full();
            change(&mut study);
            assert!(study.check().is_err(), "{index}");
        }
    }
}
