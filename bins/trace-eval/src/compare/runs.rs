//! Results of systems, as files have them.

use std::path::Path;

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::Value;
use trace_schema::{JsonlReader, Record, UnknownLabels};
use trace_score::Judged;
use trace_score::cfbench::CfBenchScore;
use trace_score::complexbench;

/// The results of a system.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) model: String,
    pub(super) method: String,
    pub(super) trace: Option<Vec<Judged>>,
    pub(super) ifeval: Option<Vec<PromptRow>>,
    pub(super) cfbench: Option<Vec<CfBenchRow>>,
    pub(super) complexbench: Option<Vec<ComplexBenchRow>>,
}

/// A row of `trace-eval complexbench`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ComplexBenchRow {
    pub(super) main_id: i64,
    questions: Vec<QuestionRow>,
}

#[derive(Debug, Clone, Deserialize)]
struct QuestionRow {
    question: String,
    verdict: complexbench::Verdict,
}

impl QuestionRow {
    /// Whether it is satisfied; `None` without a verdict.
    fn holds(&self) -> Option<bool> {
        match self.verdict {
            complexbench::Verdict::Holds => Some(true),
            complexbench::Verdict::Fails => Some(false),
            _ => None,
        }
    }
}

impl Record for ComplexBenchRow {}

impl ComplexBenchRow {
    /// Questions that are satisfied, those with a verdict, and those without.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let count = |verdict| self.questions.iter().filter(|question| question.holds() == verdict).count();
        (count(Some(true)), count(Some(true)) + count(Some(false)), count(None))
    }

    /// The questions.
    pub(super) fn asked(&self) -> impl Iterator<Item = &str> {
        self.questions.iter().map(|question| question.question.as_str())
    }

    /// Of the questions with a verdict in both of two runs: those satisfied here, those satisfied there, and all.
    pub(super) fn both(&self, there: &Self) -> (usize, usize, usize) {
        let pairs = self.questions.iter().zip(&there.questions);
        let known: Vec<_> = pairs.filter_map(|(here, there)| here.holds().zip(there.holds())).collect();
        let held_here = known.iter().filter(|pair| pair.0).count();
        (held_here, known.iter().filter(|pair| pair.1).count(), known.len())
    }
}

/// A row of `trace-eval cfbench`; one without rates failed.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "CfBenchFields")]
pub(super) struct CfBenchRow {
    pub(super) id: u64,
    pub(super) score: Option<CfBenchScore>,
}

#[derive(Deserialize)]
struct CfBenchFields {
    id: u64,
    csr: Option<f64>,
    isr: Option<u8>,
    psr: Option<u8>,
    failed: Option<String>,
}

impl TryFrom<CfBenchFields> for CfBenchRow {
    type Error = &'static str;

    fn try_from(fields: CfBenchFields) -> Result<Self, Self::Error> {
        let CfBenchFields { id, csr, isr, psr, failed } = fields;
        let score = match (csr, isr, psr, failed) {
            (Some(csr), Some(isr), Some(psr), None) => Some(CfBenchScore { csr, isr, psr }),
            (None, None, None, Some(_)) => None,
            _ => return Err("there must be csr, isr and psr, or else failed"),
        };
        Ok(Self { id, score })
    }
}

impl Record for CfBenchRow {}

/// A row of `trace-eval ifeval`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PromptRow {
    pub(super) key: u64,
    instructions: Vec<InstructionRow>,
}

#[derive(Debug, Clone, Deserialize)]
struct InstructionRow {
    kind: String,
    strict: bool,
    loose: bool,
}

impl Record for PromptRow {}

impl PromptRow {
    /// Whether every instruction is followed.
    pub(super) fn strict(&self) -> bool {
        self.instructions.iter().all(|instruction| instruction.strict)
    }

    /// Whether every instruction is followed loosely.
    pub(super) fn loose(&self) -> bool {
        self.instructions.iter().all(|instruction| instruction.loose)
    }

