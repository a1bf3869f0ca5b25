//! Answers from a model in a folder, generated in this process.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use chat_client::{
    ChatRequest, FinishReason, Journal, JournalRecord, Question, QuestionKey, RecordedResponse, Role, Usage,
};
use indicatif::ProgressBar;
use iopo_answer::{LocalModel, ModelFiles, Respondent};
use iopo_cli::{DeviceChoice, label, note, on_threads};
use iopo_data::{RenderTime, Template};
use iopo_model::{
    Generated, GenerationConfig, Precision, Prompt as TokenPrompt, load_config, parse_float_dtype,
};
use serde_json::json;

use super::prompts::Prompt;
use super::{Collected, Given};
use crate::asking::{journal_path, open_journal, style};
use crate::cli::{AnswerArgs, LocalArgs};
use crate::provenance::Provenance;

/// A model as it was asked for, before its weights are read.
struct Setup {
    name: String,
    files: ModelFiles,
    digest: String,
    template: Template,
    precision: Precision,
    device: Device,
    config: GenerationConfig,
}

/// A prompt that has no answer yet.
struct Open<'a> {
    prompt: &'a Prompt,
    key: QuestionKey,
    tokens: TokenPrompt,
}

/// Generates every answer that the journal lacks.
pub(super) fn answer(
    args: &AnswerArgs,
    dir: &Path,
    prompts: &[Prompt],
    provenance: Provenance,
) -> Result<(Collected, Provenance)> {
    on_threads(args.local.threads, || {
        let setup = Setup::new(args, dir)?;
        let journal = open_journal(&journal_path(&args.ask, &args.out))?;
        let respondent = setup.respondent(&args.local, &journal)?;
        let time = respondent.printed_time();
        let keys = prompts.iter().map(|prompt| setup.key(prompt, time)).collect::<Result<Vec<_>>>()?;
        setup.generate(&respondent, prompts, &keys, &journal, args.local.batch_size.get())?;
        let mut collected = Collected::new(args);
        for (prompt, key) in prompts.iter().zip(&keys) {
            let record = journal.get(key)?.and_then(|record| record.response);
            let response = record.with_context(|| format!("prompt {:?} got no answer", prompt.id))?;
            let opening = respondent.opening(&tokens(&respondent, prompt, key)?.tokens)?;
            let RecordedResponse { content, reasoning, finish_reason, .. } = response;
            collected.answered(prompt, &setup.name, Given { content, reasoning, finish_reason, opening });
        }
        Ok((collected, setup.provenance(&args.local, time, provenance)?))
    })?
}

impl Setup {
    fn new(args: &AnswerArgs, dir: &Path) -> Result<Self> {
        let local = &args.local;
        // First: its error says what a folder without a model holds.
        load_config(dir)?;
        let device = local.device.parse::<DeviceChoice>().map_err(anyhow::Error::msg);
        let device = device.context("--device")?.open()?;
        let dtype = parse_float_dtype(&local.dtype).with_context(|| {
            format!("unknown float type `{}`; known: float32, bfloat16, float16", local.dtype)
        })?;
        let files = ModelFiles { model: dir.to_owned(), adapter: local.adapter.clone() };
        Ok(Self {
            name: args.model.clone().unwrap_or_else(|| folder_name(dir)),
            config: settings(args, &files)?,
            digest: files.digest()?,
            files,
            template: Template::from_name(Some(&local.template))?,
            precision: Precision { weights: dtype, ..Precision::default() },
            device,
        })
    }

    /// Tokenizer and template, which renders all prompts of a journal as of one time.
    fn respondent(&self, local: &LocalArgs, journal: &Journal) -> Result<Respondent> {
        let respondent = Respondent::from_dir(&self.files.model, self.template)?;
        if let Some(text) = respondent.note() {
            note(format!("note: tokenizer.json: {text}"));
        }
        let typed = local.template_date.as_deref().map(str::parse).transpose().context("--template-date")?;
        if respondent.printed_time().is_none() {
            if typed.is_some() {
                note("note: --template-date has no effect, because the template does not print the time");
            }
            return Ok(respondent);
        }
        let time = match typed {
            Some(time) => time,
            None => self.time_of(journal)?,
        };
        note(format!("note: the chat template prints the time: all prompts are rendered as of {time}"));
        Ok(respondent.rendered_at(time))
    }

