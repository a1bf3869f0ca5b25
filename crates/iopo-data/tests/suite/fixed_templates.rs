//! The fixed templates beyond the recorded cases: turns, awkward contents, errors.

use iopo_data::{Message, Template, TemplateEncoder};

use crate::common;

fn qwen_text(messages: &[Message]) -> String {
    let encoder = common::encoder("qwen2-tiny", Template::Qwen);
    encoder.tokenizer().decode(&encoder.prompt(messages).unwrap()).unwrap()
}

const DEFAULT: &str = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n";

#[test]
fn no_system_text_and_an_empty_one_both_give_qwens_default() {
    let user = Message::user("q");
    let expected = format!("{DEFAULT}<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n");
    assert_eq!(qwen_text(std::slice::from_ref(&user)), expected);
    assert_eq!(qwen_text(&[Message::system(""), user]), expected);
}

#[test]
fn qwen_turns_are_separated_by_one_newline() {
    let messages = [Message::user("a"), Message::assistant("b"), Message::user("c")];
    let expected = format!(
        "{DEFAULT}<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n"
    );
    assert_eq!(qwen_text(&messages), expected);
}

#[test]
fn llama3_begins_with_bos_and_has_no_default_system_text() {
    let encoder = common::encoder("llama3-tiny", Template::Llama3);
    let messages = [Message::user("a"), Message::assistant("b"), Message::user("c")];
    let text = encoder.tokenizer().decode(&encoder.prompt(&messages).unwrap()).unwrap();
    let header = |role: &str| format!("<|start_header_id|>{role}<|end_header_id|>\n\n");
    let (user, assistant) = (header("user"), header("assistant"));
    assert_eq!(
        text,
        format!("<|begin_of_text|>{user}a<|eot_id|>{assistant}b<|eot_id|>{user}c<|eot_id|>{assistant}")
    );
}

#[test]
fn as_a_chat_template_a_fixed_one_writes_the_same_prompts_and_answers() {
    let conversations = [
        vec![Message::user("One")],
        vec![Message::system("Be brief.\n'Quoted' {{ braces }}"), Message::user(" One \n")],
        vec![Message::system(""), Message::user("One"), Message::assistant("Two"), Message::user("Three")],
    ];
    for (model, template) in [("qwen2-tiny", Template::Qwen), ("llama3-tiny", Template::Llama3)] {
        let fixed = common::encoder(model, template);
        let dir = common::edited_tokenizer(model, |_| {});
        std::fs::write(dir.path().join("chat_template.jinja"), fixed.as_chat_template().unwrap()).unwrap();
        let eos = format!("{{\"eos_token_id\": {}}}", fixed.eos_id());
        std::fs::write(dir.path().join("generation_config.json"), eos).unwrap();
        let tokenizer = iopo_data::TextTokenizer::from_dir(dir.path()).unwrap();
        let chat = TemplateEncoder::new(tokenizer, Template::Chat).unwrap();
        assert_eq!(chat.as_chat_template(), None);
        for messages in &conversations {
            let text = |encoder: &TemplateEncoder| {
                let sequence = encoder.encode(messages, "An answer.").unwrap();
                let decode = |ids: &[u32]| encoder.tokenizer().decode(ids).unwrap();
                (decode(&sequence.prompt), decode(&sequence.completion))
            };
            assert_eq!(text(&chat), text(&fixed), "{model}: {messages:?}");
        }
    }
}

#[test]
fn text_that_looks_like_a_template_is_only_text() {
    for text in ["{{content}}", "{{idx}}", "{% raw %}", "{{ bos_token }}"] {
        assert!(qwen_text(&[Message::user(text)]).contains(&format!("user\n{text}<|im_end|>")));
    }
}

#[test]
fn every_completion_ends_with_the_stop_word() {
    for response in ["", "world", "\nworld\n", "中文回答。", "a<|im_end|>b"] {
        for (model, template, stop) in
            [("qwen2-tiny", Template::Qwen, "<|im_end|>"), ("llama3-tiny", Template::Llama3, "<|eot_id|>")]
        {
            let encoder = common::encoder(model, template);
            let completion = encoder.completion(&[Message::user("q")], response).unwrap();
            assert_eq!(encoder.tokenizer().decode(&completion).unwrap(), format!("{response}{stop}"));
            assert_eq!(completion.last(), Some(&encoder.eos_id()));
        }
    }
}

#[test]
fn the_stop_word_is_the_eos_whatever_the_checkpoint_says() {
    let dir = common::edited_tokenizer("qwen2-tiny", |config| config["eos_token"] = "<|endoftext|>".into());
    let tokenizer = iopo_data::TextTokenizer::from_dir(dir.path()).unwrap();
    assert_eq!(tokenizer.eos_id(), 997);
    assert_eq!(TemplateEncoder::new(tokenizer, Template::Qwen).unwrap().eos_id(), 999);
}

#[test]
fn the_prompt_does_not_depend_on_what_the_response_begins_with() {
    let encoder = common::encoder("qwen2-tiny", Template::Qwen);
    let prompt = [Message::user("q")];
    let sequences = ["\n\nx", " x", "x"].map(|response| encoder.encode(&prompt, response).unwrap());
    assert!(sequences.iter().all(|sequence| sequence.prompt == encoder.prompt(&prompt).unwrap()));
}

#[test]
fn names_are_read_back() {
    for template in [Template::Qwen, Template::Llama3, Template::Chat] {
        assert_eq!(Template::from_name(Some(template.name())).unwrap(), template);
    }
    assert_eq!(Template::from_name(None).unwrap(), Template::Chat);
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
    let error = Template::from_name(Some("qwen3")).unwrap_err();
    assert!(
        error.to_string().starts_with("unknown template \"qwen3\": known are qwen, llama3, chat;"),
        "{error}"
    );
}

#[test]
fn a_template_of_another_family_is_an_error() {
    let error = TemplateEncoder::new(common::tokenizer("llama3-tiny"), Template::Qwen).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("template qwen needs the special token \"<|im_start|>\", "), "{message}");
    let error = TemplateEncoder::new(common::tokenizer("qwen2-tiny"), Template::Llama3).unwrap_err();
    assert!(error.to_string().starts_with("template llama3 needs the special token "), "{error}");
}

#[test]
fn llama3_without_a_bos_token_is_an_error() {
    let dir = common::edited_tokenizer("llama3-tiny", |config| config["bos_token"] = serde_json::Value::Null);
    let tokenizer = iopo_data::TextTokenizer::from_dir(dir.path()).unwrap();
    let error = TemplateEncoder::new(tokenizer, Template::Llama3).unwrap_err();
    assert!(error.to_string().contains("tokenizer_config.json names no bos_token"), "{error}");
}

#[test]
fn a_prompt_without_a_user_message_is_an_error() {
    let encoder = common::encoder("qwen2-tiny", Template::Qwen);
    for messages in [vec![], vec![Message::system("s")]] {
        let error = encoder.prompt(&messages).unwrap_err();
        assert_eq!(error.to_string(), "a prompt needs at least one user message");
    }
}

#[test]
fn roles_out_of_turn_are_an_error_that_names_the_message() {
    let encoder = common::encoder("qwen2-tiny", Template::Qwen);
    let error = encoder.prompt(&[Message::system("s"), Message::user("a"), Message::user("b")]).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("message 2 of the prompt is from user, expected assistant: "), "{message}");
    let error = encoder.prompt(&[Message::user("a"), Message::assistant("b")]).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("message 1 of the prompt is from assistant, expected user: "), "{message}");
}
