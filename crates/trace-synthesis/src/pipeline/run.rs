//! A whole run: seeds in, files out.

use std::future::ready;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chat_client::{JournaledClient, Prices};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::config::{ModelRole, PipelineConfig};
use super::context::Shared;
use super::duplicates::{Duplicates, Overlap};
use super::error::PipelineError;
use super::output::OutputFolder;
use super::prompts::{PROMPTS_VERSION, Prompts};
use super::row::{Outcome, Prepared, finish, prepare};
use super::seed::{Seed, SeedFile};
use super::stage::Stage;
use super::tally::{Log, ModelCount, Summary, Tally};

/// Rows are taken up this many times farther ahead than questions are asked at once. A row that waits long, for a
/// `Retry-After` for instance, holds back the order of the files, and this many rows can go on meanwhile.
const LOOK_AHEAD: usize = 4;

/// A pipeline that is ready to run.
#[derive(Debug)]
pub struct Pipeline {
    shared: Arc<Shared>,
    duplicates: Duplicates,
    prices: [Option<Prices>; 2],
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// The content of `summary.json`.
    pub summary: Summary,
    /// Why questions were given up before the end, if they were.
    pub given_up: Option<String>,
    /// Whether the files are of this run. Those of an earlier one stay where nothing was built and rows wait for
    /// answers, because the endpoint is down for instance.
    pub is_written: bool,
}

/// The work on one row, concurrent with that on others.
type Work<T> = Pin<Box<dyn Future<Output = Result<T, PipelineError>> + Send>>;

/// A seed after its first half: an instruction, or its outcome.
type Half = Result<Prepared, Box<Outcome>>;

impl Pipeline {
    /// A pipeline whose questions go to two clients, which may be clones of one.
    ///
    /// # Errors
    ///
    /// [`PipelineError::Config`] with everything that is wrong.
    pub fn new(
        config: PipelineConfig,
        prompts: Prompts,
        generator: JournaledClient,
        judge: JournaledClient,
    ) -> Result<Self, PipelineError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(PipelineError::Config { problems });
        }
        let duplicates = Duplicates::new(config.similarity)?;
        let progress = Arc::new(Progress::default());
        // A row that is rejected for what the model or the endpoint says of it stays so in every run.
        let (generator, judge) = (generator.keeping_rejections(), judge.keeping_rejections());
        let shared = Shared { config, prompts, generator, judge, progress };
        Ok(Self { shared: Arc::new(shared), duplicates, prices: [None; 2] })
    }

    /// Prices of generator and judge, for the cost in the summary.
    #[must_use]
    pub fn prices(mut self, generator: Option<Prices>, judge: Option<Prices>) -> Self {
        self.prices = [generator, judge];
        self
    }

    /// Adds an evaluation set, in any format of `trace-schema`, that no row may resemble.
    ///
    /// # Errors
    ///
    /// [`PipelineError::Evaluation`] where it cannot be read.
    pub fn keep_apart_from(&mut self, file: &Path) -> Result<(), PipelineError> {
        self.duplicates.add_evaluation(file)
    }

    /// Live counts.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.shared.progress)
    }

    /// Processes all seeds and writes the files; `config` is put into the summary as it is.
    ///
    /// Rows are written in the order of the seeds. Answers in the journal are not asked for again, so a run that
    /// was killed at any time is resumed by running it again.
    ///
    /// # Errors
    ///
    /// Every [`PipelineError`]; the files are then as they were before, or `summary.json` is not among them.
    pub async fn run(
        self,
        seeds: &SeedFile,
        mut output: OutputFolder,
        config: Value,
    ) -> Result<RunReport, PipelineError> {
        let Self { shared, duplicates, prices } = self;
        let ahead = LOOK_AHEAD * shared.config.concurrency;
        let duplicates = Mutex::new(duplicates);
        let mut tally = Tally::default();
        {
            let first = stream::iter(seeds.seeds()?)
                .map(|seed| start(&shared, &duplicates, seeds, seed))
                .buffered(ahead);
            let second = first.map(|half| go_on(&shared, &duplicates, half)).buffered(ahead);
            let mut outcomes = std::pin::pin!(second);
            while let Some(outcome) = outcomes.next().await {
                let outcome = without_overlap(&shared, &duplicates, outcome?);
                output.write(&outcome)?;
                tally.add(&outcome);
                shared.progress.finish();
            }
        }
        let summary = summary(&shared, &tally, prices, config);
        let is_written = summary.complete || summary.kept.any() || !output.has_earlier();
        if is_written {
            output.finish(&summary)?;
        }
        Ok(RunReport { summary, given_up: shared.given_up(), is_written })
    }
}

