//! `trace-eval trace`: a judge's scores of answers to TRACE.

mod report;
mod verdicts;

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Result, bail};
use chat_client::Message;
use iopo_files::Owner;
use serde::Serialize;
use trace_schema::{Constraint, EvalRow, Instruction, JsonlReader, UnknownLabels, excerpt};
use trace_score::report::BarChart;
use trace_score::stats::IntervalConfig;
use trace_score::trace::{JUDGE_SYSTEM_MESSAGE, Judgement, QueryReading, TracePrompts, VoteRule};
use trace_score::{Judged, ReasoningCounts, Scores, Table};

use crate::benchmark::{Benchmark, Case, Cases, run as run_benchmark, some};
use crate::cli::TraceArgs;
use crate::files::{OutFolder, digest};
use crate::judging::{Ballot, Task};
use crate::provenance::Provenance;
use iopo_cli::Outcome;
use verdicts::{Parser, VoteAgreement, agreement_of, judged, vote_rows};

const VOTES: &str = "votes.jsonl";
const JUDGED: &str = "judged.jsonl";

/// An evaluation row.
struct TraceItem {
    id: String,
    prompt: String,
    instruction: Instruction,
}

/// The benchmark, and what became of its cases.
struct Trace<'a> {
    args: &'a TraceArgs,
    prompts: TracePrompts,
    intervals: IntervalConfig,
    parser: Parser,
    cases: Cases<TraceItem>,
    /// The votes on the cases with an answer, case by case.
    ballots: Vec<Ballot<Judgement>>,
    rows: Vec<Judged>,
}

#[derive(Debug, Serialize)]
struct Results {
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<VoteAgreement>,
    scores: Scores,
}

/// Judges, writes and prints.
pub(crate) fn run(args: &TraceArgs) -> Result<Outcome> {
    let items = some(read_items(&args.rows)?, &args.rows)?;
    let mode = args.run.reasoning.into();
    let cases = Cases::read(items, &args.answers, mode, |item| (item.id.clone(), item.prompt.clone()))?;
    let prompts = TracePrompts::load(args.language.into(), args.run.judge.prompts_dir.as_deref())?;
    let intervals = IntervalConfig::from(args.intervals);
    intervals.validate()?;
    let parser = if args.compatible_parser { Parser::Compatible } else { Parser::Strict };
    let (ballots, rows) = (Vec::new(), Vec::new());
    run_benchmark(Trace { args, prompts, intervals, parser, cases, ballots, rows }, &args.run)
}

fn read_items(path: &Path) -> Result<Vec<TraceItem>> {
    let mut seen = HashSet::new();
    let item = |row: Result<EvalRow, _>| {
        let row = row?;
        if !seen.insert(row.id.clone()) {
            bail!("{} has the id {:?} more than once", path.display(), excerpt(&row.id));
        }
        Ok(TraceItem { prompt: row.prompt(), instruction: row.instruction(), id: row.id })
    };
    JsonlReader::<_, EvalRow>::open(path)?.unknown_labels(UnknownLabels::Keep).map(item).collect()
}

impl Trace<'_> {
    /// The votes on each case.
    fn votes(&self) -> impl Iterator<Item = (&Case<TraceItem>, &[Ballot<Judgement>])> {
        let mut by_case = self.ballots.chunks(self.args.votes as usize);
        self.cases.cases.iter().map(move |case| {
            (case, if case.response.is_ok() { by_case.next().unwrap_or_default() } else { &[] })
        })
    }
}

