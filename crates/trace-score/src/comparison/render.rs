//! A comparison as a table and as JSON.

use super::{Comparison, Metric, MetricScale, System};
use crate::table::{Cell, Column, Table};

impl Comparison {
    /// The comparison as a table: the best value of each model is marked, and improvements stand beside the values.
    ///
    /// Under the table stands what its numbers miss: how many items failed, in which system and metric.
    pub fn table(&self) -> Table {
        let metrics = self
            .metrics
            .iter()
            .map(|metric| Column { group: metric.benchmark.clone(), ..Column::number(metric.name.clone()) });
        let columns = [Column::text("Model"), Column::text("Method")].into_iter().chain(metrics).collect();
        let rows = (0..self.systems.len()).map(|index| self.row(index)).collect();
        Table { caption: String::new(), columns, rows, notes: self.notes() }
    }

    /// The same table with an interval beside every value in place of the improvements.
    pub fn table_of_intervals(&self) -> Table {
        let mut table = self.table();
        for (row, system) in table.rows.iter_mut().zip(&self.systems) {
            for ((cell, value), metric) in row.iter_mut().skip(2).zip(&system.values).zip(&self.metrics) {
                cell.detail = value
                    .interval
                    .map(|ends| format!("[{}, {}]", metric.show(ends.low), metric.show(ends.high)));
            }
        }
        table.notes = self.failed_notes();
        table
    }

    /// Metrics, systems, values with their intervals, and improvements, as indented JSON.
    ///
    /// # Errors
    ///
    /// None that is known: every value of these types has a JSON form.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    fn row(&self, index: usize) -> Vec<Cell> {
        let system = &self.systems[index];
        let is_new = index == 0 || self.systems[index - 1].model != system.model;
        let model = if is_new { system.model.as_str() } else { "" };
        let mut row = vec![Cell::from(model), Cell::from(system.method.as_str())];
        for (column, metric) in self.metrics.iter().enumerate() {
            let value = system.values[column].value;
            let improvement = system.improvements.get(column).copied().flatten();
            row.push(Cell {
                text: value.map_or_else(|| "–".to_owned(), |value| metric.show(value)),
                detail: improvement.map(|difference| metric.change(difference)),
                is_best: self.is_best(system, column),
            });
        }
        row
    }

    /// Whether no other system of the model is better, and at least one has a value.
    fn is_best(&self, system: &System, column: usize) -> bool {
        let Some(value) = system.values[column].value else {
            return false;
        };
        let same_model =
            self.systems.iter().filter(|other| other.model == system.model && other.method != system.method);
        let others: Vec<f64> = same_model.filter_map(|other| other.values[column].value).collect();
        let is_beaten = |other: f64| match self.metrics[column].higher_is_better {
            true => other > value,
            false => other < value,
        };
        !others.is_empty() && !others.into_iter().any(is_beaten)
    }

    fn notes(&self) -> Vec<String> {
        let improvement = self.improvement.iter();
        let improvement =
            improvement.map(|shown| format!("Arrows: {} compared with {}.", shown.of, shown.over));
        improvement.chain(self.failed_notes()).collect()
    }

    /// A line for each system with failed items.
    fn failed_notes(&self) -> Vec<String> {
        let failed = |system: &System| {
            let failed = self.metrics.iter().zip(&system.values).filter(|(_, value)| value.n_failed > 0);
            let parts = failed.map(|(metric, value)| {
                format!("{} {} of {}", metric.name, value.n_failed, value.n + value.n_failed)
            });
            let parts: Vec<_> = parts.collect();
            let line =
                || format!("{} {}: failed and left out: {}.", system.model, system.method, parts.join(", "));
            (!parts.is_empty()).then(line)
        };
        self.systems.iter().filter_map(failed).collect()
    }
}

impl Metric {
    fn show(&self, value: f64) -> String {
        match self.scale {
            MetricScale::Percent => format!("{:.1}", 100.0 * value),
            MetricScale::Number { digits } => format!("{value:.digits$}"),
        }
    }

    /// "↑ 3.0", "↓ 0.4", or "= 0.0" for what is rounded to nothing.
    fn change(&self, difference: f64) -> String {
        let size = self.show(difference.abs());
        let is_nothing = size.chars().all(|character| matches!(character, '0' | '.'));
        let arrow = match (is_nothing, difference > 0.0) {
            (true, _) => '=',
            (false, true) => '↑',
            (false, false) => '↓',
        };
        format!("{arrow} {size}")
    }
}