    /// The time of a journal: that at which the first run of this model wrote it down there.
    fn time_of(&self, journal: &Journal) -> Result<RenderTime> {
        const TAG: &str = "template date";
        let question = Question::new(TAG, ChatRequest::user(TAG));
        let key = QuestionKey::of(&format!("sha256:{}", self.digest), &question)?;
        if let Some(written) = journal.get(&key)?.and_then(|record| record.response) {
            return written.content.parse().context("the journal's template date");
        }
        let time = RenderTime::now();
        journal.append(&JournalRecord {
            key,
            tag: TAG.to_owned(),
            model: self.name.clone(),
            response: Some(RecordedResponse {
                content: time.to_string(),
                reasoning: None,
                finish_reason: FinishReason::Stop,
                model: None,
                id: None,
            }),
            error: None,
            rejection: None,
            attempts: 1,
            latency_ms: 0,
            usage: Usage::default(),
            cost: None,
            changes: Vec::new(),
            time_ms: now_ms(),
        })?;
        Ok(time)
    }

    /// The key of a question. The weights, the template with the time that it prints, and every setting are part of it;
    /// the place of the folder, the device and the batch are not.
    fn key(&self, prompt: &Prompt, time: Option<RenderTime>) -> Result<QuestionKey> {
        let config = &self.config;
        let GenerationConfig { do_sample, top_k, repetition_penalty, .. } = *config;
        let mut extra = json!({
            "do_sample": do_sample,
            "top_k": top_k,
            "repetition_penalty": repetition_penalty,
            "template": self.template.name(),
            "dtype": format!("{:?}", self.precision.weights),
        });
        if let Some(time) = time {
            extra["template_date"] = time.to_string().into();
        }
        let request = ChatRequest {
            temperature: Some(config.temperature),
            top_p: Some(config.top_p),
            max_tokens: Some(u32::try_from(config.max_new_tokens)?),
            seed: Some(config.seed),
            extra: extra.as_object().cloned().unwrap_or_default(),
            ..ChatRequest::new(prompt.messages.clone())
        };
        let question = Question::new(format!("answer {}", prompt.id), request);
        Ok(QuestionKey::of(&format!("sha256:{}", self.digest), &question)?)
    }

