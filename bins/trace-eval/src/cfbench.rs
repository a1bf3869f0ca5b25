//! `trace-eval cfbench`: constraint, instruction and priority satisfaction rates.

use std::path::Path;

use anyhow::Result;
use chat_client::Message;
use iopo_files::Owner;
use serde::Serialize;
use trace_schema::Constraint;
use trace_score::cfbench::{
    CfBenchItem, CfBenchJudgement, CfBenchPrompt, CfBenchQuirks, CfBenchRates, CfBenchScore, CfBenchSummary,
    Criterion, ParseStatus, Priority, Split, judge_answer, load_items, summarize,
};
use trace_score::{Cell, Column, ConstraintScore, Judged, JudgedConstraint, ReasoningCounts, Table, Verdict};

use crate::benchmark::{Benchmark, Case, Cases, run as run_benchmark, some};
use crate::cli::BenchArgs;
use crate::files::{OutFolder, digest};
use crate::judging::{Ballot, Task};
use crate::provenance::Provenance;
use iopo_cli::Outcome;

const VERDICTS: &str = "verdicts.jsonl";

/// The benchmark, and what became of its cases.
struct CfBench<'a> {
    args: &'a BenchArgs,
    quirks: CfBenchQuirks,
    prompt: CfBenchPrompt,
    cases: Cases<CfBenchItem>,
    /// One for each case; `None` without an answer to judge.
    ballots: Vec<Option<Ballot<CfBenchJudgement>>>,
}

/// One row of verdicts.jsonl.
#[derive(Debug, Serialize)]
struct ItemRow<'a> {
    id: u64,
    split: Split,
    response: Option<&'a str>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<&'a [String]>,
    /// How the scores were read, in the released code's terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(flatten)]
    score: Option<CfBenchScore>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Results {
    results: CfBenchSummary,
}

/// Judges, writes and prints.
pub(crate) fn run(args: &BenchArgs) -> Result<Outcome> {
    let prompt = CfBenchPrompt::load(args.run.judge.prompts_dir.as_deref())?;
    let (quirks, cases) = (args.mode.into(), read(args)?);
    run_benchmark(CfBench { args, quirks, prompt, cases, ballots: Vec::new() }, &args.run)
}

/// The items with their responses: those of the answers, or of the data itself.
fn read(args: &BenchArgs) -> Result<Cases<CfBenchItem>> {
    let items = some(load_items(&args.data)?, &args.data)?;
    if let Some(answers) = &args.answers {
        let mode = args.run.reasoning.into();
        return Cases::read(items, answers, mode, |item| (item.id.to_string(), item.prompt.clone()));
    }
    let case = |item: CfBenchItem| Case {
        response: item.response.clone().ok_or_else(|| "the data has no response".to_owned()),
        item,
    };
    Ok(Cases::new(items.into_iter().map(case).collect(), None, args.run.reasoning.into()))
}

impl CfBench<'_> {
    /// Each case with what became of it, and why it has no rates.
    fn settled(
        &self,
    ) -> impl Iterator<Item = (&Case<CfBenchItem>, Option<&CfBenchJudgement>, Option<String>)> {
        self.cases.cases.iter().zip(&self.ballots).map(|(case, ballot)| {
            let failure = case.response.as_ref().err().cloned();
            let failure = failure.or_else(|| ballot.as_ref().and_then(Ballot::failure));
            (case, ballot.as_ref().and_then(Ballot::judgement), failure)
        })
    }
}

