//! The reference's log-probs of a dataset: read from the disk, or computed once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Tensor, TensorData};
use iopo_data::{EncodedExample, TokenSequence};
use iopo_model::CausalLm;

use super::cache::{CacheFile, Records};
use super::fingerprint::{Fingerprint, SequenceKey, without_idle_adapters};
use super::probe::{Rounding, probe};
use super::{ReferencePolicy, Source};
use crate::args::Notice;
use crate::batch::{MicroBatch, sequence_log_probs, trie_tokens};
use crate::error::TrainError;
use crate::trainer::Observer;

/// How reference log-probs are computed ahead.
#[derive(Debug, Clone)]
pub struct Precompute {
    /// The folder that keeps them; any number of runs may share one.
    pub dir: PathBuf,
    /// Tokens that go through the model together; an example with more goes alone.
    pub tokens: usize,
}

/// Progress of computing reference log-probs, for a progress bar.
///
/// Observers get it once before anything is computed, and after each pass through the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceProgress<'a> {
    /// The file that keeps them.
    pub file: &'a Path,
    /// Different sequences in the data.
    pub total: usize,
    /// How many of them the file held at the start.
    pub found: usize,
    /// How many were computed by this run.
    pub computed: usize,
}

/// One log-prob for each sequence of a dataset, looked up by the sequence's tokens.
#[derive(Debug, Clone)]
pub(super) struct ReferenceLogProbs {
    records: Records,
    rounding: Rounding,
    device: Device,
    dtype: DType,
}

impl ReferenceLogProbs {
    pub(super) fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// The sums of a batch's sequences, `[sequences]`.
    pub(super) fn of(&self, batch: &MicroBatch) -> Result<Tensor<1>, TrainError> {
        let value = |index: usize| {
            let key = SequenceKey::of(&batch.token_sequence(index));
            self.records.get(&key).copied().ok_or(TrainError::NotPrecomputed { sequence: index })
        };
        let values = (0..batch.num_sequences()).map(value).collect::<Result<Vec<f64>, _>>()?;
        let length = values.len();
        Ok(Tensor::from_data(TensorData::new(values, [length]), (&self.device, self.dtype)))
    }
}

impl ReferencePolicy {
    /// The same reference as numbers for all sequences of `examples`, without the model.
    ///
    /// Numbers in the folder are reused. They are keyed by content: by token ids, and by a hash of the
    /// model's sizes, weights, adapter and float types. Each pass is written to disk, so a killed
    /// process continues where it was. A precomputed reference is returned unchanged.
    ///
    /// At the end a few sequences are recomputed and compared.
    ///
    /// # Errors
    /// A file that cannot be read or written or is no cache, sequences that do not fit the model,
    /// log-probs that are not finite, and numbers that are not those of this model.
    pub fn precompute(
        self,
        examples: &[&EncodedExample],
        options: &Precompute,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let Source::Live(model) = self.source else {
            return Ok(self);
        };
        let model = without_idle_adapters(*model)?;
        let fingerprint = Fingerprint::of(&model)?;
        let path = CacheFile::path(&options.dir, &fingerprint);
        let (file, contents) = CacheFile::open(&options.dir, fingerprint, |lock| {
            observer.on_notice(&notice(format!(
                "another process computes the same reference; waiting for {}",
                lock.display()
            )));
        })?;
        if contents.dropped > 0 {
            let text =
                format!("{}: {} incomplete or damaged records are dropped", path.display(), contents.dropped);
            observer.on_notice(&notice(text));
        }
        let records = Filling { model: &model, path: &path, file, records: contents.records, observer }
            .fill(examples, options.tokens)?;
        let rounding = probe(&model, examples, &records, &path)?;
        let device = model.device().without_autodiff();
        let dtype = model.precision().loss.into();
        Ok(Self { source: Source::Cached(ReferenceLogProbs { records, rounding, device, dtype }) })
    }
}

fn notice(text: String) -> Notice {
    Notice { key: "reference_cache".to_owned(), text }
}

/// A cache that is being completed.
struct Filling<'a> {
    model: &'a CausalLm,
    path: &'a Path,
    file: CacheFile,
    records: Records,
    observer: &'a mut dyn Observer,
}

