//! From a file of groups to tries: time, and memory above the start.

use std::env;
use std::fmt;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use iopo_cli::say;
use iopo_data::{
    EncodeReport, EncodedRow, Encoder, LengthPolicy, Task, Template, TemplateEncoder, TextExample,
    TextTokenizer, TrieBatch, UnknownLabels, stream_dataset,
};
use serde::{Deserialize, Serialize};

use super::measure::{RETURN_FREED_MEMORY, Stopwatch, forget_peak, peak_mb, resident_mb};
use super::synthetic::{FileFormat, MeanLengths, SyntheticGroups};
use crate::golden::root;

const SEED: u64 = 20_250_727;

/// Rows on which each step is timed alone, on one thread.
const SAMPLE: usize = 2_000;

/// The paper's limit.
const CUTOFF_LEN: usize = 6_000;

/// Options of the synthetic groups and of their preparation.
#[derive(Args)]
pub struct PrepareArgs {
    /// Number of groups; a quarter of them is prepared as well, for the memory that each takes.
    #[arg(long, default_value_t = 120_000)]
    groups: usize,
    /// Threads that encode.
    #[arg(long, default_value = "2")]
    threads: NonZero<usize>,
    /// A folder with a tokenizer; fixtures/models/qwen2-tiny if none is given.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Template: qwen, llama3, or chat for the tokenizer's own.
    #[arg(long, default_value = "qwen")]
    template: String,
    /// Mean length of a prompt, in tokens of that tokenizer.
    #[arg(long, default_value_t = 200)]
    prompt_tokens: usize,
    /// Mean length of a response, in tokens of that tokenizer.
    #[arg(long, default_value_t = 300)]
    response_tokens: usize,
    /// How the file is written.
    #[arg(long, value_enum, default_value = "groups")]
    format: FileFormat,
    /// One line of JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Measure in this process alone: its environment must make the allocator return freed blocks.
    #[arg(long, hide = true)]
    memory_only: bool,
}

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    tokenizer: String,
    vocab_size: usize,
    template: String,
    threads: usize,
    file_mb: f64,
    lengths: String,
    /// Resident memory before the first row, in megabytes (2²⁰ bytes).
    start_rss_mb: f64,
    runs: Vec<Run>,
    steps: Steps,
}

/// One number of rows, prepared from the file to tries.
#[derive(Debug, Serialize, Deserialize)]
struct Run {
    rows: usize,
    wall_s: f64,
    cpu_s: f64,
    rows_per_s: f64,
    tokens_per_s: f64,
    /// Tokens of prompts and completions, each counted once.
    tokens: u64,
    /// Tokens of the tries.
    trie_tokens: u64,
    /// Peak of resident memory above its size at the start.
    peak_growth_mb: f64,
}

/// Microseconds for a row of each step alone, on one thread.
#[derive(Debug, Serialize, Deserialize)]
struct Steps {
    rows: usize,
    read_us: f64,
    encode_us: f64,
    lay_out_us: f64,
}

/// Measures, and prints what came out.
///
/// # Errors
/// A tokenizer or template that cannot be used, a temporary file that cannot be written.
pub fn run(args: &PrepareArgs) -> Result<()> {
    let mut outcome = measure(args)?;
    if !args.memory_only {
        outcome.take_memory(&in_child_for_memory(args.json)?)?;
    }
    match args.json {
        true => say(serde_json::to_string(&outcome)?),
        false => say(outcome),
    }
}

