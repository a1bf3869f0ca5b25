//! Asking many questions through a journal, with a bar that shows how far the run is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chat_client::{
    AskConfig, AskError, AskProgress, BlockingAnswers, BlockingRuntime, Caps, ChatRequest, EndpointConfig,
    Journal, JournaledClient, Message, Prices, Question, RetryConfig,
};
use indicatif::{ProgressBar, ProgressStyle};
use iopo_cli::{bar_style, note, note_above, note_reasons};
use serde::Serialize;

use crate::cli::AskArgs;

/// Which model is asked where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    pub(crate) url: &'a str,
    pub(crate) model: &'a str,
    pub(crate) api_key_env: Option<&'a str>,
}

/// What was sent otherwise than asked, because the endpoint does not take it; each is told once.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Changes(BTreeSet<String>);

/// Asks questions and keeps what comes back.
pub(crate) struct Asker {
    runtime: BlockingRuntime,
    client: JournaledClient,
    at_once: usize,
    bar: ProgressBar,
}

/// The questions and tokens of a journal, those of earlier runs included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Totals {
    pub(crate) questions: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    /// Absent without prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<f64>,
}

impl Changes {
    /// The changes, or nothing where all was sent as asked.
    pub(crate) fn some(self) -> Option<Self> {
        (!self.0.is_empty()).then_some(self)
    }
}

impl Asker {
    /// Opens the journal and sets up the client; nothing is sent.
    pub(crate) fn open(endpoint: Endpoint<'_>, args: &AskArgs, journal: &Path) -> Result<Self> {
        let at_once = usize::from(args.concurrency);
        let retry = RetryConfig {
            max_attempts: args.attempts,
            base_delay: args.retry_delay,
            ..RetryConfig::default()
        };
        let config = EndpointConfig {
            api_key_env: endpoint.api_key_env.map(str::to_owned),
            max_concurrency: at_once,
            request_timeout: args.timeout,
            retry,
            ..EndpointConfig::new(endpoint.url, endpoint.model)
        };
        let chat = config.init()?;
        let journal = open_journal(journal)?;
        let bar = ProgressBar::no_length().with_style(style());
        let shown = bar.clone();
        let observer = move |progress: &AskProgress| show(&shown, progress);
        let client = JournaledClient::with_observer(chat, journal, ask_config(args), observer)?;
        Ok(Self { runtime: BlockingRuntime::new()?, client, at_once, bar })
    }

    /// Asks; what becomes of the questions comes in their order.
    pub(crate) fn ask<I: ExactSizeIterator<Item = Question>>(&self, questions: I) -> BlockingAnswers<'_, I> {
        let before = self.client.progress();
        let before = before.done + before.failed + before.from_journal;
        self.bar.set_length(before + questions.len() as u64);
        self.runtime.ask_all(&self.client, questions, self.at_once)
    }

    /// Tells of changes that are new.
    pub(crate) fn tell(&self, changes: &mut Changes, of_answer: &[String]) {
        for change in of_answer {
            if changes.0.insert(change.clone()) {
                note_above(&self.bar, format!("note: the endpoint does not take every setting: {change}"));
            }
        }
    }

    /// Removes the bar, and reports what the questions took and why some have no answer.
    pub(crate) fn finish(&self, args: &AskArgs) -> Totals {
        self.bar.finish_and_clear();
        let AskProgress { asked, from_journal, failed, retries, spent, .. } = self.client.progress();
        let totals = Totals {
            questions: spent.questions,
            prompt_tokens: spent.prompt_tokens,
            completion_tokens: spent.completion_tokens,
            cost: args.input_price.map(|_| spent.cost),
        };
        note(format!(
            "{asked} questions asked, {from_journal} answered by the journal, {failed} failed, {retries} requests repeated"
        ));
        let cost = totals.cost.map(|cost| format!(", cost {cost:.4}")).unwrap_or_default();
        note(format!(
            "{} in all: {} questions, {} prompt tokens, {} completion tokens{cost}",
            self.client.journal().path().display(),
            totals.questions,
            totals.prompt_tokens,
            totals.completion_tokens
        ));
        if let Some(remark) = spent.remark() {
            note(format!("note: {remark}"));
        }
        note_reasons("without an answer", &self.client.reasons());
        totals
    }
}

/// The journal that stands beside an output: `answers.jsonl` has `answers.journal.jsonl`.
pub(crate) fn journal_path(args: &AskArgs, output: &Path) -> PathBuf {
    args.journal.clone().unwrap_or_else(|| output.with_extension("journal.jsonl"))
}

/// A request with the settings that were typed.
pub(crate) fn request(args: &AskArgs, messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        temperature: args.temperature,
        top_p: args.top_p,
        max_tokens: args.max_tokens,
        seed: args.seed,
        ..ChatRequest::new(messages)
    }
}

/// Whether nothing more can be asked: the journal or this program failed, and not the question.
pub(crate) fn is_fatal(error: &AskError) -> bool {
    !matches!(
        error,
        AskError::Failed(_)
            | AskError::Rejected { .. }
            | AskError::Invalid(_)
            | AskError::CapReached { .. }
            | AskError::CapUnknown { .. }
            | AskError::GivenUp { .. }
            | AskError::Stopped
    )
}

fn ask_config(args: &AskArgs) -> AskConfig {
    let prices = args.input_price.zip(args.output_price);
    let prices =
        prices.map(|(input, output)| Prices { input_per_million: input, output_per_million: output });
    let caps = Caps {
        max_cost: args.max_cost,
        max_questions: args.max_questions,
        max_tokens: args.max_total_tokens,
    };
    AskConfig { prices, caps }
}

/// Opens a journal, and reports what it has.
pub(crate) fn open_journal(path: &Path) -> Result<Journal> {
    let journal = Journal::open(path)?;
    journal.report().lines(path).into_iter().for_each(note);
    Ok(journal)
}

/// A bar over questions.
pub(crate) fn style() -> ProgressStyle {
    bar_style("{msg} {elapsed} (about {eta} left)")
}

fn show(bar: &ProgressBar, progress: &AskProgress) {
    bar.set_position(progress.done + progress.failed + progress.from_journal);
    bar.set_message(format!("{} under way, {} failed", progress.in_flight, progress.failed));
}
