//! Chat templates, endpoints and journals.

use std::fs;
use std::path::Path;

use chat_client::{ChatResponse, Journal};
use iopo_data::{Message, Role, Template, TemplateEncoder, TextTokenizer};

use crate::scratch::{model_folder, with_file};

/// A chat template, rendered for a prompt and for an answer.
pub(crate) fn template(bytes: &[u8]) {
    let messages = [
        Message { role: Role::System, content: "Be brief.".to_owned() },
        Message { role: Role::User, content: "Name a colour. {{ 7 * 7 }}".to_owned() },
    ];
    with_file("chat_template.jinja", bytes, |path| {
        let folder = path.parent().unwrap_or(Path::new("."));
        let files = ["tokenizer.json", "tokenizer_config.json"];
        if files.iter().any(|name| fs::copy(model_folder().join(name), folder.join(name)).is_err()) {
            return;
        }
        let tokenizer = TextTokenizer::from_dir(folder).ok();
        let encoder = tokenizer.and_then(|tokenizer| TemplateEncoder::new(tokenizer, Template::Chat).ok());
        if let Some(encoder) = encoder {
            let _ = encoder.prompt(&messages);
            let _ = encoder.encode(&messages, "Blue.");
        }
    });
}

/// The body of an endpoint's answer: a chat completion, an error, or a stream of events.
pub(crate) fn endpoint_body(bytes: &[u8]) {
    let _ = ChatResponse::parse(&String::from_utf8_lossy(bytes));
}

/// A journal of answers, opened twice: opening mends its last line, after which nothing is torn.
pub(crate) fn journal(bytes: &[u8]) {
    with_file("journal.jsonl", bytes, |path| {
        let Ok(first) = Journal::open(path).map(|journal| journal.len()) else { return };
        let again = Journal::open(path).map(|journal| journal.len());
        assert!(
            again.is_ok_and(|again| again == first),
            "a journal that opened once opens again, with all its answers"
        );
    });
}
