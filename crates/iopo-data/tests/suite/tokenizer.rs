//! Reading tokenizer folders: special tokens, awkward texts, and what can be wrong.

use iopo_data::{Message, Template, TemplateEncoder, TextTokenizer};
use serde_json::json;

use crate::common;

#[test]
fn special_tokens_follow_the_configuration() {
    let qwen = common::tokenizer("qwen2-tiny");
    assert_eq!((qwen.eos_id(), qwen.bos_id(), qwen.pad_id()), (999, None, 997));
    assert_eq!(qwen.eos_ids(), [999]);
    let llama = common::tokenizer("llama3-tiny");
    assert_eq!((llama.eos_id(), llama.bos_id()), (998, Some(992)));
}

#[test]
fn without_a_pad_token_the_eos_token_pads() {
    assert_eq!(common::tokenizer("llama3-tiny").pad_id(), 998);
}

#[test]
fn every_stop_id_of_the_generation_config_is_known() {
    assert_eq!(common::tokenizer("llama3-tiny").eos_ids(), [998, 993, 997]);
}

#[test]
fn without_an_eos_token_the_generation_config_decides() {
    let dir = common::edited_tokenizer("qwen2-tiny", |config| config["eos_token"] = json!(null));
    std::fs::write(dir.path().join("generation_config.json"), r#"{"eos_token_id": [997, 999]}"#).unwrap();
    let tokenizer = TextTokenizer::from_dir(dir.path()).unwrap();
    assert_eq!(tokenizer.eos_id(), 997);
    assert_eq!(tokenizer.eos_ids(), [997, 999]);
}

#[test]
fn a_special_token_may_be_written_as_a_mapping() {
    let described = json!({"content": "<|endoftext|>", "lstrip": false, "__type": "AddedToken"});
    let dir = common::edited_tokenizer("qwen2-tiny", |config| config["eos_token"] = described);
    assert_eq!(TextTokenizer::from_dir(dir.path()).unwrap().eos_id(), 997);
}

#[test]
fn no_special_token_is_added_even_where_the_file_asks_for_one() {
    let llama = common::tokenizer("llama3-tiny");
    assert!(!llama.encode("hello").unwrap().contains(&992));
    assert!(llama.encode("").unwrap().is_empty());
}

#[test]
fn the_text_of_a_special_token_is_that_token() {
    let qwen = common::tokenizer("qwen2-tiny");
    assert_eq!(qwen.encode("<|im_end|>").unwrap(), [999]);
    assert_eq!(qwen.token_id("<|im_end|>"), Some(999));
    assert_eq!(qwen.token(999).as_deref(), Some("<|im_end|>"));
}

#[test]
fn a_limit_saved_in_the_file_cuts_and_pads_nothing() {
    let dir = common::edited_tokenizer("qwen2-tiny", |_| ());
    let path = dir.path().join("tokenizer.json");
    let mut file: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    file["truncation"] =
        json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
    file["padding"] = json!({
        "strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 997, "pad_type_id": 0, "pad_token": "<|endoftext|>"
    });
    std::fs::write(&path, file.to_string()).unwrap();
    let limited = TextTokenizer::from_dir(dir.path()).unwrap();
    let text = "several words make several tokens";
    assert_eq!(limited.encode(text).unwrap(), common::tokenizer("qwen2-tiny").encode(text).unwrap());
}

#[test]
fn awkward_texts_decode_to_themselves() {
    let qwen = common::tokenizer("qwen2-tiny");
    for text in
        ["", "\n", "\n\nx", " lead", "中文回答。\n", "a\r\nb\t", "{{content}}", "😀 é", "a<|im_end|>b"]
    {
        assert_eq!(qwen.decode(&qwen.encode(text).unwrap()).unwrap(), text);
    }
    assert_eq!(qwen.decode_plain(&qwen.encode("a<|im_end|>b").unwrap()).unwrap(), "ab");
}

#[test]
fn a_model_with_more_rows_than_tokens_is_accepted() {
    let qwen = common::tokenizer("qwen2-tiny");
    assert_eq!(qwen.vocab_size(), 1000);
    for rows in [1024, 1000] {
        let mut limited = qwen.clone();
        limited.limit_vocabulary(rows).unwrap();
        assert_eq!(limited.encode("<|im_end|>").unwrap(), qwen.encode("<|im_end|>").unwrap());
    }
}

/// The fixture with a padding token that its model has no embedding for.
fn with_padding_token() -> (tempfile::TempDir, TextTokenizer) {
    let dir = common::edited_tokenizer("qwen2-tiny", |config| config["pad_token"] = json!("<|pad|>"));
    edit(&dir.path().join("tokenizer.json"), |tokenizer| {
        let added = json!({"id": 1000, "content": "<|pad|>", "single_word": false, "lstrip": false, "rstrip": false,
                           "normalized": false, "special": true});
        tokenizer["added_tokens"].as_array_mut().unwrap().push(added);
    });
    let mut tokenizer = TextTokenizer::from_dir(dir.path()).unwrap();
    assert_eq!(tokenizer.vocab_size(), 1001);
    tokenizer.limit_vocabulary(1000).unwrap();
    (dir, tokenizer)
}

fn edit(path: &std::path::Path, edit: impl FnOnce(&mut serde_json::Value)) {
    let mut value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    edit(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}

#[test]
fn a_token_without_an_embedding_is_refused_by_name_and_other_texts_are_not() {
    let (_dir, tokenizer) = with_padding_token();
    assert_eq!(tokenizer.encode("hello").unwrap(), common::tokenizer("qwen2-tiny").encode("hello").unwrap());
    let error = tokenizer.encode("hello <|pad|>").unwrap_err().to_string();
    assert!(error.contains("no embedding for the token \"<|pad|>\": its id is 1000"), "{error}");
    let encoder = TemplateEncoder::new(tokenizer, Template::Qwen).unwrap();
    assert!(encoder.encode(&[Message::user("hello")], "world").is_ok());
    assert!(encoder.encode(&[Message::user("hello")], "<|pad|>").is_err());
}

#[test]
fn an_end_token_without_an_embedding_is_refused_at_once() {
    let error = common::tokenizer("qwen2-tiny").limit_vocabulary(990).unwrap_err().to_string();
    assert!(error.contains("no embedding for the token"), "{error}");
}

#[test]
fn a_text_that_the_pattern_gives_up_is_an_error() {
    let dir = common::edited_tokenizer("qwen2-tiny", |_| ());
    edit(&dir.path().join("tokenizer.json"), |tokenizer| {
        tokenizer["pre_tokenizer"] = json!({"type": "Split", "pattern": {"Regex": "(a|aa)+$"}, "behavior": "Isolated",
                                            "invert": false});
    });
    let tokenizer = TextTokenizer::from_dir(dir.path()).unwrap();
    let error = tokenizer.encode(&("a".repeat(80) + "!")).unwrap_err();
    assert_eq!(error.to_string(), "the tokenizer cannot encode a text of 81 bytes");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("retry-limit-in-match"), "{cause}");
    assert!(tokenizer.encode("aa").is_ok());
}

#[test]
fn dropout_is_not_used_and_noted() {
    let dir = common::edited_tokenizer("qwen2-tiny", |_| ());
    edit(&dir.path().join("tokenizer.json"), |tokenizer| tokenizer["model"]["dropout"] = json!(0.9));
    let (with, without) = (TextTokenizer::from_dir(dir.path()).unwrap(), common::tokenizer("qwen2-tiny"));
    let text = "the same words give the same tokens, however often they are encoded";
    for _ in 0..20 {
        assert_eq!(with.encode(text).unwrap(), without.encode(text).unwrap());
    }
    assert!(with.note().unwrap().contains("BPE dropout (0.9)"));
    assert_eq!(without.note(), None);
}

#[test]
fn a_missing_file_is_named() {
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        let dir = common::edited_tokenizer("qwen2-tiny", |_| ());
        std::fs::remove_file(dir.path().join(name)).unwrap();
        let error = TextTokenizer::from_dir(dir.path()).unwrap_err();
        assert!(error.to_string().contains(&format!("{name} is missing: ")), "{error}");
    }
}

