//! One line of a journal.

use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Rejection;
use crate::key::QuestionKey;
use crate::response::{ChatResponse, FinishReason, Usage};

/// One finished question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Which question; the first key of the line.
    pub key: QuestionKey,
    /// The caller's name for it.
    pub tag: String,
    /// The model that was asked.
    pub model: String,
    /// The answer, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<RecordedResponse>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why there will be no answer, if that is certain. Other questions without an answer are asked again in the next run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Rejection>,
    /// How often the request was sent.
    pub attempts: u32,
    /// From the first sending to the end, in milliseconds.
    pub latency_ms: u64,
    /// Tokens that were billed.
    pub usage: Usage,
    /// Their cost, where prices are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// What was sent otherwise than asked, because the endpoint does not take it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// When it was finished, in milliseconds since 1970.
    pub time_ms: u64,
}

/// An answer in a journal; its usage is the record's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedResponse {
    /// The text.
    pub content: String,
    /// The reasoning that the endpoint gave beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// The model that answered, as the endpoint names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The endpoint's name for this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Before the digest, the last key of a line.
const DIGEST: &str = r#","digest":""#;
/// After it.
const END: &str = r#""}"#;
/// Hexadecimal digits of SHA-256 that are kept: 128 bits.
const DIGITS: usize = 32;

/// A line as it was read.
#[derive(Debug)]
pub(super) enum Line {
    /// The record as this program wrote it, or one without a digest, as earlier versions wrote it.
    Record(JournalRecord),
    /// A record that was edited or damaged since: its digest is that of other bytes.
    Changed(JournalRecord),
}

impl JournalRecord {
    /// The line of this record, with its end and a digest of everything before it.
    pub(super) fn to_line(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        let digest = digest(&line);
        // The brace that closes the object.
        line.pop();
        line.extend([DIGEST.as_bytes(), digest.as_bytes(), END.as_bytes(), b"\n"].concat());
        Ok(line)
    }

    pub(super) fn of_line(line: &[u8]) -> Result<Line, serde_json::Error> {
        #[derive(Deserialize)]
        struct Sealed {
            digest: Option<serde_json::Value>,
        }
        let record = serde_json::from_slice(line)?;
        let is_intact = match split(line.trim_ascii_end()) {
            Some((body, written)) => digest(&[body, b"}"].concat()).as_bytes() == written,
            // Without one it may be an earlier version's line. In another spelling it is not ours any more.
            None => serde_json::from_slice::<Sealed>(line)?.digest.is_none(),
        };
        Ok(if is_intact { Line::Record(record) } else { Line::Changed(record) })
    }
}

/// A line without its digest and the last brace, and the digest.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_suffix(END.as_bytes())?;
    let (rest, digest) = line.split_at_checked(line.len().checked_sub(DIGITS)?)?;
    Some((rest.strip_suffix(DIGEST.as_bytes())?, digest))
}

fn digest(body: &[u8]) -> String {
    let mut digits = base16ct::lower::encode_string(&Sha256::digest(body));
    digits.truncate(DIGITS);
    digits
}

impl RecordedResponse {
    pub(crate) fn into_response(self, usage: Usage) -> ChatResponse {
        let Self { content, reasoning, finish_reason, model, id } = self;
        ChatResponse { content, reasoning, finish_reason, usage, model, id }
    }
}

impl From<ChatResponse> for RecordedResponse {
    fn from(response: ChatResponse) -> Self {
        let ChatResponse { content, reasoning, finish_reason, model, id, .. } = response;
        Self { content, reasoning, finish_reason, model, id }
    }
}