impl Benchmark for CfBench<'_> {
    type Judgement = CfBenchJudgement;
    type Results = Results;

    const OWNER: Owner = Owner::new("trace-eval cfbench");
    const NAME: &'static str = "CFBench";
    const SUBTITLE: &'static str = "Criteria that a judge finds satisfied";
    const NUMBERS: &'static str = "Rates";
    const FAILURES: &'static str = "Answers that do not satisfy, or have no verdict";
    const FILE: &'static str = "results.json";
    const VERDICTS: &'static [&'static str] = &[VERDICTS];
    const UNIT: &'static str = "items";

    fn inputs(&self) -> Vec<&Path> {
        self.args.inputs()
    }

    fn tasks(&self) -> Vec<Task> {
        let task = |(item, response): (&CfBenchItem, &str)| Task {
            name: format!("cfbench {}", item.id),
            vote: 0,
            messages: vec![Message::user(self.prompt.render(item, response))],
        };
        self.cases.answered().map(task).collect()
    }

    /// The released code takes what the last answer has, readable or not.
    fn read(&self, task: usize, answer: &str, is_last: bool) -> Result<CfBenchJudgement, String> {
        let (item, _) = self.cases.answered().nth(task).ok_or("there is no such task")?;
        let quirks = CfBenchQuirks { ones_only: self.quirks.ones_only && is_last, ..self.quirks };
        judge_answer(answer, &item.criteria, quirks).map_err(|error| error.to_string())
    }

    fn settle(&mut self, ballots: Vec<Ballot<CfBenchJudgement>>, folder: &OutFolder) -> Result<()> {
        let mut ballots = ballots.into_iter();
        let of_case = |case: &Case<_>| case.response.is_ok().then(|| ballots.next()).flatten();
        self.ballots = self.cases.cases.iter().map(of_case).collect();
        let rows = self.settled().zip(&self.ballots).map(|((case, judged, failed), ballot)| ItemRow {
            id: case.item.id,
            split: case.item.split,
            response: case.response.as_deref().ok(),
            attempts: ballot.as_ref().map_or(0, Ballot::attempts),
            scores: judged.map(|judged| judged.scores.as_slice()),
            status: judged.map(|judged| judged.status.code()),
            score: judged.map(|judged| judged.score),
            failed,
        });
        folder.write_rows(VERDICTS, &rows.collect::<Vec<_>>())
    }

    fn judged(&self) -> Vec<Judged> {
        let row =
            |(case, judged, failure): (&Case<CfBenchItem>, Option<&CfBenchJudgement>, Option<String>)| {
                let Case { item, response } = case;
                let answer = response.clone().unwrap_or_default();
                let verdict = verdict(item, judged, failure);
                Judged { id: item.id.to_string(), prompt: item.prompt.clone(), answer, verdict }
            };
        self.settled().map(row).collect()
    }

    fn results(&self) -> Result<Results> {
        let score = |(case, judged, _): (&Case<CfBenchItem>, Option<&CfBenchJudgement>, _)| {
            (case.item.split, judged.map(|judged| judged.score))
        };
        Ok(Results { results: summarize(&self.settled().map(score).collect::<Vec<_>>(), self.quirks) })
    }

    fn reasoning(&self) -> ReasoningCounts {
        self.cases.reasoning
    }

    fn without_answer(&self) -> usize {
        self.cases.without_answer()
    }

    fn failed(&self, results: &Results) -> (usize, usize) {
        let CfBenchRates { n, n_failed, .. } = results.results.all;
        (n_failed, n + n_failed)
    }

    fn provenance(&self, provenance: Provenance) -> Result<Provenance> {
        self.args.provenance(provenance)
    }

    fn system(&self) -> String {
        self.cases.system(self.args.answers.as_ref().unwrap_or(&self.args.data))
    }

    fn template_digest(&self) -> String {
        let text = "{criteria}".to_owned();
        let places = CfBenchItem {
            id: 0,
            prompt: "{prompt}".to_owned(),
            gold: "{gold}".to_owned(),
            split: Split::Easy,
            criteria: vec![Criterion { text, priority: Priority::Primary, labels: Vec::new() }],
            response: None,
        };
        digest(self.prompt.render(&places, "{response}").as_bytes())
    }

    fn tables(&self, results: &Results) -> Vec<Table> {
        let CfBenchSummary { easy, hard, all } = &results.results;
        let row = |(name, rates): (&str, &CfBenchRates)| {
            let percent = |rate: Option<f64>| {
                Cell::from(rate.map_or_else(|| "–".to_owned(), |rate| format!("{:.1}", 100.0 * rate)))
            };
            let counts = [rates.n, rates.n_failed].map(|count| Cell::from(count.to_string()));
            let rates = [rates.csr, rates.isr, rates.psr].map(percent);
            std::iter::once(Cell::from(name)).chain(rates).chain(counts).collect()
        };
        let numbers = ["CSR, %", "ISR, %", "PSR, %", "items", "failed"].map(Column::number);
        vec![Table {
            caption: "CFBench".to_owned(),
            columns: std::iter::once(Column::text("")).chain(numbers).collect(),
            rows: [("easy", easy), ("hard", hard), ("all", all)].map(row).to_vec(),
            notes: Vec::new(),
        }]
    }
}

/// The verdict as a row shows it; scores that belong to no criterion are shown as a failure.
fn verdict(item: &CfBenchItem, judged: Option<&CfBenchJudgement>, failure: Option<String>) -> Verdict {
    let texts = item.criteria.iter().map(|criterion| {
        let priority = match criterion.priority {
            Priority::Primary => "primary",
            Priority::Secondary => "secondary",
        };
        format!("{} ({priority})", criterion.text)
    });
    match judged {
        Some(judged) if judged.status == ParseStatus::Strict => {
            let constraints = texts.zip(&judged.scores).map(|(text, score)| JudgedConstraint {
                text,
                dimension: None,
                score: ConstraintScore::from(score.starts_with('1')),
            });
            Verdict::Scored { constraints: constraints.collect(), also_required: true }
        }
        _ => Verdict::Failed {
            constraints: texts.map(|text| Constraint { text, dimension: None }).collect(),
            reason: judged.map_or_else(
                || failure.unwrap_or_default(),
                |of| format!("read line by line (status {}): {}", of.status.code(), of.scores.join(", ")),
            ),
        },
    }
}
