//! From text examples to token examples within a length limit.

mod example;
mod length;
mod report;
mod rows;

use std::num::NonZero;

use trace_schema::RowLocation;

pub use example::EncodedExample;
use length::Fit;
pub use length::{DropReason, LengthPolicy, infer_seqlen};
pub use report::{DroppedRows, EncodeReport, Lengths};
pub use rows::{EncodedRow, PrepareError};

use crate::TokenSequence;
use crate::example::{ExampleText, TextExample};
use crate::ordered::{OrderedMap, ThreadsError};
use crate::template::{TemplateEncoder, TemplateError};
use crate::tokenizer::Pieces;

/// A row that cannot become tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields are places, lengths, reasons and sources")]
pub enum EncodeError {
    /// The template or the tokenizer refuses the row.
    #[error("{origin}: {source}")]
    Template { origin: RowLocation, source: TemplateError },
    /// The row is longer than the limit, under [`LengthPolicy::Error`].
    #[error(
        "{origin}: {prompt_tokens} prompt tokens and {completion_tokens} response tokens exceed cutoff_len {cutoff_len}; raise it, or choose another length policy"
    )]
    TooLong { origin: RowLocation, prompt_tokens: usize, completion_tokens: usize, cutoff_len: usize },
    /// Every row was left out; the report has the reason for each.
    #[error("no row is left under cutoff_len {cutoff_len}: {report}")]
    NothingKept { cutoff_len: usize, report: Box<EncodeReport> },
    /// There are no threads to encode on.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
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
        Ok(self.encode_examples(std::slice::from_ref(example))?.examples.pop())
    }

    /// Encodes a dataset on the threads of the current rayon pool, in order, and reports what happened to its rows.
    ///
    /// # Errors
    ///
    /// The first row's error in the order of the rows, and [`EncodeError::NothingKept`]
    /// when every row is left out.
    pub fn encode_all(
        &self,
        examples: &[TextExample],
    ) -> Result<(Vec<EncodedExample>, EncodeReport), EncodeError> {
        let threads = NonZero::new(rayon::current_num_threads()).unwrap_or(NonZero::<usize>::MIN);
        let encode = |example| self.encode_examples(std::slice::from_ref(example));
        self.collect(OrderedMap::new(examples.iter(), threads, encode)?)
    }

    /// The examples of one row, tokenised with one cache of earlier pieces.
    pub(super) fn encode_examples(&self, examples: &[TextExample]) -> Result<EncodedRow, EncodeError> {
        let mut pieces = Pieces::new(self.template.tokenizer());
        let mut row = EncodedRow::default();
        for TextExample { origin, text, unused } in examples {
            unused.iter().for_each(|key| row.report.unused.add(key, origin));
            let tokens = self.tokenize(&mut pieces, text);
            let tokens = tokens.map_err(|source| EncodeError::Template { origin: origin.clone(), source })?;
            row.examples.extend(self.limit(tokens, origin, &mut row.report)?);
        }
        Ok(row)
    }

    fn tokenize(&self, pieces: &mut Pieces<'_>, text: &ExampleText) -> Result<EncodedExample, TemplateError> {
        let template = &self.template;
        Ok(match text {
            ExampleText::Completion { prompt, response } => {
                let (prompt, [completion]) = template.encode_each(pieces, prompt, [response])?;
                EncodedExample::Sequence(TokenSequence { prompt, completion })
            }
            ExampleText::Pair { prompt, chosen, rejected } => {
                let (prompt, [chosen, rejected]) =
                    template.encode_each(pieces, prompt, [chosen, rejected])?;
                EncodedExample::Pair { prompt, chosen, rejected }
            }
            ExampleText::Group { x1, y1, x2, y2 } => {
                let (x1, [y1]) = template.encode_each(pieces, x1, [y1])?;
                let (x2, [y2]) = template.encode_each(pieces, x2, [y2])?;
                EncodedExample::Group { x1, x2, y1, y2 }
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
    let mut longer = 0;
    for part in parts {
        longer += usize::from(part.len() > keep);
        part.truncate(keep);
        // A dataset is held as tokens, and a vector that grew is up to twice as large as its tokens.
        part.shrink_to_fit();
    }
    longer
}
