//! The configuration file of `trace-build run`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use chat_client::{AskConfig, Caps, EndpointConfig, Prices, RetryConfig};
use iopo_files::{excerpt, fill_references, parse_yaml_map, read_text, setting_whole};
use serde_json::{Map, Value};
use trace_schema::ConstraintDimension;
use trace_score::ReasoningMode;
use trace_score::trace::VoteRule;
use trace_synthesis::pipeline::{
    Attempts, Checks, LanguageChoice, MAX_CONSTRAINTS, ModelRole, PipelineConfig, QuestionKind, Sampling,
    SimilarityConfig,
};
use trace_world::CountDistribution;

use super::reader::Section;
use crate::cli::parse_counts;

/// The largest configuration that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// A configuration that is checked and ready.
#[derive(Debug, Clone)]
pub(crate) struct RunConfig {
    pub(super) seeds: PathBuf,
    pub(super) output: PathBuf,
    pub(super) rows: Option<u64>,
    pub(super) generator: Endpoint,
    /// Without a judge the generator judges too.
    pub(super) judge: Option<Endpoint>,
    pub(super) held_out: Option<HeldOut>,
    pub(super) contamination_with: Vec<PathBuf>,
    pub(super) prompts: Option<PathBuf>,
    pub(super) pipeline: PipelineConfig,
    /// The file as it was written, for the summary.
    pub(super) written: Value,
}

/// Where a model is asked, and how much may be taken.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) connection: EndpointConfig,
    pub(super) ask: AskConfig,
    pub(super) is_structured: bool,
}

/// How many seeds are held out for evaluation.
#[derive(Debug, Clone, Copy)]
pub(super) enum HeldOut {
    Rows(u64),
    Share(f64),
}

impl HeldOut {
    pub(super) fn of(self, seeds: u64) -> u64 {
        match self {
            Self::Rows(rows) => rows.min(seeds),
            Self::Share(share) => (share * seeds as f64).round() as u64,
        }
    }
}

impl RunConfig {
    /// Reads a file; all problems are reported at once.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = read_text(path, MAX_BYTES).with_context(|| format!("cannot read {}", path.display()))?;
        let map = parse_yaml_map(&text)
            .map_err(|error| anyhow::anyhow!("{} is not valid YAML: {error}", path.display()))?;
        Self::of(map).map_err(|problems| {
            let count = if problems.len() == 1 {
                "1 problem".to_owned()
            } else {
                format!("{} problems", problems.len())
            };
            let list: String = problems.iter().map(|problem| format!("\n  - {problem}")).collect();
            anyhow::anyhow!("{}: {count} in the configuration:{list}", path.display())
        })
    }

    fn of(map: Map<String, Value>) -> Result<Self, Vec<String>> {
        let written = Value::Object(map.clone());
        let mut section = Section::new(filled(map)?);
        let seeds = section.text("seeds");
        let seeds = section.needed("seeds", seeds);
        let output = section.text("output");
        let output = section.needed("output", output);
        let rows = section.whole("rows", 1, u64::MAX);
        let generator = endpoint(&mut section, "generator");
        let generator = section.needed("generator", generator).flatten();
        let judge = endpoint(&mut section, "judge");
        let (held_out, evaluation_counts) = evaluation(&mut section);
        let contamination_with = paths(&mut section, "contamination_with");
        let prompts = section.text("prompts").map(PathBuf::from);
        let mut pipeline = pipeline(&mut section);
        if let Some(counts) = evaluation_counts {
            pipeline.evaluation_counts = counts;
        }
        let problems: Vec<String> = section.finish().into_iter().chain(pipeline.problems()).collect();
        match (seeds, output, generator, problems.is_empty()) {
            (Some(seeds), Some(output), Some(generator), true) => {
                let judge = judge.flatten();
                pipeline.concurrency = generator.connection.max_concurrency
                    + judge.as_ref().map_or(0, |judge| judge.connection.max_concurrency);
                pipeline.structured_output = structured(&generator, judge.as_ref());
                Ok(Self {
                    seeds: seeds.into(),
                    output: output.into(),
                    rows,
                    generator,
                    judge,
                    held_out,
                    contamination_with,
                    prompts,
                    pipeline,
                    written,
                })
            }
            _ => Err(problems),
        }
    }
}

/// The map with its `${...}` filled in.
fn filled(mut map: Map<String, Value>) -> Result<Map<String, Value>, Vec<String>> {
    match fill_references(&mut map, |name| std::env::var(name).ok()) {
        Ok(()) => Ok(map),
        Err(unfilled) => Err(unfilled
            .iter()
            .map(|problem| format!("`{}` {}", excerpt(&problem.key), problem.reason))
            .collect()),
    }
}

