//! `trace-eval cfbench`: constraint, instruction and priority satisfaction rates.

mod verdicts;

use anyhow::Result;
use chat_client::Message;
use serde::Serialize;
use trace_score::cfbench::{
    CfBenchItem, CfBenchPrompt, CfBenchQuirks, CfBenchRates, CfBenchSummary, Criterion, Priority, Split,
    load_items, summarize,
};
use trace_score::report::{Answers, Block, Report, Section};
use trace_score::{Cell, Column, Judged, Table};

use crate::answer_row::{answer_or_reason, check_nothing_left, read_answers, the_model};
use crate::asking::Totals;
use crate::bench::BenchProvenance;
use crate::cli::BenchArgs;
use crate::console::{note, print};
use crate::files::{OutFolder, digest};
use crate::judging::{Ballot, BallotCounts, Task, judge};
use crate::outcome::Outcome;
use crate::provenance::{JudgeProvenance, pairs_of};
use verdicts::Case;

/// results.json.
#[derive(Debug, Serialize)]
struct Output {
    provenance: BenchProvenance,
    without_answer: usize,
    judging: BallotCounts,
    /// What the questions of the journal took.
    spent: Totals,
    results: CfBenchSummary,
}

/// Judges, writes and prints.
pub(crate) fn run(args: &BenchArgs) -> Result<Outcome> {
    let quirks = CfBenchQuirks::from(args.mode);
    let prompt = CfBenchPrompt::load(args.judge.prompts_dir.as_deref())?;
    let (mut cases, model) = read(args)?;
    let folder = OutFolder::create(&args.out)?;
    let journal = args.judge.ask.journal.clone().unwrap_or_else(|| folder.path("journal.jsonl"));
    let answered: Vec<&Case> = cases.iter().filter(|case| case.response.is_ok()).collect();
    let without_answer = cases.len() - answered.len();
    let tasks: Vec<Task> = answered.iter().map(|case| task(&prompt, case)).collect();
    let judging = judge(&args.judge, &journal, &tasks, |place, answer, is_last| {
        verdicts::read(quirks, &answered[place].item, answer, is_last)
    })?;
    let counts = BallotCounts::of(&judging.ballots);
    let asked = cases.iter_mut().filter(|case| case.response.is_ok());
    asked.zip(judging.ballots).for_each(|(case, ballot)| case.ballot = Some(ballot));

    let by_judge = JudgeProvenance::new(&args.judge, judging.answered_by, template_digest(&prompt));
    let scores: Vec<_> = cases.iter().map(|case| (case.item.split, case.score())).collect();
    let output = Output {
        provenance: BenchProvenance::new(args, by_judge, model)?,
        without_answer,
        judging: counts,
        spent: judging.totals,
        results: summarize(&scores, quirks),
    };
    folder.write_rows("verdicts.jsonl", &cases.iter().map(Case::row).collect::<Vec<_>>())?;
    folder.write_json("results.json", &output)?;
    folder.write_report(&report(&output, &cases, args.show)?)?;
    finish(args, &output)
}

/// The items with their responses, and the model that answered.
fn read(args: &BenchArgs) -> Result<(Vec<Case>, Option<String>)> {
    let items = load_items(&args.data)?;
    if items.is_empty() {
        anyhow::bail!("{} has no items", args.data.display());
    }
    let case = |item, response| Case { item, response, ballot: None::<Ballot<_>> };
    let Some(path) = &args.answers else {
        let of_data = |item: CfBenchItem| {
            let response = item.response.clone().ok_or_else(|| "the data has no response".to_owned());
            case(item, response)
        };
        return Ok((items.into_iter().map(of_data).collect(), None));
    };
    let mut by_id = read_answers(path)?;
    let model = the_model(by_id.values());
    let mut cases = Vec::new();
    for item in items {
        let answer = by_id.remove(&item.id.to_string());
        if answer
            .as_ref()
            .and_then(|answer| answer.prompt.as_ref())
            .is_some_and(|asked| *asked != item.prompt)
        {
            anyhow::bail!(
                "the answer with the id \"{}\" in {} is to another prompt",
                item.id,
                path.display()
            );
        }
        cases.push(case(item, answer_or_reason(answer)));
    }
    check_nothing_left(&by_id, path)?;
    Ok((cases, model))
}

fn task(prompt: &CfBenchPrompt, case: &Case) -> Task {
    let response = case.response.as_deref().unwrap_or_default();
    Task {
        name: format!("cfbench {}", case.item.id),
        vote: 0,
        messages: vec![Message::user(prompt.render(&case.item, response))],
    }
}

/// SHA-256 of the judge's prompt with the names of the places in the places.
fn template_digest(prompt: &CfBenchPrompt) -> String {
    let criterion =
        Criterion { text: "{criteria}".to_owned(), priority: Priority::Primary, labels: Vec::new() };
    let places = CfBenchItem {
        id: 0,
        prompt: "{prompt}".to_owned(),
        gold: "{gold}".to_owned(),
        split: Split::Easy,
        criteria: vec![criterion],
        response: None,
    };
    digest(prompt.render(&places, "{response}").as_bytes())
}

fn tables(output: &Output) -> Vec<Table> {
    let CfBenchSummary { easy, hard, all } = &output.results;
    let row = |(name, rates): (&str, &CfBenchRates)| {
        let percent = |rate: Option<f64>| {
            Cell::from(rate.map_or_else(|| "–".to_owned(), |rate| format!("{:.1}", 100.0 * rate)))
        };
        let counts = [rates.n, rates.n_failed].map(|count| Cell::from(count.to_string()));
        let rates = [rates.csr, rates.isr, rates.psr].map(percent);
        std::iter::once(Cell::from(name)).chain(rates).chain(counts).collect()
    };
    let numbers = ["CSR, %", "ISR, %", "PSR, %", "items", "failed"].map(Column::number);
    let rates = Table {
        caption: "CFBench".to_owned(),
        columns: std::iter::once(Column::text("")).chain(numbers).collect(),
        rows: [("easy", easy), ("hard", hard), ("all", all)].map(row).to_vec(),
        notes: Vec::new(),
    };
    vec![rates, output.judging.table(output.without_answer)]
}

fn report(output: &Output, cases: &[Case], show: usize) -> Result<Report> {
    let rows: Vec<Judged> = cases.iter().map(Case::judged).collect();
    let system = output.provenance.system.as_str();
    let answers = Answers::of(&[(system, &rows)])?;
    let shown = answers.keep(show, |row| row.answers.iter().any(|answer| answer.followed != Some(true)));
    Ok(Report {
        title: format!("CFBench: {system}"),
        subtitle: "Criteria that a judge finds satisfied".to_owned(),
        sections: vec![
            Section::new("Rates", tables(output).into_iter().map(Block::Table).collect()),
            Section::new("Provenance", vec![Block::KeyValues(pairs_of(&output.provenance)?)]),
            Section::new("Answers that do not satisfy, or have no verdict", vec![Block::Answers(shown)]),
        ],
    })
}

fn finish(args: &BenchArgs, output: &Output) -> Result<Outcome> {
    print(&match args.json {
        true => serde_json::to_string(output)? + "\n",
        false => tables(output).iter().map(|table| table.to_text() + "\n").collect(),
    })?;
    let CfBenchRates { n, n_failed, .. } = output.results.all;
    if n_failed == 0 {
        return Ok(Outcome::Done);
    }
    note(&format!("{n_failed} of {} items have no verdict; see {}", n + n_failed, args.out.display()));
    Ok(Outcome::Incomplete)
}
