//! What would be sent, without sending it.

use chat_client::{Prices, Usage};
use trace_synthesis::pipeline::{Estimate, ForeseenQuestion, Prompts, SeedFile, foresee};

use super::config::RunConfig;

/// The number of seeds that an estimate is based on.
const SAMPLE: usize = 200;

/// Every prompt in force, under its file name.
pub(super) fn all_prompts(prompts: &Prompts) -> String {
    prompts.texts().iter().map(|(name, text)| format!("===== {name}\n{}\n\n", text.trim_end())).collect()
}

/// The prompts of the first rows, and what the whole run would take.
pub(super) fn render(
    config: &RunConfig,
    prompts: &Prompts,
    seeds: &SeedFile,
    rows: usize,
) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut estimate = Estimate::default();
    let mut sampled = 0;
    for seed in seeds.seeds()?.take(SAMPLE) {
        let seed = seed?;
        let questions = foresee(&config.pipeline, prompts, &seed, seeds.is_held_out(&seed))?;
        if sampled < rows as u64 {
            text.push_str(&questions.iter().map(|question| shown(&seed.id, question)).collect::<String>());
        }
        estimate.add(&questions, 1);
        sampled += 1;
    }
    text.push_str(&summary_text(config, &estimate.scaled(sampled, seeds.len()), seeds));
    Ok(text)
}

fn shown(id: &str, question: &ForeseenQuestion) -> String {
    let ForeseenQuestion { kind, messages, times, usage } = question;
    let times = if *times == 1 { String::new() } else { format!(", {times} times") };
    let mut text = format!(
        "===== {id}: {}{times}, about {} tokens in and {} out\n",
        kind.name(),
        usage.prompt_tokens,
        usage.completion_tokens
    );
    for message in messages {
        let role = format!("{:?}", message.role).to_lowercase();
        text.push_str(&format!("--- {role}\n{}\n", shortened(message.content.trim_end())));
    }
    text.push('\n');
    text
}

/// The text with one `…` where a stand-in for an answer is padded to the length that is expected of it.
fn shortened(text: &str) -> String {
    let part = |part: &str| match part.trim_end_matches(" …") {
        padded if padded.len() < part.len() => format!("{padded} …"),
        plain => plain.to_owned(),
    };
    text.split('⟩').map(part).collect::<Vec<_>>().join("⟩")
}

fn summary_text(config: &RunConfig, estimate: &Estimate, seeds: &SeedFile) -> String {
    let judge = config.judge.as_ref().unwrap_or(&config.generator);
    let line = |what: &str, model: &str, calls: u64, usage: Usage, prices: Option<Prices>| {
        let cost = prices.map(|prices| format!(", cost {:.2}", prices.cost(usage))).unwrap_or_default();
        format!(
            "{what} {model}: about {calls} questions, {} tokens in, {} tokens out{cost}\n",
            usage.prompt_tokens, usage.completion_tokens
        )
    };
    let mut text = format!(
        "{} seeds, {} of them held out for evaluation, if all pass every stage at the first attempt:\n",
        seeds.len(),
        seeds.held_out()
    );
    text.push_str(&line(
        "generator",
        &config.generator.connection.model,
        estimate.generator_calls,
        estimate.generator,
        config.generator.ask.prices,
    ));
    text.push_str(&line(
        "judge",
        &judge.connection.model,
        estimate.judge_calls,
        estimate.judge,
        judge.ask.prices,
    ));
    text.push_str("Rejections make it less, repairs and further attempts more. Nothing was sent.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn padding_is_shown_once_and_other_text_as_it_is() {
        assert_eq!(shortened("a ⟨y1, of 400 tokens … … … …⟩ b … … c"), "a ⟨y1, of 400 tokens …⟩ b … … c");
        assert_eq!(shortened("⟨a constraint⟩\nplain"), "⟨a constraint⟩\nplain");
    }
}