fn structured(generator: &Endpoint, judge: Option<&Endpoint>) -> Vec<ModelRole> {
    let judge = judge.unwrap_or(generator);
    [(ModelRole::Generator, generator), (ModelRole::Judge, judge)]
        .into_iter()
        .filter(|(_, endpoint)| endpoint.is_structured)
        .map(|(role, _)| role)
        .collect()
}

/// `None` where the key is absent, `Some(None)` where something is wrong.
fn endpoint(parent: &mut Section, key: &'static str) -> Option<Option<Endpoint>> {
    let mut section = parent.section(key)?;
    let url = section.text("endpoint");
    let url = section.needed("endpoint", url);
    let model = section.text("model");
    let model = section.needed("model", model);
    let defaults = EndpointConfig::new("", "");
    let above_zero = "a number of seconds above 0";
    let seconds = |section: &mut Section, key, default: Duration| {
        let seconds = section.number(key, above_zero, |seconds| seconds > 0.0 && seconds < 1e9);
        seconds.map_or(default, Duration::from_secs_f64)
    };
    let retry = RetryConfig {
        max_attempts: section.small("attempts", 1).unwrap_or(defaults.retry.max_attempts),
        base_delay: seconds(&mut section, "retry_delay", defaults.retry.base_delay),
        ..defaults.retry.clone()
    };
    let connection = EndpointConfig {
        api_key_env: section.text("api_key_env"),
        max_concurrency: section.size("concurrency", 1, 10_000).unwrap_or(defaults.max_concurrency),
        request_timeout: seconds(&mut section, "timeout", defaults.request_timeout),
        retry,
        ..defaults
    };
    let is_structured = section.flag("structured_output").unwrap_or(false);
    let ask = ask_config(&mut section);
    parent.close(section);
    let connection = url.zip(model).map(|(base_url, model)| EndpointConfig { base_url, model, ..connection });
    Some(connection.map(|connection| Endpoint { connection, ask, is_structured }))
}

fn ask_config(section: &mut Section) -> AskConfig {
    let amount = "a number from 0";
    let input = section.number("input_price", amount, |price| price >= 0.0);
    let output = section.number("output_price", amount, |price| price >= 0.0);
    let prices = input.zip(output);
    if input.is_some() != output.is_some() {
        section.problem("input_price", "and `output_price` need each other");
    }
    let caps = Caps {
        max_cost: section.number("max_cost", amount, |cost| cost >= 0.0),
        max_questions: section.whole("max_questions", 0, u64::MAX),
        max_tokens: section.whole("max_total_tokens", 0, u64::MAX),
    };
    if caps.max_cost.is_some() && prices.is_none() {
        section.problem("max_cost", "needs `input_price` and `output_price`");
    }
    let prices =
        prices.map(|(input, output)| Prices { input_per_million: input, output_per_million: output });
    AskConfig { prices, caps }
}

fn evaluation(parent: &mut Section) -> (Option<HeldOut>, Option<CountDistribution>) {
    let Some(mut section) = parent.section("evaluation") else { return (None, None) };
    let rows = section.whole("rows", 1, u64::MAX);
    let share = section.number("share", "a number above 0 and below 1", |share| share > 0.0 && share < 1.0);
    let counts = counts(&mut section, "counts");
    let held_out = match (rows, share) {
        (Some(_), Some(_)) => {
            section.problem("rows", "and `share` exclude each other");
            None
        }
        (rows, share) => rows.map(HeldOut::Rows).or(share.map(HeldOut::Share)),
    };
    if held_out.is_none() && rows.is_none() {
        section.problem("rows", "or `share` is needed");
    }
    parent.close(section);
    (held_out, counts)
}

fn paths(section: &mut Section, key: &'static str) -> Vec<PathBuf> {
    let read = |value: &Value| match value {
        Value::String(path) => Some(vec![PathBuf::from(path)]),
        Value::Array(paths) => paths.iter().map(|path| path.as_str().map(PathBuf::from)).collect(),
        _ => None,
    };
    section.read(key, "a list of files", read).unwrap_or_default()
}

/// A name of `--counts`, or weights of 1, 2, 3 and so on constraints.
fn counts(section: &mut Section, key: &'static str) -> Option<CountDistribution> {
    let read = |value: &Value| match value {
        Value::String(name) => parse_counts(name).ok(),
        Value::Array(weights) if weights.len() <= MAX_CONSTRAINTS => {
            let weight = |weight: &Value| u32::try_from(setting_whole(weight)?).ok();
            CountDistribution::new(weights.iter().map(weight).collect::<Option<Vec<u32>>>()?).ok()
        }
        _ => None,
    };
    let expected =
        "paper-training, paper-evaluation, up-to-N with N from 2 to 15, or a list of at most 15 weights";
    section.read(key, expected, read)
}

