//! Test results as numbers: by system, kind of question and decoding.

use anyhow::{Context, Result, bail};
use iopo_lab::Decoding;
use serde::Serialize;
use trace_score::SeedDifference;
use trace_score::stats::{IntervalConfig, SeedMean};
use trace_world::EvaluationKind;

use super::job::{Job, Regime, Start};
use super::results::{Cost, Sheet, Tested, Tuned};
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
    tests: Vec<Tested>,
}

/// A regime's systems: its start, then the methods in the order of the paper's table.
#[derive(Debug, Clone)]
pub struct Results {
    pub regime: Regime,
    /// The base model, where the start is not that.
    pub base: Option<System>,
    pub start: System,
    pub methods: Vec<(String, System)>,
}

impl Results {
    pub fn read(store: &Store, study: &Study, plan: &Plan) -> Result<Self> {
        let regime = plan.regime;
        let base = match regime.start() {
            Start::Base => None,
            Start::Sft => Some(start(store, study, Start::Base)?),
        };
        let start = start(store, study, regime.start())?;
        let mut methods = Vec::new();
        for name in &plan.methods {
            let rate = study.chosen_rate(store, regime, name)?;
            let jobs = || study.seeds.iter().map(|&seed| tuning(regime, name, rate, seed));
            let read = |tuning| store.read::<Tuned>(&Job::Tune(tuning));
            let tuned = jobs().map(read).collect::<Result<Vec<_>>>()?;
            methods.push((
                name.clone(),
                System {
                    label: label(name),
                    learning_rate: Some(rate.to_owned()),
                    best_steps: tuned.iter().filter_map(|run| run.best.map(|(step, _)| step)).collect(),
                    tests: jobs().map(|tuning| store.read(&Job::Test(tuning))).collect::<Result<_>>()?,
                },
            ));
        }
        Ok(Self { regime, base, start, methods })
    }

    /// All rows of the regime's table.
    pub fn systems(&self) -> impl Iterator<Item = &System> {
        let methods = self.methods.iter().map(|(_, system)| system);
        self.base.iter().chain(std::iter::once(&self.start)).chain(methods)
    }

    pub fn method(&self, name: &str) -> Result<&System> {
        let found = self.methods.iter().find(|(other, _)| other == name);
        found.map(|(_, system)| system).with_context(|| format!("{name} is not in the study"))
    }
}

/// What training takes, by the label of the method.
pub fn costs(store: &Store, study: &Study) -> Result<Vec<(String, Cost)>> {
    let read = |job: Job| match &job {
        Job::Cost { method } => Ok((label(method), store.read(&job)?)),
        job => bail!("{} measures no cost", job.name()),
    };
    study.costs().into_iter().map(read).collect()
}

fn label(name: &str) -> String {
    iopo_lab::Method::from_name(name).map_or(name, |method| method.label).to_owned()
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

    /// Verdicts on a kind of question, seed by seed, item by item; 100 for an instruction that was followed.
    fn verdicts(&self, kind: EvaluationKind, decoding: Decoding) -> Vec<Vec<f64>> {
        let of_seed = |sheets: &[Sheet]| {
            let kept = sheets.iter().filter(|sheet| sheet.id.starts_with(kind.name()));
            kept.map(|sheet| if sheet.followed { 100.0 } else { 0.0 }).collect()
        };
        self.sheets(decoding).map(of_seed).collect()
    }

    /// Percent of instructions followed, over seeds.
    pub fn score(&self, kind: EvaluationKind, decoding: Decoding) -> SeedMean {
        let mean = |items: Vec<f64>| items.iter().sum::<f64>() / items.len().max(1) as f64;
        let means: Vec<f64> = self.verdicts(kind, decoding).into_iter().map(mean).collect();
        SeedMean::of(&means, IntervalConfig::default().level)
    }

    /// This system minus another, item by item and seed by seed, in points.
    pub fn against(&self, other: &Self, kind: EvaluationKind, decoding: Decoding) -> SeedDifference {
        let (first, second) = (other.verdicts(kind, decoding), self.verdicts(kind, decoding));
        let pairs: Vec<Vec<Option<(f64, f64)>>> = first
            .into_iter()
            .zip(second)
            .map(|(first, second)| first.into_iter().zip(second).map(Some).collect())
            .collect();
        SeedDifference::of(&pairs, &IntervalConfig::default())
    }
}

/// A cost in `docs/reproduction.json`.
#[derive(Debug, Clone, Serialize)]
pub struct CostLine<'a> {
    system: &'a str,
    #[serde(flatten)]
    cost: &'a Cost,
}

/// What training takes, for programs.
pub fn cost_lines(costs: &[(String, Cost)]) -> impl Iterator<Item = CostLine<'_>> {
    costs.iter().map(|(system, cost)| CostLine { system, cost })
}

/// A score in `docs/reproduction.json`.
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

/// The scores that the page shows, for programs.
pub fn lines(results: &[Results]) -> Vec<Line> {
    let mut lines = Vec::new();
    for result in results {
        for system in result.systems() {
            for kind in EvaluationKind::ALL {
                let in_domain = matches!(kind, EvaluationKind::Single | EvaluationKind::Multi);
                let decodings: &[Decoding] =
                    if in_domain { &[Decoding::Greedy, Decoding::Sampled] } else { &[Decoding::Greedy] };
                for &decoding in decodings {
                    lines.push(Line {
                        regime: result.regime.name(),
                        system: system.label.clone(),
                        learning_rate: system.learning_rate.clone(),
                        best_steps: system.best_steps.clone(),
                        part: kind.label(),
                        decoding,
                        score: system.score(kind, decoding),
                    });
                }
            }
        }
    }
    lines
}