impl Filling<'_> {
    /// Computes missing numbers, and drops those that the examples do not need.
    fn fill(mut self, examples: &[&EncodedExample], tokens: usize) -> Result<Records, TrainError> {
        let wanted: BTreeSet<SequenceKey> =
            examples.iter().flat_map(|example| example.sequences()).map(|s| SequenceKey::of(&s)).collect();
        self.records.retain(|key, _| wanted.contains(key));
        let (total, found) = (wanted.len(), self.records.len());
        self.report(total, found);
        let mut pass: Vec<TokenSequence> = Vec::new();
        let mut pass_tokens = 0;
        let mut planned = BTreeSet::new();
        for example in examples {
            let mut missing = example.sequences();
            missing.retain(|sequence| {
                let key = SequenceKey::of(sequence);
                !self.records.contains_key(&key) && planned.insert(key)
            });
            if missing.is_empty() {
                continue;
            }
            // Shared text makes a pass smaller than counted, never larger.
            let example_tokens = trie_tokens(&missing)?;
            if !pass.is_empty() && pass_tokens + example_tokens > tokens {
                self.compute(&std::mem::take(&mut pass))?;
                self.report(total, found);
                pass_tokens = 0;
            }
            pass.extend(missing);
            pass_tokens += example_tokens;
        }
        if !pass.is_empty() {
            self.compute(&pass)?;
            self.report(total, found);
        }
        self.file.sync()?;
        Ok(self.records)
    }

    fn compute(&mut self, sequences: &[TokenSequence]) -> Result<(), TrainError> {
        let sums = sequence_log_probs(self.model, &MicroBatch::new(sequences)?)?.sum;
        let sums = sums
            .try_into_vec_as::<f64>()
            .map_err(|error| TrainError::Device { what: "log-probs", reason: error.to_string() })?;
        let records: Vec<_> = sequences.iter().map(SequenceKey::of).zip(sums).collect();
        if let Some(&(_, value)) = records.iter().find(|(_, value)| !value.is_finite()) {
            return Err(TrainError::ReferenceNotFinite { value });
        }
        self.file.append(&records)?;
        self.records.extend(records);
        Ok(())
    }

    fn report(&mut self, total: usize, found: usize) {
        let computed = self.records.len() - found;
        self.observer.on_reference(&ReferenceProgress { file: self.path, total, found, computed });
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::FloatDType;
    use iopo_model::{Precision, load_model};
    use tempfile::tempdir;

    use super::*;
    use crate::args::TrainArgs;
    use crate::start::check_start;

    fn model() -> CausalLm {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/qwen2-tiny");
        load_model(&dir, Precision::uniform(FloatDType::F32), &Device::flex()).unwrap()
    }

    /// Groups without meaning.
    fn groups() -> Vec<EncodedExample> {
        let tokens = |start: u32, n: u32| (0..n).map(|i| (start * 131 + 37 * i) % 990).collect::<Vec<_>>();
        (0..4)
            .map(|i| EncodedExample::Group {
                x1: tokens(i, 9),
                x2: tokens(i + 10, 7),
                y1: tokens(i + 20, 12),
                y2: tokens(i + 30, 8),
            })
            .collect()
    }

    /// Computes ahead where the file holds the right numbers, plus an error, already.
    fn with_errors(error: f64) -> Result<ReferencePolicy, TrainError> {
        let (dir, groups) = (tempdir().unwrap(), groups());
        let sequences: Vec<_> = groups.iter().flat_map(EncodedExample::sequences).collect();
        let batch = MicroBatch::new(&sequences).unwrap();
        let sums = sequence_log_probs(&model(), &batch).unwrap().sum.try_into_vec_as::<f64>().unwrap();
        let records: Vec<_> =
            sequences.iter().map(SequenceKey::of).zip(sums.into_iter().map(|sum| sum + error)).collect();
        let fingerprint = Fingerprint::of(&model()).unwrap();
        CacheFile::open(dir.path(), fingerprint, |_| ()).unwrap().0.append(&records).unwrap();
        let options = Precompute { dir: dir.path().to_owned(), tokens: 4_096 };
        let examples: Vec<_> = groups.iter().collect();
        ReferencePolicy::frozen(model()).precompute(&examples, &options, &mut ())
    }

    #[test]
    fn numbers_of_another_model_are_refused_though_their_file_is_sound() {
        with_errors(0.0).unwrap();
        for error in [0.01, -0.01, 5.0, f64::NAN, f64::INFINITY] {
            let refused = with_errors(error).unwrap_err();
            assert!(matches!(refused, TrainError::ReferenceDiffers { .. }), "{error}: {refused}");
            assert!(refused.to_string().contains("delete the file"), "{refused}");
        }
    }

    #[test]
    fn one_wrong_number_of_the_first_batch_does_not_start() {
        let args = "{model_name_or_path: m, dataset: d, output_dir: o, stage: iopo}";
        let objective =
            TrainArgs::from_yaml(args, Path::new("run.yaml"), &[]).unwrap().validate().unwrap().objective;
        let batch = MicroBatch::new(&groups()[0].sequences()).unwrap();
        let start = |reference: &ReferencePolicy| check_start(&model(), reference, &*objective, &batch);
        let reference = with_errors(0.0).unwrap();
        start(&reference).unwrap();
        for (index, sequence) in groups()[0].sequences().iter().enumerate() {
            let mut wrong = reference.clone();
            let Source::Cached(numbers) = &mut wrong.source else { panic!("still a model") };
            *numbers.records.get_mut(&SequenceKey::of(sequence)).unwrap() += 0.01;
            let error = start(&wrong).unwrap_err();
            assert!(matches!(error, TrainError::BrokenStart { .. }), "{index}: {error}");
        }
    }
}
