//! Asking for one row, and giving up on endpoints that do not answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chat_client::{
    Answer, AskError, ChatError, ChatRequest, FinishReason, JournaledClient, Message, Question, Rejection,
    with_causes,
};
use minijinja::Value as TemplateValue;
use serde_json::Value;
use trace_score::trace::PromptLanguage;

use super::config::{ModelRole, PipelineConfig, QuestionKind};
use super::error::{PipelineError, StepError};
use super::prompts::{LanguagePrompts, PromptKind, Prompts};
use super::run::Progress;
use super::stage::{Reason, Stage};
use super::tally::Log;
use crate::random::digest_of;

/// The state that all rows share.
#[derive(Debug)]
pub(super) struct Shared {
    pub config: PipelineConfig,
    pub prompts: Prompts,
    pub generator: JournaledClient,
    pub judge: JournaledClient,
    pub health: Health,
    pub progress: Arc<Progress>,
}

impl Shared {
    pub fn client(&self, role: ModelRole) -> &JournaledClient {
        match role {
            ModelRole::Generator => &self.generator,
            ModelRole::Judge => &self.judge,
        }
    }
}

/// A row that asks.
#[derive(Debug)]
pub(super) struct Context {
    pub shared: Arc<Shared>,
    pub id: String,
    pub language: PromptLanguage,
    pub log: Log,
}

/// One question: its stage, and what distinguishes it from others of the same row.
pub(super) struct Asked {
    pub stage: Stage,
    pub kind: QuestionKind,
    /// Which attempt at what: "2", or "1 vote 3".
    pub step: String,
    pub messages: Vec<Message>,
    /// The form of the answer, for endpoints that can be held to it.
    pub schema: Option<Value>,
}

impl Context {
    pub fn prompts(&self) -> &LanguagePrompts {
        self.shared.prompts.of(self.language)
    }

    /// The same row with an empty log, for questions that are asked concurrently.
    pub fn beside(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            id: self.id.clone(),
            language: self.language,
            log: Log::default(),
        }
    }

    /// Notes that the row has come to a stage.
    pub fn enter(&mut self, stage: Stage) {
        if self.log.entered.insert(stage) {
            self.shared.progress.enter(stage);
        }
    }

    pub fn render(&self, kind: PromptKind, values: TemplateValue) -> Result<Vec<Message>, PipelineError> {
        Ok(vec![Message::user(self.prompts().render(kind, values)?)])
    }

    /// Asks until the answer can be parsed, each time with its own tag, so that the journal keeps every answer.
    pub async fn ask<T>(
        &mut self,
        asked: Asked,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, StepError> {
        let mut reason = String::new();
        for attempt in 1..=self.shared.config.attempts.answer {
            let answer = self.ask_once(&asked, attempt).await?;
            match read(&answer.response.content) {
                Ok(value) => return Ok(value),
                Err(problem) => reason = problem,
            }
        }
        Err(StepError::reject(asked.stage, Reason::UnreadableAnswer, reason))
    }

    /// Asks for a text, which is accepted unless it is blank or was cut by a limit or a filter.
    pub async fn ask_for_text(&mut self, asked: Asked) -> Result<String, StepError> {
        let answer = self.ask_once(&asked, 1).await?;
        let ended = &answer.response.finish_reason;
        if matches!(ended, FinishReason::Length | FinishReason::ContentFilter) {
            return Err(StepError::reject(asked.stage, Reason::CutOff, ended.name()));
        }
        match answer.response.content.trim() {
            "" => Err(StepError::reject(asked.stage, Reason::EmptyResponse, "")),
            text => Ok(text.to_owned()),
        }
    }

    async fn ask_once(&mut self, asked: &Asked, attempt: u32) -> Result<Answer, StepError> {
        self.enter(asked.stage);
        let role = asked.kind.role();
        let tag = format!("{} {} {} {} try {attempt}", self.id, asked.stage, asked.kind.name(), asked.step);
        let question = Question::new(tag.clone(), self.request(asked, &tag));
        let shared = Arc::clone(&self.shared);
        let client = shared.client(role);
        match client.ask(question).await {
            Ok(answer) => {
                shared.health.answered();
                self.log.add(asked.stage, role, answer.response.usage);
                Ok(answer)
            }
            Err(error) => Err(self.without_answer(asked.stage, tag, error)),
        }
    }

    fn request(&self, asked: &Asked, tag: &str) -> ChatRequest {
        let config = &self.shared.config;
        let sampling = config.sampling(asked.kind);
        let is_structured = config.structured_output.contains(&asked.kind.role());
        // Some endpoints hold seeds in 32 bits with a sign.
        let seed = config.send_seed.then(|| digest_of(&[&config.seed.to_string(), tag]) >> 33);
        ChatRequest {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            max_tokens: sampling.max_tokens,
            seed,
            response_format: asked.schema.clone().filter(|_| is_structured),
            extra: sampling.extra,
            ..ChatRequest::new(asked.messages.clone())
        }
    }

    fn without_answer(&self, stage: Stage, tag: String, error: AskError) -> StepError {
        let reason = with_causes(&error);
        match error {
            AskError::CapReached { .. } | AskError::Stopped => {
                StepError::reject(stage, Reason::NotAsked, reason)
            }
            AskError::Rejected { rejection: Rejection::Refused, .. } => {
                self.shared.health.answered();
                StepError::reject(stage, Reason::Refused, reason)
            }
            AskError::Rejected { from_journal, .. } => {
                // An endpoint that takes no request at all has failed, but a rejection of an earlier run is no new failure.
                if !from_journal {
                    self.note_failure(false, &reason);
                }
                StepError::reject(stage, Reason::InvalidRequest, reason)
            }
            AskError::Failed(failure) => {
                self.note_failure(is_hopeless(&failure.error), &reason);
                StepError::reject(stage, Reason::NoAnswer, reason)
            }
            source => PipelineError::Ask { tag, source }.into(),
        }
    }

    fn note_failure(&self, is_hopeless: bool, reason: &str) {
        if self.shared.health.failed(is_hopeless, reason) {
            self.shared.generator.stop_signal().stop();
            self.shared.judge.stop_signal().stop();
        }
    }
}

