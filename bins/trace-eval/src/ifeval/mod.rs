//! `trace-eval ifeval`: the four accuracies.

mod report;

use std::path::{Path, PathBuf};

use anyhow::Result;
use iopo_files::Owner;
use serde::Serialize;
use trace_score::ifeval::{Checker, GivenResponse, Pairing, Prompt, PromptVerdict, Results};
use trace_score::ifeval::{read_prompts, read_responses, read_samples};
use trace_score::{ReasoningCounts, ReasoningMode};

use crate::answer_row::note_reasoning;
use crate::cli::IfevalArgs;
use crate::files::OutFolder;
use crate::provenance::Provenance;
use iopo_cli::Outcome;
use iopo_cli::{note, print};

const OWNER: Owner = Owner::new("trace-eval ifeval");
const VERDICTS: &str = "verdicts.jsonl";
const RESULTS: &str = "results.json";

/// results.json.
#[derive(Debug, Serialize)]
struct Output<'a> {
    provenance: &'a Provenance,
    results: &'a Results,
    /// Responses to prompts that are not among the prompts.
    without_prompt: usize,
    /// Keys whose response is to an earlier wording of the prompt.
    earlier_wordings: &'a [u64],
    reasoning: ReasoningCounts,
}

/// Prompts with their responses, in order.
struct Answered {
    prompts: Vec<Prompt>,
    responses: Vec<GivenResponse>,
    without_prompt: usize,
    earlier_wordings: Vec<u64>,
    /// What the responses are called.
    system: String,
    provenance: Provenance,
}

/// Checks, writes and prints.
pub(crate) fn run(args: &IfevalArgs) -> Result<Outcome> {
    let inputs = [&args.prompts, &args.responses, &args.samples].into_iter().flatten().map(PathBuf::as_path);
    let folder = args.out.as_ref();
    let folder =
        folder.map(|folder| OutFolder::claim(folder, OWNER, &[VERDICTS, RESULTS], inputs)).transpose()?;
    let mut answered = read(args)?;
    let reasoning = answered.take_reasoning(args.reasoning.into());
    answered.prompts.iter_mut().for_each(|prompt| args.letter_policy().apply(prompt));
    let checker = Checker { language_seed: args.language_seed };
    let pairs = answered.prompts.iter().zip(&answered.responses);
    let verdicts: Vec<PromptVerdict> =
        pairs.map(|(prompt, response)| PromptVerdict::new(&checker, prompt, response)).collect();
    let results = Results::of(&verdicts);
    tell_what_is_odd(&answered);
    note_reasoning(&reasoning);
    let output = Output {
        provenance: &answered.provenance,
        results: &results,
        without_prompt: answered.without_prompt,
        earlier_wordings: &answered.earlier_wordings,
        reasoning,
    };
    if let Some(folder) = &folder {
        folder.make()?;
        folder.write_rows(VERDICTS, &verdicts)?;
        folder.write_json(RESULTS, &output)?;
        folder.write_report(&report::report(&answered, &verdicts, &results, args.show)?)?;
    }
    match args.json {
        true => print(&(serde_json::to_string(&output)? + "\n"))?,
        false => print(report::text(&results))?,
    }
    Ok(Outcome::Done)
}

impl Answered {
    /// Leaves the responses without their reasoning, unless it is kept; one that ends within it is empty.
    fn take_reasoning(&mut self, mode: ReasoningMode) -> ReasoningCounts {
        let mut counts = ReasoningCounts::new(mode);
        for response in &mut self.responses {
            if let GivenResponse::Text(text) = response {
                let parted = mode.part(text);
                counts.add(&parted);
                *text = if parted.is_open { String::new() } else { parted.answer };
            }
        }
        counts
    }
}

fn read(args: &IfevalArgs) -> Result<Answered> {
    let named = |path: &Path| {
        let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        args.system.clone().unwrap_or_else(stem)
    };
    let provenance = |system: &str, files: &[(&str, &Path)]| {
        let provenance = Provenance::new().with("system", system)?;
        let provenance =
            files.iter().try_fold(provenance, |provenance, (role, path)| provenance.file(role, path))?;
        provenance.with("language_seed", args.language_seed)?.with("letters", args.letter_policy())
    };
    let answered = match (&args.samples, &args.prompts, &args.responses) {
        (Some(samples), ..) => {
            let system = named(samples);
            let provenance = provenance(&system, &[("samples", samples)])?;
            let (prompts, responses) = read_samples(samples)?;
            let responses = responses.into_iter().map(GivenResponse::from).collect();
            let (without_prompt, earlier_wordings) = (0, Vec::new());
            Answered { prompts, responses, without_prompt, earlier_wordings, system, provenance }
        }
        (None, Some(prompts), Some(responses)) => {
            let system = named(responses);
            let provenance = provenance(&system, &[("prompts", prompts), ("responses", responses)])?;
            let prompts = read_prompts(prompts)?;
            let Pairing { responses, earlier_wordings, without_prompt } =
                Pairing::new(&prompts, read_responses(responses)?)?;
            let without_prompt = without_prompt.len();
            Answered { prompts, responses, without_prompt, earlier_wordings, system, provenance }
        }
        _ => anyhow::bail!("give --prompts and --responses, or --samples"),
    };
    if answered.prompts.is_empty() {
        anyhow::bail!("there are no prompts in the file");
    }
    Ok(answered)
}

/// Notes on responses at which the official program ends with an error.
fn tell_what_is_odd(answered: &Answered) {
    for key in &answered.earlier_wordings {
        note(format!("note: the response to key {key} is to an earlier wording of its prompt"));
    }
    if answered.without_prompt > 0 {
        note(format!("note: {} responses are to prompts that are not asked", answered.without_prompt));
    }
}
