//! One row's way of asking.

use std::sync::Arc;

use chat_client::{
    Answer, AskError, ChatRequest, FinishReason, JournaledClient, Message, Question, Rejection, with_causes,
};
use minijinja::Value as TemplateValue;
use serde_json::Value;
use trace_score::trace::PromptLanguage;

use super::config::PipelineConfig;
use super::error::PipelineError;
use super::fault::StepError;
use super::health::{Health, is_hopeless};
use super::log::Log;
use super::progress::Progress;
use super::prompt_kind::PromptKind;
use super::prompts::{LanguagePrompts, Prompts};
use super::question_kind::{QuestionKind, Role};
use super::stage::{Reason, Stage};
use crate::random::digest_of;

/// What all rows have in common.
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
    pub fn client(&self, role: Role) -> &JournaledClient {
        match role {
            Role::Generator => &self.generator,
            Role::Judge => &self.judge,
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

/// One question: where it belongs, and what tells it from others of the same row.
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

    /// The same row with an empty log, for questions that are asked at the same time.
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

    /// Asks until the answer can be read, each time with a tag of its own, so that the journal keeps every answer.
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

    /// Asks for a text, which is taken as it is unless it is blank, or was cut by a limit or a filter.
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
        let told = with_causes(&error);
        match error {
            AskError::CapReached { .. } | AskError::Stopped => {
                StepError::reject(stage, Reason::NotAsked, told)
            }
            AskError::Rejected { rejection: Rejection::Refused, .. } => {
                self.shared.health.answered();
                StepError::reject(stage, Reason::Refused, told)
            }
            AskError::Rejected { from_journal, .. } => {
                // An endpoint that takes nothing is as good as gone; what it said in an earlier run tells nothing new.
                if !from_journal {
                    self.note_failure(false, &told);
                }
                StepError::reject(stage, Reason::InvalidRequest, told)
            }
            AskError::Failed(failure) => {
                self.note_failure(is_hopeless(&failure.error), &told);
                StepError::reject(stage, Reason::NoAnswer, told)
            }
            source => PipelineError::Ask { tag, source }.into(),
        }
    }

    fn note_failure(&self, is_hopeless: bool, told: &str) {
        if self.shared.health.failed(is_hopeless, told) {
            self.shared.generator.stop_signal().stop();
            self.shared.judge.stop_signal().stop();
        }
    }
}
