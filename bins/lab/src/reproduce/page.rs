//! `docs/reproduction.md`: what was run, tables, and how to read them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use iopo_lab::{Decoding, SupervisedStage, Writing};
use serde::Serialize;
use trace_score::SeedDifference;
use trace_score::stats::{Interval, SeedMean, p_value_text};
use trace_world::EvaluationKind;

use super::figure;
use super::job::Regime;
use super::results::Cost;
use super::study::Study;
use super::tables::{Results, System, cost_lines, lines};

/// How the tables are to be read, written by hand after a run.
pub const READING: &str = include_str!("reading.md");

/// Writes the page, its figures and its numbers.
///
/// `reading` stands between what was run and the tables.
pub fn write(
    dir: &Path,
    study: &Study,
    reading: &str,
    results: &[Results],
    costs: &[(String, Cost)],
) -> Result<()> {
    let mut page = String::new();
    heading(&mut page, study)?;
    page.push_str(reading);
    for result in results {
        regime(&mut page, result)?;
    }
    tokens(&mut page, results)?;
    cost(&mut page, study, costs)?;
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    for result in results {
        figure::draw(result, &dir.join(format!("reproduction-{}.svg", result.regime.name())))?;
    }
    let (scores, costs) = (json_lines(lines(results))?, json_lines(cost_lines(costs))?);
    write("reproduction.json", &format!("{{\"scores\": [\n{scores}\n],\n\"costs\": [\n{costs}\n]}}\n"))?;
    write("reproduction.md", &page)
}

/// The items of a JSON list, one in a line.
fn json_lines<T: Serialize>(items: impl IntoIterator<Item = T>) -> Result<String> {
    let items = items.into_iter().map(|item| serde_json::to_string(&item));
    Ok(items.collect::<Result<Vec<_>, _>>()?.join(",\n"))
}

fn heading(page: &mut String, study: &Study) -> Result<()> {
    let recipe = &study.recipe;
    writeln!(page, "# The paper's tables in miniature\n")?;
    writeln!(
        page,
        "Every number on this page was written by\n\n```sh\ncargo xtask reproduce\n```\n\nwith seeds {} for rows, weights \
         and shuffling; all of them answer the same test. The numbers are also in [reproduction.json](reproduction.json). \
         A study that was stopped goes on where it was; `--study smoke` runs every step in a minute and means nothing.\n",
        list(study.seeds.iter())
    )?;
    writeln!(page, "## What is run\n")?;
    writeln!(
        page,
        "- **Model**: Qwen2 with random weights, hidden {}, {} layers, feed-forward {}, {} query and {} key-value heads, and a \
         tokenizer of at most {} tokens trained on the world's rows.",
        recipe.model.hidden_size,
        recipe.model.layers,
        recipe.model.intermediate_size,
        recipe.model.heads,
        recipe.model.key_value_heads,
        recipe.model.vocabulary
    )?;
    writeln!(
        page,
        "- **World**: {} dimensions, 1 to {} constraints. What a constraint means, a program checks.",
        recipe.dimensions.len(),
        recipe.most_constraints
    )?;
    writeln!(page, "- **Base**: {}.", stage(&recipe.base))?;
    writeln!(
        page,
        "- **SFT to saturation**: {}; every {} updates the validation rows are answered, and the best update is kept.",
        stage(&recipe.sft),
        recipe.sft.eval_steps
    )?;
    let preference = &recipe.preference;
    writeln!(
        page,
        "- **Methods**: {} groups, and pairs about the same x₁ and y₁; at most {} updates of {} groups (or pairs, or the two rows or \
         pairs of a group); full tuning; the update with the best validation score is kept, update 0 included; learning rates {}, \
         chosen by validation score on seed {}, the same grid for all.",
        preference.groups,
        preference.steps,
        preference.batch_size,
        list(study.learning_rates.iter()),
        list(study.selection_seeds.iter())
    )?;
    let (validation, test) = (&recipe.validation, &recipe.test);
    writeln!(
        page,
        "- **Validation**: {} rows with one constraint, {} with several, answered greedily and drawn: the score is the mean of both shares. **Test**: {} with one constraint (IF-S), \
         {} with several (IF-M), {} with pairs of dimensions that never met in training, {} with {} or {} constraints. No training row \
         has a prompt of either.",
        validation.single,
        validation.multi,
        test.single,
        test.multi,
        test.held_out_pairs,
        test.more,
        recipe.most_constraints + 1,
        recipe.most_constraints + 2
    )?;
    writeln!(
        page,
        "- **Numbers**: percent of instructions whose every constraint, and every default of the description, holds (Eq. 3); means over \
         seeds ± half a 95 % t-interval. Differences are paired by item and seed; their interval draws seeds and items anew, and p is the \
         paired t-test over seeds. Greedy decoding, and drawn answers at temperature 1.\n"
    )?;
    Ok(())
}