/// After this many consecutive questions without an answer an endpoint counts as unavailable, however low the concurrency.
const FEWEST: u64 = 32;

/// Counts consecutive questions without an answer, and keeps the reason why a run was given up.
///
/// A wrong key or an unavailable endpoint would otherwise fail every question of a long run, one after the other.
#[derive(Debug)]
pub(super) struct Health {
    in_a_row: AtomicU64,
    limit: u64,
    given_up: Mutex<Option<String>>,
}

impl Health {
    pub fn new(concurrency: usize) -> Self {
        let limit = FEWEST.max(2 * concurrency as u64);
        Self { in_a_row: AtomicU64::new(0), limit, given_up: Mutex::new(None) }
    }

    pub fn answered(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    /// Records a question without an answer; true when no further question should be asked.
    pub fn failed(&self, is_hopeless: bool, reason: &str) -> bool {
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let stops = is_hopeless || in_a_row >= self.limit;
        if stops {
            let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
            given_up.get_or_insert_with(|| reason.to_owned());
        }
        stops
    }

    /// Why the run was given up, if it was.
    pub fn given_up(&self) -> Option<String> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether every other question would fail in the same way.
pub(super) fn is_hopeless(error: &ChatError) -> bool {
    matches!(
        error,
        ChatError::QuotaExhausted { .. }
            | ChatError::Redirect { .. }
            | ChatError::Status { status: 401 | 403 | 404, .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_hopeless_status(status: u16) -> bool {
        is_hopeless(&ChatError::Status { status, message: String::new(), retry_after: None })
    }

    #[test]
    fn a_wrong_key_ends_a_run_at_once() {
        let health = Health::new(1);
        assert!(!health.failed(is_hopeless_status(500), "first"));
        assert!(health.failed(is_hopeless_status(401), "second"));
        assert_eq!(health.given_up().as_deref(), Some("second"));
    }

    #[test]
    fn failures_end_a_run_only_in_a_row() {
        let health = Health::new(20);
        for _ in 0..3 {
            assert!((1..40).all(|_| !health.failed(false, "")));
            health.answered();
        }
        assert_eq!((1..=40).filter(|_| health.failed(false, "gone")).count(), 1);
    }
}
