//! Asking for one row, and giving up on endpoints that do not answer.

use std::sync::Arc;

use chat_client::{
    Answer, AskError, ChatRequest, JournaledClient, Message, Question, Rejection, with_causes,
};
use minijinja::Value as TemplateValue;
use serde_json::Value;
use trace_score::trace::PromptLanguage;
use trace_score::{Parted, ReasoningMode, part_reasoning};

use super::config::{ModelRole, PipelineConfig, QuestionKind};
use super::error::{PipelineError, StepError};
use super::prompts::{LanguagePrompts, PromptKind, Prompts};
use super::run::Progress;
use super::stage::{Reason, Stage};
use super::tally::Log;
use crate::random::digest_of;

/// Why an answer is incomplete.
const WITHOUT_END: &str = "the answer ends within its reasoning";

/// The state that all rows share.
#[derive(Debug)]
pub(super) struct Shared {
    pub config: PipelineConfig,
    pub prompts: Prompts,
    pub generator: JournaledClient,
    pub judge: JournaledClient,
    pub progress: Arc<Progress>,
}

impl Shared {
    pub fn client(&self, role: ModelRole) -> &JournaledClient {
        match role {
            ModelRole::Generator => &self.generator,
            ModelRole::Judge => &self.judge,
        }
    }

    /// Why questions were given up, if one of the two endpoints was.
    pub fn given_up(&self) -> Option<String> {
        self.generator.given_up().or_else(|| self.judge.given_up())
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
            let Parted { answer, is_open, .. } = part_reasoning(&answer.response.content);
            if is_open {
                reason = WITHOUT_END.to_owned();
                continue;
            }
            match read(&answer) {
                Ok(value) => return Ok(value),
                Err(problem) => reason = problem,
            }
        }
        Err(StepError::reject(asked.stage, Reason::UnreadableAnswer, reason))
    }

    /// Asks for a text, which is accepted unless it is blank, was not ended by the model, or ends within reasoning.
    pub async fn ask_for_text(&mut self, asked: Asked) -> Result<String, StepError> {
        let answer = self.ask_once(&asked, 1).await?;
        let ended = &answer.response.finish_reason;
        if !ended.is_whole() {
            return Err(StepError::reject(asked.stage, Reason::CutOff, ended.name()));
        }
        let mode = self.shared.config.reasoning;
        let parted = mode.part(&answer.response.content);
        self.log.reasoned.add(&parted);
        let Parted { answer: text, reasoning, is_open } = parted;
        if is_open {
            return Err(StepError::reject(asked.stage, Reason::CutOff, WITHOUT_END));
        }
        let reasoning = reasoning.or(answer.response.reasoning).filter(|_| mode == ReasoningMode::Separate);
        self.log.keep_reasoning(asked.stage, reasoning);
        match text.trim() {
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
                self.log.add(asked.stage, role, answer.response.usage);
                self.log.changes.extend(answer.changes.iter().map(|change| (role, change.clone())));
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
        if self.shared.given_up().is_some() {
            // Rows need both endpoints.
            self.shared.generator.stop_signal().stop();
            self.shared.judge.stop_signal().stop();
        }
        match error {
            AskError::CapReached { .. }
            | AskError::CapUnknown { .. }
            | AskError::GivenUp { .. }
            | AskError::Stopped => StepError::reject(stage, Reason::NotAsked, reason),
            AskError::Rejected { rejection: Rejection::Refused, .. } => {
                StepError::reject(stage, Reason::Refused, reason)
            }
            AskError::Rejected { .. } => StepError::reject(stage, Reason::InvalidRequest, reason),
            AskError::Failed(_) => StepError::reject(stage, Reason::NoAnswer, reason),
            source => PipelineError::Ask { tag, source: Box::new(source) }.into(),
        }
    }
}
