//! The steps of the study, each a process of its own.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use burn::tensor::Device;
use iopo_lab::{Author, Decoding, Exam, ExamSizes, Lab, Method, PreferenceFiles, Recipe, Trained};
use serde::{Deserialize, Serialize};
use trace_world::EvaluationKind;

use super::results::{Cost, Sheet, Tested, Tuned};
use super::store::Store;
use super::study::Study;
use crate::bench::measure::{MemoryProbe, Stopwatch};

/// The model that a method starts from, and who writes its training rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// The paper's order: supervised training until the validation score stops improving, then the method; an imperfect
    /// teacher writes, and an imperfect judge filters.
    Paper,
    /// From the base model, with right responses only.
    Oracle,
    /// From the base model, with the imperfect teacher and judge.
    Noisy,
    /// From the supervised model, its own samples that the verifiers accept.
    Own,
}

impl Regime {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Oracle => "oracle",
            Self::Noisy => "noisy",
            Self::Own => "own",
        }
    }

    /// The model that methods start from.
    pub const fn start(self) -> Start {
        match self {
            Self::Paper | Self::Own => Start::Sft,
            Self::Oracle | Self::Noisy => Start::Base,
        }
    }
}

/// A model before preference training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// It has the skills, and does not always use them.
    Base,
    /// The base model after supervised training.
    Sft,
}

impl Start {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Sft => "sft",
        }
    }

    /// The name in tables.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Base => "Base",
            Self::Sft => "SFT to saturation (start)",
        }
    }
}

/// A method at one learning rate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tuning {
    pub regime: Regime,
    pub method: String,
    pub learning_rate: String,
    pub seed: u64,
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}-{}", self.regime.name(), self.method, self.learning_rate, self.seed)
    }
}

/// One process of the study.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Job {
    /// Random weights to a base model.
    Base { seed: u64 },
    /// Base model to supervised model.
    Sft { seed: u64 },
    /// Groups and pairs of a regime.
    Rows { regime: Regime, seed: u64 },
    /// A method, its update chosen on validation rows.
    Tune(Tuning),
    /// Answers of a start to the test rows.
    TestStart { start: Start, seed: u64 },
    /// Answers of a tuned model to the test rows.
    Test(Tuning),
    /// The cost of a method's training, without validation.
    Cost { method: String },
}

impl Job {
    /// Unique in the study; names its files.
    pub fn name(&self) -> String {
        match self {
            Self::Base { seed } => format!("base-{seed}"),
            Self::Sft { seed } => format!("sft-{seed}"),
            Self::Rows { regime, seed } => format!("rows-{}-{seed}", regime.name()),
            Self::Tune(tuning) => format!("tune-{tuning}"),
            Self::TestStart { start, seed } => format!("test-{}-{seed}", start.name()),
            Self::Test(tuning) => format!("test-{tuning}"),
            Self::Cost { method } => format!("cost-{method}"),
        }
    }

    /// Whether memory is measured; the allocator reads its settings when the process starts.
    pub const fn measures_memory(&self) -> bool {
        matches!(self, Self::Cost { .. })
    }