/// The same measurement in a process whose allocator returns freed memory at once: in this process the peak would
/// include memory that was freed long before.
fn in_child_for_memory(json: bool) -> Result<Outcome> {
    let mut command = Command::new(env::current_exe().context("this program has no path")?);
    command.args(env::args_os().skip(1)).arg("--memory-only").envs(RETURN_FREED_MEMORY);
    if !json {
        command.arg("--json");
    }
    let output = command.output().context("cannot start this program once more to measure memory")?;
    ensure!(
        output.status.success(),
        "the run for memory failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).context("the run for memory printed no result")
}

impl Outcome {
    fn take_memory(&mut self, other: &Self) -> Result<()> {
        ensure!(self.runs.len() == other.runs.len(), "the run for memory prepared other rows");
        self.start_rss_mb = other.start_rss_mb;
        for (run, other) in self.runs.iter_mut().zip(&other.runs) {
            run.peak_growth_mb = other.peak_growth_mb;
        }
        Ok(())
    }
}

fn measure(args: &PrepareArgs) -> Result<Outcome> {
    ensure!(args.groups > 0, "--groups has to be 1 or more");
    let model = args.model.clone().unwrap_or_else(|| root().join("fixtures/models/qwen2-tiny"));
    let template = Template::from_name(Some(&args.template))?;
    let template = TemplateEncoder::new(TextTokenizer::from_dir(&model)?, template)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let file = folder.path().join("groups.json");
    let lengths = MeanLengths { prompt: args.prompt_tokens, response: args.response_tokens };
    SyntheticGroups::new(&template, lengths, SEED)?.write(&file, args.groups, args.format)?;

    let encoder = Encoder::new(template, CUTOFF_LEN, LengthPolicy::Error);
    let steps = time_steps(&encoder, &file)?;
    let start = resident_mb()?;
    let mut runs = Vec::new();
    let mut report = EncodeReport::default();
    for rows in [args.groups.div_ceil(4), args.groups] {
        let (run, of_run) = prepare(&encoder, &file, rows, args.threads, start)?;
        runs.push(run);
        report = of_run;
    }
    let tokenizer = encoder.template().tokenizer();
    Ok(Outcome {
        tokenizer: model.strip_prefix(root()).unwrap_or(&model).display().to_string(),
        vocab_size: tokenizer.vocab_size(),
        template: args.template.clone(),
        threads: args.threads.get(),
        file_mb: file.metadata()?.len() as f64 / f64::from(1 << 20),
        lengths: format!(
            "prompt tokens {}; response tokens {}",
            report.prompt_lengths, report.completion_lengths
        ),
        start_rss_mb: start,
        runs,
        steps,
    })
}

/// Rows of a file, from its start.
fn rows(file: &Path) -> Result<iopo_data::DatasetRows> {
    Ok(stream_dataset(&file.display().to_string(), "", UnknownLabels::Error)?)
}

/// Prepares the first rows of a file.
fn prepare(
    encoder: &Encoder,
    file: &Path,
    count: usize,
    threads: NonZero<usize>,
    start: f64,
) -> Result<(Run, EncodeReport)> {
    forget_peak()?;
    let watch = Stopwatch::start();
    let mut report = EncodeReport::default();
    let mut trie_tokens = 0;
    for row in encoder.encode_rows(rows(file)?.take(count), Task::Group, threads)? {
        let row = row?;
        trie_tokens += lay_out(&row)?;
        report.append(row.report);
    }
    let (wall_s, cpu_s) = watch.seconds();
    let tokens = report.prompt_lengths.total() + report.completion_lengths.total();
    let run = Run {
        rows: report.kept,
        wall_s,
        cpu_s,
        rows_per_s: report.kept as f64 / wall_s,
        tokens_per_s: tokens as f64 / wall_s,
        tokens,
        trie_tokens,
        peak_growth_mb: peak_mb()? - start,
    };
    Ok((run, report))
}

/// The tokens of a row's tries, which are then dropped.
fn lay_out(row: &EncodedRow) -> Result<u64> {
    let mut tokens = 0;
    for example in &row.examples {
        tokens += TrieBatch::from_sequences(&example.sequences())?.num_tokens() as u64;
    }
    Ok(tokens)
}

fn time_steps(encoder: &Encoder, file: &Path) -> Result<Steps> {
    let watch = Stopwatch::start();
    let texts = rows(file)?.take(SAMPLE).collect::<Result<Vec<TextExample>, _>>()?;
    let (_, read) = watch.seconds();
    let count = texts.len();
    let mut encoded = Vec::with_capacity(count);
    for text in texts {
        encoded.push(encoder.encode_row(text, Task::Group)?);
    }
    let (_, encoded_at) = watch.seconds();
    for row in &encoded {
        lay_out(row)?;
    }
    let (_, end) = watch.seconds();
    let each = |seconds: f64| seconds * 1e6 / count as f64;
    Ok(Steps {
        rows: count,
        read_us: each(read),
        encode_us: each(encoded_at - read),
        lay_out_us: each(end - encoded_at),
    })
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tokenizer, vocab_size, template, threads, file_mb, lengths, start_rss_mb, runs, steps } =
            self;
        writeln!(f, "tokenizer {tokenizer} ({vocab_size} ids), template {template}, {threads} threads")?;
        writeln!(f, "file of {file_mb:.0} MB; {lengths}\n")?;
        writeln!(
            f,
            "{:>8}  {:>7}  {:>7}  {:>7}  {:>10}  {:>17}",
            "groups", "wall s", "CPU s", "rows/s", "tokens/s", "memory growth MB"
        )?;
        for run in runs {
            let Run { rows, wall_s, cpu_s, rows_per_s, tokens_per_s, peak_growth_mb, .. } = run;
            writeln!(
                f,
                "{rows:>8}  {wall_s:>7.1}  {cpu_s:>7.1}  {rows_per_s:>7.0}  {tokens_per_s:>10.0}  {peak_growth_mb:>17.1}"
            )?;
        }
        writeln!(
            f,
            "\nmemory growth: peak of resident memory above {start_rss_mb:.0} MB before the first row"
        )?;
        let Steps { rows, read_us, encode_us, lay_out_us } = steps;
        write!(
            f,
            "CPU time of a row, {rows} rows on one thread: reading {read_us:.0} µs, templating and tokenising {encode_us:.0} µs, trie {lay_out_us:.0} µs"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_and_all_groups_are_prepared_and_reported() {
        let args = PrepareArgs {
            groups: 10,
            threads: NonZero::<usize>::MIN,
            model: None,
            template: "chat".to_owned(),
            prompt_tokens: 120,
            response_tokens: 50,
            format: FileFormat::Trace,
            json: false,
            memory_only: true,
        };
        let outcome = measure(&args).unwrap();
        assert_eq!(outcome.runs.iter().map(|run| run.rows).collect::<Vec<_>>(), [3, 10]);
        let [quarter, all] = [&outcome.runs[0], &outcome.runs[1]];
        assert!(0 < quarter.tokens && quarter.tokens < all.tokens);
        // The two prompts share their start, and each response stands below both.
        assert!(all.trie_tokens < 2 * all.tokens);
        let table = outcome.to_string();
        assert!(table.contains("fixtures/models/qwen2-tiny (1000 ids), template chat, 1 threads"), "{table}");
        let json = serde_json::to_value(&outcome).unwrap();
        assert_eq!(json["runs"][1]["rows"], 10);
    }
}
