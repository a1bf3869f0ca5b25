//! The parts that benchmarks with a judge share.

use std::path::Path;

use anyhow::{Result, bail};
use iopo_files::Owner;
use serde::Serialize;
use trace_schema::excerpt;
use trace_score::report::{Answers, BarChart, Block, Report, Section};
use trace_score::{Judged, ReasoningCounts, ReasoningMode, Table};

use crate::answer_row::note_reasoning;
use crate::answer_row::{
    AnswerRow, WITHOUT_END, answer_or_reason, check_nothing_left, read_answers, the_model,
};
use crate::asking::Totals;
use crate::cli::JudgedArgs;
use crate::files::OutFolder;
use crate::judging::{Ballot, BallotCounts, Task, judge};
use crate::provenance::Provenance;
use iopo_cli::Outcome;
use iopo_cli::{note, print};

/// A benchmark whose answers a judge scores.
pub(crate) trait Benchmark {
    /// The reading of one answer of the judge.
    type Judgement;
    /// The content of the file of results beside provenance and counts.
    type Results: Serialize;

    /// The command, as the owner of its files.
    const OWNER: Owner;
    /// The benchmark's name, in the title of its page.
    const NAME: &'static str;
    /// The subtitle of its page.
    const SUBTITLE: &'static str;
    /// The heading of the numbers.
    const NUMBERS: &'static str;
    /// The heading of the answers that are shown.
    const FAILURES: &'static str;
    /// The name of the file of results.
    const FILE: &'static str;
    /// The names of the files of verdicts.
    const VERDICTS: &'static [&'static str];
    /// The unit that counts as failed without a verdict.
    const UNIT: &'static str;

    /// The files that are read.
    fn inputs(&self) -> Vec<&Path>;
    /// What the judge is asked.
    fn tasks(&self) -> Vec<Task>;
    /// Reads the judge's answer on a task; the error can be shown.
    fn read(&self, task: usize, answer: &str, is_last: bool) -> Result<Self::Judgement, String>;
    /// Takes what became of the tasks, in their order, and writes the verdicts.
    fn settle(&mut self, ballots: Vec<Ballot<Self::Judgement>>, folder: &OutFolder) -> Result<()>;
    /// Every item as a row to read.
    fn judged(&self) -> Vec<Judged>;
    /// The numbers.
    fn results(&self) -> Result<Self::Results>;
    /// What became of the reasoning in the answers.
    fn reasoning(&self) -> ReasoningCounts;
    /// The number of items without an answer to judge.
    fn without_answer(&self) -> usize;
    /// How many have no verdict, of how many.
    fn failed(&self, results: &Self::Results) -> (usize, usize);
    /// Adds the files and settings of the run.
    fn provenance(&self, provenance: Provenance) -> Result<Provenance>;
    /// What to call the system unless the user does.
    fn system(&self) -> String;
    /// SHA-256 of the judge's prompt with the names of the places in the places.
    fn template_digest(&self) -> String;

    /// The numbers as tables.
    fn tables(&self, results: &Self::Results) -> Vec<Table>;
    /// Tables about the judging beside that of its counts.
    fn judging_tables(&self, _: &Self::Results) -> Vec<Table> {
        Vec::new()
    }
    /// The numbers as charts.
    fn charts(&self, _system: &str, _: &Self::Results) -> Vec<BarChart> {
        Vec::new()
    }
}

/// The file of results.
#[derive(Debug, Serialize)]
struct Output<R> {
    provenance: Provenance,
    without_answer: usize,
    judging: BallotCounts,
    /// The questions and tokens of the journal.
    spent: Totals,
    #[serde(flatten)]
    results: R,
}

