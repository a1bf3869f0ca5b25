//! Named arrays of numbers: parameters after a step, or gradients.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use iopo_model::NamedTensor;

use crate::golden::Golden;

/// Shape and values of each, by our names.
pub struct Arrays(BTreeMap<String, (Vec<usize>, Vec<f64>)>);

impl Arrays {
    /// Reads them from their device.
    pub fn of<'a>(tensors: impl IntoIterator<Item = &'a NamedTensor>) -> Result<Self> {
        let read = |tensor: &NamedTensor| {
            let values = tensor.values.clone().try_into_vec_as::<f64>()?;
            Ok((tensor.name.clone(), (tensor.shape.clone(), values)))
        };
        tensors.into_iter().map(read).collect::<Result<_>>().map(Self)
    }

    /// Reads a recorded file.
    ///
    /// Some writers list a tied head beside the embedding that it is: `tied` leaves it out.
    pub fn read(path: &Path, tied: bool) -> Result<Self> {
        let golden = Golden::open(path)?;
        let names = golden.names()?;
        let wanted = names.iter().filter(|name| !(tied && *name == "lm_head.weight"));
        let read = |name: &String| Ok((our_name(name), (golden.shape(name)?, golden.floats(name)?)));
        wanted.map(read).collect::<Result<_>>().map(Self)
    }

    /// Euclidean length over all of them.
    pub fn norm(&self) -> f64 {
        self.0.values().flat_map(|(_, values)| values).map(|x| x * x).sum::<f64>().sqrt()
    }

    /// Euclidean distance; names and shapes must be the same.
    pub fn distance(&self, other: &Self) -> Result<f64> {
        let only = |x: &Self, y: &Self| -> Vec<String> {
            x.0.keys().filter(|name| !y.0.contains_key(*name)).take(3).cloned().collect()
        };
        if !self.0.keys().eq(other.0.keys()) {
            bail!(
                "names differ: only in one {:?}, only in the other {:?}",
                only(self, other),
                only(other, self)
            );
        }
        let mut squares = 0.0;
        for ((name, (shape, values)), (other_shape, other_values)) in self.0.iter().zip(other.0.values()) {
            ensure!(shape == other_shape, "{name} has shape {shape:?} and {other_shape:?}");
            squares += values.iter().zip(other_values).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
        }
        Ok(squares.sqrt())
    }
}

/// PEFT's names in memory carry the adapter's own name, `default`.
pub fn our_name(recorded: &str) -> String {
    recorded.replace(".default.weight", ".weight")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrays(entries: &[(&str, &[usize], &[f64])]) -> Arrays {
        let entry = |(name, shape, values): &(&str, &[usize], &[f64])| {
            ((*name).to_owned(), (shape.to_vec(), values.to_vec()))
        };
        Arrays(entries.iter().map(entry).collect())
    }

    #[test]
    fn the_distance_is_over_all_arrays() {
        let a = arrays(&[("a", &[1], &[3.0]), ("b", &[1], &[0.0])]);
        let b = arrays(&[("a", &[1], &[0.0]), ("b", &[1], &[4.0])]);
        assert_eq!(a.distance(&b).unwrap(), 5.0);
    }

    #[test]
    fn other_names_and_shapes_are_errors() {
        let a = arrays(&[("a", &[2, 3], &[0.0; 6])]);
        for other in [arrays(&[("a", &[3, 2], &[0.0; 6])]), arrays(&[("b", &[2, 3], &[0.0; 6])]), arrays(&[])]
        {
            assert!(a.distance(&other).is_err());
        }
    }
}
