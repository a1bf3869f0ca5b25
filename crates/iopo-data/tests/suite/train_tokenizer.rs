//! New tokenizers: what they hold, that they are the same every time, and what is refused.

use std::fs;
use std::path::Path;

use iopo_data::{
    ChatFormat, Message, Template, TemplateEncoder, TextTokenizer, TokenizerTraining, TokenizerTrainingError,
    stream_texts, train_tokenizer,
};
use proptest::collection::vec;
use proptest::{prop_assert, prop_assert_eq, proptest};
use tempfile::TempDir;

use crate::common;

/// Prompts and responses of the quickstart's groups.
fn texts() -> Vec<String> {
    let file = common::fixtures().join("quickstart/groups.jsonl");
    stream_texts(file).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Texts in which one token can be made of several pairs.
fn awkward_texts() -> Vec<String> {
    let runs = (1..60).map(|n| ["-", "=", "ab", "aab", "."].map(|unit| unit.repeat(n)).join(" "));
    runs.chain(texts()).collect()
}

fn trained(texts: Vec<String>, config: &TokenizerTraining) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    train_tokenizer(texts.into_iter(), config).unwrap().write(dir.path()).unwrap();
    dir
}

fn files(dir: &Path) -> [Vec<u8>; 2] {
    ["tokenizer.json", "tokenizer_config.json"].map(|name| fs::read(dir.join(name)).unwrap())
}

fn sized(vocab_size: usize) -> TokenizerTraining {
    TokenizerTraining { vocab_size, ..TokenizerTraining::default() }
}

#[test]
fn the_same_texts_in_any_order_give_the_same_bytes() {
    for (texts, vocab_size) in [(texts(), 1_000), (awkward_texts(), 700)] {
        let first = files(trained(texts.clone(), &sized(vocab_size)).path());
        for turn in 1..12 {
            let mut other = texts.clone();
            other.rotate_left(turn * 7 % texts.len());
            assert!(files(trained(other, &sized(vocab_size)).path()) == first, "turn {turn}");
        }
    }
}

#[test]
fn a_tokenizer_has_as_many_tokens_as_asked_for_and_the_special_ones_are_last() {
    let dir = trained(texts(), &sized(500));
    let tokenizer = TextTokenizer::from_dir(dir.path()).unwrap();
    assert_eq!(tokenizer.vocab_size(), 500);
    let special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(|token| tokenizer.token_id(token));
    assert_eq!(special, [Some(497), Some(498), Some(499)]);
    assert_eq!((tokenizer.eos_id(), tokenizer.pad_id(), tokenizer.bos_id()), (499, 497, None));
}

#[test]
fn frequent_words_become_tokens_and_few_texts_give_few() {
    let lines = vec!["the list, the list, the list".to_owned()];
    let tokenizer = TextTokenizer::from_dir(trained(lines.clone(), &sized(1_000)).path()).unwrap();
    assert_eq!(tokenizer.encode(" list").unwrap().len(), 1);
    assert!(tokenizer.vocab_size() < 300);
    // What stands together three times is no pair to someone who wants four.
    let rare = TokenizerTraining { min_frequency: 4, ..sized(1_000) };
    let tokenizer = TextTokenizer::from_dir(trained(lines, &rare).path()).unwrap();
    assert_eq!(tokenizer.vocab_size(), 259);
}

#[test]
fn further_special_tokens_are_never_cut() {
    let config = TokenizerTraining { special_tokens: vec!["<tool>".to_owned()], ..sized(400) };
    let tokenizer = TextTokenizer::from_dir(trained(texts(), &config).path()).unwrap();
    assert_eq!(tokenizer.encode("<tool>").unwrap(), [399]);
}

/// The templates render what Qwen2's own template renders, and the plain one no system text of its own.
#[test]
fn chat_templates_render_chatml() {
    let with_system = [Message::system("Be brief."), Message::user("hi")];
    let without = [Message::user("hi"), Message::assistant("ho"), Message::user("so?")];
    let qwen = common::encoder("qwen2-tiny", Template::Chat);
    for format in [ChatFormat::Plain, ChatFormat::Qwen2] {
        let dir = trained(texts(), &TokenizerTraining { chat_format: format, ..sized(400) });
        let tokenizer = TextTokenizer::from_dir(dir.path()).unwrap();
        let encoder = TemplateEncoder::new(tokenizer, Template::Chat).unwrap();
        for messages in [&with_system[..], &without] {
            let text = |encoder: &TemplateEncoder| {
                let sequence = encoder.encode(messages, "well").unwrap();
                let decode = |ids: &[u32]| encoder.tokenizer().decode(ids).unwrap();
                (decode(&sequence.prompt), decode(&sequence.completion))
            };
            let (prompt, completion) = text(&qwen);
            let prompt = match format {
                ChatFormat::Plain => {
                    prompt.replace("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n", "")
                }
                _ => prompt,
            };
            assert_eq!(text(&encoder), (prompt, completion), "{format}");
        }
    }
}