#[test]
fn an_unreadable_file_is_named() {
    let dir = common::edited_tokenizer("qwen2-tiny", |_| ());
    let path = dir.path().join("generation_config.json");
    std::fs::create_dir(&path).unwrap();
    let error = TextTokenizer::from_dir(dir.path()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
}

#[test]
fn a_byte_order_mark_is_skipped_and_another_kind_of_file_is_named() {
    use std::error::Error;
    for name in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        let from = common::fixtures().join("models/qwen2-tiny");
        let dir = common::edited_tokenizer("qwen2-tiny", |_| {});
        let path = dir.path().join(name);
        let bytes = std::fs::read(from.join(name)).unwrap();
        std::fs::write(&path, [b"\xef\xbb\xbf", &bytes[..]].concat()).unwrap();
        assert_eq!(TextTokenizer::from_dir(dir.path()).unwrap().eos_ids(), [999], "{name}");
        for (content, kind) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"[..], "git lfs pull"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"<html>", "HTML"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = TextTokenizer::from_dir(dir.path()).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
            assert!(error.source().unwrap().to_string().contains(kind), "{name}: {error:?}");
        }
    }
}

#[test]
fn end_tokens_may_be_whole_floats_and_what_is_none_is_quoted() {
    use std::error::Error;
    let dir = common::edited_tokenizer("qwen2-tiny", |_| {});
    let with = |text: &str| {
        std::fs::write(dir.path().join("generation_config.json"), format!("{{\"eos_token_id\": {text}}}"))
            .unwrap();
        TextTokenizer::from_dir(dir.path())
    };
    assert_eq!(with("[997.0, 998]").unwrap().eos_ids(), [999, 997, 998]);
    assert_eq!(with("null").unwrap().eos_ids(), [999]);
    for wrong in ["-1", "\"999\"", "[2.5]", "{}"] {
        let error = with(wrong).unwrap_err();
        let source = error.source().unwrap().to_string();
        assert!(
            source.contains("`eos_token_id` should be a token id or a list of them"),
            "{wrong}: {source}"
        );
    }
}

