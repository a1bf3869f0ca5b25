//! Test results as numbers: by system, part of the exam and decoding.

use anyhow::{Context, Result};
use iopo_lab::{Decoding, Part};
use serde::Serialize;
use trace_score::SeedDifference;
use trace_score::stats::{IntervalConfig, SeedMean};

use super::job::{Job, Regime, Start};
use super::results::{Sheet, Tested, Tuned};
use super::store::Store;
use super::study::{Plan, Study, tuning};

/// One row of a table: a start or a tuned method, over all seeds.
#[derive(Debug, Clone)]
pub struct System {
    /// The name on the page.
    pub label: String,
    /// The learning rate that was chosen; none for a start.
    pub learning_rate: Option<String>,
    /// The update whose weights were kept, seed by seed.
    pub best_steps: Vec<usize>,
    /// CPU seconds of a training process, mean over seeds.
    pub seconds: Option<f64>,
    tests: Vec<Tested>,
}

/// A regime's systems: its start first, then the methods in the order of the paper's table.
#[derive(Debug, Clone)]
pub struct Results {
    pub regime: Regime,
    pub start: System,
    pub methods: Vec<(String, System)>,
}

impl Results {
    pub fn read(store: &Store, study: &Study, plan: &Plan) -> Result<Self> {
        let regime = plan.regime;
        let start = start(store, study, regime.start())?;
        let mut methods = Vec::new();
        for name in &plan.methods {
            let rate = study.chosen_rate(store, regime, name)?;
            let jobs = || study.seeds.iter().map(|&seed| tuning(regime, name, rate, seed));
            let read = |tuning| store.read::<Tuned>(&Job::Tune(tuning));
            let tuned = jobs().map(read).collect::<Result<Vec<_>>>()?;
            let seconds = tuned.iter().map(|run| run.seconds).sum::<f64>() / tuned.len().max(1) as f64;
            let label =
                iopo_lab::Method::from_name(name).map_or(name.as_str(), |method| method.label).to_owned();
            methods.push((
                name.clone(),
                System {
                    label,
                    learning_rate: Some(rate.to_owned()),
                    best_steps: tuned.iter().filter_map(|run| run.best.map(|(step, _)| step)).collect(),
                    seconds: Some(seconds),
                    tests: jobs().map(|tuning| store.read(&Job::Test(tuning))).collect::<Result<_>>()?,
                },
            ));
        }
        Ok(Self { regime, start, methods })
    }

    pub fn method(&self, name: &str) -> Result<&System> {
        let found = self.methods.iter().find(|(other, _)| other == name);
        found.map(|(_, system)| system).with_context(|| format!("{name} is not in the study"))
    }
}

fn start(store: &Store, study: &Study, start: Start) -> Result<System> {
    let label = match start {
        Start::Base => "Base",
        Start::Sft => "SFT to saturation (start)",
    };
    let test = |&seed: &u64| store.read(&Job::TestStart { start, seed });
    Ok(System {
        label: label.to_owned(),
        learning_rate: None,
        best_steps: Vec::new(),
        seconds: None,
        tests: study.seeds.iter().map(test).collect::<Result<_>>()?,
    })
}

impl System {
    fn sheets(&self, decoding: Decoding) -> impl Iterator<Item = &[Sheet]> {
        self.tests.iter().map(move |test| match decoding {
            Decoding::Greedy => test.greedy.as_slice(),
            Decoding::Sampled => test.sampled.as_slice(),
        })
    }

    /// Verdicts on a part, seed by seed, item by item; 100 for an instruction that was followed.
    fn verdicts(&self, part: Part, decoding: Decoding) -> Vec<Vec<f64>> {
        let of_seed = |sheets: &[Sheet]| {
            let kept = sheets.iter().filter(|sheet| sheet.id.starts_with(part.prefix()));
            kept.map(|sheet| if sheet.followed { 100.0 } else { 0.0 }).collect()
        };
        self.sheets(decoding).map(of_seed).collect()
    }

    /// Percent of instructions followed, over seeds.
    pub fn score(&self, part: Part, decoding: Decoding) -> SeedMean {
        let mean = |items: Vec<f64>| items.iter().sum::<f64>() / items.len().max(1) as f64;
        let means: Vec<f64> = self.verdicts(part, decoding).into_iter().map(mean).collect();
        SeedMean::of(&means, IntervalConfig::default().level)
    }

    /// This system minus another, item by item and seed by seed, in points.
    pub fn against(&self, other: &Self, part: Part, decoding: Decoding) -> SeedDifference {
        let (first, second) = (other.verdicts(part, decoding), self.verdicts(part, decoding));
        let pairs: Vec<Vec<Option<(f64, f64)>>> = first
            .into_iter()
            .zip(second)
            .map(|(first, second)| first.into_iter().zip(second).map(Some).collect())
            .collect();
        SeedDifference::of(&pairs, &IntervalConfig::default())
    }
}

/// A line of `docs/reproduction.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    regime: &'static str,
    system: String,
    learning_rate: Option<String>,
    best_steps: Vec<usize>,
    part: &'static str,
    decoding: Decoding,
    score: SeedMean,
}

/// Everything that the page shows, for programs.
pub fn lines(results: &[Results]) -> Vec<Line> {
    let mut lines = Vec::new();
    for result in results {
        let methods = result.methods.iter().map(|(_, system)| system);
        for system in std::iter::once(&result.start).chain(methods) {
            for part in Part::ALL {
                let in_domain = matches!(part, Part::Single | Part::Multi);
                let decodings: &[Decoding] =
                    if in_domain { &[Decoding::Greedy, Decoding::Sampled] } else { &[Decoding::Greedy] };
                for &decoding in decodings {
                    lines.push(Line {
                        regime: result.regime.name(),
                        system: system.label.clone(),
                        learning_rate: system.learning_rate.clone(),
                        best_steps: system.best_steps.clone(),
                        part: part.label(),
                        decoding,
                        score: system.score(part, decoding),
                    });
                }
            }
        }
    }
    lines
}
