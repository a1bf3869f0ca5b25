//! From a dataset's files to encoded examples.

use iopo_data::{
    EncodeReport, EncodedExample, Encoder, TemplateEncoder, TextExample, TextTokenizer, load_dataset,
};

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::plan::split;

/// Encoded examples, and what became of the rows.
#[derive(Debug, Clone)]
pub struct TrainData {
    /// Examples to train on.
    pub train: Vec<EncodedExample>,
    /// Examples to evaluate on.
    pub held_out: Vec<EncodedExample>,
    /// Rows kept, cut and left out, and lengths.
    pub report: EncodeReport,
    /// The same for the rows of `eval_dataset`, where it is given.
    pub held_out_report: Option<EncodeReport>,
}

/// Reads, converts and encodes the datasets of a configuration.
///
/// # Errors
/// Files that cannot be read, rows that are not what the stage needs, rows that cannot be
/// encoded, and nothing being left.
pub fn load_data(config: &TrainConfig, tokenizer: TextTokenizer) -> Result<TrainData, TrainError> {
    let template = TemplateEncoder::new(tokenizer, config.template)?;
    let encoder = Encoder::new(template, config.cutoff_len, config.length_policy);
    let (examples, report) = encoder.encode_all(&read(config, &config.datasets)?)?;
    let (train, held_out, held_out_report) = if config.eval_datasets.is_empty() {
        let (train, held_out) = split(examples.len(), config.val_size, config.seed);
        let pick = |indices: Vec<usize>| indices.into_iter().map(|i| examples[i].clone()).collect();
        (pick(train), pick(held_out), None)
    } else {
        let (held_out, eval_report) = encoder.encode_all(&read(config, &config.eval_datasets)?)?;
        (examples, held_out, Some(eval_report))
    };
    if train.is_empty() {
        let reason = format!("val_size {} holds all {} rows out", config.val_size, held_out.len());
        return Err(TrainError::NoExamples { reason });
    }
    Ok(TrainData { train, held_out, report, held_out_report })
}

fn read(config: &TrainConfig, names: &[String]) -> Result<Vec<TextExample>, TrainError> {
    let task = config.objective.task();
    let mut examples = Vec::new();
    for name in names {
        let rows = load_dataset(name, &config.dataset_dir)?;
        for row in rows.into_iter().take(config.max_samples.unwrap_or(usize::MAX)) {
            examples.extend(row.into_task(task)?);
        }
    }
    Ok(examples)
}
