//! The input of an objective: log-probs of a batch's tokens, arranged as examples.

use burn::tensor::{Tensor, TensorData};
use iopo_data::Task;
use iopo_loss::{CompletionLogProbs, Pair, PairGrid};

use crate::error::TrainError;

/// Log-probs of a batch's completion tokens, sequence after sequence.
///
/// # Shapes
/// - `values`: `[Σ lengths]`
#[derive(Debug, Clone)]
pub struct TokenLogProbs {
    /// The log-probs, first token first.
    pub values: Tensor<1>,
    /// Completion tokens of each sequence, at least one.
    pub lengths: Vec<usize>,
}

impl TokenLogProbs {
    /// Sums over each sequence, with its number of tokens.
    ///
    /// ```text
    /// log π(y|x) = Σ_t log π(y_t | x, y_<t)
    /// ```
    ///
    /// # Shapes
    /// - sums and token counts: `[sequences]`
    ///
    /// # Errors
    /// No sequence.
    pub fn sums(&self) -> Result<CompletionLogProbs, TrainError> {
        let sums = self.values.clone().split_with_sizes(self.lengths.clone(), 0);
        let sums = Tensor::cat(sums.into_iter().map(Tensor::sum).collect(), 0);
        let counts = self.lengths.iter().map(|&length| length as f64).collect();
        let counts = TensorData::new(counts, [self.lengths.len()]);
        let counts = Tensor::from_data(counts, (&sums.device(), sums.dtype()));
        Ok(CompletionLogProbs::new(sums, counts)?)
    }
}

/// Log-probs of a batch of whole examples, under the policy and, where it is needed, the reference.
///
/// Sequences come example by example: a completion is one sequence, a pair `chosen, rejected`,
/// a group `x1 y1, x1 y2, x2 y1, x2 y2`. Where a method returns a pair of values, they are the
/// policy's log-probs and the reference's sums; every tensor inside is `[examples]`.
#[derive(Debug, Clone)]
pub struct BatchLogProbs {
    task: Task,
    policy: TokenLogProbs,
    reference: Option<Tensor<1>>,
}

impl BatchLogProbs {
    /// Takes the policy's log-probs and the reference's sums, `[sequences]`.
    ///
    /// # Errors
    /// A number of sequences that does not make whole examples.
    pub fn new(task: Task, policy: TokenLogProbs, reference: Option<Tensor<1>>) -> Result<Self, TrainError> {
        let (sequences, per_example) = (policy.lengths.len(), sequences_per_example(task));
        if sequences == 0 || !sequences.is_multiple_of(per_example) {
            return Err(TrainError::BrokenBatch { sequences, per_example });
        }
        Ok(Self { task, policy, reference })
    }

    /// The policy's log-probs, token by token.
    #[must_use]
    pub fn tokens(&self) -> &TokenLogProbs {
        &self.policy
    }

    /// Number of examples.
    #[must_use]
    pub fn num_examples(&self) -> usize {
        self.policy.lengths.len() / sequences_per_example(self.task)
    }

    /// The completions.
    ///
    /// # Errors
    /// Examples of another task.
    pub fn completions(&self) -> Result<(CompletionLogProbs, Option<Tensor<1>>), TrainError> {
        let [completions] = self.policy_columns(Task::Sft)?;
        Ok((completions, self.reference_columns().map(|[sums]| sums)))
    }

    /// The pairs.
    ///
    /// # Errors
    /// Examples of another task.
    pub fn pairs(&self) -> Result<(Pair<CompletionLogProbs>, Option<Pair<Tensor<1>>>), TrainError> {
        Ok((pair_of(self.policy_columns(Task::Pair)?), self.reference_columns().map(pair_of)))
    }

    /// The groups.
    ///
    /// # Errors
    /// Examples of another task.
    pub fn groups(&self) -> Result<(PairGrid<CompletionLogProbs>, Option<PairGrid<Tensor<1>>>), TrainError> {
        Ok((grid_of(self.policy_columns(Task::Group)?), self.reference_columns().map(grid_of)))
    }

