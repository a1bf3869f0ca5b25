//! Systems side by side: the paper's Table 3.

mod render;

use serde::Serialize;

use crate::stats::Estimate;
use crate::{ScoreError, Scores};

/// In what unit a metric is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricScale {
    /// A share from 0 to 1, shown in percent with one digit.
    Percent,
    /// A number, shown as it is.
    Number {
        /// Digits after the point.
        digits: usize,
    },
}

/// A column of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// The benchmark that the metric belongs to.
    pub benchmark: String,
    /// The metric.
    pub name: String,
    /// How it is shown.
    pub scale: MetricScale,
    /// Which of two values is the better.
    pub higher_is_better: bool,
}

impl Metric {
    /// A share of which more is better.
    pub fn percent(benchmark: impl Into<String>, name: impl Into<String>) -> Self {
        let (benchmark, name) = (benchmark.into(), name.into());
        Self { benchmark, name, scale: MetricScale::Percent, higher_is_better: true }
    }

    /// A number of which more is better.
    pub fn number(benchmark: impl Into<String>, name: impl Into<String>, digits: usize) -> Self {
        Self { scale: MetricScale::Number { digits }, ..Self::percent(benchmark, name) }
    }

    /// The same metric, of which less is better.
    #[must_use]
    pub fn lower_is_better(self) -> Self {
        Self { higher_is_better: false, ..self }
    }
}

/// A row of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct System {
    /// The base model.
    pub model: String,
    /// The method.
    pub method: String,
    /// A value for every metric, in their order; one without a value is shown as "–".
    pub values: Vec<Estimate>,
    /// The improvement for every metric, where there is one to show.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub improvements: Vec<Option<f64>>,
}

/// Whose improvement is shown, and over what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Improvement {
    /// The method that improves; "IOPO" in the paper.
    pub of: String,
    /// The method that it is compared with, of the same model; "DPO" in the paper.
    pub over: String,
}

/// Systems in rows and metrics in columns.
///
/// ```
/// use trace_score::stats::Estimate;
/// use trace_score::{Comparison, Metric};
///
/// let mut table = Comparison::new(vec![Metric::percent("TRACE", "IF-S"), Metric::percent("TRACE", "IF-M")]);
/// table.add("Qwen2-7B", "DPO", [0.790, 0.672].map(Estimate::quoted).to_vec())?;
/// table.add("Qwen2-7B", "IOPO", [0.820, 0.689].map(Estimate::quoted).to_vec())?;
/// table.show_improvement("IOPO", "DPO")?;
/// assert!(table.table().to_markdown().contains("| Qwen2-7B | DPO | 79.0 | 67.2 |"));
/// assert!(table.table().to_markdown().contains("|  | IOPO | **82.0** ↑ 3.0 | **68.9** ↑ 1.7 |"));
/// # Ok::<(), trace_score::ScoreError>(())
/// ```
///
/// # Source
///
/// IOPO (ACL 2025), Table 3.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Comparison {
    metrics: Vec<Metric>,
    systems: Vec<System>,
    #[serde(skip_serializing_if = "Option::is_none")]
    improvement: Option<Improvement>,
}

impl Comparison {
    /// A comparison without systems.
    pub const fn new(metrics: Vec<Metric>) -> Self {
        Self { metrics, systems: Vec::new(), improvement: None }
    }

    /// A comparison by IF-S, IF-M, IF and the mean score of TRACE; its rows come from [`add_scores`](Self::add_scores).
    pub fn of_trace() -> Self {
        let shares = ["IF-S", "IF-M", "IF"].map(|name| Metric::percent("TRACE", name));
        Self::new(shares.into_iter().chain([Metric::number("TRACE", "Score", 2)]).collect())
    }

    /// The metrics.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The systems, with their improvements if these are shown.
    pub fn systems(&self) -> &[System] {
        &self.systems
    }

    /// Adds a system; those of one model should follow each other.
    ///
    /// # Errors
    ///
    /// Another number of values than of metrics, or a system that is in the comparison already.
    pub fn add(&mut self, model: &str, method: &str, values: Vec<Estimate>) -> Result<(), ScoreError> {
        let (model, method) = (model.to_owned(), method.to_owned());
        if values.len() != self.metrics.len() {
            let (values, metrics) = (values.len(), self.metrics.len());
            return Err(ScoreError::new(format!(
                "{model} {method} has {values} values for {metrics} metrics"
            )));
        }
        if self.find(&model, &method).is_some() {
            return Err(ScoreError::new(format!("{model} {method} is in the comparison already")));
        }
        self.systems.push(System { model, method, values, improvements: Vec::new() });
        self.fill_improvements();
        Ok(())
    }

    /// Adds a run to a comparison that [`of_trace`](Self::of_trace) made.
    ///
    /// # Errors
    ///
    /// Those of [`add`](Self::add).
    pub fn add_scores(&mut self, model: &str, method: &str, scores: &Scores) -> Result<(), ScoreError> {
        let shares = [&scores.single, &scores.multi, &scores.all].map(|scores| scores.followed);
        self.add(model, method, shares.into_iter().chain([scores.all.mean_score]).collect())
    }

    /// Shows, in the rows of the method `of`, the difference to the method `over` of the same model.
    ///
    /// The difference is taken before values are rounded, so it may differ in its last digit from that of the numbers
    /// shown.
    ///
    /// # Errors
    ///
    /// No model has both methods.
    pub fn show_improvement(&mut self, of: &str, over: &str) -> Result<(), ScoreError> {
        let (of, over) = (of.to_owned(), over.to_owned());
        let has_both = |system: &System| system.method == of && self.find(&system.model, &over).is_some();
        if !self.systems.iter().any(has_both) {
            return Err(ScoreError::new(format!(
                "no model has both {of} and {over}, so that there is no improvement to show"
            )));
        }
        self.improvement = Some(Improvement { of, over });
        self.fill_improvements();
        Ok(())
    }

    fn find(&self, model: &str, method: &str) -> Option<&System> {
        self.systems.iter().find(|system| system.model == model && system.method == method)
    }

    fn fill_improvements(&mut self) {
        let Some(Improvement { of, over }) = &self.improvement else {
            return;
        };
        let improvements = |system: &System| {
            let baseline = (system.method == *of).then(|| self.find(&system.model, over)).flatten();
            let difference = |(value, baseline): (&Estimate, &Estimate)| Some(value.value? - baseline.value?);
            baseline.map_or_else(Vec::new, |baseline| {
                system.values.iter().zip(&baseline.values).map(difference).collect()
            })
        };
        let all: Vec<_> = self.systems.iter().map(improvements).collect();
        for (system, improvements) in self.systems.iter_mut().zip(all) {
            system.improvements = improvements;
        }
    }
}
