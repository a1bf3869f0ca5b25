//! When the model is evaluated, and what evaluations decide.

use super::checker::Checker;
use super::{EvalPromptsConfig, IntervalStrategy, SelectionConfig};
use crate::args::{Interval, TrainArgs};

impl Checker {
    pub(super) fn eval(&mut self, args: &TrainArgs) -> IntervalStrategy {
        // transformers renamed the key; both are in use.
        match args.eval_strategy.or(args.evaluation_strategy).unwrap_or(Interval::No) {
            Interval::No => {
                self.no_effect(args, &["eval_steps"], "eval_strategy is no");
                IntervalStrategy::No
            }
            Interval::Epoch => {
                self.no_effect(args, &["eval_steps"], "eval_strategy is epoch");
                IntervalStrategy::Epoch
            }
            // As in transformers, evaluation follows logging unless it has a number of its own.
            Interval::Steps => IntervalStrategy::Steps(args.eval_steps.unwrap_or(args.logging_steps)),
        }
    }

    pub(super) fn held_out(&mut self, args: &TrainArgs, eval: IntervalStrategy) {
        let has_rows = !args.eval_dataset.is_empty() || args.val_size > 0.0;
        if eval == IntervalStrategy::No {
            let reason = "eval_strategy is no: rows are held out, and not evaluated while training";
            for key in ["val_size", "eval_dataset"].into_iter().filter(|key| !args.is_default(key)) {
                self.notice(key, reason);
            }
        } else if !has_rows && !self.has_evaluator && args.eval_prompts.is_empty() {
            self.conflict(
                "eval_strategy needs something to evaluate on: set val_size, eval_dataset or eval_prompts",
            );
        }
        if !args.eval_dataset.is_empty() && args.val_size > 0.0 {
            self.conflict("val_size and eval_dataset exclude each other");
        }
    }

    /// What `metric_for_best_model` and the keys around it ask for; nothing where none of them is set.
    pub(super) fn selection(&mut self, args: &TrainArgs, eval: IntervalStrategy) -> Option<SelectionConfig> {
        if eval == IntervalStrategy::No {
            for (key, asked) in [
                ("load_best_model_at_end", args.load_best_model_at_end),
                ("early_stopping_steps", args.early_stopping_steps.is_some()),
            ] {
                if asked {
                    self.conflict(&format!("{key} needs evaluations: set eval_strategy"));
                }
            }
            let keys = ["eval_on_start", "metric_for_best_model", "greater_is_better"];
            self.no_effect(args, &keys, "eval_strategy is no");
            return None;
        }
        let asked = args.load_best_model_at_end
            || args.early_stopping_steps.is_some()
            || args.metric_for_best_model.is_some();
        if !asked {
            self.no_effect(args, &["greater_is_better"], "no metric_for_best_model is given");
            return None;
        }
        // As in transformers: with or without `eval_`, and the loss where no metric is named.
        let name = args.metric_for_best_model.as_deref().unwrap_or("loss");
        let metric = name.strip_prefix("eval_").unwrap_or(name).to_owned();
        self.direction(args, &metric);
        Some(SelectionConfig {
            greater_is_better: args.greater_is_better.unwrap_or(!metric.ends_with("loss")),
            metric,
            load_best: args.load_best_model_at_end,
            patience: args.early_stopping_steps,
        })
    }

    /// Refuses to choose the worst model, or by a number that never changes.
    fn direction(&mut self, args: &TrainArgs, metric: &str) {
        if args.metric_for_best_model.is_none()
            && !args.eval_prompts.is_empty()
            && args.eval_dataset.is_empty()
            && args.val_size == 0.0
        {
            self.conflict(
                "without held-out rows there is no eval_loss to choose the best model by: set metric_for_best_model, \
                 such as eval_if or eval_if_strict",
            );
        }
        if metric.ends_with("loss") && args.greater_is_better == Some(true) {
            self.notice(
                "greater_is_better",
                &format!("is true: the model with the highest eval_{metric} is kept"),
            );
        }
        if args.eval_prompts.is_empty() {
            return;
        }
        if EvalPromptsConfig::is_share(metric) && args.greater_is_better == Some(false) {
            self.conflict(&format!(
                "greater_is_better: false would keep the model that follows the fewest instructions: eval_{metric} is \
                 a share, and more of it is better"
            ));
        }
        if EvalPromptsConfig::is_reference_share(metric) {
            self.conflict(&format!(
                "metric_for_best_model: eval_{metric} is the reference's, which does not change, so it chooses nothing"
            ));
        }
    }
}
