//! `trace-eval trace`: a judge's scores of answers to TRACE.

mod cases;
mod provenance;
mod report;
mod verdicts;

use anyhow::Result;
use chat_client::Message;
use serde::Serialize;
use trace_score::stats::IntervalConfig;
use trace_score::trace::{JUDGE_SYSTEM_MESSAGE, Judgement, TracePrompts};
use trace_score::{Judged, Scores};

use crate::asking::Totals;
use crate::cli::TraceArgs;
use crate::files::OutFolder;
use crate::judging::{BallotCounts, Judging, Task, judge};
use crate::provenance::JudgeProvenance;
use cases::{Case, Cases};
use iopo_cli::{Outcome, note, print};
use provenance::{Provenance, template_digest};
use verdicts::{Parser, VoteAgreement, agreement_of, judged, vote_rows};

/// scores.json.
#[derive(Debug, Serialize)]
struct Output {
    provenance: Provenance,
    /// Rows without an answer to judge.
    without_answer: usize,
    judging: BallotCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<VoteAgreement>,
    /// What the questions of the journal took.
    spent: Totals,
    scores: Scores,
}

/// Judges, writes and prints.
pub(crate) fn run(args: &TraceArgs) -> Result<Outcome> {
    let Cases { cases, model } = cases::read(&args.rows, &args.answers)?;
    let prompts = TracePrompts::load(args.language.into(), args.judge.prompts_dir.as_deref())?;
    let intervals = IntervalConfig::from(args.intervals);
    intervals.validate()?;
    let folder = OutFolder::create(&args.out)?;
    let journal = args.judge.ask.journal.clone().unwrap_or_else(|| folder.path("journal.jsonl"));
    let parser = if args.compatible_parser { Parser::Compatible } else { Parser::Strict };

    let answered: Vec<&Case> = cases.iter().filter(|case| case.answer.is_ok()).collect();
    let tasks: Vec<Task> = answered.iter().flat_map(|case| tasks(args, &prompts, case)).collect();
    let votes = args.votes as usize;
    let judging = judge(&args.judge, &journal, &tasks, |place, answer, _| {
        parser.read(answered[place / votes], answer)
    })?;
    let by_judge = JudgeProvenance::new(&args.judge, judging.answered_by.clone(), template_digest(&prompts));
    let provenance = Provenance::new(args, by_judge, parser, &intervals, model)?;

    let rows = write_verdicts(args, &folder, &cases, &judging, parser)?;
    let by_case: Vec<_> = judging.ballots.chunks(votes).collect();
    let output = Output {
        provenance,
        without_answer: cases.len() - answered.len(),
        judging: BallotCounts::of(&judging.ballots),
        agreement: agreement_of(&by_case, parser)?,
        spent: judging.totals,
        scores: Scores::of(&rows, &intervals)?,
    };
    folder.write_json("scores.json", &output)?;
    folder.write_report(&report::report(&output, &rows, parser, args.show)?)?;
    finish(args, &output, parser)
}

fn tasks(args: &TraceArgs, prompts: &TracePrompts, case: &Case) -> Vec<Task> {
    let answer = case.answer.as_deref().unwrap_or_default();
    let prompt = prompts.judge_prompt(&case.instruction, answer, args.query_reading.into());
    let task = |vote| Task {
        name: format!("trace {} vote {}", case.id, vote + 1),
        vote,
        messages: vec![Message::system(JUDGE_SYSTEM_MESSAGE), Message::user(prompt.clone())],
    };
    (0..args.votes).map(task).collect()
}

/// Joins the votes of each case and writes both.
fn write_verdicts(
    args: &TraceArgs,
    folder: &OutFolder,
    cases: &[Case],
    judging: &Judging<Judgement>,
    parser: Parser,
) -> Result<Vec<Judged>> {
    let mut by_case = judging.ballots.chunks(args.votes as usize);
    let (mut rows, mut votes) = (Vec::new(), Vec::new());
    for case in cases {
        let ballots = if case.answer.is_ok() { by_case.next().unwrap_or_default() } else { &[] };
        rows.push(judged(case, ballots, parser, args.vote_rule.into())?);
        votes.extend(vote_rows(case, ballots));
    }
    folder.write_rows("votes.jsonl", &votes)?;
    folder.write_rows("judged.jsonl", &rows)?;
    Ok(rows)
}

fn finish(args: &TraceArgs, output: &Output, parser: Parser) -> Result<Outcome> {
    match args.json {
        true => print(&(serde_json::to_string(output)? + "\n"))?,
        false => print(&report::text(output, parser))?,
    }
    let failed = output.scores.all.followed.n_failed;
    if failed == 0 {
        return Ok(Outcome::Done);
    }
    note(&format!("{failed} of {} rows have no verdict; see {}", output.scores.rows(), args.out.display()));
    Ok(Outcome::Incomplete)
}