    fn generate(
        &self,
        respondent: &Respondent,
        prompts: &[Prompt],
        keys: &[QuestionKey],
        journal: &Journal,
        batch_size: usize,
    ) -> Result<()> {
        let mut open = Vec::new();
        for (prompt, key) in prompts.iter().zip(keys) {
            if journal.get(key)?.is_none() {
                open.push(Open { prompt, key: *key, tokens: tokens(respondent, prompt, key)? });
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        note(format!("device: {}; model {} (SHA-256 {})", label(&self.device), self.name, self.digest));
        let model = LocalModel::load(&self.files, self.template, self.precision, &self.device)?;
        for line in model.model.notes() {
            note(format!("note: {line}"));
        }
        let bar = ProgressBar::new(prompts.len() as u64).with_style(style());
        bar.set_position((prompts.len() - open.len()) as u64);
        let done = open.chunks(batch_size).try_for_each(|batch| self.batch(&model, batch, journal, &bar));
        bar.finish_and_clear();
        done
    }

    /// Each answer is in the journal as soon as it is finished.
    fn batch(
        &self,
        model: &LocalModel,
        batch: &[Open<'_>],
        journal: &Journal,
        bar: &ProgressBar,
    ) -> Result<()> {
        let started = Instant::now();
        let failed: Mutex<Option<anyhow::Error>> = Mutex::new(None);
        let keep = |index: usize, generated: Generated| {
            let open = &batch[index];
            let text = model.respondent.text(&generated).map_err(anyhow::Error::from);
            let kept =
                text.and_then(|text| Ok(journal.append(&self.record(open, &generated, text, started))?));
            bar.inc(1);
            match kept {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    ControlFlow::Break(())
                }
            }
        };
        let prompts: Vec<TokenPrompt> = batch.iter().map(|open| open.tokens.clone()).collect();
        let config = model.respondent.ending(&self.config);
        let first = batch.first().map_or("", |open| open.prompt.id.as_str());
        model
            .model
            .generate_each(&prompts, &config, |_| false, keep)
            .with_context(|| format!("in the batch of prompts from {first:?} on"))?;
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn record(
        &self,
        open: &Open<'_>,
        generated: &Generated,
        text: String,
        started: Instant,
    ) -> JournalRecord {
        let finish_reason = match generated.finish {
            iopo_model::FinishReason::Length => FinishReason::Length,
            _ => FinishReason::Stop,
        };
        JournalRecord {
            key: open.key,
            tag: format!("answer {}", open.prompt.id),
            model: self.name.clone(),
            response: Some(RecordedResponse {
                content: text,
                reasoning: None,
                finish_reason,
                model: None,
                id: None,
            }),
            error: None,
            rejection: None,
            attempts: 1,
            latency_ms: milliseconds(started.elapsed()),
            usage: Usage::new(open.tokens.tokens.len() as u64, generated.tokens.len() as u64),
            cost: None,
            changes: Vec::new(),
            time_ms: now_ms(),
        }
    }

    /// Adds the model, with the digest of the files that decide answers, and how it answered.
    fn provenance(
        &self,
        local: &LocalArgs,
        time: Option<RenderTime>,
        provenance: Provenance,
    ) -> Result<Provenance> {
        let config = &self.config;
        provenance
            .with("model", &self.name)?
            .with("model_dir", self.files.model.display().to_string())?
            .with("adapter", self.files.adapter.as_ref().map(|adapter| adapter.display().to_string()))?
            .with("model_sha256", &self.digest)?
            .with("template", self.template.name())?
            .with("template_date", time)?
            .with("dtype", &local.dtype)?
            .with("device", label(&self.device))?
            .with("do_sample", !config.is_greedy())?
            .with("temperature", config.temperature)?
            .with("top_p", config.top_p)?
            .with("top_k", config.top_k)?
            .with("repetition_penalty", config.repetition_penalty)?
            .with("max_tokens", config.max_new_tokens)?
            .with("seed", config.seed)
    }
}

/// The folder's settings, and those that were typed over them.
fn settings(args: &AnswerArgs, files: &ModelFiles) -> Result<GenerationConfig> {
    let (ask, local) = (&args.ask, &args.local);
    let mut config = files.generation_config()?;
    if let Some(temperature) = ask.temperature {
        config.temperature = temperature;
        config.do_sample = temperature != 0.0;
    }
    config.top_p = ask.top_p.unwrap_or(config.top_p);
    config.top_k = local.top_k.unwrap_or(config.top_k);
    config.repetition_penalty = local.repetition_penalty.unwrap_or(config.repetition_penalty);
    config.max_new_tokens = ask.max_tokens.map_or(config.max_new_tokens, |most| most as usize);
    config.seed = ask.seed.unwrap_or(config.seed);
    config.validate()?;
    if config.is_greedy() {
        let idle = [
            ("--top-p", ask.top_p.is_some()),
            ("--top-k", local.top_k.is_some()),
            ("--seed", ask.seed.is_some()),
        ];
        for (name, _) in idle.iter().filter(|(_, given)| *given) {
            note(format!(
                "note: {name} has no effect, because decoding is greedy; --temperature makes it sample"
            ));
        }
    }
    Ok(config)
}

/// What the model continues, with a random stream that follows from the question: an answer depends neither on the
/// prompts beside it nor on how often the run was stopped.
fn tokens(respondent: &Respondent, prompt: &Prompt, key: &QuestionKey) -> Result<TokenPrompt> {
    let message = |message: &chat_client::Message| {
        let role = match message.role {
            Role::System | Role::Developer => iopo_data::Role::System,
            Role::User => iopo_data::Role::User,
            Role::Assistant => iopo_data::Role::Assistant,
            other => bail!("no template has the role {other:?}"),
        };
        Ok(iopo_data::Message { role, content: message.content.clone() })
    };
    let messages = prompt.messages.iter().map(message).collect::<Result<Vec<_>>>();
    let tokens = messages.and_then(|messages| Ok(respondent.prompt(&messages)?));
    let tokens = tokens.with_context(|| format!("prompt {:?} cannot be asked", prompt.id))?;
    let stream = u64::from_str_radix(&key.to_string()[..16], 16)?;
    Ok(TokenPrompt { tokens, stream })
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn now_ms() -> u64 {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The name of a folder, also of one given as `.` or `..`.
fn folder_name(dir: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let whole = || dir.canonicalize().ok().and_then(|dir| name(&dir));
    name(dir).or_else(whole).unwrap_or_else(|| dir.display().to_string())
}
