//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use trace_schema::UnknownLabels;
use trace_schema::export::{ExportFormat, Shape};
use trace_world::CountDistribution;

use crate::annotate::AnnotateCommand;

/// Builds and describes TRACE data.
#[derive(Debug, Parser)]
#[command(name = "trace-build", version)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make one page of a data set, to look at its rows in a browser.
    ///
    /// It shows x1 and x2 side by side with what changed between them, and loads no other file.
    Browse(BrowseArgs),
    /// Write rows in the format of another program: LLaMA-Factory, TRL, or the paper's fork of the former.
    ///
    /// FILE is JSONL with preference groups, preference pairs, completions or evaluation rows; the first row decides
    /// which. All files become one. The same rows give the same bytes.
    Export(ExportArgs),
    /// Describe a data set: constraints by number, type and dimension, lengths, and what was rejected.
    ///
    /// FILE is JSONL with evaluation rows, preference groups, preference pairs or completions; the first row decides
    /// which. For a folder, every such file is described, and the rejections in its rejected.jsonl by stage.
    Stats(StatsArgs),
    /// Generate instructions whose every constraint a program can check, with responses, groups and evaluation sets.
    ///
    /// DIR gets sft.jsonl, pairs.jsonl and groups.jsonl for training, eval_single.jsonl, eval_multi.jsonl,
    /// eval_pairs.jsonl and eval_more.jsonl, and world.json with numbers about them. The same arguments give the same
    /// bytes on every machine.
    World(WorldArgs),
    /// Build training data and evaluation rows from simple instructions, with a large model.
    ///
    /// CONFIG is YAML; docs/building-data.md explains its keys. The output folder gets sft.jsonl, pairs.jsonl,
    /// groups.jsonl, eval.jsonl, rejected.jsonl with every row that was not kept, summary.json, and journals in which
    /// every answer is kept. A run that was killed or stopped by a cap continues where it ended when it is started
    /// again, and asks no question twice. The exit code is 3 when rows wait for answers.
    Run(RunArgs),
    /// Have people check an evaluation set: write forms, read their verdicts, report the agreement.
    #[command(subcommand)]
    Annotate(AnnotateCommand),
}

/// The arguments of `trace-build run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration.
    #[arg(required_unless_present = "print_prompts")]
    pub(crate) config: Option<PathBuf>,

    /// Print every prompt in use, under the file name that overrides it, and exit.
    #[arg(long)]
    pub(crate) print_prompts: bool,

    /// Print what would be sent for the first seeds and an estimate for all; send nothing.
    #[arg(long, conflicts_with = "print_prompts")]
    pub(crate) dry_run: bool,

    /// How many seeds a dry run shows.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "dry_run")]
    pub(crate) rows: usize,
}

/// The arguments of `trace-build stats`.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// The data set to describe, or a folder of them.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,

    /// Print one JSON document instead of tables.
    #[arg(long)]
    pub(crate) json: bool,

    /// Draw the types and dimensions as two rings and write them to this SVG file.
    ///
    /// For a folder, it shows the groups, or the first file with labelled constraints.
    #[arg(long, value_name = "OUT.SVG")]
    pub(crate) plot: Option<PathBuf>,

    /// What to do with labels that name none of the 26 dimensions.
    ///
    /// Statistics describe a file as it is, and so such labels are counted and listed unless this says otherwise.
    #[arg(long, value_enum, default_value_t = UnknownLabelsArg::Keep)]
    pub(crate) unknown_labels: UnknownLabelsArg,
}

/// The arguments of `trace-build world`.
#[derive(Debug, Args)]
pub(crate) struct WorldArgs {
    /// Training rows of each kind, at most 1,000,000.
    #[arg(long, default_value = "4000")]
    pub(crate) rows: NonZeroUsize,

    /// Rows of each evaluation set, at most 1,000,000.
    #[arg(long, default_value_t = 500)]
    pub(crate) eval_rows: usize,

    /// The seed of all random choices.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// The folder for the files; created if it is missing. Only files of an earlier world are replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// How many constraints training instructions have: up-to-N, paper-training or paper-evaluation.
    #[arg(long, default_value = "up-to-5", value_parser = parse_counts)]
    pub(crate) counts: CountDistribution,

    /// How often the writer ignores a constraint, from 0 to 1.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = parse_probability)]
    pub(crate) teacher_ignores: f64,

    /// How often it replaces an ignored constraint by a near twin instead of leaving it out, from 0 to 1.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = parse_probability)]
    pub(crate) teacher_confuses: f64,

    /// How often the judge accepts a response that does not follow its instruction, from 0 to 1.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = parse_probability)]
    pub(crate) judge_accepts_wrong: f64,

    /// How often the judge rejects a response that follows its instruction, from 0 to 1.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = parse_probability)]
    pub(crate) judge_rejects_right: f64,

    /// Keep also groups whose y2 follows x1, as the paper does.
    #[arg(long)]
    pub(crate) paper_conditions: bool,

