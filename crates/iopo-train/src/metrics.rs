//! Means of what is logged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Running means by name, each over as many examples as were added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    sums: BTreeMap<String, (f64, f64)>,
}

impl Metrics {
    /// Adds a mean over `weight` examples.
    pub fn add(&mut self, name: &str, mean: f64, weight: f64) {
        let (sum, total) = self.sums.entry(name.to_owned()).or_default();
        *sum += mean * weight;
        *total += weight;
    }

    /// Adds all means of another collection.
    pub fn merge(&mut self, other: &Self) {
        for (name, (sum, total)) in &other.sums {
            let entry = self.sums.entry(name.clone()).or_default();
            entry.0 += sum;
            entry.1 += total;
        }
    }

    /// The mean of one quantity.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.sums.get(name).map(|(sum, total)| sum / total)
    }

    /// All means, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.sums.iter().map(|(name, (sum, total))| (name.as_str(), sum / total))
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_weighted_by_examples() {
        let mut first = Metrics::default();
        first.add("loss", 1.0, 3.0);
        let mut second = Metrics::default();
        second.add("loss", 5.0, 1.0);
        first.merge(&second);
        assert_eq!(first.get("loss"), Some(2.0));
    }
}
