//! From text examples to token examples within a length limit.

mod example;
mod length;
mod report;

use std::num::NonZero;

use trace_schema::RowLocation;

pub use example::EncodedExample;
use length::Fit;
pub use length::{DropReason, LengthPolicy, infer_seqlen};
pub use report::{DroppedRows, EncodeReport, Lengths};

use crate::TokenSequence;
use crate::example::{ExampleText, TextExample};
use crate::template::{TemplateEncoder, TemplateError};

/// A row that cannot become tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The template or the tokenizer refuses the row.
    #[error("{origin}: {source}")]
    Template {
        /// Where the row is.
        origin: RowLocation,
        /// Why.
        source: TemplateError,
    },
    /// The row is longer than the limit, under [`LengthPolicy::Error`].
    #[error(
        "{origin}: {prompt_tokens} prompt tokens and {completion_tokens} response tokens exceed cutoff_len {cutoff_len}; raise it, or choose another length policy"
    )]
    TooLong {
        /// Where the row is.
        origin: RowLocation,
        /// Length of the longest prompt.
        prompt_tokens: usize,
        /// Length of the longest completion.
        completion_tokens: usize,
        /// The limit.
        cutoff_len: usize,
    },
    /// Every row was left out.
    #[error("no row is left under cutoff_len {cutoff_len}: {report}")]
    NothingKept {
        /// The limit.
        cutoff_len: usize,
        /// Why each row was left out.
        report: Box<EncodeReport>,
    },
}

/// Turns text examples into token examples: template, tokenizer, length limit.
#[derive(Debug, Clone)]
pub struct Encoder {
    template: TemplateEncoder,
    cutoff_len: usize,
    policy: LengthPolicy,
}

impl Encoder {
    /// An encoder whose examples have at most `cutoff_len` tokens per sequence.
    pub fn new(template: TemplateEncoder, cutoff_len: usize, policy: LengthPolicy) -> Self {
        Self { template, cutoff_len, policy }
    }

    /// The template and its tokenizer.
    pub fn template(&self) -> &TemplateEncoder {
        &self.template
    }

    /// Encodes one row; `None` when the length policy leaves it out.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Template`], and [`EncodeError::TooLong`] under
    /// [`LengthPolicy::Error`].
    pub fn encode(&self, example: &TextExample) -> Result<Option<EncodedExample>, EncodeError> {
        self.encode_counted(example, &mut EncodeReport::default())
    }

    /// Encodes a dataset on all cores, in order, and reports what became of its rows.
    ///
    /// # Errors
    ///
    /// The first row's error in the order of the rows, and [`EncodeError::NothingKept`]
    /// when every row is left out.
    pub fn encode_all(
        &self,
        examples: &[TextExample],
    ) -> Result<(Vec<EncodedExample>, EncodeReport), EncodeError> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let chunks = examples.chunks(examples.len().div_ceil(threads).max(1));
        let results = std::thread::scope(|scope| {
            let workers: Vec<_> = chunks.map(|chunk| scope.spawn(|| self.encode_chunk(chunk))).collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().map(join).collect::<Vec<_>>()
        });
        let (mut encoded, mut report) = (Vec::with_capacity(examples.len()), EncodeReport::default());
        for result in results {
            let (chunk, chunk_report) = result?;
            encoded.extend(chunk);
            report.append(chunk_report);
        }
        if encoded.is_empty() {
            return Err(EncodeError::NothingKept { cutoff_len: self.cutoff_len, report: Box::new(report) });
        }
        Ok((encoded, report))
    }

    fn encode_chunk(
        &self,
        examples: &[TextExample],
    ) -> Result<(Vec<EncodedExample>, EncodeReport), EncodeError> {
        let mut report = EncodeReport::default();
        let mut encoded = Vec::with_capacity(examples.len());
        for example in examples {
            encoded.extend(self.encode_counted(example, &mut report)?);
        }
        Ok((encoded, report))
    }

    fn encode_counted(
        &self,
        example: &TextExample,
        report: &mut EncodeReport,
    ) -> Result<Option<EncodedExample>, EncodeError> {
        let tokens = self.tokenize(&example.text);
        let tokens =
            tokens.map_err(|source| EncodeError::Template { origin: example.origin.clone(), source })?;
        self.limit(tokens, &example.origin, report)
    }

    fn tokenize(&self, text: &ExampleText) -> Result<EncodedExample, TemplateError> {
        let template = &self.template;
        Ok(match text {
            ExampleText::Completion { prompt, response } => {
                EncodedExample::Sequence(template.encode(prompt, response)?)
            }
            ExampleText::Pair { prompt, chosen, rejected } => EncodedExample::Pair {
                chosen: template.completion(prompt, chosen)?,
                rejected: template.completion(prompt, rejected)?,
                prompt: template.prompt(prompt)?,
            },
            ExampleText::Group { x1, y1, x2, y2 } => {
                let TokenSequence { prompt: first, completion: first_completion } =
                    template.encode(x1, y1)?;
                let TokenSequence { prompt: second, completion: second_completion } =
                    template.encode(x2, y2)?;
                EncodedExample::Group { x1: first, x2: second, y1: first_completion, y2: second_completion }
            }
        })
    }

    /// Applies the length policy to all prompts and completions of a row alike.
    fn limit(
        &self,
        mut example: EncodedExample,
        origin: &RowLocation,
        report: &mut EncodeReport,
    ) -> Result<Option<EncodedExample>, EncodeError> {
        let longest = |parts: Vec<&mut Vec<u32>>, lengths: &mut Lengths| {
            parts
                .into_iter()
                .map(|part| part.len())
                .inspect(|&length| lengths.push(length))
                .max()
                .unwrap_or(0)
        };
        let prompt_tokens = longest(example.prompts_mut(), &mut report.prompt_lengths);
        let completion_tokens = longest(example.completions_mut(), &mut report.completion_lengths);
        match self.policy.fit(prompt_tokens, completion_tokens, self.cutoff_len) {
            Fit::Refuse => Err(EncodeError::TooLong {
                origin: origin.clone(),
                prompt_tokens,
                completion_tokens,
                cutoff_len: self.cutoff_len,
            }),
            Fit::Drop(reason) => {
                report.drop_row(reason, origin);
                Ok(None)
            }
            Fit::Keep { prompt, completion } => {
                let cut_prompts = cut(example.prompts_mut(), prompt);
                let cut_completions = cut(example.completions_mut(), completion);
                report.kept += 1;
                report.truncated += usize::from(cut_prompts + cut_completions > 0);
                report.completions_without_eos += cut_completions;
                Ok(Some(example))
            }
        }
    }
}

/// Keeps the start of each part, and counts those that were longer.
fn cut(parts: Vec<&mut Vec<u32>>, keep: usize) -> usize {
    let longer = parts.into_iter().filter(|part| part.len() > keep);
    longer.map(|part| part.truncate(keep)).count()
}
