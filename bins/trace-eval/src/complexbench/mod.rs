//! `trace-eval complexbench`: the decomposed requirements following ratio.

mod report;
mod verdicts;

use std::path::Path;

use anyhow::{Context, Result};
use chat_client::Message;
use iopo_files::Owner;
use serde::Serialize;
use serde_json::{Map, Value};
use trace_score::complexbench::{
    ComplexBenchItem, ComplexBenchPrompts, ComplexBenchQuirks, DrfrStatistics, ScoringQuestion, Verdict,
    load_items, statistics,
};
use trace_score::{Judged, ReasoningCounts, Table};

use crate::benchmark::{Benchmark, Case, Cases, run as run_benchmark, some};
use crate::cli::{BenchArgs, Mode};
use crate::files::{OutFolder, digest};
use crate::judging::{Ballot, Task};
use crate::provenance::Provenance;
use iopo_cli::Outcome;
use verdicts::{ItemRow, QuestionRow, hindrance, judged, judged_item, question_rows};

const VERDICTS: &str = "verdicts.jsonl";

/// The benchmark, and what became of its questions.
struct ComplexBench<'a> {
    args: &'a BenchArgs,
    quirks: ComplexBenchQuirks,
    prompts: ComplexBenchPrompts,
    cases: Cases<ComplexBenchItem>,
    /// The questions that are asked: the place of the case, and that of the question in it.
    asked: Vec<(usize, usize)>,
    questions: Vec<Vec<QuestionRow>>,
}

/// The statistics, in official mode under the names of the released code.
#[derive(Debug, Serialize)]
struct Results {
    results: NamedStatistics,
    #[serde(skip)]
    statistics: DrfrStatistics,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum NamedStatistics {
    Ours(Box<DrfrStatistics>),
    Official(Map<String, Value>),
}

/// Judges, writes and prints.
pub(crate) fn run(args: &BenchArgs) -> Result<Outcome> {
    let prompts = ComplexBenchPrompts::load(args.run.judge.prompts_dir.as_deref())?;
    let answers = args.answers.as_ref().context("--answers is missing: the data has no responses")?;
    let items = some(load_items(&args.data)?, &args.data)?;
    let mode = args.run.reasoning.into();
    let cases =
        Cases::read(items, answers, mode, |item| (item.main_id.to_string(), item.instruction.clone()))?;
    let quirks = ComplexBenchQuirks::from(args.mode);
    let asked = asked(&cases.cases, quirks);
    run_benchmark(ComplexBench { args, quirks, prompts, cases, asked, questions: Vec::new() }, &args.run)
}

/// The questions that nothing hinders.
fn asked(cases: &[Case<ComplexBenchItem>], quirks: ComplexBenchQuirks) -> Vec<(usize, usize)> {
    let of_case = |(place, case): (usize, &Case<ComplexBenchItem>)| -> Vec<(usize, usize)> {
        let questions = case.item.scoring_questions.iter().enumerate();
        let free = questions.filter(|(_, question)| hindrance(case, question, quirks).is_none());
        free.map(|(question, _)| (place, question)).collect()
    };
    cases.iter().enumerate().flat_map(of_case).collect()
}

impl ComplexBench<'_> {
    /// Item, question and response of a task.
    fn asked(&self, (case, question): (usize, usize)) -> (&ComplexBenchItem, &ScoringQuestion, &str) {
        let Case { item, response } = &self.cases.cases[case];
        (item, &item.scoring_questions[question], response.as_deref().unwrap_or_default())
    }

    fn settled(&self) -> impl Iterator<Item = (&Case<ComplexBenchItem>, &[QuestionRow])> {
        self.cases.cases.iter().zip(self.questions.iter().map(Vec::as_slice))
    }
}

