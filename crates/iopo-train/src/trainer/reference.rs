//! The reference before the first update: its log-probs ahead, and whether the policy agrees with it.

use iopo_data::EncodedExample;

use super::{Observer, Trainer};
use crate::batch::MicroBatch;
use crate::error::TrainError;
use crate::output::check_output;
use crate::reference::Precompute;
use crate::start::check_start;

/// Tokens that go through the reference together, unless `tokens_per_batch` says. Without a tape
/// this takes less memory than training on a fraction of them, and is enough to keep a device busy.
const TOKENS_PER_PASS: usize = 4_096;

impl Trainer {
    /// Puts the reference's log-probs of all data in the place of the model that gives them.
    pub(super) fn precompute_reference(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let (Some(dir), Some(reference)) = (&self.config.reference.cache, &self.reference) else {
            return Ok(());
        };
        if !reference.is_live() {
            return Ok(());
        }
        // Whatever would stop the run later stops it here, before hours are spent and a folder is made.
        check_output(&self.config)?;
        self.checkpoint_to_resume()?;
        self.check_start()?;
        let examples: Vec<&EncodedExample> = self.data.train.iter().chain(&self.data.held_out).collect();
        let tokens = self.config.tokens_per_batch.unwrap_or(TOKENS_PER_PASS);
        let options = Precompute { dir: dir.clone(), tokens };
        let numbers = reference.clone().precompute(&examples, &options, observer)?;
        // The model goes: in full tuning it would be a second copy of all weights.
        self.reference = Some(numbers);
        Ok(())
    }

    /// Compares policy and reference on the first examples, where they have to agree.
    pub(super) fn check_start(&self) -> Result<(), TrainError> {
        let Some(reference) = self.reference.as_ref().filter(|_| !self.config.reference.is_another()) else {
            return Ok(());
        };
        let first = self.first_examples().iter().flat_map(EncodedExample::sequences);
        let batch = MicroBatch::new(&first.collect::<Vec<_>>())?;
        check_start(&self.state.policy, reference, &*self.config.objective, &batch)
    }
}
