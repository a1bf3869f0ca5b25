//! `trace-eval ifeval`: the four accuracies.

mod report;

use std::path::Path;

use anyhow::{Context, Result};
use iopo_cli::{Outcome, note, print};
use serde::Serialize;
use trace_score::ifeval::{Checker, LetterPolicy, Pairing, Prompt, PromptVerdict, Results};
use trace_score::ifeval::{read_prompts, read_responses, read_samples};

use crate::cli::IfevalArgs;
use crate::files::{OutFolder, file_digest, version};

/// Where the numbers come from.
#[derive(Debug, Serialize)]
struct Provenance {
    program: String,
    /// What the responses are called.
    system: String,
    /// Each file with its SHA-256.
    files: Vec<SourceFile>,
    language_seed: u64,
    letters: LetterPolicy,
}

#[derive(Debug, Serialize)]
struct SourceFile {
    role: &'static str,
    path: String,
    sha256: String,
}

/// results.json.
#[derive(Debug, Serialize)]
struct Output<'a> {
    provenance: &'a Provenance,
    results: &'a Results,
    /// Responses to prompts that are not among the prompts.
    without_prompt: usize,
    /// Keys whose response is to an earlier wording of the prompt.
    earlier_wordings: &'a [u64],
}

/// Prompts with their responses, in order.
struct Answered {
    prompts: Vec<Prompt>,
    responses: Vec<Option<Option<String>>>,
    without_prompt: usize,
    earlier_wordings: Vec<u64>,
    provenance: Provenance,
}

/// Checks, writes and prints.
pub(crate) fn run(args: &IfevalArgs) -> Result<Outcome> {
    let mut answered = read(args)?;
    answered.prompts.iter_mut().for_each(|prompt| args.letter_policy().apply(prompt));
    let checker = Checker { language_seed: args.language_seed };
    let pairs = answered.prompts.iter().zip(&answered.responses);
    let verdicts: Vec<PromptVerdict> = pairs
        .map(|(prompt, response)| {
            PromptVerdict::new(&checker, prompt, response.as_ref().map(Option::as_deref))
        })
        .collect();
    let results = Results::of(&verdicts);
    tell_what_is_odd(&answered);
    let output = Output {
        provenance: &answered.provenance,
        results: &results,
        without_prompt: answered.without_prompt,
        earlier_wordings: &answered.earlier_wordings,
    };
    if let Some(folder) = &args.out {
        let folder = OutFolder::create(folder)?;
        folder.write_rows("verdicts.jsonl", &verdicts)?;
        folder.write_json("results.json", &output)?;
        folder.write_report(&report::report(&answered, &verdicts, &results, args.show)?)?;
    }
    match args.json {
        true => print(&(serde_json::to_string(&output)? + "\n"))?,
        false => print(&report::text(&results))?,
    }
    Ok(Outcome::Done)
}

fn read(args: &IfevalArgs) -> Result<Answered> {
    let mut answered = match (&args.samples, &args.prompts, &args.responses) {
        (Some(samples), ..) => {
            let (prompts, responses) = read_samples(samples)?;
            let responses = responses.into_iter().map(Some).collect();
            let provenance = provenance(args, &[("samples", samples.as_path())])?;
            Answered { prompts, responses, without_prompt: 0, earlier_wordings: Vec::new(), provenance }
        }
        (None, Some(prompts), Some(responses)) => {
            let provenance =
                provenance(args, &[("prompts", prompts.as_path()), ("responses", responses.as_path())])?;
            let prompts = read_prompts(prompts)?;
            let Pairing { responses, earlier_wordings, without_prompt } =
                Pairing::new(&prompts, read_responses(responses)?)?;
            Answered {
                prompts,
                responses,
                without_prompt: without_prompt.len(),
                earlier_wordings,
                provenance,
            }
        }
        _ => anyhow::bail!("give --prompts and --responses, or --samples"),
    };
    if answered.prompts.is_empty() {
        anyhow::bail!("there are no prompts in the file");
    }
    if answered.provenance.system.is_empty() {
        answered.provenance.system = "responses".to_owned();
    }
    Ok(answered)
}

fn provenance(args: &IfevalArgs, files: &[(&'static str, &Path)]) -> Result<Provenance> {
    let source = |&(role, path): &(&'static str, &Path)| {
        Ok(SourceFile { role, path: path.display().to_string(), sha256: file_digest(path)? })
    };
    let named = files.last().and_then(|(_, path)| path.file_stem());
    let named = || named.unwrap_or_default().to_string_lossy().into_owned();
    Ok(Provenance {
        program: version(),
        system: args.system.clone().unwrap_or_else(named),
        files: files.iter().map(source).collect::<Result<_>>().context("cannot take a digest")?,
        language_seed: args.language_seed,
        letters: args.letter_policy(),
    })
}

/// What the official program ends with an error on.
fn tell_what_is_odd(answered: &Answered) {
    for key in &answered.earlier_wordings {
        note(&format!("note: the response to key {key} is to an earlier wording of its prompt"));
    }
    if answered.without_prompt > 0 {
        note(&format!("note: {} responses are to prompts that are not asked", answered.without_prompt));
    }
}