    /// The prompt, where known.
    pub(super) fn kinds(&self) -> Vec<&str> {
        self.instructions.iter().map(|instruction| instruction.kind.as_str()).collect()
    }
}

impl Run {
    /// The model and the method, or the method where no model was named.
    pub(super) fn name(&self) -> String {
        match self.model.as_str() {
            "" => self.method.clone(),
            model => format!("{model}/{}", self.method),
        }
    }

    fn read(&mut self, path: &Path) -> Result<()> {
        let of = |benchmark: &str| {
            format!("{} has results of {benchmark} already, before {}", self.name(), path.display())
        };
        match kind(path)? {
            Kind::Trace if self.trace.is_some() => bail!(of("TRACE")),
            Kind::Ifeval if self.ifeval.is_some() => bail!(of("IFEval")),
            Kind::CfBench if self.cfbench.is_some() => bail!(of("CFBench")),
            Kind::Trace => {
                let rows = JsonlReader::open(path)?.unknown_labels(UnknownLabels::Keep);
                self.trace = Some(rows.collect::<Result<_, _>>()?);
            }
            Kind::ComplexBench if self.complexbench.is_some() => bail!(of("ComplexBench")),
            Kind::ComplexBench => {
                self.complexbench = Some(JsonlReader::open(path)?.collect::<Result<_, _>>()?);
            }
            Kind::CfBench => self.cfbench = Some(JsonlReader::open(path)?.collect::<Result<_, _>>()?),
            Kind::Ifeval => self.ifeval = Some(JsonlReader::open(path)?.collect::<Result<_, _>>()?),
        }
        Ok(())
    }
}

/// The format of a file.
enum Kind {
    Trace,
    Ifeval,
    CfBench,
    ComplexBench,
}

/// Identifies the format by the keys of the first row.
fn kind(path: &Path) -> Result<Kind> {
    let Some(first) = JsonlReader::<_, Value>::open(path)?.next().transpose()? else {
        bail!("{} is empty", path.display());
    };
    let has = |keys: &[&str]| keys.iter().all(|key| first.get(key).is_some());
    match (has(&["id", "prompt", "answer"]), has(&["key", "instructions"])) {
        (true, _) => Ok(Kind::Trace),
        (_, true) => Ok(Kind::Ifeval),
        _ if has(&["main_id", "questions"]) => Ok(Kind::ComplexBench),
        _ if has(&["id", "split"]) => Ok(Kind::CfBench),
        _ => bail!("{} is neither a judged.jsonl nor a verdicts.jsonl of this program", path.display()),
    }
}

/// Reads the arguments; files of one name come together, in the order in which names come first.
pub(super) fn read(typed: &[String]) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for typed in typed {
        // A file's own name may have a "=" in it.
        let (name, path) = match typed.split_once('=').filter(|_| !Path::new(typed).is_file()) {
            Some((name, path)) => (name.to_owned(), Path::new(path)),
            None => (name_of(Path::new(typed)), Path::new(typed)),
        };
        let (model, method) = name.rsplit_once('/').unwrap_or(("", &name));
        if method.is_empty() {
            bail!("{typed:?} has no name before its \"=\"");
        }
        let same = |run: &Run| run.model == model && run.method == method;
        let place = runs.iter().position(same).unwrap_or_else(|| {
            runs.push(Run { model: model.to_owned(), method: method.to_owned(), ..Run::default() });
            runs.len() - 1
        });
        runs[place].read(path)?;
    }
    // The table shows a model's systems one under the other.
    let models: Vec<String> = runs.iter().map(|run| run.model.clone()).collect();
    runs.sort_by_key(|run| models.iter().position(|model| *model == run.model));
    Ok(runs)
}

/// The name of a file, or of its folder where all files of this program have the same name.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    match (stem.as_str(), folder) {
        ("judged" | "verdicts", Some(folder)) => folder,
        _ => stem,
    }
}
