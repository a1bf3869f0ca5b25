//! Statistics that training logs beside a loss, under TRL's names.
//!
//! Detached means without autodiff: in burn 0.22.1 `detach` alone keeps a leaf's `require_grad`.

use burn::tensor::Tensor;

use crate::{Pair, PairGrid};

/// Log-probs of supervised fine-tuning, detached.
#[derive(Debug, Clone)]
pub struct SftStats {
    /// Sum of each completion's token log-probs, `[n]`.
    pub logps: Tensor<1>,
}

impl SftStats {
    /// Every statistic with its name in metric files, one value per example.
    pub fn named(&self) -> Vec<(&'static str, Tensor<1>)> {
        vec![("logps/chosen", self.logps.clone())]
    }
}

/// Implicit rewards of preference pairs, detached; every field is `[n]`.
///
/// Log-probs are those that the loss itself sees: sums over completion tokens, or means for
/// `ipo`, `sigmoid_norm`, SimPO and ORPO. A reward is β times (policy minus reference), or β times
/// the policy's log-prob where there is no reference.
#[derive(Debug, Clone)]
pub struct PairStats {
    /// Log-probs of the policy.
    pub logps: Pair<Tensor<1>>,
    /// Implicit rewards.
    pub rewards: Pair<Tensor<1>>,
    /// Chosen reward minus rejected reward.
    pub margins: Tensor<1>,
    /// 1 where the chosen reward is strictly larger, 0 elsewhere: 0 at the first step, where
    /// policy and reference agree.
    pub accuracies: Tensor<1>,
}

impl PairStats {
    /// Derives the statistics from log-probs and rewards of the same rows.
    pub(crate) fn new(logps: Pair<Tensor<1>>, rewards: Pair<Tensor<1>>) -> Self {
        let logps = logps.map(Tensor::without_autodiff);
        let rewards = rewards.map(Tensor::without_autodiff);
        Self { margins: margin(rewards.clone()), accuracies: accuracy(rewards.clone()), logps, rewards }
    }

    /// Every statistic with its name in metric files, one value per example.
    ///
    /// # Source
    ///
    /// Names: TRL's `DPOTrainer`.
    pub fn named(&self) -> Vec<(&'static str, Tensor<1>)> {
        vec![
            ("rewards/chosen", self.rewards.chosen.clone()),
            ("rewards/rejected", self.rewards.rejected.clone()),
            ("rewards/margins", self.margins.clone()),
            ("rewards/accuracies", self.accuracies.clone()),
            ("logps/chosen", self.logps.chosen.clone()),
            ("logps/rejected", self.logps.rejected.clone()),
        ]
    }
}

/// Implicit rewards of preference groups, detached; every field and cell is `[n]`, one value per
/// group, also where a loss makes two examples of a group.
///
/// Log-probs and rewards of a cell are those of [`PairStats`]. Averaged over a group, the output
/// margin and the input margin are the same number, half of [`margins`](Self::margins): both are
/// half of matched minus swapped. What tells the two apart is how often each points the right
/// way, hence one accuracy for each.
#[derive(Debug, Clone)]
pub struct GroupStats {
    /// Log-probs of the policy.
    pub logps: PairGrid<Tensor<1>>,
    /// Implicit rewards.
    pub rewards: PairGrid<Tensor<1>>,
    /// Matched minus swapped rewards, `r11 + r22 - r12 - r21`: the logit of the IOPO loss.
    pub margins: Tensor<1>,
    /// Mean over the instructions of reward of the matched minus reward of the swapped response.
    pub output_margin: Tensor<1>,
    /// Mean over the responses of reward under the matched minus reward under the swapped
    /// instruction.
    pub input_margin: Tensor<1>,
    /// Share of the two instructions under which the matched response has strictly the larger
    /// reward: the accuracy of the two DPO pairs in the group.
    pub output_accuracies: Tensor<1>,
    /// Share of the two responses whose reward is strictly larger under the matched instruction.
    pub input_accuracies: Tensor<1>,
}

impl GroupStats {
    /// Derives the statistics from log-probs and rewards of the same groups.
    pub(crate) fn new(logps: PairGrid<Tensor<1>>, rewards: PairGrid<Tensor<1>>) -> Self {
        let logps = logps.map(Tensor::without_autodiff);
        let rewards = rewards.map(Tensor::without_autodiff);
        let outputs = rewards.clone().by_instruction();
        let inputs = rewards.clone().by_response();
        Self {
            margins: rewards.clone().matched_minus_swapped(),
            output_margin: mean_of_two(outputs.clone().map(margin)),
            input_margin: mean_of_two(inputs.clone().map(margin)),
            output_accuracies: mean_of_two(outputs.map(accuracy)),
            input_accuracies: mean_of_two(inputs.map(accuracy)),
            logps,
            rewards,
        }
    }

