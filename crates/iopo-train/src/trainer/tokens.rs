//! Micro-batches by tokens instead of examples.

use iopo_data::EncodedExample;

use super::{Observer, Trainer};
use crate::args::Notice;
use crate::batch::trie_tokens;
use crate::error::TrainError;
use crate::plan::TokenBudget;

impl Trainer {
    /// Counts the tokens of all examples, where updates are split by them, and tells of those that
    /// exceed the budget alone.
    pub(super) fn plan_by_tokens(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let Some(tokens) = self.config.tokens_per_batch else {
            return Ok(());
        };
        let lengths = self.data.train.iter().map(|example| trie_tokens(&example.sequences()));
        let lengths = lengths.collect::<Result<Vec<usize>, _>>()?;
        let longer: Vec<usize> = lengths.iter().copied().filter(|&length| length > tokens).collect();
        if let Some(longest) = longer.iter().max() {
            let text = format!(
                "{} of {} examples have more than {tokens} tokens, the longest {longest}; each of them goes through \
                 the model alone",
                longer.len(),
                lengths.len()
            );
            observer.on_notice(&Notice { key: "tokens_per_batch".to_owned(), text });
        }
        self.planner.budget = Some(TokenBudget { tokens, lengths });
        Ok(())
    }

    /// The first examples, as many as training would put through the model together.
    pub(super) fn first_examples(&self) -> &[EncodedExample] {
        let many = self.data.train.len().min(self.config.batch_size);
        let count = match &self.planner.budget {
            None => many,
            Some(budget) => {
                let totals = budget.lengths.iter().scan(0_usize, |total, length| {
                    *total = total.saturating_add(*length);
                    Some(*total)
                });
                totals.take(many).take_while(|total| *total <= budget.tokens).count().max(1)
            }
        };
        &self.data.train[..count]
    }
}
