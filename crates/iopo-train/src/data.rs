//! From a dataset's files to encoded examples.

use std::num::NonZero;

use iopo_data::{
    EncodeReport, EncodedExample, EncodedRow, Encoder, PrepareError, RenderTime, TemplateEncoder,
    TextTokenizer, stream_dataset,
};
use serde_json::Value;

use crate::args::Notice;
use crate::checkpoint::Checkpoint;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::output::resumed_checkpoint;
use crate::plan::split;

/// The key of the time that a template prints, in a configuration and among the settings of a run.
pub(crate) const TEMPLATE_DATE: &str = "template_date";

/// Encoded examples, and what became of the rows.
#[derive(Debug, Clone)]
pub struct TrainData {
    /// Examples to train on.
    pub train: Vec<EncodedExample>,
    /// Examples to evaluate on.
    pub held_out: Vec<EncodedExample>,
    /// What became of the rows to train on: kept, cut and left out, and lengths.
    pub report: EncodeReport,
    /// The same for held-out rows, where there are any.
    pub held_out_report: Option<EncodeReport>,
    /// The time that the chat template prints, where it prints one.
    pub template_date: Option<RenderTime>,
    /// Rows that were left out because they cannot be used.
    pub skipped: SkippedRows,
    /// What the user should know about tokenizer, template and rows: keys that are not used, rows that were left out.
    pub notices: Vec<Notice>,
}

/// Rows that were left out because they cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkippedRows {
    /// How many.
    pub count: usize,
    /// What is wrong with the first of them.
    pub first: Vec<String>,
}

impl SkippedRows {
    /// The most rows whose error is kept.
    const SHOWN: usize = 5;

    fn add(&mut self, error: &PrepareError) {
        self.count += 1;
        if self.first.len() < Self::SHOWN {
            self.first.push(error.to_string());
        }
    }
}

impl TrainConfig {
    /// The configuration with the time that chat templates print: what it says already, else that of the run which is
    /// resumed, else now. All parts of a run that render conversations need the same.
    ///
    /// # Errors
    /// A checkpoint to resume from that is missing or broken.
    pub fn with_template_date(mut self) -> Result<Self, TrainError> {
        if self.data.template_date.is_none() {
            let there = match resumed_checkpoint(&self)? {
                Some(dir) => {
                    let settings = Checkpoint::open(&dir)?.run;
                    settings.get(TEMPLATE_DATE).and_then(Value::as_str).and_then(|time| time.parse().ok())
                }
                None => None,
            };
            self.data.template_date = Some(there.unwrap_or_else(RenderTime::now));
        }
        Ok(self)
    }
}

/// Reads, converts and encodes the datasets of a configuration.
///
/// A row is held out as a whole: the two pairs that a group makes for DPO are never on both
/// sides.
///
/// # Errors
/// Files that cannot be read, rows that are not what the stage needs, rows that cannot be
/// encoded, and nothing being left.
pub fn load_data(config: &TrainConfig, tokenizer: TextTokenizer) -> Result<TrainData, TrainError> {
    let config = &config.clone().with_template_date()?;
    let tokenizer_note = tokenizer.note().map(|text| Notice { key: "tokenizer.json".to_owned(), text });
    let mut template = TemplateEncoder::new(tokenizer, config.data.template)?;
    if let Some(time) = config.data.template_date {
        template = template.rendered_at(time);
    }
    let template_date = template.printed_time();
    let mut notices: Vec<Notice> = tokenizer_note.into_iter().chain(template_date.map(of_date)).collect();
    let encoder = Encoder::new(template, config.data.cutoff_len, config.data.length_policy);
    let mut skipped = SkippedRows::default();
    let (train, held_out) = rows(config, &encoder, &mut skipped)?;
    let (train, report) = encoder.collect(train.into_iter().map(Ok::<_, TrainError>))?;
    let (held_out, held_out_report) = match held_out.is_empty() {
        true => (Vec::new(), None),
        false => {
            let (held_out, report) = encoder.collect(held_out.into_iter().map(Ok::<_, TrainError>))?;
            (held_out, Some(report))
        }
    };
    notices.extend(of_rows(&report, held_out_report.as_ref(), &skipped));
    Ok(TrainData { train, held_out, report, held_out_report, template_date, skipped, notices })
}

fn of_date(time: RenderTime) -> Notice {
    let text = format!(
        "the chat template prints the time: all rows are rendered as of {time}, also when the run is resumed; \
         runs with the same template_date share a reference_cache"
    );
    Notice { key: TEMPLATE_DATE.to_owned(), text }
}

fn of_rows(report: &EncodeReport, held_out: Option<&EncodeReport>, skipped: &SkippedRows) -> Vec<Notice> {
    let mut unused = report.unused.clone();
    unused.append(held_out.cloned().unwrap_or_default().unused);
    let SkippedRows { count, first } = skipped;
    let rows = if *count == 1 { "1 row is" } else { &format!("{count} rows are") };
    let skipped = (*count > 0).then(|| format!("{rows} left out, first: {}", first.join("; ")));
    let notice = |(key, text): (&str, String)| Notice { key: key.to_owned(), text };
    let unused = unused.lines().into_iter().map(|line| ("dataset", line));
    unused.chain(skipped.map(|text| ("bad_rows", text))).map(notice).collect()
}

/// Rows to train on, and rows held out.
fn rows(
    config: &TrainConfig,
    encoder: &Encoder,
    skipped: &mut SkippedRows,
) -> Result<(Vec<EncodedRow>, Vec<EncodedRow>), TrainError> {
    let rows = read(config, encoder, &config.data.train, skipped)?;
    if let (true, Some(first)) = (rows.is_empty(), skipped.first.first()) {
        return Err(TrainError::no_examples(&format!(
            "bad_rows skips all {} rows, first: {first}",
            skipped.count
        )));
    }
    if !config.data.eval.is_empty() {
        return Ok((rows, read(config, encoder, &config.data.eval, skipped)?));
    }
    let total = rows.len();
    let (train, held_out) = split(total, config.data.val_size, config.seed);
    if train.is_empty() {
        return Err(TrainError::no_examples(&format!(
            "val_size {} holds all {total} rows out",
            config.data.val_size
        )));
    }
    let mut rows: Vec<Option<EncodedRow>> = rows.into_iter().map(Some).collect();
    let mut pick = |indices: Vec<usize>| indices.into_iter().filter_map(|i| rows[i].take()).collect();
    Ok((pick(train), pick(held_out)))
}

/// The rows of some datasets as tokens: their text is dropped as soon as it is encoded.
fn read(
    config: &TrainConfig,
    encoder: &Encoder,
    names: &[String],
    skipped: &mut SkippedRows,
) -> Result<Vec<EncodedRow>, TrainError> {
    let threads = NonZero::new(rayon::current_num_threads()).unwrap_or(NonZero::<usize>::MIN);
    let mut encoded = Vec::new();
    for name in names {
        let rows = stream_dataset(name, &config.data.dir, config.data.unknown_labels)?;
        let rows = rows.take(config.data.max_samples.unwrap_or(usize::MAX));
        for row in encoder.encode_rows(rows, config.objective.task(), threads)? {
            match row {
                Err(error) if config.data.skip_bad_rows && error.is_of_a_row() => skipped.add(&error),
                row => encoded.push(row?),
            }
        }
    }
    Ok(encoded)
}
