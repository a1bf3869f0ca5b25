//! `trace-train run`.

use anyhow::Result;
use burn::tensor::Device;
use iopo_cli::{label, note, say};
use iopo_lab::trainer;
use iopo_train::{TrainArgs, TrainConfig, TrainSummary, Trainer};

use crate::cli::RunArgs;
use crate::plots;
use crate::progress::Bar;
use crate::table::{Change, render};

/// Reads a configuration, trains, and prints what changed.
pub fn run(args: &RunArgs) -> Result<()> {
    let config = TrainArgs::from_file(&args.config, &args.overrides)?.validate()?;
    let device = args.device.open()?;
    let (changes, summary) = train(config.clone(), &device)?;
    say(render(&changes).to_string())?;
    say(format!("{} updates; results are in {}", summary.steps, config.output_dir.display()))
}

/// Trains, reporting on standard error; evaluates before and after.
pub fn train(config: TrainConfig, device: &Device) -> Result<(Vec<Change>, TrainSummary)> {
    for notice in &config.notices {
        note(format!("note: {}: {}", notice.key, notice.text));
    }
    note(format!("device: {}", label(device)));
    let mut trainer = trainer(config, device)?;
    note(trainer.data().report.to_string());
    let before = evaluations(&trainer)?;
    let mut bar = Bar::new();
    let summary = trainer.run(&mut bar);
    bar.finish();
    let summary = summary?;
    if trainer.config().plot_loss {
        plots::draw(&summary.log, &trainer.config().curves_path())?;
    }
    let changes = before
        .into_iter()
        .zip(evaluations(&trainer)?)
        .map(|((label, examples, before), (_, _, after))| Change { label, examples, before, after })
        .collect();
    Ok((changes, summary))
}

/// A sample of the rows trained on, and all that were held out.
fn evaluations(trainer: &Trainer) -> Result<Vec<(&'static str, usize, iopo_train::Evaluation)>> {
    /// Enough for a mean, few enough not to cost an epoch.
    const SAMPLE: usize = 64;
    let data = trainer.data();
    let sample = &data.train[..data.train.len().min(SAMPLE)];
    let mut evaluations = vec![("trained on", sample.len(), trainer.evaluate(sample)?)];
    if !data.held_out.is_empty() {
        evaluations.push(("held out", data.held_out.len(), trainer.evaluate(&data.held_out)?));
    }
    Ok(evaluations)
}
