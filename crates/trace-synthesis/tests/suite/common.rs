//! Running a pipeline in a folder of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_client::{
    AskConfig, Caps, ChatError, ChatRequest, ChatResponse, FinishReason, Journal, JournaledClient, LocalChat,
    Usage,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;
use trace_schema::{JsonlReader, Record};
use trace_synthesis::pipeline::{
    OutputFiles, OutputFolder, Pipeline, PipelineConfig, PipelineError, Prompts, RunReport, SeedFile,
    SimilarityConfig,
};
use trace_synthesis::testing::{Slips, WorldModel};
use trace_world::CountDistribution;

/// A folder with seeds and results, and the model that answers.
pub struct Bench {
    pub folder: TempDir,
    pub model: Arc<WorldModel>,
    pub config: PipelineConfig,
    pub held_out: u64,
    pub caps: Caps,
    pub asked: Arc<AtomicU64>,
    /// How every answer ends.
    pub ended: FinishReason,
}

impl Bench {
    pub fn new(seeds: usize, slips: Slips) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<String> =
            WorldModel::seeds(seeds).map(|seed| serde_json::to_string(&seed).unwrap() + "\n").collect();
        std::fs::write(folder.path().join("seeds.jsonl"), lines.concat()).unwrap();
        Self {
            folder,
            model: Arc::new(WorldModel::new(slips)),
            config: config(),
            held_out: 0,
            caps: Caps::default(),
            asked: Arc::default(),
            ended: FinishReason::Stop,
        }
    }

    pub fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs with the model's answers, into the folder of this name.
    pub fn run(&self, name: &str) -> RunReport {
        let model = Arc::clone(&self.model);
        self.run_with(name, move |request| Ok(model.answer(request)))
    }

    /// Runs with the answers of a function.
    pub fn run_with(
        &self,
        name: &str,
        respond: impl Fn(&ChatRequest) -> Result<String, ChatError> + Send + Sync + 'static,
    ) -> RunReport {
        self.try_with(name, respond).unwrap()
    }

    /// The same for runs that may fail.
    pub fn try_with(
        &self,
        name: &str,
        respond: impl Fn(&ChatRequest) -> Result<String, ChatError> + Send + Sync + 'static,
    ) -> Result<RunReport, PipelineError> {
        let out = self.out(name);
        std::fs::create_dir_all(&out).unwrap();
        let (asked, ended) = (Arc::clone(&self.asked), self.ended.clone());
        let chat = LocalChat::new("world", move |request: &ChatRequest| {
            asked.fetch_add(1, Ordering::Relaxed);
            let content = respond(request)?;
            let usage = Usage::new(10, content.len() as u64);
            Ok(ChatResponse { usage, finish_reason: ended.clone(), ..ChatResponse::text(content) })
        });
        let journal = Journal::open(out.join("journal.jsonl")).unwrap();
        let ask = AskConfig { caps: self.caps, ..AskConfig::default() };
        let client = JournaledClient::new(chat, journal, ask).unwrap();
        let seeds = SeedFile::open(self.out("seeds.jsonl"), None).unwrap();
        let seeds = seeds.hold_out(self.held_out, self.config.seed).unwrap();
        let files = OutputFiles { pairs: true, groups: true, evaluation: self.held_out > 0 };
        let output = OutputFolder::create(&out, files).unwrap();
        let prompts = Prompts::load(None).unwrap();
        let mut pipeline = Pipeline::new(self.config.clone(), prompts, client.clone(), client).unwrap();
        let evaluation = self.out("evaluation.jsonl");
        if evaluation.exists() {
            pipeline.keep_apart_from(&evaluation).unwrap();
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(pipeline.run(&seeds, output, Value::Null))
    }
}

/// Few constraints; near duplicates are not looked for, since the world's instructions all resemble each other.
pub fn config() -> PipelineConfig {
    PipelineConfig {
        counts: CountDistribution::up_to(4),
        evaluation_counts: CountDistribution::between(2, 3),
        similarity: SimilarityConfig { near_duplicates: false, ..SimilarityConfig::default() },
        concurrency: 8,
        ..PipelineConfig::default()
    }
}

pub fn rows<T: DeserializeOwned + Record>(path: &Path) -> Vec<T> {
    JsonlReader::open(path).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The bytes of all results of a run, by file name; the record of them says the same once more.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if !name.contains("journal") && !name.starts_with('.') {
            files.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    files
}
