//! One stage of training, through the configuration that a user would write.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use iopo_train::{LogEntry, Objective, Observer, Selection, TrainArgs};

use crate::error::LabError;
use crate::files::write_lines;
use crate::verified::trainer;

/// A stage: its configuration as a file, and what a file cannot say.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Where `config.yaml` and the results go.
    pub output: PathBuf,
    /// Keys and values of the configuration; values as YAML has them.
    pub keys: Vec<(String, String)>,
    /// The comment at the head of the file.
    pub comment: String,
    /// A loss that no key names.
    pub loss: Option<Arc<dyn Objective>>,
}

/// The result of a stage.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The Hugging Face folder of the best model; the starting model's where no update improved on it.
    pub model: PathBuf,
    /// Lines of the log.
    pub log: Vec<LogEntry>,
    /// Updates made.
    pub steps: usize,
    /// The best update and its score, where validation chose; 0 is the start.
    pub best: Option<(usize, f64)>,
    /// From loaded data to the last update, evaluations included.
    pub elapsed: Duration,
}

impl Stage {
    /// The configuration. `trace-train run` takes it as it is, unless the loss is a program's own.
    fn lines(&self) -> Vec<String> {
        let comment = self.comment.lines().map(|line| format!("# {line}"));
        let keys = self.keys.iter().map(|(key, value)| format!("{key}: {value}"));
        let output = format!("output_dir: {:?}", self.output.display().to_string());
        comment.chain(keys).chain([output]).collect()
    }

    /// Where the configuration is written.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.output.with_extension("yaml")
    }

    /// Writes the configuration, and trains as it says.
    ///
    /// # Errors
    /// As [`trainer`] and [`Trainer::run`](iopo_train::Trainer::run), and files that cannot be written.
    pub fn run(&self, device: &Device, observer: &mut dyn Observer) -> Result<Trained, LabError> {
        let path = self.config_path();
        write_lines(&path, self.lines())?;
        let mut config = TrainArgs::from_file(&path, &[])?.validate()?;
        if let Some(loss) = &self.loss {
            config.objective = Arc::clone(loss);
        }
        let mut trainer = trainer(config, device)?;
        let started = Instant::now();
        let summary = trainer.run(observer)?;
        let best = best(&summary.log, &summary.selection);
        let start = || trainer.config().model.clone();
        Ok(Trained {
            model: if best.is_some_and(|(step, _)| step == 0) { start() } else { self.output.clone() },
            best,
            log: summary.log,
            steps: summary.steps,
            elapsed: started.elapsed(),
        })
    }
}

/// The trainer chooses among the models that it wrote; here the start is a candidate too.
fn best(log: &[LogEntry], selection: &Selection) -> Option<(usize, f64)> {
    let chosen = selection.best_global_step.zip(selection.best_metric)?;
    let metric = selection.metric_for_best_model.as_deref()?;
    let start = log.iter().filter(|entry| entry.step == 0).find_map(|entry| entry.get(metric));
    Some(start.filter(|start| *start >= chosen.1).map_or(chosen, |start| (0, start)))
}
