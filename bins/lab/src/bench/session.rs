//! A model in training on groups from a file, step by step.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use burn::module::Module;
use burn::tensor::Device;
use iopo_data::{EncodedExample, Prediction, TokenSequence, TrieBatch};
use iopo_model::{
    BackwardOptions, Checkpointing, LoraConfig, Parameters, Precision, kernels, load_config, load_model,
};
use iopo_train::{
    AdamW, AdamWConfig, Engine, GroupPasses, MicroBatch, Objective, Observer, Precompute, ReferencePolicy,
    TrainState, WeightedBatch, train_step,
};

use super::group_file::{Quad, read_quads};
use super::measure::Stopwatch;
use super::one::{OneArgs, Passes, Tune};

/// The baseline's settings; β and AdamW's are the defaults of both sides.
const LEARNING_RATE: f64 = 5e-6;
const MAX_GRAD_NORM: f64 = 1.0;

/// Everything that a step needs.
pub struct Session<'a> {
    args: &'a OneArgs,
    quads: Vec<Quad>,
    state: TrainState,
    /// The starting policy, for objectives that compare with it.
    reference: Option<ReferencePolicy>,
    objective: Arc<dyn Objective>,
    engine: Engine,
    next: usize,
}

/// The result of one step, and its cost.
pub struct Step {
    /// The loss before the update.
    pub loss: f64,
    /// Wall time in seconds.
    pub wall: f64,
    /// CPU seconds of all threads.
    pub cpu: f64,
    /// Tokens of the sequences, each counted in full.
    pub tokens: usize,
    /// Tokens that the model computed.
    pub computed: usize,
}

impl<'a> Session<'a> {
    /// Loads model and groups.
    ///
    /// # Errors
    /// Files that cannot be read, and groups that do not fit the model.
    pub fn load(args: &'a OneArgs) -> Result<Self> {
        kernels::set_enabled(!args.no_kernels);
        let vocab_size = load_config(&args.model)?.vocab_size;
        let mut quads = read_quads(&args.quads, vocab_size)?;
        // The baseline cycles through as many groups as it has steps.
        quads.truncate(((args.steps + args.warm) * args.groups).max(1));
        let policy = load_model(&args.model, Precision::default(), &Device::flex())?;
        let policy = match args.tune {
            Tune::Full => policy.set_require_grad(true).train(),
            // Any seed will do: B is zero, and only times and sizes are compared.
            Tune::Lora => policy.attach_lora(&LoraConfig::default(), 0)?.train(),
        };
        let objective = args.stage.objective()?;
        let reference = objective.needs_reference().then(|| ReferencePolicy::snapshot(&policy));
        let head_chunk = args.head_chunk.unwrap_or(BackwardOptions::new(vocab_size).head_chunk);
        let passes = match args.passes {
            Passes::One => GroupPasses::One,
            Passes::Two => GroupPasses::Two,
        };
        Ok(Self {
            args,
            quads,
            state: TrainState { policy, optimizer: AdamW::new(AdamWConfig::default()), decayed: None },
            reference,
            objective,
            engine: Engine {
                backward: BackwardOptions {
                    checkpointing: if args.checkpointing { Checkpointing::Full } else { Checkpointing::Off },
                    head_chunk,
                },
                passes,
            },
            next: 0,
        })
    }

    /// Numbers that are trained.
    pub fn trainable_parameters(&self) -> usize {
        self.state.policy.trainable_parameters().iter().map(|p| p.shape.iter().product::<usize>()).sum()
    }

    /// Predictions whose logits exist at a time.
    pub fn head_chunk(&self) -> usize {
        self.engine.backward.head_chunk
    }

    /// Where the reference's log-probs come from in a step.
    pub fn reference_name(&self) -> &'static str {
        match &self.reference {
            None => "none",
            Some(reference) if reference.is_live() => "live",
            Some(_) => "cached",
        }
    }

    /// Replaces the reference model by its log-probs, group by group, as the trainer does; seconds per group, files and
    /// probes included.
    ///
    /// `None` where the loss has no reference, or the reference model runs in every step.
    pub fn precompute_reference(&mut self) -> Result<Option<f64>> {
        if self.args.live_reference {
            return Ok(None);
        }
        let Some(reference) = self.reference.take() else {
            return Ok(None);
        };
        let dir = tempfile::tempdir().context("no temporary folder")?;
        let examples: Vec<EncodedExample> =
            self.quads.iter().map(|quad| self.args.stage.example(quad)).collect();
        let watch = Stopwatch::start();
        // With so small a budget every example goes alone.
        let options = Precompute { dir: dir.path().to_owned(), tokens: 1 };
        let numbers = reference.precompute(&examples.iter().collect::<Vec<_>>(), &options, &mut Silent)?;
        self.reference = Some(numbers);
        Ok(Some(watch.seconds().0 / self.quads.len() as f64))
    }

    /// One update, layout of the batch included.
    pub fn step(&mut self) -> Result<Step> {
        let watch = Stopwatch::start();
        let groups = (0..self.args.groups).map(|i| &self.quads[(self.next + i) % self.quads.len()]);
        let sequences: Vec<TokenSequence> = groups.flat_map(|quad| self.args.stage.sequences(quad)).collect();
        self.next += self.args.groups;
        let tokens = sequences.iter().map(TokenSequence::len).sum();
        let batch = self.micro_batch(sequences)?;
        let computed = batch.num_tokens();
        let reference = self.reference.as_ref();
        let outcome = train_step(
            &mut self.state,
            reference,
            &*self.objective,
            &[WeightedBatch { batch, weight: 1.0 }],
            LEARNING_RATE,
            MAX_GRAD_NORM,
            &self.engine,
        )?;
        let (wall, cpu) = watch.seconds();
        Ok(Step { loss: outcome.loss, wall, cpu, tokens, computed })
    }

    fn micro_batch(&self, sequences: Vec<TokenSequence>) -> Result<MicroBatch> {
        let mut trie = match self.args.unshared {
            true => TrieBatch::unshared(&sequences)?,
            false => TrieBatch::from_sequences(&sequences)?,
        };
        if self.args.whole_head {
            predict_everything(&mut trie);
        }
        MicroBatch::from_trie(trie).context("the group has no layout")
    }
}

struct Silent;

impl Observer for Silent {}

/// Applies the LM head to every token, as a model does that returns logits.
///
/// The added predictions belong to no sequence, so their loss weight is 0.
fn predict_everything(trie: &mut TrieBatch) {
    let predicting: BTreeSet<usize> = trie.predictions.iter().map(|p| p.source).collect();
    let others = (0..trie.tokens.len()).filter(|source| !predicting.contains(source));
    trie.predictions.extend(others.map(|source| Prediction { source, target: trie.tokens[source] }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_on_every_token_adds_each_token_that_predicted_nothing_once() {
        let sequence = TokenSequence { prompt: vec![1, 2, 3], completion: vec![4, 5] };
        let mut trie = TrieBatch::from_sequences(&[sequence]).unwrap();
        let of_completion = trie.predictions.clone();
        predict_everything(&mut trie);
        assert_eq!(trie.predictions[..2], of_completion);
        let sources: Vec<usize> = trie.predictions.iter().map(|p| p.source).collect();
        assert_eq!(sources, [2, 3, 0, 1, 4]);
        assert_eq!(trie.sequences[0][0], 0..2);
    }
}
