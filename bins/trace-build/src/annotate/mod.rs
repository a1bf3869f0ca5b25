//! `trace-build annotate`: people check an evaluation set.
//!
//! The questions are those of Section 4.4: three about the parts of an instruction and one about the whole, and for
//! each constraint whether its label is right.

mod agreement;
mod cell;
mod check;
mod cli;
mod export;
mod form;
mod read;
mod tables;
mod verdicts;

use anyhow::ensure;
use iopo_cli::print;

pub(crate) use cli::AnnotateCommand;

/// Writes forms, or reads them back and prints the agreement.
pub(crate) fn run(command: &AnnotateCommand) -> anyhow::Result<()> {
    match command {
        AnnotateCommand::Export(args) => print(&export::run(args)?),
        AnnotateCommand::Read(args) => {
            ensure!(
                args.level > 0.0 && args.level < 1.0,
                "--level must lie between 0 and 1, not {}",
                args.level
            );
            let sheets =
                args.files.iter().map(|file| read::sheet(file)).collect::<anyhow::Result<Vec<_>>>()?;
            let verdicts = verdicts::Verdicts::collect(sheets)?;
            let agreement = agreement::measure(&verdicts, args.level)?;
            print(&match args.json {
                true => serde_json::to_string_pretty(&agreement)? + "\n",
                false => tables::render(&agreement),
            })
        }
    }
}