    /// Does the work and writes its result.
    pub fn run(&self, store: &Store, study: &Study) -> Result<()> {
        let device = Device::flex().autodiff();
        let lab_of = |recipe: Recipe, seed: u64| {
            let dir = store.root().join("models").join(format!("seed-{seed}"));
            Lab::new(recipe, seed, dir, device.clone())
        };
        let lab = |seed: u64| lab_of(study.recipe.clone(), seed);
        let start = |start: Start, seed: u64| {
            store.root().join("models").join(format!("seed-{seed}")).join(start.name())
        };
        match self {
            Self::Base { seed } => {
                let trained = lab(*seed)?.base(&mut ())?;
                store.write(self, &tuned(&trained))
            }
            Self::Sft { seed } => {
                let trained = lab(*seed)?.sft(&start(Start::Base, *seed), &mut ())?;
                store.write(self, &tuned(&trained))
            }
            Self::Rows { regime, seed } => {
                let from = start(Start::Sft, *seed);
                let author = match regime {
                    Regime::Paper => Author::World(&study.recipe.sft.writing),
                    Regime::Noisy => Author::World(&study.noisy),
                    Regime::Oracle => Author::World(&study.oracle),
                    Regime::Own => Author::Model(&from),
                };
                let (_, rejections) =
                    lab(*seed)?.preference_rows(author, &rows_dir(store, *regime, *seed))?;
                store.write(self, &rejections)
            }
            Self::Tune(tuning) => {
                let method = method(&tuning.method)?;
                let rows = PreferenceFiles::in_dir(&rows_dir(store, tuning.regime, tuning.seed));
                let from = start(tuning.regime.start(), tuning.seed);
                let output = store.root().join("models").join(tuning.to_string());
                let lab = lab(tuning.seed)?;
                let trained = lab.tune(&from, &rows, &method, &tuning.learning_rate, &output, &mut ())?;
                store.write(self, &tuned(&trained))
            }
            Self::TestStart { start: model, seed } => {
                store.write(self, &tested(&lab(*seed)?, &start(*model, *seed))?)
            }
            Self::Test(tuning) => {
                let found: Tuned = store.read(&Self::Tune(tuning.clone()))?;
                let result: Tested = match found.best {
                    // No update improved on the start, so the result is that of the start.
                    Some((0, _)) => {
                        let (start, seed) = (tuning.regime.start(), tuning.seed);
                        store.read(&Self::TestStart { start, seed })?
                    }
                    _ => tested(&lab(tuning.seed)?, &store.root().join("models").join(tuning.to_string()))?,
                };
                store.write(self, &result)
            }
            Self::Cost { method: name } => {
                let seed = study.cost_seed()?;
                let recipe = Recipe { validation: ExamSizes::NONE, ..study.recipe.clone() };
                let (lab, from) = (lab_of(recipe, seed)?, start(COST_REGIME.start(), seed));
                let rows = PreferenceFiles::in_dir(&rows_dir(store, COST_REGIME, seed));
                let output = store.root().join("models").join(self.name());
                let (probe, watch) = (MemoryProbe::start()?, Stopwatch::start());
                // The cost does not depend on the learning rate.
                lab.tune(&from, &rows, &method(name)?, "1e-6", &output, &mut ())?;
                let (_, seconds) = watch.seconds();
                store.write(self, &Cost { seconds, memory: probe.finish()? })
            }
        }
    }
}

/// The regime whose rows costs are measured on.
pub const COST_REGIME: Regime = Regime::Oracle;

fn rows_dir(store: &Store, regime: Regime, seed: u64) -> PathBuf {
    store.root().join("rows").join(format!("{}-{seed}", regime.name()))
}

fn method(name: &str) -> Result<Method> {
    Method::from_name(name).with_context(|| format!("there is no method {name:?}"))
}

/// The result of a stage.
fn tuned(trained: &Trained) -> Tuned {
    let curve: Vec<(usize, f64)> =
        trained.log.iter().filter_map(|entry| Some((entry.step, entry.get("eval_if")?))).collect();
    Tuned { curve, best: trained.best, steps: trained.steps }
}

fn tested(lab: &Lab, model: &std::path::Path) -> Result<Tested> {
    let sheets = |exam: &Exam, decoding| -> Result<Vec<Sheet>> {
        Ok(lab.examine(model, exam, decoding)?.iter().map(Sheet::of).collect())
    };
    let mut in_domain = lab.test.clone();
    in_domain
        .questions
        .retain(|question| matches!(question.kind, EvaluationKind::Single | EvaluationKind::Multi));
    Ok(Tested {
        greedy: sheets(&lab.test, Decoding::Greedy)?,
        sampled: sheets(&in_domain, Decoding::Sampled)?,
    })
}
