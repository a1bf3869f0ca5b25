//! `trace-build run`: TRACE rows, pairs and groups from simple instructions, by a large model.

mod config;
mod dry_run;
mod live;
mod reader;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chat_client::{Journal, JournaledClient};
use iopo_cli::{Outcome, note, note_reasons, print};
use trace_score::{ReasoningCounts, ReasoningMode};
use trace_synthesis::pipeline::{
    Kept, OutputFiles, OutputFolder, Pipeline, Prompts, RunReport, SeedFile, Stage, Summary,
};

use self::config::{Endpoint, RunConfig};
use crate::cli::RunArgs;

/// Builds, or shows what would be sent.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<Outcome> {
    let config = args.config.as_deref().map(RunConfig::load).transpose()?;
    let folder = config.as_ref().and_then(|config| config.prompts.as_deref());
    let prompts = Prompts::load(folder)?;
    if args.print_prompts {
        print(dry_run::all_prompts(&prompts))?;
        return Ok(Outcome::Done);
    }
    let (file, config) = args.config.as_deref().zip(config).context("a configuration is needed")?;
    let seeds = SeedFile::open(&config.seeds, config.rows)?;
    for line in seeds.unused().lines() {
        note(format!("note: {line}"));
    }
    let held_out = config.held_out.map_or(0, |held_out| held_out.of(seeds.len()));
    let seeds = seeds.hold_out(held_out, config.pipeline.seed)?;
    if args.dry_run {
        print(&dry_run::render(&config, &prompts, &seeds, args.rows)?)?;
        return Ok(Outcome::Done);
    }
    build(file, &config, prompts, &seeds)
}

fn build(file: &Path, config: &RunConfig, prompts: Prompts, seeds: &SeedFile) -> anyhow::Result<Outcome> {
    let journals = ["journal.jsonl", "judge.journal.jsonl"].map(|name| config.output.join(name));
    let inputs =
        [file, &config.seeds].into_iter().chain(config.contamination_with.iter().map(PathBuf::as_path));
    OutputFolder::claim(&config.output, inputs.chain(journals.iter().map(PathBuf::as_path)))?;
    std::fs::create_dir_all(&config.output)
        .with_context(|| format!("cannot make the folder {}", config.output.display()))?;
    let [generator_journal, judge_journal] = &journals;
    let generator = client(&config.generator, generator_journal)?;
    let judge = match &config.judge {
        Some(judge) => client(judge, judge_journal)?,
        None => generator.clone(),
    };
    let files = OutputFiles {
        pairs: config.pipeline.pairs,
        groups: config.pipeline.groups,
        evaluation: seeds.held_out() > 0,
    };
    let output = OutputFolder::create(&config.output, files)?;
    let prices = (config.generator.ask.prices, config.judge.as_ref().unwrap_or(&config.generator).ask.prices);
    let mut pipeline = Pipeline::new(config.pipeline.clone(), prompts, generator.clone(), judge.clone())?
        .prices(prices.0, prices.1);
    for file in &config.contamination_with {
        pipeline.keep_apart_from(file)?;
    }
    let clients = match config.judge {
        Some(_) => vec![generator, judge],
        None => vec![generator],
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start a runtime")?;
    let live = live::Live::start(pipeline.progress(), clients.clone(), seeds.len());
    let result = runtime.block_on(pipeline.run(seeds, output, config.written.clone()));
    live.finish();
    // The program must not wait for requests that were given up.
    runtime.shutdown_background();
    let RunReport { summary, given_up, is_written } = result?;
    print(report(&config.output, &summary))?;
    tell_what_is_odd(&summary, &clients);
    if !is_written {
        note(format!("nothing was built; the files in {} stay as they were", config.output.display()));
    }
    if let Some(reason) = given_up {
        note(format!("given up: {reason}"));
    }
    let Kept { sft, pairs, groups, evaluation, rejected: _ } = summary.kept;
    if summary.complete && summary.seeds > 0 && sft + pairs + groups + evaluation == 0 {
        note("no row was built: every seed was rejected, and rejected.jsonl says why");
        return Ok(Outcome::Failed);
    }
    if summary.complete {
        return Ok(Outcome::Done);
    }
    note("some rows wait for answers: run the same command again to go on");
    Ok(Outcome::Incomplete)
}

/// Notes on what the endpoints did otherwise than asked.
fn tell_what_is_odd(summary: &Summary, clients: &[JournaledClient]) {
    let changes: BTreeSet<_> = summary.generator.changes.union(&summary.judge.changes).collect();
    for change in changes {
        note(format!("note: the endpoint does not take every setting: {change}"));
    }
    let ReasoningCounts { mode, stripped, incomplete } = summary.reasoning;
    if stripped > 0 {
        let mode = match mode {
            ReasoningMode::Separate => "stands in the provenance",
            _ => "was taken out",
        };
        note(format!(
            "note: reasoning {mode} of {stripped} responses, of which {incomplete} end within it; the key `reasoning` \
             decides"
        ));
    }
    for client in clients {
        if let Some(remark) = client.progress().spent.remark() {
            note(format!("note: {remark}"));
        }
        note_reasons("without an answer", &client.reasons());
    }
}

fn client(endpoint: &Endpoint, journal: &Path) -> anyhow::Result<JournaledClient> {
    let chat = endpoint.connection.clone().init()?;
    let journal = Journal::open(journal)?;
    journal.report().lines(journal.path()).into_iter().for_each(note);
    Ok(JournaledClient::new(chat, journal, endpoint.ask)?)
}

/// The report at the end: the files with their rows, and the funnel.
fn report(folder: &Path, summary: &Summary) -> String {
    let kept = summary.kept;
    let mut text = format!(
        "{}: {} SFT rows, {} pairs, {} groups, {} evaluation rows and {} rejections from {} seeds\n",
        folder.display(),
        kept.sft,
        kept.pairs,
        kept.groups,
        kept.evaluation,
        kept.rejected,
        summary.seeds
    );
    let width = Stage::ALL.iter().map(|stage| stage.name().len()).max().unwrap_or_default();
    for stage in summary.funnel.iter().filter(|stage| stage.entered > 0 || stage.rejected > 0) {
        let reasons: Vec<String> =
            stage.reasons.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let line = format!(
            "  {:width$}  {:>8} in  {:>8} rejected  {}",
            stage.stage,
            stage.entered,
            stage.rejected,
            reasons.join(", ")
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let calls: u64 = summary.funnel.iter().map(|stage| stage.calls).sum();
    let tokens = |prompt: bool| {
        let count = |model: &trace_synthesis::pipeline::ModelCount| {
            if prompt { model.prompt_tokens } else { model.completion_tokens }
        };
        count(&summary.generator) + count(&summary.judge)
    };
    text.push_str(&format!(
        "  {calls} answers, {} prompt tokens, {} completion tokens",
        tokens(true),
        tokens(false)
    ));
    let costs: Vec<f64> = [summary.generator.cost, summary.judge.cost].into_iter().flatten().collect();
    if !costs.is_empty() {
        text.push_str(&format!(", cost {:.4}", costs.iter().sum::<f64>()));
    }
    text.push('\n');
    text
}
