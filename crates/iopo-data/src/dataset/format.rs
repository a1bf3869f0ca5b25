use serde_json::Value;
use trace_schema::{Purpose, UnknownLabels, excerpt, says_nothing, unread_keys};

use super::alpaca::Alpaca;
use super::conversation::Conversation;
use super::fields::{Row, Unused};
use super::message::MessageKeys;
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
    /// The format by the keys of a file's first row. Tables that were joined have null or an empty list where a row has
    /// no value of a column; such keys tell the format only where no others do.
    pub(super) fn detect(row: &Row) -> Option<Self> {
        Self::of(row, |value| !says_nothing(value)).or_else(|| Self::of(row, |_| true))
    }

    fn of(row: &Row, counts: impl Fn(&Value) -> bool) -> Option<Self> {
        let value = |key: &str| row.get(key).filter(|value| counts(value));
        let has = |key: &str| value(key).is_some();
        let ranking = has("chosen") && has("rejected");
        let conversation = |column: &str| {
            let keys = value(column).map(MessageKeys::of)?;
            Some(Self::Conversation(Conversation::new(column, ranking, keys)))
        };
        if has("x1") && has("x2") {
            Some(Self::TraceGroups)
        } else if ranking && row.get("instruction").is_some_and(Value::is_object) {
            Some(Self::TracePairs)
        } else if ranking && (has("prompt") || prompted::is_long(row)) {
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

    /// The examples of one row, and the keys of it that are not read.
    pub(super) fn read(
        &self,
        row: &Row,
        labels: UnknownLabels,
    ) -> Result<(Vec<ExampleText>, Unused), String> {
        let mut unused = Unused::new();
        let texts = match self {
            Self::TraceGroups => vec![trace::group(trace::parse(row, labels)?)],
            Self::TracePairs => vec![trace::pair(trace::parse(row, labels)?)],
            Self::Prompted => prompted::read(row, &mut unused)?,
            Self::Conversation(conversation) => conversation.read(row, &mut unused)?,
            Self::Alpaca(alpaca) => alpaca.read(row, &mut unused)?,
        };
        let unread = unread_keys(row, |key| self.reads(row, key), self.purpose())?;
        unused.extend(unread.into_iter().map(|key| excerpt(key).into_owned()));
        Ok((texts, unused))
    }

    fn reads(&self, row: &Row, key: &str) -> bool {
        match self {
            // Their readers refuse keys that they do not know.
            Self::TraceGroups | Self::TracePairs => true,
            Self::Prompted => prompted::reads(row, key),
            Self::Conversation(conversation) => conversation.reads(key),
            Self::Alpaca(alpaca) => alpaca.reads(key),
        }
    }

    fn purpose(&self) -> Purpose {
        let is_named = match self {
            Self::TraceGroups | Self::TracePairs | Self::Prompted => false,
            Self::Conversation(conversation) => conversation.is_named,
            Self::Alpaca(alpaca) => alpaca.is_named,
        };
        if is_named { Purpose::NamedKeys } else { Purpose::Training }
    }
}
