//! Files that say how a trained model is asked, and which tokens end its answers.

use std::path::Path;

use iopo_data::{Message, Template, TemplateEncoder, TextTokenizer};
use iopo_files::{read_text, whole_number, write_file};
use serde_json::{Map, Value, json};

use crate::args::Notice;
use crate::config::TrainConfig;
use crate::error::TrainError;

pub(crate) const GENERATION: &str = "generation_config.json";
pub(crate) const CHAT_TEMPLATE: &str = "chat_template.jinja";

/// The largest of these files that is read.
const MOST_BYTES: u64 = 16 << 20;

/// The files that stand beside trained weights so that other programs ask as training did, and stop.
#[derive(Debug)]
pub(crate) struct Answering {
    /// The content of `generation_config.json`, where the starting folder's does not name the token that was trained as
    /// the end of an answer, or is absent.
    generation: Option<String>,
    /// The content of `chat_template.jinja`, where the starting folder's own template writes other prompts.
    chat_template: Option<String>,
    /// What the template implies, for the user.
    notice: Option<Notice>,
}

impl Answering {
    /// The files for a run's results.
    pub(crate) fn of(config: &TrainConfig) -> Result<Self, TrainError> {
        let encoder = TemplateEncoder::new(TextTokenizer::from_dir(&config.model)?, config.data.template)?;
        let ends = Ends::of(&config.model, &encoder)?;
        let chat_template = encoder.as_chat_template().filter(|_| !folder_writes_the_same(&encoder));
        // A folder's own template implies nothing that the folder does not say, but for an end token that it lacks.
        let implies = encoder.template() != Template::Chat || ends.lacks_trained();
        let notice = implies.then(|| notice(&encoder, &ends, chat_template.is_some()));
        Ok(Self { generation: ends.generation_config(&encoder), chat_template, notice })
    }

    pub(crate) fn notice(self) -> Option<Notice> {
        self.notice
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<(), TrainError> {
        for (name, text) in [(GENERATION, &self.generation), (CHAT_TEMPLATE, &self.chat_template)] {
            if let Some(text) = text {
                write_file(dir.join(name), text)?;
            }
        }
        Ok(())
    }
}

/// Copies what training wrote beside an adapter to the model that it is merged into; says what was copied.
pub(crate) fn carry_over(adapter: &Path, out: &Path) -> Result<Vec<&'static str>, TrainError> {
    let mut copied = Vec::new();
    for name in [GENERATION, CHAT_TEMPLATE] {
        if let Some(text) = read_if_present(&adapter.join(name))? {
            write_file(out.join(name), text)?;
            copied.push(name);
        }
    }
    Ok(copied)
}

/// The tokens that end an answer.
struct Ends {
    /// The content of the starting folder's `generation_config.json`.
    file: Option<Map<String, Value>>,
    /// The tokens that this file names, or without any the tokenizer's.
    named: Vec<u32>,
    /// The one that the template ends a response with.
    trained: u32,
}

impl Ends {
    fn of(model: &Path, encoder: &TemplateEncoder) -> Result<Self, TrainError> {
        let path = model.join(GENERATION);
        let parse = |text: String| {
            serde_json::from_str(&text).map_err(|error| TrainError::at(&path, error.to_string()))
        };
        let file: Option<Map<String, Value>> = read_if_present(&path)?.map(parse).transpose()?;
        let own = file.as_ref().and_then(|map| map.get("eos_token_id"));
        let values =
            own.map_or(&[][..], |own| own.as_array().map_or(std::slice::from_ref(own), Vec::as_slice));
        let id = |value: &Value| u32::try_from(whole_number(value)?).ok();
        let mut named: Vec<u32> = values.iter().filter_map(id).collect();
        if named.is_empty() {
            named = encoder.tokenizer().eos_ids().to_vec();
        }
        Ok(Self { file, named, trained: encoder.eos_id() })
    }

    fn lacks_trained(&self) -> bool {
        !self.named.contains(&self.trained)
    }

    /// The file for the results; `None` where that of the starting folder will do.
    fn generation_config(&self, encoder: &TemplateEncoder) -> Option<String> {
        let mut map = match &self.file {
            Some(map) if self.lacks_trained() => map.clone(),
            Some(_) => return None,
            None => new_generation_config(encoder.tokenizer()),
        };
        let others = self.named.iter().copied().filter(|&id| id != self.trained);
        let ends: Vec<u32> = [self.trained].into_iter().chain(others).collect();
        map.insert("eos_token_id".to_owned(), if let [end] = ends[..] { json!(end) } else { json!(ends) });
        Some(format!("{:#}\n", Value::Object(map)))
    }
}

fn new_generation_config(tokenizer: &TextTokenizer) -> Map<String, Value> {
    let mut map = Map::from_iter([("pad_token_id".to_owned(), json!(tokenizer.pad_id()))]);
    map.extend(tokenizer.bos_id().map(|bos| ("bos_token_id".to_owned(), json!(bos))));
    map
}

/// Whether the folder's own chat template writes the prompts that the encoder writes.
fn folder_writes_the_same(encoder: &TemplateEncoder) -> bool {
    let Ok(own) = TemplateEncoder::new(encoder.tokenizer().clone(), Template::Chat) else { return false };
    let probes = [
        vec![Message::user("One")],
        vec![Message::system("Be brief."), Message::user("One")],
        vec![Message::user("One"), Message::assistant("Two"), Message::user("Three")],
    ];
    let text = |encoder: &TemplateEncoder, probe: &[Message]| {
        encoder.prompt(probe).ok().and_then(|prompt| encoder.tokenizer().decode(&prompt).ok())
    };
    probes.iter().all(|probe| text(&own, probe) == text(encoder, probe))
}

fn notice(encoder: &TemplateEncoder, ends: &Ends, replaces_template: bool) -> Notice {
    let end = encoder.tokenizer().token(ends.trained).unwrap_or_default();
    let mut text = format!("an answer ends with {end} ({})", ends.trained);
    if ends.lacks_trained() {
        text += &format!(
            ", which the model does not name as an end token; {GENERATION} of the results names it beside {:?}",
            ends.named
        );
    }
    if let Some(system) = encoder.default_system() {
        text += &format!("; a conversation without a system message begins with {system:?}");
    }
    if replaces_template {
        text += &format!(
            "; the model's chat template writes other prompts, so the results have a {CHAT_TEMPLATE}"
        );
    }
    Notice { key: format!("template {}", encoder.template()), text }
}

fn read_if_present(path: &Path) -> Result<Option<String>, TrainError> {
    match read_text(path, MOST_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TrainError::Read { path: path.to_owned(), source }),
    }
}
