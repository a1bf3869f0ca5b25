//! What results say about asking them, and about the end of their answers.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, FloatDType};
use iopo_data::{Message, Template, TemplateEncoder, TextTokenizer};
use iopo_train::{Notice, Observer, TrainArgs, TrainConfig, Trainer, export_merged};
use serde_json::{Map, Value, json};
use tempfile::{TempDir, tempdir};

use crate::common::{copy_folder, fixture, names_in, tiny};

#[derive(Default)]
struct Notices(Vec<String>);

impl Observer for Notices {
    fn on_notice(&mut self, notice: &Notice) {
        self.0.push(format!("{}: {}", notice.key, notice.text));
    }
}

/// A model whose files can be changed, and folders for results.
struct Workplace(TempDir);

impl Workplace {
    fn new() -> Self {
        let place = Self(tempdir().unwrap());
        copy_folder(&tiny(), &place.path("model"));
        place
    }

    /// A base model: its end token is that of documents.
    fn of_base_model() -> Self {
        let place = Self::new();
        place.edit("config.json", |map| map.insert("eos_token_id".to_owned(), json!(997)));
        place.edit("generation_config.json", |map| map.insert("eos_token_id".to_owned(), json!(997)));
        place.edit("tokenizer_config.json", |map| map.insert("eos_token".to_owned(), json!("<|endoftext|>")));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn edit(&self, name: &str, edit: impl FnOnce(&mut Map<String, Value>) -> Option<Value>) {
        let path = self.path("model").join(name);
        let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(value.as_object_mut().unwrap());
        fs::write(path, value.to_string()).unwrap();
    }

    /// Trains once, and returns what was said.
    fn train(&self, out: &str, more: &[&str]) -> Vec<String> {
        let mut notices = Notices::default();
        Trainer::new(self.config(out, more), &Device::flex()).unwrap().run(&mut notices).unwrap();
        notices.0
    }

    fn config(&self, out: &str, more: &[&str]) -> TrainConfig {
        let text = format!(
            "{{model_name_or_path: {:?}, output_dir: {:?}, dataset_dir: {:?}, dataset: groups.jsonl, template: qwen, \
             stage: iopo, max_samples: 2, max_steps: 1, save_steps: 1}}",
            self.path("model"),
            self.path(out),
            fixture("quickstart"),
        );
        let more: Vec<String> = more.iter().map(|&line| line.to_owned()).collect();
        TrainArgs::from_yaml(&text, Path::new("test.yaml"), &more).unwrap().validate().unwrap()
    }

    fn ends(&self, folder: &str) -> Value {
        let text = fs::read(self.path(folder).join("generation_config.json")).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()["eos_token_id"].clone()
    }

    /// A prompt as the folder's own chat template writes it, with the model's tokenizer.
    fn prompt(&self, folder: &str) -> String {
        let encoder = |template| {
            TemplateEncoder::new(TextTokenizer::from_dir(self.path(folder)).unwrap(), template).unwrap()
        };
        let encoder = encoder(Template::Chat);
        encoder.tokenizer().decode(&encoder.prompt(&[Message::user("Name a colour.")]).unwrap()).unwrap()
    }
}

#[test]
fn results_name_the_token_that_was_trained_as_an_end_beside_the_models_own() {
    let place = Workplace::of_base_model();
    let said = place.train("full", &["finetuning_type=full"]);
    let expected = "template qwen: an answer ends with <|im_end|> (999), which the model does not name as an end token; \
                    generation_config.json of the results names it beside [997]; a conversation without a system \
                    message begins with \"You are a helpful assistant.\"";
    assert_eq!(said.iter().filter(|line| *line == expected).count(), 1, "{said:?}");
    assert_eq!(place.ends("full"), json!([999, 997]));
    assert_eq!(place.ends("full/checkpoint-1"), json!([999, 997]));
    assert_eq!(TextTokenizer::from_dir(place.path("full")).unwrap().eos_ids(), [997, 999]);
}

#[test]
fn an_adapter_carries_what_it_was_trained_with_into_the_model_that_it_is_merged_into() {
    let place = Workplace::of_base_model();
    place.edit("tokenizer_config.json", |map| map.remove("chat_template"));
    place.train("lora", &["learning_rate=0.01"]);
    assert_eq!(place.ends("lora"), json!([999, 997]));
    let (model, adapter, out) = (place.path("model"), place.path("lora"), place.path("merged"));
    let report = export_merged(&model, &adapter, &out, FloatDType::F32, &Device::flex()).unwrap();
    assert_eq!(place.ends("merged"), json!([999, 997]));
    assert!(place.prompt("merged").contains("You are a helpful assistant."));
    assert_eq!(
        report.notes,
        ["generation_config.json and chat_template.jinja of the results: as the adapter has it"]
    );
}

#[test]
fn a_model_that_names_the_token_keeps_its_file_and_its_adapter_needs_none() {
    let place = Workplace::new();
    let said = place.train("full", &["finetuning_type=full"]);
    assert!(said.iter().any(|line| line.contains("ends with <|im_end|> (999); a conversation")), "{said:?}");
    let file = |folder: &str| fs::read(place.path(folder).join("generation_config.json")).unwrap();
    assert_eq!(file("full"), file("model"));
    assert!(!place.path("full/chat_template.jinja").exists());
    place.train("lora", &[]);
    assert!(
        !names_in(&place.path("lora"))
            .iter()
            .any(|name| name.contains("generation") || name.contains("jinja"))
    );
}

#[test]
fn results_have_a_chat_template_that_writes_the_prompts_of_the_training() {
    let place = Workplace::new();
    place.edit("tokenizer_config.json", |map| {
        let text = map["chat_template"].as_str().unwrap().replace("You are a helpful", "You are another");
        map.insert("chat_template".to_owned(), json!(text))
    });
    let said = place.train("full", &["finetuning_type=full"]);
    assert!(said.iter().any(|line| line.contains("writes other prompts")), "{said:?}");
    assert!(place.prompt("model").contains("You are another"));
    assert!(place.prompt("full").contains("You are a helpful assistant."));
    // With its own template nothing is implied, and nothing is written.
    let said = place.train("own", &["finetuning_type=full", "template=chat"]);
    assert!(!said.iter().any(|line| line.starts_with("template")), "{said:?}");
    assert!(place.prompt("own").contains("You are another"));
}