impl Benchmark for Trace<'_> {
    type Judgement = Judgement;
    type Results = Results;

    const OWNER: Owner = Owner::new("trace-eval trace");
    const NAME: &'static str = "TRACE";
    const SUBTITLE: &'static str = "Instructions whose every constraint a judge scores with 10";
    const NUMBERS: &'static str = "Scores";
    const FAILURES: &'static str = "Answers that do not follow, or have no verdict";
    const FILE: &'static str = "scores.json";
    const VERDICTS: &'static [&'static str] = &[VOTES, JUDGED];
    const UNIT: &'static str = "rows";

    fn inputs(&self) -> Vec<&Path> {
        vec![&self.args.rows, &self.args.answers]
    }

    fn tasks(&self) -> Vec<Task> {
        let of_case = |(item, answer): (&TraceItem, &str)| {
            let prompt = self.prompts.judge_prompt(&item.instruction, answer, self.args.query_reading.into());
            let task = |vote| Task {
                name: format!("trace {} vote {}", item.id, vote + 1),
                vote,
                messages: vec![Message::system(JUDGE_SYSTEM_MESSAGE), Message::user(prompt.clone())],
            };
            (0..self.args.votes).map(task).collect::<Vec<_>>()
        };
        self.cases.answered().flat_map(of_case).collect()
    }

    fn read(&self, task: usize, answer: &str, _: bool) -> Result<Judgement, String> {
        let case = self.cases.answered().nth(task / self.args.votes as usize);
        let (item, _) = case.ok_or("there is no such task")?;
        self.parser.read(item, answer)
    }

    fn settle(&mut self, ballots: Vec<Ballot<Judgement>>, folder: &OutFolder) -> Result<()> {
        self.ballots = ballots;
        let rule = VoteRule::from(self.args.vote_rule);
        let join = |(case, votes): (&Case<_>, &[_])| judged(case, votes, self.parser, rule);
        self.rows = self.votes().map(join).collect::<Result<_>>()?;
        let votes = self.votes().flat_map(|(case, votes)| vote_rows(case, votes));
        folder.write_rows(VOTES, &votes.collect::<Vec<_>>())?;
        folder.write_rows(JUDGED, &self.rows)
    }

    fn judged(&self) -> Vec<Judged> {
        self.rows.clone()
    }

    fn results(&self) -> Result<Results> {
        let by_case: Vec<_> = self.ballots.chunks(self.args.votes as usize).collect();
        let agreement = agreement_of(&by_case, self.parser)?;
        Ok(Results { agreement, scores: Scores::of(&self.rows, &self.intervals)? })
    }

    fn reasoning(&self) -> ReasoningCounts {
        self.cases.reasoning
    }

    fn without_answer(&self) -> usize {
        self.cases.without_answer()
    }

    fn failed(&self, results: &Results) -> (usize, usize) {
        (results.scores.all.followed.n_failed, results.scores.rows())
    }

    fn provenance(&self, provenance: Provenance) -> Result<Provenance> {
        let Self { args, parser, intervals, .. } = self;
        provenance
            .file("rows", &args.rows)?
            .file("answers", &args.answers)?
            .with("votes", args.votes)?
            .with("vote_rule", VoteRule::from(args.vote_rule))?
            .with("parser", parser)?
            .with("language", args.language)?
            .with("query_reading", args.query_reading)?
            .with("interval_level", intervals.level)?
            .with("bootstrap_resamples", intervals.resamples)?
            .with("bootstrap_seed", intervals.seed)
    }

    fn system(&self) -> String {
        self.cases.system(&self.args.answers)
    }

    /// For a template file in which each place stands under its own name, this is the digest of the file without the
    /// line ends at its end.
    fn template_digest(&self) -> String {
        let places = Instruction {
            description: "{query}".to_owned(),
            constraints: vec![Constraint::unlabelled("{constraints}")],
            input: None,
        };
        let reading = QueryReading::InputOrDescription;
        digest(self.prompts.judge_prompt(&places, "{response}", reading).as_bytes())
    }

    fn tables(&self, results: &Results) -> Vec<Table> {
        report::score_tables(&results.scores, self.parser)
    }

    fn judging_tables(&self, results: &Results) -> Vec<Table> {
        results.agreement.iter().map(report::agreement).collect()
    }

    fn charts(&self, system: &str, results: &Results) -> Vec<BarChart> {
        report::charts(system, &results.scores, self.parser)
    }
}
