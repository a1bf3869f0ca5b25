//! The configurations that are compared, and their results.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::group_file::Stage;
use super::measure::median;
use super::one::{Passes, Tune};

/// What a run is for: allocators that return freed memory are slow, so no run gives both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Seconds.
    Time,
    /// Megabytes.
    Memory,
}

/// Whose engine ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Ours.
    Ours,
    /// The reference recipe in PyTorch.
    Ref,
    /// PyTorch at its best: no padding, logits of completion tokens only, cached reference.
    Best,
    /// The same with each instruction computed once.
    Prefix,
}

impl Side {
    /// What tables call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Ref => "PyTorch, the recipe",
            Self::Best => "PyTorch, best",
            Self::Prefix => "PyTorch, best with shared prompts",
        }
    }
}

/// One configuration of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// What is measured.
    pub purpose: Purpose,
    /// Whose engine.
    pub side: Side,
    /// The group file's name without its ending.
    pub data: String,
    /// What is trained on each group.
    pub stage: Stage,
    /// Which parameters are trained.
    pub tune: Tune,
    /// Whether layers are recomputed in the backward pass.
    pub checkpointing: bool,
    /// How often a group goes through the model.
    pub passes: Passes,
    /// Threads for the operations.
    pub threads: usize,
    /// Groups per step.
    pub groups: usize,
}

impl Case {
    /// One IOPO group, one pass, one thread, all activations kept.
    pub fn new(purpose: Purpose, side: Side, data: &str, tune: Tune) -> Self {
        Self {
            purpose,
            side,
            data: data.to_owned(),
            stage: Stage::Iopo,
            tune,
            checkpointing: false,
            passes: Passes::One,
            threads: 1,
            groups: 1,
        }
    }

    /// The arguments of `cargo xtask bench one`, files and steps left out.
    pub fn our_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--stage", self.stage.name(), "--tune", self.tune.name()];
        arguments.extend(["--passes", self.passes.name()]);
        if self.checkpointing {
            arguments.push("--checkpointing");
        }
        let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        arguments.extend(["--threads".to_owned(), self.threads.to_string()]);
        arguments.extend(["--groups".to_owned(), self.groups.to_string()]);
        arguments
    }

    /// The arguments of the baseline, files and steps left out.
    pub fn torch_arguments(&self) -> Vec<String> {
        let implementation = if self.side == Side::Ref { "ref" } else { "best" };
        let mut arguments = vec!["--task", self.stage.name(), "--impl", implementation];
        arguments.extend(["--tune", self.tune.name()]);
        if self.side == Side::Prefix {
            arguments.push("--prefix");
        }
        if self.checkpointing {
            arguments.push("--ckpt");
        }
        let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        arguments.extend(["--threads".to_owned(), self.threads.to_string()]);
        arguments
    }
}

/// A number that both sides print, each under its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// CPU seconds of the fastest step.
    CpuPerStep,
    /// Wall time of the median step, in seconds.
    WallPerStep,
    /// Seconds per group of the reference log-probs before training.
    Reference,
    /// Megabytes above what was resident after loading.
    Memory,
    /// Tokens of a step's sequences.
    Tokens,
    /// Loss before the first update.
    FirstLoss,
    /// Loss before the last update.
    LastLoss,
}

impl Quantity {
    /// Our name, the baseline's name.
    fn keys(self) -> [&'static str; 2] {
        match self {
            Self::CpuPerStep => ["s_step_cpu_min"; 2],
            Self::WallPerStep => ["s_step_wall_median", "s_step_wall_med"],
            Self::Reference => ["ref_precompute_s"; 2],
            Self::Memory => ["rss_delta_mb"; 2],
            Self::Tokens => ["tok_per_step"; 2],
            Self::FirstLoss => ["loss0"; 2],
            Self::LastLoss => ["loss_last", "lossN"],
        }
    }
}

/// A case with what its process printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What ran.
    #[serde(flatten)]
    pub case: Case,
    /// In which round, from 1.
    pub round: usize,
    /// The line of JSON, as it was printed.
    pub result: Value,
}

impl Run {
    /// A number of the result. The baseline keeps those of a thread count in an object of their own.
    pub fn number(&self, quantity: Quantity) -> Option<f64> {
        let of_threads = &self.result[format!("t{}", self.case.threads)];
        let find = |key: &str| self.result[key].as_f64().or_else(|| of_threads[key].as_f64());
        quantity.keys().into_iter().find_map(find)
    }
}

/// The median over a case's runs; `None` without runs.
///
/// A median and not a minimum: our side has more runs than each of the others, and the minimum falls with the number
/// of runs.
pub fn typical(runs: &[Run], case: &Case, quantity: Quantity) -> Option<f64> {
    let of_case = runs.iter().filter(|run| run.case == *case);
    median(&of_case.filter_map(|run| run.number(quantity)).collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_found_under_the_names_of_either_side() {
        let run = |case: &Case, result| Run { case: case.clone(), round: 1, result };
        let ours = Case::new(Purpose::Time, Side::Ours, "q", Tune::Full);
        let torch = Case { side: Side::Best, threads: 2, ..ours.clone() };
        let runs = [
            run(&ours, json!({"s_step_wall_median": 2.0, "loss_last": 0.5})),
            run(&ours, json!({"s_step_wall_median": 1.0})),
            run(&ours, json!({"s_step_wall_median": 5.0})),
            run(&torch, json!({"t2": {"s_step_wall_med": 3.0}, "lossN": 0.25})),
        ];
        assert_eq!(typical(&runs, &ours, Quantity::WallPerStep), Some(2.0));
        assert_eq!(typical(&runs, &torch, Quantity::WallPerStep), Some(3.0));
        assert_eq!(typical(&runs, &ours, Quantity::LastLoss), Some(0.5));
        assert_eq!(typical(&runs, &torch, Quantity::LastLoss), Some(0.25));
        assert_eq!(typical(&runs, &torch, Quantity::Memory), None);
    }

    #[test]
    fn a_run_is_read_back_from_its_line() {
        let case = Case {
            checkpointing: true,
            passes: Passes::Two,
            ..Case::new(Purpose::Memory, Side::Prefix, "q", Tune::Lora)
        };
        let run = Run { case, round: 2, result: json!({"rss_delta_mb": 1.5}) };
        let back: Run = serde_json::from_str(&serde_json::to_string(&run).unwrap()).unwrap();
        assert_eq!(back, run);
    }

    #[test]
    fn a_case_says_the_same_to_both_sides() {
        let case = Case {
            checkpointing: true,
            threads: 2,
            ..Case::new(Purpose::Time, Side::Prefix, "q", Tune::Lora)
        };
        assert_eq!(
            case.torch_arguments().join(" "),
            "--task iopo --impl best --tune lora --prefix --ckpt --threads 2"
        );
        assert_eq!(
            case.our_arguments().join(" "),
            "--stage iopo --tune lora --passes one --checkpointing --threads 2 --groups 1"
        );
    }
}
