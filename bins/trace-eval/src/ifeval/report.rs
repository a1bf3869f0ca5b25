//! Results as tables and as a page.

use anyhow::Result;
use trace_score::ifeval::{
    Accuracy, GivenResponse, InstructionVerdict, PartAccuracy, Prompt, PromptVerdict, Results,
};
use trace_score::report::{Answers, Block, Report, Section};
use trace_score::stats::{Estimate, IntervalConfig};
use trace_score::{Cell, Column, ConstraintScore, Judged, JudgedConstraint, Table, Verdict};

use super::Answered;

/// All tables for a terminal.
pub(super) fn text(results: &Results) -> String {
    tables(results).iter().map(|table| table.to_text() + "\n").collect()
}

/// The page: numbers, provenance, and the responses that do not follow their prompt as they stand.
pub(super) fn report(
    answered: &Answered,
    verdicts: &[PromptVerdict],
    results: &Results,
    show: usize,
) -> Result<Report> {
    let rows: Vec<Judged> = answered
        .prompts
        .iter()
        .zip(&answered.responses)
        .zip(verdicts)
        .map(|((prompt, response), verdict)| judged(prompt, response, verdict))
        .collect();
    let system = answered.system.as_str();
    let answers = Answers::of(&[(system, &rows)])?;
    let failures = answers.keep(show, |row| row.answers.iter().any(|answer| answer.followed != Some(true)));
    Ok(Report {
        title: format!("IFEval: {system}"),
        subtitle: "Prompts and instructions that are followed, strictly and loosely".to_owned(),
        sections: vec![
            Section::new("Results", tables(results).into_iter().map(Block::Table).collect()),
            Section::new("Provenance", vec![Block::KeyValues(answered.provenance.pairs())]),
            Section::new("Responses that do not follow", vec![Block::Answers(failures)]),
        ],
    })
}

/// A response as a row to read: its strict verdicts, with a remark where the loose one differs.
fn judged(prompt: &Prompt, response: &GivenResponse, verdict: &PromptVerdict) -> Judged {
    let of_instruction = |verdict: &InstructionVerdict| {
        let InstructionVerdict { kind, strict, loose, undecided } = verdict;
        let remark = match (undecided, strict, loose) {
            (Some(reason), ..) => format!(" – no verdict: {reason}"),
            (None, false, true) => " – followed loosely".to_owned(),
            _ => String::new(),
        };
        let text = format!("{kind}{remark}");
        JudgedConstraint { text, dimension: None, score: ConstraintScore::from(*strict) }
    };
    let constraints: Vec<_> = verdict.instructions.iter().map(of_instruction).collect();
    let missing = match response {
        GivenResponse::Text(_) => None,
        GivenResponse::Null => Some("the response is null"),
        GivenResponse::Missing => Some("there is no response"),
    };
    Judged {
        id: prompt.key.to_string(),
        prompt: prompt.prompt.clone(),
        answer: match response {
            GivenResponse::Text(text) => text.clone(),
            _ => String::new(),
        },
        verdict: match missing {
            None => Verdict::Scored { constraints, also_required: true },
            Some(reason) => Verdict::Failed {
                constraints: constraints
                    .into_iter()
                    .map(|judged| trace_schema::Constraint { text: judged.text, dimension: None })
                    .collect(),
                reason: reason.to_owned(),
            },
        },
    }
}

fn tables(results: &Results) -> Vec<Table> {
    let note = format!(
        "Counted as not followed: {} prompts without a response, {} with null. Checks without a verdict: {}.",
        results.missing, results.null, results.undecided
    );
    let overview = vec![
        row("prompts", &[results.prompt_strict, results.prompt_loose]),
        row("instructions", &[results.instruction_strict, results.instruction_loose]),
    ];
    vec![
        Table { notes: vec![note], ..table("Accuracies", overview) },
        by_part("By category", &results.categories),
        by_part("By kind", &results.kinds),
    ]
}

fn by_part<T: std::fmt::Display>(caption: &str, parts: &[PartAccuracy<T>]) -> Table {
    table(caption, parts.iter().map(|of| row(&of.part.to_string(), &[of.strict, of.loose])).collect())
}

fn table(caption: &str, rows: Vec<Vec<Cell>>) -> Table {
    let columns = ["strict, %", "strict", "loose, %", "loose"].map(Column::number);
    let columns = std::iter::once(Column::text("")).chain(columns).collect();
    Table { caption: caption.to_owned(), columns, rows, notes: Vec::new() }
}

/// A name, and percentage and count of each accuracy.
fn row(name: &str, accuracies: &[Accuracy]) -> Vec<Cell> {
    let mut cells = vec![Cell::from(name)];
    for accuracy in accuracies {
        let percent =
            accuracy.fraction().map_or_else(|| "–".to_owned(), |value| format!("{:.2}", 100.0 * value));
        let interval = estimate(*accuracy).interval;
        let detail = interval.map(|ends| format!("[{:.1}, {:.1}]", 100.0 * ends.low, 100.0 * ends.high));
        cells.push(Cell { text: percent, detail, is_best: false });
        cells.push(format!("{}/{}", accuracy.followed, accuracy.total).into());
    }
    cells
}

/// The share with its interval.
fn estimate(accuracy: Accuracy) -> Estimate {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Estimate::share(count(accuracy.followed), count(accuracy.total), 0, &IntervalConfig::default())
}
