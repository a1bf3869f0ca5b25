//! Which examples go into which update.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The examples of one update, by micro-batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepPlan {
    /// Indices of examples, one list for each micro-batch.
    pub micro_batches: Vec<Vec<usize>>,
    /// Examples seen once the update is made, over all epochs.
    pub examples_seen: usize,
}

/// Deals examples out to updates, shuffled anew in every epoch.
///
/// The plan of any update depends on seed and sizes alone, so a resumed run meets the same
/// batches as one that never stopped.
#[derive(Debug, Clone)]
pub struct StepPlanner {
    /// Number of examples.
    pub examples: usize,
    /// Examples in a micro-batch.
    pub batch_size: usize,
    /// Micro-batches in an update.
    pub accumulation: usize,
    /// Whether leftover micro-batches wait for the next epoch. By default they make a smaller
    /// update of their own, so that every example counts once an epoch.
    pub across_epochs: bool,
    /// Seed of the shuffling.
    pub seed: u64,
}

impl StepPlanner {
    /// Updates in one epoch.
    #[must_use]
    pub fn steps_per_epoch(&self) -> usize {
        let (micro, accumulation) = (self.micro_batches_per_epoch(), self.accumulation.max(1));
        let steps = if self.across_epochs { micro / accumulation } else { micro.div_ceil(accumulation) };
        steps.max(1)
    }

    fn micro_batches_per_epoch(&self) -> usize {
        self.examples.div_ceil(self.batch_size.max(1))
    }

    /// Whether the last micro-batch of an epoch ends an update, however few it has.
    ///
    /// Where an epoch is too short for a full update, transformers makes one of what there is.
    fn epoch_ends_update(&self) -> bool {
        !self.across_epochs || self.micro_batches_per_epoch() <= self.accumulation
    }

    /// Updates in a number of epochs.
    #[must_use]
    pub fn total_steps(&self, epochs: f64) -> usize {
        ((epochs * self.steps_per_epoch() as f64).ceil() as usize).max(1)
    }

    /// All updates from the first on, without end; none where there are no examples.
    pub fn steps(&self) -> impl Iterator<Item = StepPlan> + '_ {
        let epochs = if self.examples == 0 { 0..0 } else { 0..u64::MAX };
        let mut micro = epochs.flat_map(|epoch| self.epoch(epoch));
        let mut seen = 0;
        std::iter::from_fn(move || {
            let mut micro_batches = Vec::new();
            while micro_batches.len() < self.accumulation.max(1) {
                let (batch, last_of_epoch) = micro.next()?;
                seen += batch.len();
                micro_batches.push(batch);
                if last_of_epoch && self.epoch_ends_update() {
                    break;
                }
            }
            Some(StepPlan { micro_batches, examples_seen: seen })
        })
    }

    /// The micro-batches of one epoch; the last one is marked.
    fn epoch(&self, epoch: u64) -> Vec<(Vec<usize>, bool)> {
        let mut order: Vec<usize> = (0..self.examples).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(epoch + 1);
        order.shuffle(&mut rng);
        let mut batches: Vec<_> =
            order.chunks(self.batch_size.max(1)).map(|chunk| (chunk.to_vec(), false)).collect();
        if let Some(last) = batches.last_mut() {
            last.1 = true;
        }
        batches
    }
}

/// Splits `examples` rows into those trained on and those held out: the last of a seeded shuffle.
///
/// `size` is a share below 1, else a number of rows.
pub(crate) fn split(examples: usize, size: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let held_out = if size < 1.0 { (size * examples as f64).ceil() } else { size };
    let held_out = (held_out as usize).min(examples);
    let mut order: Vec<usize> = (0..examples).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let rest = order.split_off(examples - held_out);
    order.sort_unstable();
    (order, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planner(examples: usize, batch_size: usize, accumulation: usize, across_epochs: bool) -> StepPlanner {
        StepPlanner { examples, batch_size, accumulation, across_epochs, seed: 7 }
    }

    #[test]
    fn every_example_counts_once_an_epoch() {
        let planner = planner(21, 2, 4, false);
        assert_eq!(planner.steps_per_epoch(), 3);
        let mut seen: Vec<usize> =
            planner.steps().take(3).flat_map(|step| step.micro_batches.concat()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..21).collect::<Vec<_>>());
    }

    /// REFERENCE: 21 examples, accumulation 8, three epochs: six updates, the last after 48 examples.
    #[test]
    fn leftovers_wait_for_the_next_epoch_when_asked_to() {
        let planner = planner(21, 1, 8, true);
        assert_eq!(planner.total_steps(3.0), 6);
        let steps: Vec<_> = planner.steps().take(6).collect();
        assert!(steps.iter().all(|step| step.micro_batches.len() == 8));
        assert_eq!(steps[5].examples_seen, 48);
    }

    /// transformers 4.43 makes an update at the end of an epoch that is too short for a full one.
    #[test]
    fn an_epoch_too_short_for_an_update_is_one() {
        let planner = planner(5, 1, 8, true);
        assert_eq!(planner.total_steps(3.0), 3);
        let seen: Vec<usize> = planner.steps().take(3).map(|step| step.examples_seen).collect();
        assert_eq!(seen, [5, 10, 15]);
    }

    #[test]
    fn no_examples_or_sizes_of_zero_end_at_once_instead_of_never() {
        assert_eq!(planner(0, 1, 1, false).steps().next(), None);
        let step = planner(3, 0, 0, false).steps().next();
        assert_eq!(step.map(|step| step.micro_batches.len()), Some(1));
    }

    #[test]
    fn a_part_of_an_epoch_is_a_part_of_its_updates() {
        assert_eq!(planner(21, 1, 8, false).total_steps(0.5), 2);
        assert_eq!(planner(21, 1, 8, false).total_steps(1e-9), 1);
    }

    #[test]
    fn epochs_are_shuffled_differently_and_reproducibly() {
        let planner = planner(16, 16, 1, false);
        let steps: Vec<_> = planner.steps().take(2).collect();
        assert_ne!(steps[0].micro_batches, steps[1].micro_batches);
        assert_eq!(steps, planner.steps().take(2).collect::<Vec<_>>());
    }

    #[test]
    fn a_split_loses_and_repeats_nothing() {
        for size in [0.0, 0.1, 1.0, 3.0, 50.0] {
            let (train, held_out) = split(20, size, 42);
            let mut all = [train, held_out].concat();
            all.sort_unstable();
            assert_eq!(all, (0..20).collect::<Vec<_>>());
        }
        assert_eq!(split(20, 0.1, 42).1.len(), 2);
        assert_eq!(split(20, 1.0, 42).1.len(), 1);
    }
}
