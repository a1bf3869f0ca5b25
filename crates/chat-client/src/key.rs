//! The identity of questions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::error::ChatError;
use crate::request::ChatRequest;

/// A request, and the tag that distinguishes it from equal requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The caller's name for it, a row's id and the number of a vote for instance.
    pub tag: String,
    /// The request.
    pub request: ChatRequest,
}

impl Question {
    /// A question with a tag.
    pub fn new(tag: impl Into<String>, request: ChatRequest) -> Self {
        Self { tag: tag.into(), request }
    }
}

/// SHA-256 of model, request and tag: questions of one key have one answer.
///
/// The digest is taken over `{"request": body, "tag": tag}` as JSON without white space, the keys of all objects in
/// the order of their code points and numbers as serde_json writes them. The endpoint's address is not part of it, so
/// a model may move.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionKey([u8; 32]);

impl QuestionKey {
    /// The key of a question to `model`.
    ///
    /// # Errors
    ///
    /// [`ChatError::InvalidRequest`] where the request has no body, see [`ChatRequest::body`].
    pub fn of(model: &str, question: &Question) -> Result<Self, ChatError> {
        let mut value = json!({"request": question.request.body(model)?, "tag": question.tag});
        value.sort_all_objects();
        Ok(Self(Sha256::digest(value.to_string()).into()))
    }
}

impl fmt::Display for QuestionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:x}", base16ct::HexDisplay(&self.0))
    }
}

impl fmt::Debug for QuestionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "QuestionKey({self})")
    }
}

impl FromStr for QuestionKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        match base16ct::mixed::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(bytes)),
            _ => Err("a key has 64 hexadecimal digits"),
        }
    }
}

impl Serialize for QuestionKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QuestionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