fn pipeline(section: &mut Section) -> PipelineConfig {
    let defaults = PipelineConfig::default();
    PipelineConfig {
        seed: section.whole("seed", 0, u64::MAX).unwrap_or(defaults.seed),
        language: language(section).unwrap_or(defaults.language),
        counts: counts(section, "counts").unwrap_or(defaults.counts),
        count_tolerance: tolerance(section).unwrap_or(defaults.count_tolerance),
        offered_dimensions: section
            .size("offered_dimensions", 1, ConstraintDimension::ALL.len() as u64)
            .unwrap_or(defaults.offered_dimensions),
        attempts: attempts(section, defaults.attempts),
        sampling: sampling(section),
        send_seed: section.flag("send_seed").unwrap_or(defaults.send_seed),
        votes: section.small("votes", 1).unwrap_or(defaults.votes),
        vote_rule: vote_rule(section).unwrap_or(defaults.vote_rule),
        pairs: section.flag("pairs").unwrap_or(defaults.pairs),
        groups: section.flag("groups").unwrap_or(defaults.groups),
        checks: checks(section).unwrap_or(defaults.checks),
        reasoning: reasoning(section).unwrap_or(defaults.reasoning),
        similarity: similarity(section, defaults.similarity),
        expected_response_tokens: section
            .whole("expected_response_tokens", 1, 1 << 20)
            .unwrap_or(defaults.expected_response_tokens),
        ..defaults
    }
}

/// One of some names, and what it stands for.
fn named<T: Copy>(section: &mut Section, key: &'static str, names: &[(&str, T)]) -> Option<T> {
    let expected: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    section.read(key, &expected.join(" or "), |value| {
        let name = value.as_str()?;
        names.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
    })
}

fn language(section: &mut Section) -> Option<LanguageChoice> {
    let names = [("auto", LanguageChoice::Auto), ("en", LanguageChoice::En), ("zh", LanguageChoice::Zh)];
    named(section, "language", &names)
}

fn vote_rule(section: &mut Section) -> Option<VoteRule> {
    named(section, "vote_rule", &[("median", VoteRule::Median), ("majority", VoteRule::Majority)])
}

fn checks(section: &mut Section) -> Option<Checks> {
    named(section, "checks", &[("strict", Checks::STRICT), ("paper", Checks::PAPER)])
}

fn reasoning(section: &mut Section) -> Option<ReasoningMode> {
    let names = [
        ("strip", ReasoningMode::Strip),
        ("keep", ReasoningMode::Keep),
        ("separate", ReasoningMode::Separate),
    ];
    named(section, "reasoning", &names)
}

fn tolerance(section: &mut Section) -> Option<Option<usize>> {
    section.read("count_tolerance", "a whole number from 0 or any", |value| match value {
        Value::String(text) if text == "any" => Some(None),
        value => setting_whole(value).and_then(|number| usize::try_from(number).ok()).map(Some),
    })
}

fn attempts(parent: &mut Section, defaults: Attempts) -> Attempts {
    let Some(mut section) = parent.section("attempts") else { return defaults };
    let attempts = Attempts {
        answer: section.small("answer", 1).unwrap_or(defaults.answer),
        instruction: section.small("instruction", 1).unwrap_or(defaults.instruction),
        response: section.small("response", 1).unwrap_or(defaults.response),
        worse_response: section.small("worse_response", 1).unwrap_or(defaults.worse_response),
        group: section.small("group", 1).unwrap_or(defaults.group),
        repairs: section.small("repairs", 0).unwrap_or(defaults.repairs),
    };
    parent.close(section);
    attempts
}

fn similarity(parent: &mut Section, defaults: SimilarityConfig) -> SimilarityConfig {
    let Some(mut section) = parent.section("similarity") else { return defaults };
    let range = "a number from 0.1 to 1";
    let similarity = SimilarityConfig {
        threshold: section
            .number("threshold", range, |threshold| (0.1..=1.0).contains(&threshold))
            .unwrap_or(defaults.threshold),
        near_duplicates: section.flag("near_duplicates").unwrap_or(defaults.near_duplicates),
    };
    parent.close(section);
    similarity
}

/// A missing temperature is the default of its kind.
fn sampling(parent: &mut Section) -> BTreeMap<QuestionKind, Sampling> {
    let mut all = BTreeMap::new();
    let Some(mut section) = parent.section("sampling") else { return all };
    for kind in QuestionKind::ALL {
        let Some(mut inner) = section.section(kind.name()) else { continue };
        let temperature = inner.number("temperature", "a number from 0", |value| value >= 0.0);
        let sampling = Sampling {
            temperature: temperature.or(Some(kind.default_temperature())),
            top_p: inner
                .number("top_p", "a number above 0 and at most 1", |value| value > 0.0 && value <= 1.0),
            max_tokens: inner.small("max_tokens", 1),
            extra: inner
                .read("extra", "a map of keys and values", |value| value.as_object().cloned())
                .unwrap_or_default(),
        };
        section.close(inner);
        all.insert(kind, sampling);
    }
    parent.close(section);
    all
}
