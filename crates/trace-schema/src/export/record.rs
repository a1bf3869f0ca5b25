//! Rows as the other programs read them.

use serde::Serialize;

use super::ExportFormat;
use crate::{DatasetRow, EvalRow};

/// A row in some format, with its id in front where it is wanted.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(flatten)]
    pub(super) fields: Fields<'a>,
}

/// The rest of the row.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Fields<'a> {
    SharegptRanking { conversations: Vec<Turn<'a>>, chosen: Turn<'a>, rejected: Turn<'a> },
    Sharegpt { conversations: [Turn<'a>; 2] },
    AlpacaRanking { instruction: String, input: &'static str, chosen: &'a str, rejected: &'a str },
    Alpaca { instruction: &'a str, input: &'static str, output: &'a str },
    TrlPair { prompt: String, chosen: &'a str, rejected: &'a str },
    TrlCompletion { prompt: &'a str, completion: &'a str },
    TrlPrompt { prompt: String },
    ChatPair { prompt: [Message<'a>; 1], chosen: [Message<'a>; 1], rejected: [Message<'a>; 1] },
    ChatCompletion { prompt: [Message<'a>; 1], completion: [Message<'a>; 1] },
    ChatPrompt { prompt: Vec<Message<'a>> },
    Messages { messages: [Message<'a>; 2] },
}

/// A turn of a sharegpt conversation.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    from: &'static str,
    value: std::borrow::Cow<'a, str>,
}

/// A message of a chat.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    role: &'a str,
    content: std::borrow::Cow<'a, str>,
}

/// Lays a row out; `None` where the format has no form for it.
pub(super) fn fields(format: ExportFormat, row: &DatasetRow) -> Option<Fields<'_>> {
    match format {
        ExportFormat::Trace => None,
        ExportFormat::Sharegpt => sharegpt(row),
        ExportFormat::Alpaca => alpaca(row),
        ExportFormat::Trl => trl(row),
        ExportFormat::TrlChat => trl_chat(row),
        ExportFormat::Messages => match row {
            DatasetRow::Completion(row) => {
                Some(Fields::Messages { messages: [user(&*row.prompt), assistant(&row.completion)] })
            }
            _ => None,
        },
    }
}

fn sharegpt(row: &DatasetRow) -> Option<Fields<'_>> {
    match row {
        DatasetRow::Group(group) => Some(Fields::SharegptRanking {
            conversations: vec![human(group.x1.prompt()), human(group.x2.prompt())],
            chosen: gpt(&group.y1),
            rejected: gpt(&group.y2),
        }),
        DatasetRow::Pair(pair) => Some(Fields::SharegptRanking {
            conversations: vec![human(pair.instruction.prompt())],
            chosen: gpt(&pair.chosen),
            rejected: gpt(&pair.rejected),
        }),
        DatasetRow::Completion(row) => {
            Some(Fields::Sharegpt { conversations: [human(&*row.prompt), gpt(&row.completion)] })
        }
        DatasetRow::Eval(_) => None,
    }
}

/// The whole prompt is the instruction: LLaMA-Factory joins instruction and input by a newline, so that no other split
/// gives the same text for every instruction.
fn alpaca(row: &DatasetRow) -> Option<Fields<'_>> {
    match row {
        DatasetRow::Pair(pair) => Some(Fields::AlpacaRanking {
            instruction: pair.instruction.prompt(),
            input: "",
            chosen: &pair.chosen,
            rejected: &pair.rejected,
        }),
        DatasetRow::Completion(row) => {
            Some(Fields::Alpaca { instruction: &row.prompt, input: "", output: &row.completion })
        }
        _ => None,
    }
}

fn trl(row: &DatasetRow) -> Option<Fields<'_>> {
    match row {
        DatasetRow::Pair(pair) => Some(Fields::TrlPair {
            prompt: pair.instruction.prompt(),
            chosen: &pair.chosen,
            rejected: &pair.rejected,
        }),
        DatasetRow::Completion(row) => {
            Some(Fields::TrlCompletion { prompt: &row.prompt, completion: &row.completion })
        }
        DatasetRow::Eval(row) => Some(Fields::TrlPrompt { prompt: row.prompt() }),
        DatasetRow::Group(_) => None,
    }
}

fn trl_chat(row: &DatasetRow) -> Option<Fields<'_>> {
    match row {
        DatasetRow::Pair(pair) => Some(Fields::ChatPair {
            prompt: [user(pair.instruction.prompt())],
            chosen: [assistant(&pair.chosen)],
            rejected: [assistant(&pair.rejected)],
        }),
        DatasetRow::Completion(row) => Some(Fields::ChatCompletion {
            prompt: [user(&*row.prompt)],
            completion: [assistant(&row.completion)],
        }),
        DatasetRow::Eval(row) => Some(Fields::ChatPrompt { prompt: conversation(row) }),
        DatasetRow::Group(_) => None,
    }
}

fn conversation(row: &EvalRow) -> Vec<Message<'_>> {
    let messages = row.messages.iter();
    messages.map(|message| Message { role: &message.role, content: (&*message.content).into() }).collect()
}

fn human<'a>(value: impl Into<std::borrow::Cow<'a, str>>) -> Turn<'a> {
    Turn { from: "human", value: value.into() }
}

fn gpt(value: &str) -> Turn<'_> {
    Turn { from: "gpt", value: value.into() }
}

fn user<'a>(content: impl Into<std::borrow::Cow<'a, str>>) -> Message<'a> {
    Message { role: "user", content: content.into() }
}

fn assistant(content: &str) -> Message<'_> {
    Message { role: "assistant", content: content.into() }
}