    /// Print world.json instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_limit(typed: &str) -> Result<usize, String> {
    /// A page of so many rows is slow in a browser.
    const MOST: usize = 100_000;
    let rows: usize = typed.parse().map_err(|_| "it is not a whole number".to_owned())?;
    if rows <= MOST { Ok(rows) } else { Err(format!("a page shows at most {MOST} rows")) }
}

fn parse_probability(typed: &str) -> Result<f64, String> {
    let value: f64 = typed.parse().map_err(|_| "it is not a number".to_owned())?;
    match (0.0..=1.0).contains(&value) {
        true => Ok(value),
        false => Err("it is not between 0 and 1".to_owned()),
    }
}

pub(crate) fn parse_counts(typed: &str) -> Result<CountDistribution, String> {
    match typed {
        "paper-training" => Ok(CountDistribution::paper_training()),
        "paper-evaluation" => Ok(CountDistribution::paper_evaluation()),
        _ => match typed.strip_prefix("up-to-").and_then(|most| most.parse().ok()) {
            Some(most @ 2..=15) => Ok(CountDistribution::up_to(most)),
            Some(_) => Err("N of up-to-N is from 2 to 15".to_owned()),
            None => Err("it is not one of up-to-N, paper-training and paper-evaluation".to_owned()),
        },
    }
}

/// A policy for unknown labels, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum UnknownLabelsArg {
    /// Stop at the first one.
    Error,
    /// Count and list them.
    Keep,
}

impl From<UnknownLabelsArg> for UnknownLabels {
    fn from(typed: UnknownLabelsArg) -> Self {
        match typed {
            UnknownLabelsArg::Error => Self::Error,
            UnknownLabelsArg::Keep => Self::Keep,
        }
    }
}

/// The arguments of `trace-build browse`.
#[derive(Debug, Args)]
pub(crate) struct BrowseArgs {
    /// The rows to look at: JSONL with preference groups, pairs, completions or evaluation rows.
    pub(crate) file: PathBuf,

    /// The page to write, whole or not at all; only an earlier page of this command is replaced.
    #[arg(long, value_name = "PAGE.HTML")]
    pub(crate) out: PathBuf,

    /// How many rows to show, at most 100,000; from a longer file, rows are sampled and keep their order.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = parse_limit)]
    pub(crate) limit: usize,

    /// The seed of that sample.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// What to do with labels that name none of the 26 dimensions.
    #[arg(long, value_enum, default_value_t = UnknownLabelsArg::Keep)]
    pub(crate) unknown_labels: UnknownLabelsArg,
}

/// The arguments of `trace-build export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The rows to export.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// How rows are laid out.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) to: FormatArg,

    /// The file to write, whole or not at all; its extension is .jsonl, .json or .parquet.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,

    /// The shape of the rows: a group also holds two pairs, two completions and two instructions.
    ///
    /// Without it a row keeps its shape.
    #[arg(long = "as", value_enum, value_name = "SHAPE")]
    pub(crate) shape: Option<ShapeArg>,

    /// The name in dataset_info.json beside the file, which sharegpt and alpaca are entered into.
    ///
    /// The default is the name of the file without its extension.
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Give the formats of other programs the row's id as a further column.
    #[arg(long)]
    pub(crate) ids: bool,

    /// The category of evaluation rows that are made of other rows.
    #[arg(long, default_value = "trace")]
    pub(crate) category: String,

    /// What to do with labels that name none of the 26 dimensions.
    #[arg(long, value_enum, default_value_t = UnknownLabelsArg::Error)]
    pub(crate) unknown_labels: UnknownLabelsArg,
}

/// A format, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FormatArg {
    /// Our own rows.
    Trace,
    /// LLaMA-Factory's conversations; groups as in the paper's trace.json.
    #[value(alias = "trace-json")]
    Sharegpt,
    /// LLaMA-Factory's instruction, input and output, or chosen and rejected.
    Alpaca,
    /// TRL's prompt, chosen, rejected and completion as texts.
    Trl,
    /// The same as lists of messages.
    TrlChat,
    /// Lists of messages for supervised fine-tuning.
    Messages,
}

impl From<FormatArg> for ExportFormat {
    fn from(typed: FormatArg) -> Self {
        match typed {
            FormatArg::Trace => Self::Trace,
            FormatArg::Sharegpt => Self::Sharegpt,
            FormatArg::Alpaca => Self::Alpaca,
            FormatArg::Trl => Self::Trl,
            FormatArg::TrlChat => Self::TrlChat,
            FormatArg::Messages => Self::Messages,
        }
    }
}

/// What rows are taken for, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ShapeArg {
    /// Two instructions and two responses, four cells.
    Groups,
    /// One instruction with a better and a worse response; DPO* of a group.
    Pairs,
    /// One instruction with its response; SFT* of a group.
    Completions,
    /// Instructions to answer and judge.
    Evaluation,
}

impl From<ShapeArg> for Shape {
    fn from(typed: ShapeArg) -> Self {
        match typed {
            ShapeArg::Groups => Self::Group,
            ShapeArg::Pairs => Self::Pair,
            ShapeArg::Completions => Self::Completion,
            ShapeArg::Evaluation => Self::Evaluation,
        }
    }
}
