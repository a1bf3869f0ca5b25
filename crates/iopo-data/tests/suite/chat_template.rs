//! Chat templates that come with the tokenizer: what is rendered, and what is refused.

use iopo_data::{
    EncodedExample, Encoder, ExampleText, LengthPolicy, Message, RowLocation, Template, TemplateEncoder,
    TemplateError, TextExample, TextTokenizer,
};
use serde_json::{Value, json};

use crate::common;

fn tokenizer_with(template: impl Into<Value>) -> TextTokenizer {
    let dir = common::edited_tokenizer("qwen2-tiny", |config| config["chat_template"] = template.into());
    TextTokenizer::from_dir(dir.path()).unwrap()
}

fn chat(template: &str) -> TemplateEncoder {
    TemplateEncoder::new(tokenizer_with(template), Template::Chat).unwrap()
}

fn completion_text(encoder: &TemplateEncoder, response: &str) -> Result<String, TemplateError> {
    let completion = encoder.completion(&[Message::user("q")], response)?;
    Ok(encoder.tokenizer().decode(&completion)?)
}

/// Prompt `[q]`, then the response and whatever `ending` writes.
fn ending_with(ending: &str) -> TemplateEncoder {
    chat(&format!(
        "{{% for m in messages %}}{{% if m.role == 'assistant' %}}{{{{ m.content }}}}{ending}{{% else %}}[{{{{ m.content }}}}]{{% endif %}}{{% endfor %}}"
    ))
}

#[test]
fn the_two_models_own_templates_agree_with_the_fixed_ones() {
    for (model, fixed) in [("qwen2-tiny", Template::Qwen), ("llama3-tiny", Template::Llama3)] {
        let (own, fixed) = (common::encoder(model, Template::Chat), common::encoder(model, fixed));
        for messages in [
            vec![Message::user("hello 中文")],
            vec![Message::system("Be brief."), Message::user("{{content}} <|im_end|>")],
        ] {
            let response = "An answer,\nin two lines.";
            assert_eq!(own.encode(&messages, response).unwrap(), fixed.encode(&messages, response).unwrap());
        }
    }
}

#[test]
fn nothing_after_the_stop_token_is_trained() {
    assert_eq!(completion_text(&ending_with("<|im_end|>\\n"), "y").unwrap(), "y<|im_end|>");
    assert_eq!(completion_text(&ending_with("<|im_end|> and more"), "y").unwrap(), "y<|im_end|>");
}

#[test]
fn what_the_template_puts_before_the_stop_token_is_trained() {
    assert_eq!(completion_text(&ending_with(" END<|im_end|>"), "y").unwrap(), "y END<|im_end|>");
}

#[test]
fn a_template_without_a_stop_token_gets_the_eos() {
    assert_eq!(completion_text(&ending_with(""), "y").unwrap(), "y<|im_end|>");
    assert_eq!(completion_text(&ending_with(" "), "y").unwrap(), "y<|im_end|>");
    assert_eq!(completion_text(&ending_with("</answer>"), "y").unwrap(), "y</answer><|im_end|>");
}

#[test]
fn a_stop_word_inside_the_response_does_not_end_it() {
    assert_eq!(
        completion_text(&ending_with("<|im_end|>"), "a<|im_end|>b").unwrap(),
        "a<|im_end|>b<|im_end|>"
    );
}