#[test]
fn a_malformed_file_is_named() {
    let contents: [(&str, &[u8]); 4] = [
        ("tokenizer.json", b"{\"version\": \"1.0\""),
        ("tokenizer.json", b"[]"),
        ("tokenizer_config.json", b"{\"eos_token\": 7}"),
        ("generation_config.json", b"not json"),
    ];
    for (name, bytes) in contents {
        let dir = common::edited_tokenizer("qwen2-tiny", |_| ());
        std::fs::write(dir.path().join(name), bytes).unwrap();
        let error = TextTokenizer::from_dir(dir.path()).unwrap_err();
        assert!(error.to_string().ends_with(&format!("{name} is malformed")), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn a_file_that_is_something_else_is_named_for_what_it_is() {
    for name in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"] {
        let dir = common::edited_tokenizer("qwen2-tiny", |_| ());
        let path = dir.path().join(name);
        std::fs::write(&path, b"\xff\xfe{\0}\0").unwrap();
        let error = TextTokenizer::from_dir(dir.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("UTF-16"), "{cause}");
    }
}

#[test]
fn a_special_token_outside_the_vocabulary_is_an_error() {
    let dir = common::edited_tokenizer("qwen2-tiny", |config| config["pad_token"] = json!("<pad>"));
    let error = TextTokenizer::from_dir(dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("names \"<pad>\" as pad_token, which is not in the vocabulary"),
        "{error}"
    );
}

#[test]
fn a_tokenizer_without_an_end_is_an_error() {
    let dir = common::edited_tokenizer("qwen2-tiny", |config| config["eos_token"] = json!(null));
    let error = TextTokenizer::from_dir(dir.path()).unwrap_err();
    assert!(error.to_string().contains("names no eos_token"), "{error}");
}

#[test]
fn a_text_that_the_model_cannot_encode_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let model = json!({"type": "WordLevel", "vocab": {"a": 0, "<eos>": 1}, "unk_token": "<unk>"});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": null, "post_processor": null, "decoder": null, "model": model
    });
    std::fs::write(dir.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    std::fs::write(dir.path().join("tokenizer_config.json"), r#"{"eos_token": "<eos>"}"#).unwrap();
    let tokenizer = TextTokenizer::from_dir(dir.path()).unwrap();
    assert_eq!(tokenizer.encode("a").unwrap(), [0]);
    let error = tokenizer.encode("unknown").unwrap_err();
    assert_eq!(error.to_string(), "the tokenizer cannot encode a text of 7 bytes");
    assert!(std::error::Error::source(&error).is_some());
}
