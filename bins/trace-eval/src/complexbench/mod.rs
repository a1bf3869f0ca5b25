//! `trace-eval complexbench`: the decomposed requirements following ratio.

mod report;
mod verdicts;

use anyhow::{Context, Result, bail};
use chat_client::Message;
use serde::Serialize;
use serde_json::{Map, Value};
use trace_score::complexbench::{
    ComplexBenchItem, ComplexBenchPrompts, ComplexBenchQuirks, DrfrStatistics, ScoringQuestion, Verdict,
    load_items, statistics,
};

use crate::answer_row::{answer_or_reason, check_nothing_left, read_answers, the_model};
use crate::asking::Totals;
use crate::bench::BenchProvenance;
use crate::cli::{BenchArgs, Mode};
use crate::console::{note, print};
use crate::files::{OutFolder, digest};
use crate::judging::{Ballot, BallotCounts, Task, judge};
use crate::outcome::Outcome;
use crate::provenance::JudgeProvenance;
use verdicts::{Case, hindrance};

/// results.json.
#[derive(Debug, Serialize)]
struct Output {
    provenance: BenchProvenance,
    without_answer: usize,
    judging: BallotCounts,
    /// What the questions of the journal took.
    spent: Totals,
    results: Results,
    #[serde(skip)]
    statistics: DrfrStatistics,
}

/// The statistics, in official mode under the names of the released code.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Results {
    Fixed(Box<DrfrStatistics>),
    Official(Map<String, Value>),
}

/// A question that is asked: its case's place and its own place in it.
struct Asked {
    case: usize,
    question: usize,
}

/// Judges, writes and prints.
pub(crate) fn run(args: &BenchArgs) -> Result<Outcome> {
    let quirks = ComplexBenchQuirks::from(args.mode);
    let prompts = ComplexBenchPrompts::load(args.judge.prompts_dir.as_deref())?;
    let (mut cases, model) = read(args)?;
    let folder = OutFolder::create(&args.out)?;
    let journal = args.judge.ask.journal.clone().unwrap_or_else(|| folder.path("journal.jsonl"));
    let asked = asked(&cases, quirks);
    let tasks: Vec<Task> = asked.iter().map(|asked| task(&prompts, &cases, asked)).collect();
    let judging = judge(&args.judge, &journal, &tasks, |place, answer, _| {
        let Asked { case, question } = asked[place];
        let response = cases[case].response.as_deref().unwrap_or_default();
        verdicts::read(quirks, &cases[case].item.scoring_questions[question], response, answer)
    })?;
    let counts = BallotCounts::of(&judging.ballots);
    settle(&mut cases, judging.ballots, quirks)?;
    folder.write_rows("verdicts.jsonl", &cases.iter().map(Case::row).collect::<Vec<_>>())?;

    let items: Vec<_> = cases.iter().map(Case::judged_item).collect();
    let statistics = statistics(&items, quirks);
    let results = match args.mode {
        Mode::Fixed => Results::Fixed(Box::new(statistics.clone())),
        Mode::Official => Results::Official(
            statistics.official_names().context("the released code has no statistics of these verdicts")?,
        ),
    };
    let by_judge = JudgeProvenance::new(&args.judge, judging.answered_by, template_digest(&prompts));
    let output = Output {
        provenance: BenchProvenance::new(args, by_judge, model)?,
        without_answer: cases.iter().filter(|case| case.response.is_err()).count(),
        judging: counts,
        spent: judging.totals,
        results,
        statistics,
    };
    folder.write_json("results.json", &output)?;
    folder.write_report(&report::report(&output, &cases, args.show)?)?;
    finish(args, &output, &cases)
}

/// The items with their responses, and the model that answered.
fn read(args: &BenchArgs) -> Result<(Vec<Case>, Option<String>)> {
    let items = load_items(&args.data)?;
    if items.is_empty() {
        bail!("{} has no items", args.data.display());
    }
    let Some(path) = &args.answers else { bail!("--answers is missing: the data has no responses") };
    let mut by_id = read_answers(path)?;
    let model = the_model(by_id.values());
    let mut cases = Vec::new();
    for item in items {
        let answer = by_id.remove(&item.main_id.to_string());
        if answer
            .as_ref()
            .and_then(|answer| answer.prompt.as_ref())
            .is_some_and(|asked| *asked != item.instruction)
        {
            bail!("the answer with the id \"{}\" in {} is to another prompt", item.main_id, path.display());
        }
        cases.push(Case { item, response: answer_or_reason(answer), questions: Vec::new() });
    }
    check_nothing_left(&by_id, path)?;
    Ok((cases, model))
}

/// The questions that nothing hinders.
fn asked(cases: &[Case], quirks: ComplexBenchQuirks) -> Vec<Asked> {
    let of_case = |(place, case): (usize, &Case)| -> Vec<Asked> {
        let questions = case.item.scoring_questions.iter().enumerate();
        let free = questions.filter(|(_, question)| hindrance(case, question, quirks).is_none());
        free.map(|(question, _)| Asked { case: place, question }).collect()
    };
    cases.iter().enumerate().flat_map(of_case).collect()
}

fn task(prompts: &ComplexBenchPrompts, cases: &[Case], asked: &Asked) -> Task {
    let case = &cases[asked.case];
    let response = case.response.as_deref().unwrap_or_default();
    let prompt = prompts.render(&case.item, &case.item.scoring_questions[asked.question], response);
    Task {
        name: format!("complexbench {} question {}", case.item.main_id, asked.question),
        vote: 0,
        messages: vec![Message::user(prompt)],
    }
}

/// Gives each question its judgement, in the order in which they were asked.
fn settle(cases: &mut [Case], ballots: Vec<Ballot<Verdict>>, quirks: ComplexBenchQuirks) -> Result<()> {
    let mut ballots = ballots.into_iter();
    for case in cases {
        let outcome = |question: &ScoringQuestion| match hindrance(case, question, quirks) {
            Some(reason) => Err(reason),
            None => ballots.next().ok_or_else(|| "there is no judgement".to_owned()),
        };
        let outcomes = case.item.scoring_questions.iter().map(outcome).collect();
        let id = case.item.main_id;
        case.settle(outcomes, quirks).with_context(|| format!("item {id}"))?;
    }
    Ok(())
}

/// SHA-256 of the three prompts with the names of the places in the places.
fn template_digest(prompts: &ComplexBenchPrompts) -> String {
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
        .map(|rule| prompts.render(&item, &question(rule), "{response}"));
    digest(prompts.join("\n").as_bytes())
}

fn finish(args: &BenchArgs, output: &Output, cases: &[Case]) -> Result<Outcome> {
    print(&match args.json {
        true => serde_json::to_string(output)? + "\n",
        false => report::tables(output).iter().map(|table| table.to_text() + "\n").collect(),
    })?;
    let all = || cases.iter().flat_map(|case| &case.questions);
    match all().filter(|question| question.verdict == Verdict::Missing).count() {
        0 => Ok(Outcome::Done),
        open => {
            note(&format!(
                "{open} of {} questions have no verdict; see {}",
                all().count(),
                args.out.display()
            ));
            Ok(Outcome::Incomplete)
        }
    }
}