#[test]
fn any_stop_id_of_the_generation_config_ends_a_response() {
    let dir = common::edited_tokenizer("qwen2-tiny", |config| config["eos_token"] = json!("<|endoftext|>"));
    std::fs::write(dir.path().join("generation_config.json"), r#"{"eos_token_id": [999, 997]}"#).unwrap();
    let tokenizer = TextTokenizer::from_dir(dir.path()).unwrap();
    let encoder = TemplateEncoder::new(tokenizer, Template::Chat).unwrap();
    assert_eq!(completion_text(&encoder, "y").unwrap(), "y<|im_end|>");
}

#[test]
fn a_template_that_trims_trains_the_trimmed_response() {
    let llama = common::encoder("llama3-tiny", Template::Chat);
    let trimmed = llama.completion(&[Message::user("q")], "answer").unwrap();
    assert_eq!(llama.completion(&[Message::user("q")], "\nanswer \n").unwrap(), trimmed);
}

#[test]
fn python_methods_and_the_helpers_of_transformers_work() {
    let template = "{%- for m in messages %}\n    {%- if m['content'].startswith('q') and not m.get('x') %}\n\
        {{- bos_token }}{{- eos_token }}{{- m.content.upper().strip() }}{%- continue %}\n    {%- endif %}\n\
        {{- raise_exception('no') }}\n{%- endfor %}{% if tools is none %}{{ strftime_now('%%') }}{% endif %}";
    let encoder = chat(template);
    let ids = encoder.prompt(&[Message::user("q ")]).unwrap();
    assert_eq!(encoder.tokenizer().decode(&ids).unwrap(), "<|im_end|>Q%");
}

#[test]
fn blocks_on_lines_of_their_own_leave_no_trace() {
    let encoder =
        chat("{% for m in messages %}\n    {% if true %}\n{{ m.content }}\n    {% endif %}\n{% endfor %}\n");
    let ids = encoder.prompt(&[Message::user("q")]).unwrap();
    assert_eq!(encoder.tokenizer().decode(&ids).unwrap(), "q\n");
}

#[test]
fn of_several_templates_the_default_is_taken() {
    let named =
        |name: &str| json!({"name": name, "template": format!("{name}:{{{{ messages[0].content }}}}")});
    for templates in [json!([named("tool_use"), named("default")]), json!([named("default")])] {
        let encoder = TemplateEncoder::new(tokenizer_with(templates), Template::Chat).unwrap();
        let ids = encoder.prompt(&[Message::user("q")]).unwrap();
        assert_eq!(encoder.tokenizer().decode(&ids).unwrap(), "default:q");
    }
}

#[test]
fn a_template_file_outranks_the_configuration() {
    let dir = common::edited_tokenizer("qwen2-tiny", |_| ());
    std::fs::write(dir.path().join("chat_template.jinja"), "file:{{ messages[0].content }}").unwrap();
    let encoder = TemplateEncoder::new(TextTokenizer::from_dir(dir.path()).unwrap(), Template::Chat).unwrap();
    let ids = encoder.prompt(&[Message::user("q")]).unwrap();
    assert_eq!(encoder.tokenizer().decode(&ids).unwrap(), "file:q");
}

#[test]
fn a_tokenizer_without_a_chat_template_is_an_error() {
    for none in
        [Value::Null, json!([]), json!([{"name": "a", "template": ""}, {"name": "b", "template": ""}])]
    {
        let error = TemplateEncoder::new(tokenizer_with(none), Template::Chat).unwrap_err();
        assert!(error.to_string().starts_with("the tokenizer has no chat template"), "{error}");
    }
}

#[test]
fn a_template_that_is_not_jinja_is_an_error() {
    let error = TemplateEncoder::new(tokenizer_with("{% for %}"), Template::Chat).unwrap_err();
    assert_eq!(error.to_string(), "the tokenizer's chat template cannot be parsed");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn what_the_template_raises_is_the_error() {
    let error =
        chat("{{ raise_exception('roles must alternate') }}").prompt(&[Message::user("q")]).unwrap_err();
    assert_eq!(error.to_string(), "the chat template refuses this conversation");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("roles must alternate"), "{cause}");
}

#[test]
fn a_chat_prompt_without_a_user_message_is_an_error() {
    let error = ending_with("").prompt(&[Message::system("s")]).unwrap_err();
    assert_eq!(error.to_string(), "a prompt needs at least one user message");
}

#[test]
fn a_prompt_that_changes_when_the_response_follows_is_an_error() {
    let encoder =
        chat("{{ messages | length }} messages: {% for m in messages %}{{ m.content }}{% endfor %}");
    let error = completion_text(&encoder, "y").unwrap_err();
    assert!(error.to_string().contains(r#"expected "1 messages: q", found "2 messages: qy""#), "{error}");
}

#[test]
fn a_generation_prompt_that_training_lacks_is_an_error() {
    let encoder = chat(
        "{% for m in messages %}{{ m.content }}|{% endfor %}{% if add_generation_prompt %}<start>{% endif %}",
    );
    let error = completion_text(&encoder, "y").unwrap_err().to_string();
    assert!(error.contains("renders the prompt differently when the response follows"), "{error}");
}

#[test]
fn a_response_that_is_not_rendered_as_it_is_is_an_error() {
    let encoder = chat("{% for m in messages %}{{ m.content | upper }}|{% endfor %}");
    let error = completion_text(&encoder, "yes").unwrap_err();
    let expected = r#"another text after the prompt than the response: expected "yes", found "YES|""#;
    assert!(error.to_string().contains(expected), "{error}");
}

/// As DeepSeek-R1-Distill's: the generation prompt opens a thought, and answers are rendered without theirs.
const OPENS_THINK: &str = "{% for m in messages %}{% set content = m.content %}{% if m.role == 'assistant' and '</think>' in \
    content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{ '<|im_start|>' + m.role + '\\n' + content + \
    '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}";

#[test]
fn a_thought_that_the_prompt_opens_goes_on_in_the_completion() {
    let encoder = chat(OPENS_THINK);
    let prompt = encoder.prompt(&[Message::user("q")]).unwrap();
    assert!(encoder.tokenizer().decode(&prompt).unwrap().ends_with("<|im_start|>assistant\n<think>\n"));
    for (response, trained) in [
        ("<think>\nwhy\n</think>\n\nyes", "why\n</think>\n\nyes<|im_end|>"),
        ("why\n</think>\n\nyes", "why\n</think>\n\nyes<|im_end|>"),
        ("yes", "\n</think>\n\nyes<|im_end|>"),
    ] {
        assert_eq!(completion_text(&encoder, response).unwrap(), trained);
    }
    // Earlier turns are as the template renders them for the model.
    let turns = [Message::user("q"), Message::assistant("<think>\nwhy\n</think>\n\nyes"), Message::user("r")];
    let sequence = encoder.encode(&turns, "no").unwrap();
    let prompt = encoder.tokenizer().decode(&sequence.prompt).unwrap();
    assert!(prompt.contains("<|im_start|>assistant\n\n\nyes<|im_end|>"), "{prompt}");
    assert_eq!(encoder.tokenizer().decode(&sequence.completion).unwrap(), "\n</think>\n\nno<|im_end|>");
}

#[test]
fn both_responses_of_a_pair_go_on_from_the_opened_thought() {
    let encoder = Encoder::new(chat(OPENS_THINK), 1_000, LengthPolicy::Error);
    let (chosen, rejected) = ("<think>\nwhy\n</think>\n\nyes".to_owned(), "no".to_owned());
    let text = ExampleText::Pair { prompt: vec![Message::user("q")], chosen, rejected };
    let origin = RowLocation { file: "rows.jsonl".to_owned(), row: 1, id: None };
    let pair = encoder.encode(&TextExample { origin, text, unused: Vec::new() }).unwrap().unwrap();
    let EncodedExample::Pair { prompt, chosen, rejected } = pair else { panic!("not a pair") };
    assert_eq!(prompt, encoder.template().prompt(&[Message::user("q")]).unwrap());
    let decode = |ids: &[u32]| encoder.template().tokenizer().decode(ids).unwrap();
    assert_eq!(decode(&chosen), "why\n</think>\n\nyes<|im_end|>");
    assert_eq!(decode(&rejected), "\n</think>\n\nno<|im_end|>");
}

#[test]
fn a_thought_that_the_template_leaves_out_stays_in_the_completion() {
    let encoder = chat(&OPENS_THINK.replace("<think>\\n' }}{% endif %}", "' }}{% endif %}"));
    let response = "<think>\nwhy\n</think>\n\nyes";
    assert_eq!(completion_text(&encoder, response).unwrap(), [response, "<|im_end|>"].concat());
    assert_eq!(completion_text(&encoder, "yes").unwrap(), "yes<|im_end|>");
}

#[test]
fn all_rows_are_rendered_as_of_one_time() {
    let clock = "{{ strftime_now('%Y-%m-%d %H:%M:%S') }} {{ messages[0].content }}";
    let encoder = chat(clock);
    let time = encoder.printed_time().unwrap();
    let text = |encoder: &TemplateEncoder| {
        let ids = encoder.prompt(&[Message::user("q")]).unwrap();
        encoder.tokenizer().decode(&ids).unwrap()
    };
    assert_eq!(text(&encoder).replacen(' ', "T", 1).replace(" q", "Z"), time.to_string());
    let encoder = encoder.rendered_at("2024-07-26".parse().unwrap());
    assert_eq!(text(&encoder), "2024-07-26 00:00:00 q");
    assert_eq!(chat("{{ messages[0].content }}").printed_time(), None);
}