/// Judges, writes and prints.
pub(crate) fn run<B: Benchmark>(mut benchmark: B, args: &JudgedArgs) -> Result<Outcome> {
    let journal = args.judge.ask.journal.clone().unwrap_or_else(|| args.out.join("journal.jsonl"));
    let names = [B::VERDICTS, &[B::FILE]].concat();
    let inputs = benchmark.inputs().into_iter().chain([journal.as_path()]);
    let folder = OutFolder::claim(&args.out, B::OWNER, &names, inputs)?;
    folder.make()?;
    let tasks = benchmark.tasks();
    let judging =
        judge(&args.judge, &journal, &tasks, |task, answer, is_last| benchmark.read(task, answer, is_last))?;
    let counts = BallotCounts::of(&judging.ballots);
    // Results of an earlier run are worth more than none.
    let results = folder.path(B::FILE);
    if counts.read == 0 && counts.judgements > 0 && results.exists() {
        note(format!("no judgement could be read; {} stays as it was", results.display()));
        return Ok(Outcome::Incomplete);
    }
    benchmark.settle(judging.ballots, &folder)?;
    let results = benchmark.results()?;

    let system = args.system.clone().unwrap_or_else(|| benchmark.system());
    let provenance = benchmark.provenance(Provenance::new().with("system", &system)?)?;
    let provenance = provenance
        .judge(&args.judge, judging.answered_by, judging.changes, &benchmark.template_digest())?
        .with("reasoning", benchmark.reasoning())?;
    let without_answer = benchmark.without_answer();
    let output = Output { provenance, without_answer, judging: counts, spent: judging.totals, results };
    folder.write_json(B::FILE, &output)?;

    let numbers = benchmark.tables(&output.results);
    let mut of_judging = vec![output.judging.table(output.without_answer)];
    of_judging.extend(benchmark.judging_tables(&output.results));
    let printed = match args.json {
        true => serde_json::to_string(&output)? + "\n",
        false => numbers.iter().chain(&of_judging).map(|table| table.to_text() + "\n").collect(),
    };
    let rows = benchmark.judged();
    let answers = Answers::of(&[(system.as_str(), &rows)])?;
    let shown = answers.keep(args.show, |row| row.answers.iter().any(|answer| answer.followed != Some(true)));
    let blocks = |tables: Vec<Table>| tables.into_iter().map(Block::Table).collect::<Vec<_>>();
    let charts = benchmark.charts(&system, &output.results);
    let mut sections = vec![Section::new(B::NUMBERS, blocks(numbers))];
    if !charts.is_empty() {
        sections.push(Section::new("Charts", charts.into_iter().map(Block::Bars).collect()));
    }
    sections.extend([
        Section::new("Judging", blocks(of_judging)),
        Section::new("Provenance", vec![Block::KeyValues(output.provenance.pairs())]),
        Section::new(B::FAILURES, vec![Block::Answers(shown)]),
    ]);
    let (title, subtitle) = (format!("{}: {system}", B::NAME), B::SUBTITLE.to_owned());
    folder.write_report(&Report { title, subtitle, sections })?;
    print(&printed)?;

    let (failed, all) = benchmark.failed(&output.results);
    if failed == 0 {
        return Ok(Outcome::Done);
    }
    note(format!("{failed} of {all} {} have no verdict; see {}", B::UNIT, args.out.display()));
    Ok(Outcome::Incomplete)
}

/// An item with its answer, or the reason why it has none.
#[derive(Debug)]
pub(crate) struct Case<T> {
    pub(crate) item: T,
    pub(crate) response: Result<String, String>,
}

/// All items, and the model that answered.
#[derive(Debug)]
pub(crate) struct Cases<T> {
    pub(crate) cases: Vec<Case<T>>,
    /// The model as the answers name it, if all name the same.
    pub(crate) model: Option<String>,
    /// What became of the reasoning in the answers.
    pub(crate) reasoning: ReasoningCounts,
}

impl<T> Cases<T> {
    /// Gives each item its answer. Every answer must be to an item; an item without an answer is a case all the same.
    ///
    /// `asked` is an item's id and prompt.
    pub(crate) fn read(
        items: Vec<T>,
        answers: &Path,
        mode: ReasoningMode,
        asked: impl Fn(&T) -> (String, String),
    ) -> Result<Self> {
        let mut by_id = read_answers(answers)?;
        let model = the_model(by_id.values());
        let case = |item: T| {
            let (id, prompt) = asked(&item);
            let answer = by_id.remove(&id);
            let to = answer.as_ref().and_then(|answer: &AnswerRow| answer.prompt.as_ref());
            if to.is_some_and(|to| *to != prompt) {
                bail!(
                    "the answer with the id {:?} in {} is to another prompt",
                    excerpt(&id),
                    answers.display()
                );
            }
            Ok(Case { item, response: answer_or_reason(answer) })
        };
        let cases = items.into_iter().map(case).collect::<Result<_>>()?;
        check_nothing_left(&by_id, answers)?;
        Ok(Self::new(cases, model, mode))
    }

    /// Cases whose answers are judged without their reasoning, unless `mode` keeps it. An answer that ends within it is
    /// none.
    pub(crate) fn new(mut cases: Vec<Case<T>>, model: Option<String>, mode: ReasoningMode) -> Self {
        let mut reasoning = ReasoningCounts::new(mode);
        for case in &mut cases {
            if let Ok(response) = &case.response {
                let parted = mode.part(response);
                reasoning.add(&parted);
                case.response = if parted.is_open { Err(WITHOUT_END.to_owned()) } else { Ok(parted.answer) };
            }
        }
        note_reasoning(&reasoning);
        Self { cases, model, reasoning }
    }

    /// The cases with an answer to judge.
    pub(crate) fn answered(&self) -> impl Iterator<Item = (&T, &str)> {
        self.cases.iter().filter_map(|case| Some((&case.item, case.response.as_deref().ok()?)))
    }

    pub(crate) fn without_answer(&self) -> usize {
        self.cases.iter().filter(|case| case.response.is_err()).count()
    }

    /// The model, or the name of the file with the answers.
    pub(crate) fn system(&self, answers: &Path) -> String {
        let stem = || answers.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.model.clone().unwrap_or_else(stem)
    }
}

/// Items of which there must be some.
pub(crate) fn some<T>(items: Vec<T>, path: &Path) -> Result<Vec<T>> {
    match items.is_empty() {
        true => bail!("{} has no rows", path.display()),
        false => Ok(items),
    }
}
