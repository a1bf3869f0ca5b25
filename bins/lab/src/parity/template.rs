//! Replays recorded template cases (text to ids) and recorded truncations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use iopo_data::{Message, Template, TemplateEncoder, TextTokenizer, infer_seqlen};
use serde::Deserialize;
use serde_json::Value;

use crate::golden::root;
use crate::parity::{Comparison, Report};

/// One recorded case: what the template made of a prompt and a response.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    model: String,
    template: String,
    system: Option<String>,
    user: String,
    assistant: String,
    prompt_ids: Vec<u32>,
    response_ids: Vec<u32>,
}

/// Replays `file` with the tokenizer of the model that each case names.
///
/// A case uses `model` where that folder has its name, else the folder of its name beside
/// `model`; without `model`, the one in `models` beside the file's folder, in `fixtures/models` or
/// in `../shared/models`. Where there is none it is skipped, with a note. Rows of five numbers are
/// recorded truncations and need no model.
pub fn run(file: &Path, model: Option<&Path>) -> anyhow::Result<Report> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let rows: Vec<Value> =
        serde_json::from_slice(&bytes).with_context(|| format!("{} is not a JSON array", file.display()))?;
    match rows.first() {
        Some(Value::Array(_)) => replay_truncations(rows),
        Some(_) => replay_cases(rows, &Models::of(file, model)),
        None => bail!("{} has no rows", file.display()),
    }
    .with_context(|| format!("cannot replay {}", file.display()))
}

fn replay_truncations(rows: Vec<Value>) -> anyhow::Result<Report> {
    let mut source = Comparison::exact("infer_seqlen: kept source tokens");
    let mut target = Comparison::exact("infer_seqlen: kept target tokens");
    for (index, row) in rows.into_iter().enumerate() {
        let [s, t, cutoff, kept_source, kept_target]: [usize; 5] =
            serde_json::from_value(row).with_context(|| format!("row {index} is not five numbers"))?;
        let kept = infer_seqlen(s, t, cutoff);
        source.push(kept.0 as f64, kept_source as f64);
        target.push(kept.1 as f64, kept_target as f64);
    }
    Ok(Report { comparisons: vec![source, target], notes: Vec::new() })
}

/// The comparisons of one template with one model, and what they are made with.
struct Replay {
    encoder: TemplateEncoder,
    prompt: Comparison,
    response: Comparison,
}

fn replay_cases(rows: Vec<Value>, models: &Models) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut replays: BTreeMap<(String, String), Option<Replay>> = BTreeMap::new();
    for (index, row) in rows.into_iter().enumerate() {
        let case: Case =
            serde_json::from_value(row).with_context(|| format!("row {index} is not a template case"))?;
        let replay = match replays.entry((case.model.clone(), case.template.clone())) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(prepare(&case, models)?),
        };
        match replay {
            Some(replay) => replay.push(&case).with_context(|| format!("row {index}"))?,
            None => report.notes.push(format!("row {index} skipped: found no folder of {}", case.model)),
        }
    }
    for replay in replays.into_values().flatten() {
        report.comparisons.extend([replay.prompt, replay.response]);
    }
    Ok(report)
}

fn prepare(case: &Case, models: &Models) -> anyhow::Result<Option<Replay>> {
    let Some(folder) = models.find(&case.model) else {
        return Ok(None);
    };
    let tokenizer = TextTokenizer::from_dir(folder)?;
    let encoder = TemplateEncoder::new(tokenizer, Template::from_name(Some(&case.template))?)?;
    let name = |what: &str| format!("{} {}: {what} ids", case.model, case.template);
    let (prompt, response) = (Comparison::exact(name("prompt")), Comparison::exact(name("response")));
    Ok(Some(Replay { encoder, prompt, response }))
}

/// Folders that hold models by name.
struct Models(Vec<PathBuf>);

impl Models {
    fn of(file: &Path, model: Option<&Path>) -> Self {
        let beside =
            |path: &Path| path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
        match model {
            Some(model) => Self(beside(model).into_iter().collect()),
            None => {
                let of_file = beside(file).map(|folder| folder.join("../models"));
                let ours = ["fixtures/models", "../shared/models"].map(|folder| root().join(folder));
                Self(of_file.into_iter().chain(ours).collect())
            }
        }
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        self.0.iter().map(|folder| folder.join(name)).find(|folder| folder.is_dir())
    }
}

impl Replay {
    fn push(&mut self, case: &Case) -> anyhow::Result<()> {
        let mut messages: Vec<Message> = case.system.iter().map(Message::system).collect();
        messages.push(Message::user(&case.user));
        let sequence = self.encoder.encode(&messages, &case.assistant)?;
        let numbers = |ids: &[u32]| ids.iter().map(|&id| f64::from(id)).collect::<Vec<f64>>();
        self.prompt.extend(&numbers(&sequence.prompt), &numbers(&case.prompt_ids));
        self.response.extend(&numbers(&sequence.completion), &numbers(&case.response_ids));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixtures() -> PathBuf {
        root().join("fixtures")
    }

    fn replay(file: &str, model: &str) -> Report {
        run(&fixtures().join("golden").join(file), Some(&fixtures().join("models").join(model))).unwrap()
    }

    #[test]
    fn every_recorded_case_replays_from_either_model() {
        for model in ["qwen2-tiny", "llama3-tiny"] {
            let report = replay("template_cases.json", model);
            assert!(report.passed(), "{report}");
            assert_eq!((report.comparisons.len(), report.notes.len()), (4, 0), "{report}");
        }
    }

    #[test]
    fn cases_find_their_own_models() {
        let report = run(&fixtures().join("golden/template_cases.json"), None).unwrap();
        assert!(report.passed() && report.notes.is_empty(), "{report}");
    }

    #[test]
    fn every_recorded_truncation_replays() {
        let report = replay("infer_seqlen.json", "qwen2-tiny");
        assert!(report.passed(), "{report}");
    }

    #[test]
    fn a_case_of_an_absent_model_is_noted() {
        let alone = Folder::new("alone");
        let report = run(&fixtures().join("golden/template_cases.json"), Some(&alone.path)).unwrap();
        assert_eq!(report.notes.len(), 20);
        assert!(!report.passed());
    }

    #[test]
    fn a_changed_id_breaks_parity() {
        let folder = Folder::new("changed");
        let golden = std::fs::read(fixtures().join("golden/template_cases.json")).unwrap();
        let mut cases: Vec<Value> = serde_json::from_slice(&golden).unwrap();
        cases[0]["response_ids"][0] = Value::from(1);
        let file = folder.path.join("cases.json");
        std::fs::write(&file, serde_json::to_vec(&cases).unwrap()).unwrap();
        assert!(!run(&file, None).unwrap().passed());
    }

    #[test]
    fn a_file_without_rows_is_an_error() {
        let folder = Folder::new("empty");
        let file = folder.path.join("cases.json");
        std::fs::write(&file, "[]").unwrap();
        assert!(run(&file, None).is_err());
    }

    /// An empty folder, gone at the end of its test.
    struct Folder {
        path: PathBuf,
    }

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("parity-template-{}-{name}", std::process::id());
            // A level of its own, so that nothing lies beside the folder.
            let path = std::env::temp_dir().join(name).join("model");
            std::fs::create_dir_all(&path).unwrap();
            Self { path }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = self.path.parent().map(std::fs::remove_dir_all);
        }
    }
}