fn stage(stage: &SupervisedStage) -> String {
    format!(
        "{} rows, {} epochs at most, {} rows an update, learning rate {:e}; {}",
        stage.rows,
        stage.epochs,
        stage.batch_size,
        stage.learning_rate,
        writing(&stage.writing)
    )
}

fn writing(writing: &Writing) -> String {
    format!(
        "the writer overlooks each constraint with probability {}, and the judge lets {} % of wrong rows pass",
        writing.teacher.ignore,
        writing.judge.accepts_wrong * 100.0
    )
}

fn regime(page: &mut String, result: &Results) -> Result<()> {
    let name = result.regime.name();
    writeln!(page, "\n## {}\n", result.regime.title())?;
    writeln!(page, "![Scores of all systems](reproduction-{name}.svg)\n")?;
    writeln!(
        page,
        "| system | lr | update | IF-S | IF-M | held-out pairs | more constraints | IF-M drawn |"
    )?;
    writeln!(page, "|---|---|---|---|---|---|---|---|")?;
    for system in result.systems() {
        let steps: Vec<String> = system.best_steps.iter().map(ToString::to_string).collect();
        let greedy = EvaluationKind::ALL.map(|kind| mean(&system.score(kind, Decoding::Greedy)));
        writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            system.label,
            system.learning_rate.as_deref().unwrap_or("-"),
            steps.join(", "),
            greedy.join(" | "),
            mean(&system.score(EvaluationKind::Multi, Decoding::Sampled))
        )?;
    }
    writeln!(page, "\nIOPO, and its relatives, against others, in points:\n")?;
    writeln!(page, "| | IF-M | p | held-out pairs | p | IF-M drawn | p |")?;
    writeln!(page, "|---|---|---|---|---|---|---|")?;
    for (first, second) in comparisons(result) {
        let cells = [
            second.against(first, EvaluationKind::Multi, Decoding::Greedy),
            second.against(first, EvaluationKind::Pairs, Decoding::Greedy),
            second.against(first, EvaluationKind::Multi, Decoding::Sampled),
        ];
        let cells: Vec<String> = cells.iter().map(difference).collect();
        writeln!(page, "| {} − {} | {} |", second.label, first.label, cells.join(" | "))?;
    }
    Ok(())
}

/// Which systems are compared: those of the paper's claims.
fn comparisons(result: &Results) -> Vec<(&System, &System)> {
    let Ok(iopo) = result.method("iopo") else { return Vec::new() };
    let mut pairs = vec![(&result.start, iopo)];
    for name in ["dpo", "dpo-star", "sft-star", "iopo-input-only", "iopo-simplified"] {
        pairs.extend(result.method(name).ok().map(|other| (other, iopo)));
    }
    let anchored = result.method("iopo-nll").ok().zip(result.method("sft-star").ok());
    pairs.extend(anchored.map(|(anchored, sft)| (sft, anchored)));
    pairs
}

/// Table 4 and Figures 4 and 5 of the paper beside ours.
fn tokens(page: &mut String, results: &[Results]) -> Result<()> {
    writeln!(page, "\n## Beside the paper\n")?;
    writeln!(
        page,
        "The paper's numbers are those of its Tables 3 and 4 for Qwen2-7B and Llama3.1-8B on TRACE, judged by GPT-4o. Ours are of the \
         first regime, greedy. Its Figures 4 and 5 show SFT\\*, DPO\\* and IOPO on the same tokens; their numbers are not printed there.\n"
    )?;
    writeln!(page, "| method | Qwen2-7B IF-S, IF-M | Llama3.1-8B IF-S, IF-M | here IF-S | here IF-M |")?;
    writeln!(page, "|---|---|---|---|---|")?;
    let Some(paper) = results.iter().find(|result| result.regime == Regime::Paper) else {
        return Ok(());
    };
    for (name, label, qwen, llama) in PAPER {
        let system = match name {
            "start" => &paper.start,
            name => match paper.method(name) {
                Ok(system) => system,
                Err(_) => continue,
            },
        };
        let score = |kind| mean(&system.score(kind, Decoding::Greedy));
        writeln!(
            page,
            "| {label} | {qwen} | {llama} | {} | {} |",
            score(EvaluationKind::Single),
            score(EvaluationKind::Multi)
        )?;
    }
    Ok(())
}