/// Begins the first half of a seed, unless it resembles another.
fn start(
    shared: &Arc<Shared>,
    duplicates: &Mutex<Duplicates>,
    seeds: &SeedFile,
    seed: Result<Seed, PipelineError>,
) -> Work<Half> {
    let seed = match seed {
        Ok(seed) => seed,
        Err(error) => return Box::pin(ready(Err(error))),
    };
    let held_out = seeds.is_held_out(&seed);
    shared.progress.enter(Stage::Seed);
    let fault = lock(duplicates).check_seed(&seed.id, &seed.text());
    if let Some(fault) = fault {
        let outcome = Outcome::rejected(shared, &seed, held_out, fault, Value::Null, entered(Stage::Seed));
        return Box::pin(ready(Ok(Err(Box::new(outcome)))));
    }
    let work = tokio::spawn(prepare(Arc::clone(shared), seed, held_out));
    Box::pin(async move {
        let mut half = work.await??;
        let log = match &mut half {
            Ok(prepared) => &mut prepared.log,
            Err(outcome) => &mut outcome.log,
        };
        log.entered.insert(Stage::Seed);
        Ok(half)
    })
}

/// Begins the second half of a seed, unless its instruction resembles another.
fn go_on(
    shared: &Arc<Shared>,
    duplicates: &Mutex<Duplicates>,
    half: Result<Half, PipelineError>,
) -> Work<Outcome> {
    let mut prepared = match half {
        Ok(Ok(prepared)) => prepared,
        Ok(Err(outcome)) => return Box::pin(ready(Ok(*outcome))),
        Err(error) => return Box::pin(ready(Err(error))),
    };
    shared.progress.enter(Stage::Similarity);
    prepared.log.entered.insert(Stage::Similarity);
    if let Some(fault) = lock(duplicates).check_instruction(&prepared.seed.id, &prepared.x1) {
        let Prepared { seed, held_out, x1, log, .. } = prepared;
        let outcome = Outcome::rejected(shared, &seed, held_out, fault, json!({"x1": x1}), log);
        return Box::pin(ready(Ok(outcome)));
    }
    let work = tokio::spawn(finish(Arc::clone(shared), prepared));
    Box::pin(async move { work.await? })
}

/// Removes rows that would put one prompt into training and into evaluation.
fn without_overlap(shared: &Shared, duplicates: &Mutex<Duplicates>, mut outcome: Outcome) -> Outcome {
    match lock(duplicates).check_outcome(&outcome) {
        Overlap::None => {}
        Overlap::Group(fault) => outcome.drop_group(shared, fault),
        Overlap::All(fault) => outcome.drop_all(shared, fault),
    }
    outcome
}

fn entered(stage: Stage) -> Log {
    Log { entered: [stage].into(), ..Log::default() }
}

fn lock(duplicates: &Mutex<Duplicates>) -> std::sync::MutexGuard<'_, Duplicates> {
    duplicates.lock().unwrap_or_else(PoisonError::into_inner)
}

fn summary(shared: &Shared, tally: &Tally, prices: [Option<Prices>; 2], config: Value) -> Summary {
    let model = |role: ModelRole, prices: Option<Prices>| {
        let usage = tally.usage(role);
        ModelCount {
            model: shared.client(role).model().to_owned(),
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            is_partial: usage.is_partial,
            changes: tally.changes(role),
            cost: prices.map(|prices| prices.cost(usage)),
        }
    };
    let (training, evaluation) = tally.instructions();
    let [generator, judge] = prices;
    Summary {
        complete: tally.is_complete(),
        seeds: tally.seeds,
        kept: tally.kept,
        funnel: tally.funnel(),
        training,
        evaluation,
        operations: tally.operations(),
        generator: model(ModelRole::Generator, generator),
        judge: model(ModelRole::Judge, judge),
        reasoning: tally.reasoning(shared.config.reasoning),
        prompts_version: PROMPTS_VERSION,
        prompts: shared.prompts.hashes(),
        config,
    }
}

const STAGES: usize = Stage::ALL.len();

/// Live counts of a run. They are added to from many threads; each is exact, and all together are of about one time.
#[derive(Debug, Default)]
pub struct Progress {
    entered: [AtomicU64; STAGES],
    rejected: [AtomicU64; STAGES],
    finished: AtomicU64,
}

impl Progress {
    /// How many rows have come to a stage, in this run.
    pub fn entered(&self, stage: Stage) -> u64 {
        self.entered[stage as usize].load(Ordering::Relaxed)
    }

    /// How many were rejected there.
    pub fn rejected(&self, stage: Stage) -> u64 {
        self.rejected[stage as usize].load(Ordering::Relaxed)
    }

    /// How many seeds are finished and written.
    pub fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.entered[stage as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reject(&self, stage: Stage) {
        self.rejected[stage as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn finish(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }
}
