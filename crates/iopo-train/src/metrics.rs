//! Means for the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// Running means by name, each over as many examples as were added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    #[serde(deserialize_with = "with_null")]
    sums: BTreeMap<String, (f64, f64)>,
}

/// JSON has finite numbers only, so a sum that is not finite is written as null and read as NaN.
fn with_null<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, (f64, f64)>, D::Error> {
    let sums = BTreeMap::<String, (Option<f64>, f64)>::deserialize(from)?;
    Ok(sums.into_iter().map(|(name, (sum, total))| (name, (sum.unwrap_or(f64::NAN), total))).collect())
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

    /// Whether there is no mean.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
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

    #[test]
    fn a_mean_that_is_not_finite_is_nan_after_reading() {
        let mut metrics = Metrics::default();
        metrics.add("loss", 1.5, 2.0);
        metrics.add("ratio", f64::NAN, 2.0);
        metrics.add("margin", f64::INFINITY, 2.0);
        let read: Metrics = serde_json::from_str(&serde_json::to_string(&metrics).unwrap()).unwrap();
        assert_eq!(read.get("loss"), Some(1.5));
        assert!(["ratio", "margin"].iter().all(|name| read.get(name).is_some_and(f64::is_nan)));
    }
}
