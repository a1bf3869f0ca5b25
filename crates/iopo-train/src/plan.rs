//! Which examples go into which update.

use std::cmp::Reverse;

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

/// How many tokens a micro-batch may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBudget {
    /// Tokens at most, unless an example alone has more.
    pub tokens: usize,
    /// Tokens that the model computes for each example alone. What examples share makes a
    /// micro-batch smaller than their sum, never larger.
    pub lengths: Vec<usize>,
}

impl TokenBudget {
    fn length(&self, example: usize) -> usize {
        self.lengths.get(example).copied().unwrap_or_default()
    }

    /// The examples of an update by length, the longest first, cut wherever the next would exceed
    /// the budget: as few micro-batches as that order allows.
    ///
    /// If memory does not suffice, the first of them fails.
    fn split(&self, mut examples: Vec<usize>) -> Vec<Vec<usize>> {
        examples.sort_unstable_by_key(|&example| (Reverse(self.length(example)), example));
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut tokens = 0_usize;
        for example in examples {
            let length = self.length(example);
            tokens = tokens.saturating_add(length);
            match batches.last_mut() {
                Some(batch) if tokens <= self.tokens => batch.push(example),
                _ => {
                    batches.push(vec![example]);
                    tokens = length;
                }
            }
        }
        batches
    }
}

/// Deals examples out to updates, shuffled anew in every epoch.
///
/// The plan of any update depends on seed and sizes alone, so a resumed run meets the same
/// batches as one that never stopped. Which examples an update has does not depend on the token
/// budget: that only says how they are split, and their gradient is the same for every split.
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
    /// How an update's examples are split instead of by `batch_size`, where a budget is given.
    pub budget: Option<TokenBudget>,
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
            if let Some(budget) = &self.budget {
                micro_batches = budget.split(micro_batches.concat());
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
    use proptest::collection::vec;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn planner(examples: usize, batch_size: usize, accumulation: usize, across_epochs: bool) -> StepPlanner {
        StepPlanner { examples, batch_size, accumulation, across_epochs, seed: 7, budget: None }
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

    fn with_budget(mut planner: StepPlanner, tokens: usize, lengths: &[usize]) -> StepPlanner {
        planner.budget = Some(TokenBudget { tokens, lengths: lengths.to_vec() });
        planner
    }

    fn examples_of(step: &StepPlan) -> Vec<usize> {
        let mut examples = step.micro_batches.concat();
        examples.sort_unstable();
        examples
    }

    proptest! {
        #[test]
        fn a_token_budget_splits_updates_and_changes_none(
            lengths in vec(1_usize..900, 1..40),
            tokens in 1_usize..2_000,
            batch_size in 1_usize..6,
            accumulation in 1_usize..6,
            across_epochs: bool,
        ) {
            let plain = planner(lengths.len(), batch_size, accumulation, across_epochs);
            let budgeted = with_budget(plain.clone(), tokens, &lengths);
            let steps = 3 * plain.steps_per_epoch();
            for (plain, budgeted) in plain.steps().zip(budgeted.steps()).take(steps) {
                prop_assert_eq!(examples_of(&plain), examples_of(&budgeted));
                prop_assert_eq!(plain.examples_seen, budgeted.examples_seen);
                for batch in &budgeted.micro_batches {
                    let total: usize = batch.iter().map(|&example| lengths[example]).sum();
                    prop_assert!(total <= tokens || batch.len() == 1);
                }
                // Neighbours in length stand together, and none could have taken the next example in.
                let order: Vec<usize> =
                    budgeted.micro_batches.concat().iter().map(|&example| lengths[example]).collect();
                prop_assert!(order.is_sorted_by(|a, b| a >= b));
                for pair in budgeted.micro_batches.windows(2) {
                    let total: usize = pair[0].iter().map(|&example| lengths[example]).sum();
                    prop_assert!(total + lengths[pair[1][0]] > tokens);
                }
            }
            // A resumed run skips updates, and meets the same ones.
            let whole: Vec<_> = budgeted.steps().take(steps).collect();
            prop_assert_eq!(&whole[steps / 2..], &budgeted.steps().take(steps).skip(steps / 2).collect::<Vec<_>>()[..]);
        }

        #[test]
        fn with_a_token_budget_every_example_counts_once_an_epoch(
            lengths in vec(1_usize..900, 1..40),
            tokens in 1_usize..2_000,
            batch_size in 1_usize..6,
            accumulation in 1_usize..6,
        ) {
            let planner = with_budget(planner(lengths.len(), batch_size, accumulation, false), tokens, &lengths);
            let steps: Vec<_> = planner.steps().take(2 * planner.steps_per_epoch()).collect();
            for epoch in steps.chunks(planner.steps_per_epoch()) {
                let mut seen: Vec<usize> = epoch.iter().flat_map(|step| step.micro_batches.concat()).collect();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            }
        }

        /// Under a budget only the product of batch size and accumulation counts.
        #[test]
        fn with_a_token_budget_accumulation_is_no_matter(lengths in vec(1_usize..900, 1..40), tokens in 1_usize..2_000) {
            let plan = |batch_size, accumulation| {
                let planner = planner(lengths.len(), batch_size, accumulation, false);
                with_budget(planner, tokens, &lengths).steps().take(6).collect::<Vec<_>>()
            };
            let whole = plan(8, 1);
            for (batch_size, accumulation) in [(1, 8), (2, 4), (4, 2)] {
                prop_assert_eq!(&plan(batch_size, accumulation), &whole);
            }
        }
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