    /// Every statistic with its name in metric files, one value per group.
    ///
    /// `chosen` is the mean of the two matched cells and `rejected` that of the two swapped ones;
    /// `rewards/accuracies` is [`output_accuracies`](Self::output_accuracies).
    ///
    /// # Source
    ///
    /// Names: TRL's `DPOTrainer`, and the cells of [`PairGrid`].
    pub fn named(&self) -> Vec<(&'static str, Tensor<1>)> {
        let rewards = matched_and_swapped(&self.rewards);
        let logps = matched_and_swapped(&self.logps);
        vec![
            ("rewards/chosen", rewards.chosen),
            ("rewards/rejected", rewards.rejected),
            ("rewards/margins", self.margins.clone()),
            ("rewards/accuracies", self.output_accuracies.clone()),
            ("rewards/input_accuracies", self.input_accuracies.clone()),
            ("rewards/output_margin", self.output_margin.clone()),
            ("rewards/input_margin", self.input_margin.clone()),
            ("rewards/x1_y1", self.rewards.x1_y1.clone()),
            ("rewards/x1_y2", self.rewards.x1_y2.clone()),
            ("rewards/x2_y1", self.rewards.x2_y1.clone()),
            ("rewards/x2_y2", self.rewards.x2_y2.clone()),
            ("logps/chosen", logps.chosen),
            ("logps/rejected", logps.rejected),
            ("logps/x1_y1", self.logps.x1_y1.clone()),
            ("logps/x1_y2", self.logps.x1_y2.clone()),
            ("logps/x2_y1", self.logps.x2_y1.clone()),
            ("logps/x2_y2", self.logps.x2_y2.clone()),
        ]
    }
}

fn margin(rewards: Pair<Tensor<1>>) -> Tensor<1> {
    rewards.chosen - rewards.rejected
}

fn accuracy(rewards: Pair<Tensor<1>>) -> Tensor<1> {
    let zeros = rewards.chosen.zeros_like();
    zeros.mask_fill(rewards.chosen.greater(rewards.rejected), 1.0)
}

fn mean_of_two([first, second]: [Tensor<1>; 2]) -> Tensor<1> {
    (first + second).mul_scalar(0.5)
}

fn matched_and_swapped(grid: &PairGrid<Tensor<1>>) -> Pair<Tensor<1>> {
    let [first, second] = grid.clone().by_instruction();
    first.zip_with(second, |a, b| mean_of_two([a, b]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn column(value: f32) -> Tensor<1> {
        Tensor::from_data([value], &Device::flex())
    }

    fn value(named: &[(&'static str, Tensor<1>)], name: &str) -> f32 {
        let (_, tensor) = named.iter().find(|(other, _)| *other == name).unwrap();
        tensor.clone().into_scalar()
    }

    #[test]
    fn equal_rewards_are_not_accurate() {
        let pair = Pair { chosen: column(1.0), rejected: column(1.0) };
        assert_eq!(value(&PairStats::new(pair.clone(), pair).named(), "rewards/accuracies"), 0.0);
    }

    #[test]
    fn a_group_is_summarised_by_its_matched_and_swapped_cells() {
        // r11 = 5, r12 = 1, r21 = 2, r22 = 1.5:
        // outputs: 5 - 1 = 4 and 1.5 - 2 = -0.5, mean 1.75, one of two right;
        // inputs:  5 - 2 = 3 and 1.5 - 1 = 0.5,  mean 1.75, both right.
        let rewards = PairGrid { x1_y1: 5.0, x1_y2: 1.0, x2_y1: 2.0, x2_y2: 1.5 }.map(column);
        let named = GroupStats::new(rewards.clone(), rewards).named();
        assert_eq!(value(&named, "rewards/chosen"), 3.25);
        assert_eq!(value(&named, "rewards/rejected"), 1.5);
        assert_eq!(value(&named, "rewards/margins"), 3.5);
        assert_eq!(value(&named, "rewards/output_margin"), 1.75);
        assert_eq!(value(&named, "rewards/input_margin"), 1.75);
        assert_eq!(value(&named, "rewards/accuracies"), 0.5);
        assert_eq!(value(&named, "rewards/input_accuracies"), 1.0);
    }
}
