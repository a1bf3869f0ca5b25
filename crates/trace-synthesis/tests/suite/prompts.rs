//! The built-in prompts.

use trace_schema::ConstraintDimension;
use trace_score::trace::PromptLanguage;
use trace_synthesis::pipeline::{LanguageChoice, PROMPTS_VERSION, PipelineConfig, Prompts, Seed, foresee};

/// Hashes of the prompts of a version, Chinese and English.
const VERSION_1: [&str; 2] = [
    "7bcc1699eedec64942b3d0a10bfa1fec90bb1cd12c2183ea6aee2ad4434047a3",
    "a03c996e5cb0a97e27e413736749fd0eaa23888017ccfd3ee2f9a4fba706539f",
];

#[test]
fn built_in_prompts_are_those_of_their_version() {
    let prompts = Prompts::load(None).unwrap();
    let hashes =
        [PromptLanguage::Chinese, PromptLanguage::English].map(|language| prompts.of(language).hash());
    assert_eq!(
        (PROMPTS_VERSION, hashes),
        (1, VERSION_1),
        "changed prompts need a new version, and its hashes here"
    );
}

#[test]
fn prompts_of_both_languages_show_what_they_ask_about() {
    let prompts = Prompts::load(None).unwrap();
    for language in [LanguageChoice::En, LanguageChoice::Zh] {
        let config = PipelineConfig { language, offered_dimensions: 26, ..PipelineConfig::default() };
        let seed =
            Seed { id: "1".to_owned(), instruction: "DO-THIS".to_owned(), input: Some("TO-THAT".to_owned()) };
        let questions = foresee(&config, &prompts, &seed, false).unwrap();
        assert!(questions.len() >= 12);
        for question in &questions {
            let text = &question.messages.last().unwrap().content;
            assert!(
                text.contains("DO-THIS") && text.contains("TO-THAT"),
                "{}:\n{text}",
                question.kind.name()
            );
            assert!(!text.contains("{{") && !text.contains("{%"), "{text}");
            assert!(question.usage.prompt_tokens > 0 && question.usage.completion_tokens > 0);
        }
        let expansion = &questions[0].messages[0].content;
        assert!(ConstraintDimension::ALL.iter().all(|dimension| expansion.contains(dimension.name())));
    }
}
