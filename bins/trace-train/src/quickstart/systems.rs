//! Answered exams of several systems, and what they score.

use anyhow::{Context, Result};
use iopo_lab::Part;
use serde_json::{Map, Value, json};
use trace_score::stats::{Estimate, IntervalConfig};
use trace_score::{Comparison, Judged, Metric, PairedShare, RunComparison, Scores};

/// A model's answered exam.
pub struct System {
    pub name: String,
    pub rows: Vec<Judged>,
}

impl System {
    pub fn new(name: &str, rows: Vec<Judged>) -> Self {
        Self { name: name.to_owned(), rows }
    }

    /// The rows of one part.
    fn part(&self, part: Part) -> Vec<Judged> {
        self.rows.iter().filter(|row| row.id.starts_with(part.prefix())).cloned().collect()
    }

    /// The share of instructions followed, part by part.
    fn shares(&self) -> Result<Vec<Estimate>> {
        let share = |part| Ok(Scores::of(&self.part(part), &IntervalConfig::default())?.all.followed);
        Part::ALL.into_iter().map(share).collect()
    }
}

/// Systems over the same exam, the start first.
pub struct Systems {
    pub all: Vec<System>,
    pub comparison: Comparison,
    /// For every system but the first: itself against the first, part by part.
    pub against_start: Vec<Vec<PairedShare>>,
}

impl Systems {
    pub fn of(all: Vec<System>) -> Result<Self> {
        let metrics =
            Part::ALL.map(|part| Metric::percent("held-out instructions followed, %", part.label()));
        let mut comparison = Comparison::new(metrics.to_vec());
        for system in &all {
            comparison.add("", &system.name, system.shares()?)?;
        }
        let start = all.first().context("there is no system")?;
        let against_start = all[1..].iter().map(|system| against(start, system)).collect::<Result<_>>()?;
        Ok(Self { all, comparison, against_start })
    }

    /// The table as one value, for programs.
    pub fn to_json(&self) -> Value {
        let rows = self.comparison.systems().iter().map(|system| {
            let values: Map<String, Value> = Part::ALL
                .iter()
                .zip(&system.values)
                .map(|(part, value)| (part.label().to_owned(), json!(value)))
                .collect();
            (system.method.clone(), Value::from(values))
        });
        Value::from(rows.collect::<Map<_, _>>())
    }
}

fn against(start: &System, system: &System) -> Result<Vec<PairedShare>> {
    let config = IntervalConfig::default();
    let part = |part| Ok(RunComparison::of(&start.part(part), &system.part(part), &config)?.all.followed);
    Part::ALL.into_iter().map(part).collect()
}
