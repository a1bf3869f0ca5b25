use serde_json::Value;
use trace_schema::UnknownLabels;

use super::alpaca::Alpaca;
use super::conversation::Conversation;
use super::fields::{MessageKeys, Row};
use super::{prompted, trace};
use crate::example::ExampleText;

/// The format of a file's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowFormat {
    TraceGroups,
    TracePairs,
    Prompted,
    Conversation(Conversation),
    Alpaca(Alpaca),
}

impl RowFormat {
    /// The format by the keys of a file's first row.
    pub(super) fn detect(row: &Row) -> Option<Self> {
        let has = |key: &str| row.contains_key(key);
        let ranking = has("chosen") && has("rejected");
        let conversation = |column: &str| {
            let keys = row.get(column).map(MessageKeys::of)?;
            Some(Self::Conversation(Conversation::new(column, ranking, keys)))
        };
        if has("x1") && has("x2") {
            Some(Self::TraceGroups)
        } else if ranking && row.get("instruction").is_some_and(Value::is_object) {
            Some(Self::TracePairs)
        } else if ranking && has("prompt") {
            Some(Self::Prompted)
        } else if let Some(format) = conversation("conversations").or_else(|| conversation("messages")) {
            Some(format)
        } else if has("prompt") && has("completion") {
            Some(Self::Prompted)
        } else if has("instruction") {
            Some(Self::Alpaca(Alpaca { ranking, ..Alpaca::default() }))
        } else {
            ranking.then_some(Self::Prompted)
        }
    }

    /// The examples of one row.
    pub(super) fn read(&self, row: &Row, labels: UnknownLabels) -> Result<Vec<ExampleText>, String> {
        match self {
            Self::TraceGroups => Ok(vec![trace::group(trace::parse(row, labels)?)]),
            Self::TracePairs => Ok(vec![trace::pair(trace::parse(row, labels)?)]),
            Self::Prompted => prompted::read(row),
            Self::Conversation(conversation) => conversation.read(row),
            Self::Alpaca(alpaca) => alpaca.read(row),
        }
    }
}