/// Name here, label, and the paper's scores.
const PAPER: [(&str, &str, &str, &str); 9] = [
    ("start", "SFT (start of the others)", "76.0, 56.1", "75.5, 62.9"),
    ("orpo", "ORPO", "77.9, 61.7", "77.0, 63.1"),
    ("simpo", "SimPO", "78.3, 63.6", "76.3, 64.5"),
    ("dpo", "DPO", "79.0, 67.2", "79.0, 69.2"),
    ("iopo", "IOPO", "82.0, 68.9", "81.5, 70.7"),
    ("iopo-input-only", "IOPO without output preference", "81.0, 66.7", "81.5, 69.6"),
    ("dpo-star", "IOPO without input preference = DPO*", "80.9, 67.1", "79.0, 69.0"),
    ("sft-star", "SFT*", "not printed", "not printed"),
    ("iopo-simplified", "IOPO simplified (Eq. 11)", "not printed", "not printed"),
];

/// Table 5 of the paper beside ours.
fn cost(page: &mut String, study: &Study, costs: &[(String, Cost)]) -> Result<()> {
    writeln!(page, "\n## Cost\n")?;
    writeln!(
        page,
        "{} updates of {} rows in one micro-batch, from the base model of seed {}, without validation, one process with one thread at a \
         time: CPU seconds, and the highest resident memory above that of the process before it loaded anything. Table 5 of the paper is \
         about 7B models: its times are hours, its memory multiples of SFT's. Step time and memory on larger models and beside PyTorch \
         are on [Benchmarks](benchmarks.md).\n",
        study.recipe.preference.steps,
        study.recipe.preference.batch_size,
        study.cost_seed()?
    )?;
    writeln!(page, "| method | CPU seconds | over SFT | paper | memory, MB | over SFT | paper |")?;
    writeln!(page, "|---|---|---|---|---|---|---|")?;
    let Some((_, sft)) = costs.iter().find(|(label, _)| label == "SFT") else {
        return Ok(());
    };
    for (label, cost) in costs {
        let (hours, memory) = PAPER_COST
            .into_iter()
            .find_map(|(name, hours, memory)| {
                (name == label).then(|| (format!("{:.2}", hours / PAPER_COST[0].1), memory))
            })
            .unwrap_or(("-".to_owned(), "-"));
        writeln!(
            page,
            "| {label} | {:.1} | {:.2} | {hours} | {:.0} | {:.2} | {memory} |",
            cost.seconds,
            cost.seconds / sft.seconds,
            cost.memory.delta,
            cost.memory.delta / sft.memory.delta
        )?;
    }
    Ok(())
}

/// The paper's Table 5: label here, hours, memory as a multiple of SFT's.
const PAPER_COST: [(&str, f64, &str); 3] = [("SFT", 14.54, "1"), ("DPO", 26.30, "2"), ("IOPO", 34.27, "4")];

fn mean(score: &SeedMean) -> String {
    match (score.mean, half(score.interval.as_ref())) {
        (Some(mean), Some(half)) => format!("{mean:.1} ± {half:.1}"),
        (Some(mean), None) => format!("{mean:.1}"),
        _ => "-".to_owned(),
    }
}

fn half(interval: Option<&Interval>) -> Option<f64> {
    interval.map(|interval| (interval.high - interval.low) / 2.0)
}

fn difference(found: &SeedDifference) -> String {
    let mean = found.difference.mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:+.1}"));
    let interval = found.crossed_interval.as_ref();
    let interval = interval.map(|interval| format!(" [{:+.1}, {:+.1}]", interval.low, interval.high));
    let p = found.t_test.as_ref().map_or_else(|| "-".to_owned(), |test| p_value_text(test.p_value, 3));
    format!("{mean}{} | {p}", interval.unwrap_or_default())
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::golden::root;

    /// Numbers with a decimal point.
    fn decimals(text: &str) -> BTreeSet<&str> {
        let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.');
        parts.map(|part| part.trim_matches('.')).filter(|part| part.contains('.')).collect()
    }

    /// The reading is written by hand, after a run; another run must not leave it behind.
    #[test]
    fn every_decimal_of_the_reading_stands_in_the_tables_of_the_page() {
        let page = fs::read_to_string(root().join("docs/reproduction.md")).unwrap();
        let (before, tables) = page.split_once(READING).unwrap();
        let known: BTreeSet<_> = decimals(before).into_iter().chain(decimals(tables)).collect();
        let unknown: Vec<_> = decimals(READING).difference(&known).copied().collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