    /// The policy's values for the first sequence of every example, the second, and so on.
    fn policy_columns<const N: usize>(&self, needed: Task) -> Result<[CompletionLogProbs; N], TrainError> {
        if needed != self.task {
            return Err(TrainError::OtherTask { found: self.task, needed });
        }
        let CompletionLogProbs { sum, tokens } = self.policy.sums()?;
        Ok(std::array::from_fn(|nth| CompletionLogProbs {
            sum: every(&sum, nth, N),
            tokens: every(&tokens, nth, N),
        }))
    }

    /// As [`Self::policy_columns`], for the reference's sums.
    fn reference_columns<const N: usize>(&self) -> Option<[Tensor<1>; N]> {
        self.reference.as_ref().map(|sums| std::array::from_fn(|nth| every(sums, nth, N)))
    }
}

/// How many sequences make an example.
pub(crate) fn sequences_per_example(task: Task) -> usize {
    match task {
        Task::Sft => 1,
        Task::Pair => 2,
        Task::Group => 4,
    }
}

fn pair_of<T>([chosen, rejected]: [T; 2]) -> Pair<T> {
    Pair { chosen, rejected }
}

fn grid_of<T>([x1_y1, x1_y2, x2_y1, x2_y2]: [T; 4]) -> PairGrid<T> {
    PairGrid { x1_y1, x1_y2, x2_y1, x2_y2 }
}

/// Entries `first`, `first + stride`, ...: one of each example.
fn every(values: &Tensor<1>, first: usize, stride: usize) -> Tensor<1> {
    let examples = values.dims()[0] / stride;
    values.clone().reshape([examples, stride]).narrow(1, first, 1).reshape([examples])
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn column(values: &[f32]) -> Tensor<1> {
        Tensor::from_data(TensorData::from(values), &Device::flex())
    }

    fn numbers(values: Tensor<1>) -> Vec<f64> {
        values.try_into_vec_as::<f64>().unwrap()
    }

    /// Two groups; sequence s has s + 1 tokens of log-prob −(s + 1) each.
    fn two_groups() -> TokenLogProbs {
        let lengths: Vec<usize> = (1..=8).collect();
        let values: Vec<f32> = lengths.iter().flat_map(|&length| vec![-(length as f32); length]).collect();
        TokenLogProbs { values: column(&values), lengths }
    }

    #[test]
    fn a_sequences_log_prob_is_the_sum_over_its_tokens() {
        let sums = two_groups().sums().unwrap();
        assert_eq!(numbers(sums.sum), [-1.0, -4.0, -9.0, -16.0, -25.0, -36.0, -49.0, -64.0]);
        assert_eq!(numbers(sums.tokens), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    }

    #[test]
    fn sequences_are_arranged_as_the_tasks_examples() {
        let reference = column(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        let of = |task| BatchLogProbs::new(task, two_groups(), Some(reference.clone())).unwrap();
        let (policy, reference) = of(Task::Group).groups().unwrap();
        assert_eq!(numbers(policy.x1_y2.sum), [-4.0, -36.0]);
        assert_eq!(numbers(policy.x2_y1.tokens), [3.0, 7.0]);
        assert_eq!(numbers(reference.unwrap().x2_y2), [3.0, 7.0]);
        let (policy, reference) = of(Task::Pair).pairs().unwrap();
        assert_eq!(numbers(policy.rejected.sum), [-4.0, -16.0, -36.0, -64.0]);
        assert_eq!(numbers(reference.unwrap().chosen), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(of(Task::Sft).completions().unwrap().0.sum.dims(), [8]);
        assert_eq!([Task::Sft, Task::Pair, Task::Group].map(|task| of(task).num_examples()), [8, 4, 2]);
    }

    #[test]
    fn half_an_example_and_examples_of_another_task_are_errors() {
        let mut tokens = two_groups();
        assert!(BatchLogProbs::new(Task::Group, tokens.clone(), None).unwrap().pairs().is_err());
        tokens.lengths.pop();
        assert!(BatchLogProbs::new(Task::Pair, tokens, None).is_err());
    }
}