#[test]
fn the_fixed_template_qwen_can_be_written_with_a_new_tokenizer() {
    let tokenizer = TextTokenizer::from_dir(trained(texts(), &sized(400)).path()).unwrap();
    assert!(TemplateEncoder::new(tokenizer, Template::Qwen).is_ok());
}

/// Words are cut where Qwen2 cuts them: no token crosses such a border, whatever was learnt.
#[test]
fn words_are_cut_where_qwen2_cuts_them() {
    let text = "It's 2024:\n\n  we'll see… 中文。ok";
    let repeated = vec![text.to_owned(); 50];
    let tokenizer = TextTokenizer::from_dir(trained(repeated, &sized(1_000)).path()).unwrap();
    let tokens: Vec<String> =
        tokenizer.encode(text).unwrap().iter().map(|&id| tokenizer.decode(&[id]).unwrap()).collect();
    let expected =
        ["It", "'s", " ", "2", "0", "2", "4", ":\n\n", " ", " we", "'ll", " see", "…", " 中文", "。ok"];
    assert_eq!(tokens, expected);
}

#[test]
fn texts_are_prompts_and_responses_or_rows_of_text() {
    let dir = tempfile::tempdir().unwrap();
    let texts = |content: &str| -> Result<Vec<String>, String> {
        let path = dir.path().join("rows.json");
        fs::write(&path, content).unwrap();
        let texts = stream_texts(path).and_then(Iterator::collect);
        texts.map_err(|error| error.to_string())
    };
    assert_eq!(texts("{\"text\": \"a\"}\n{\"text\": \"b\"}\n").unwrap(), ["a", "b"]);
    assert_eq!(texts("[{\"text\": \"a\"}]").unwrap(), ["a"]);
    assert_eq!(texts(r#"{"prompt": "x", "chosen": "y", "rejected": "z"}"#).unwrap(), ["x", "y", "z"]);
    let error = texts("{\"text\": \"a\"}\n{\"test\": \"b\"}\n").unwrap_err();
    assert!(error.contains("row 2 of") && error.contains("rows.json"), "{error}");
    assert!(texts("{\"neither\": 1}").is_err());
}

#[test]
fn what_cannot_be_trained_is_named() {
    let error = |texts: &[&str], config: &TokenizerTraining| {
        train_tokenizer(texts.iter().map(|&text| text.to_owned()), config).unwrap_err().to_string()
    };
    for none in [&[][..], &["", ""]] {
        assert_eq!(error(none, &sized(400)), "there is no text to train a tokenizer on");
    }
    let small = error(&["a"], &sized(258));
    assert_eq!(small, "a vocabulary of 258 is too small: 256 bytes and the special tokens alone are 259");
    for token in ["", "<|im_end|>"] {
        let config = TokenizerTraining { special_tokens: vec![token.to_owned()], ..sized(400) };
        assert_eq!(error(&["a"], &config), format!("the special token {token:?} is empty or given twice"));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let trained = train_tokenizer(["a".to_owned()].into_iter(), &sized(400)).unwrap();
    assert!(matches!(trained.write(file.path()), Err(TokenizerTrainingError::Folder { .. })));
}

proptest! {
    /// Bytes are tokens, so no text is unknown. Texts in NFC come back as they are.
    #[test]
    fn any_text_comes_back(lines in vec("[ -~\n]{0,40}", 1..8), text in "[ -~\n中文é😀]{0,60}") {
        let config = sized(300);
        let Ok(tokenizer) = train_tokenizer(lines.into_iter(), &config) else { return Ok(()) };
        let dir = tempfile::tempdir().unwrap();
        tokenizer.write(dir.path()).unwrap();
        let read = TextTokenizer::from_dir(dir.path()).unwrap();
        prop_assert!(read.vocab_size() <= 300);
        prop_assert_eq!(read.vocab_size(), tokenizer.vocab_size());
        prop_assert_eq!(read.decode(&read.encode(&text).unwrap()).unwrap(), text);
    }
}