impl Benchmark for ComplexBench<'_> {
    type Judgement = Verdict;
    type Results = Results;

    const OWNER: Owner = Owner::new("trace-eval complexbench");
    const NAME: &'static str = "ComplexBench";
    const SUBTITLE: &'static str = "Questions that are answered with yes";
    const NUMBERS: &'static str = "Ratios";
    const FAILURES: &'static str = "Answers with a no, or without a verdict";
    const FILE: &'static str = "results.json";
    const VERDICTS: &'static [&'static str] = &[VERDICTS];
    const UNIT: &'static str = "questions";

    fn inputs(&self) -> Vec<&Path> {
        self.args.inputs()
    }

    fn tasks(&self) -> Vec<Task> {
        let task = |&(case, place): &(usize, usize)| {
            let (item, question, response) = self.asked((case, place));
            Task {
                name: format!("complexbench {} question {place}", item.main_id),
                vote: 0,
                messages: vec![Message::user(self.prompts.render(item, question, response))],
            }
        };
        self.asked.iter().map(task).collect()
    }

    fn read(&self, task: usize, answer: &str, _: bool) -> Result<Verdict, String> {
        let (_, question, response) = self.asked(self.asked[task]);
        verdicts::read(self.quirks, question, response, answer)
    }

    fn settle(&mut self, ballots: Vec<Ballot<Verdict>>, folder: &OutFolder) -> Result<()> {
        let mut ballots = ballots.into_iter();
        let of_case = |case: &Case<ComplexBenchItem>| {
            let outcome = |question: &ScoringQuestion| match hindrance(case, question, self.quirks) {
                Some(reason) => Err(reason),
                None => ballots.next().ok_or_else(|| "there is no judgement".to_owned()),
            };
            let outcomes = case.item.scoring_questions.iter().map(outcome).collect();
            question_rows(&case.item, outcomes, self.quirks)
                .with_context(|| format!("item {}", case.item.main_id))
        };
        self.questions = self.cases.cases.iter().map(of_case).collect::<Result<_>>()?;
        let rows = self.settled().map(|(case, questions)| ItemRow {
            main_id: case.item.main_id,
            response: case.response.as_deref().ok(),
            questions,
        });
        folder.write_rows(VERDICTS, &rows.collect::<Vec<_>>())
    }

    fn judged(&self) -> Vec<Judged> {
        self.settled().map(|(case, questions)| judged(case, questions)).collect()
    }

    fn results(&self) -> Result<Results> {
        let items: Vec<_> =
            self.settled().map(|(case, questions)| judged_item(&case.item, questions)).collect();
        let statistics = statistics(&items, self.quirks);
        let results = match self.args.mode {
            Mode::Fixed => NamedStatistics::Ours(Box::new(statistics.clone())),
            Mode::Official => NamedStatistics::Official(
                statistics
                    .official_names()
                    .context("the released code has no statistics of these verdicts: a share of nothing")?,
            ),
        };
        Ok(Results { results, statistics })
    }

    fn reasoning(&self) -> ReasoningCounts {
        self.cases.reasoning
    }

    fn without_answer(&self) -> usize {
        self.cases.without_answer()
    }

    fn failed(&self, _: &Results) -> (usize, usize) {
        let all: Vec<&QuestionRow> = self.questions.iter().flatten().collect();
        (all.iter().filter(|question| question.verdict == Verdict::Missing).count(), all.len())
    }

    fn provenance(&self, provenance: Provenance) -> Result<Provenance> {
        self.args.provenance(provenance)
    }

    fn system(&self) -> String {
        self.cases.system(self.args.answers.as_ref().unwrap_or(&self.args.data))
    }

    /// Of the three prompts together.
    fn template_digest(&self) -> String {
        let item = ComplexBenchItem {
            main_id: 0,
            group: String::new(),
            idx_in_group: 0,
            instruction: "{instruction}".to_owned(),
            task_types: String::new(),
            composition_types: Vec::new(),
            category: String::new(),
            scoring_questions: Vec::new(),
        };
        let question = |rule: Option<&str>| ScoringQuestion {
            point_id: 0,
            question: "{question}".to_owned(),
            rule: rule.map(str::to_owned),
            constraint_dimensions: Vec::new(),
            composition_types: Vec::new(),
            dep: Vec::new(),
        };
        let prompts = [None, Some("length"), Some("length_each")]
            .map(|rule| self.prompts.render(&item, &question(rule), "{response}"));
        digest(prompts.join("\n").as_bytes())
    }

    fn tables(&self, results: &Results) -> Vec<Table> {
        report::tables(&results.statistics)
    }
}
