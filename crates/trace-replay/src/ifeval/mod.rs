//! Verdicts of IFEval's official program, and what the libraries below it say of texts.
//!
//! `cargo xtask parity ifeval`, `ifeval-unit` and `ifeval-util` print what these functions find.

mod unit;
mod util;
mod verdicts;

use std::fmt;
use std::path::Path;

use anyhow::Result;
use serde::de::DeserializeOwned;
use trace_schema::{JsonlReader, Record};

pub use unit::unit;
pub use util::util;
pub use verdicts::verdicts;

/// So many differences are described.
const MAX_NOTES: usize = 20;

/// One number of each row, found and recorded; a truth is 1 or 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// The quantity that is compared.
    pub name: &'static str,
    /// The tolerance.
    pub tolerance: f64,
    /// (found, recorded) for each comparison.
    pub pairs: Vec<(f64, f64)>,
}

impl Quantity {
    /// The number of comparisons beyond the tolerance.
    pub fn differences(&self) -> usize {
        self.pairs.iter().filter(|(found, recorded)| !self.agrees(*found, *recorded)).count()
    }

    fn agrees(&self, found: f64, recorded: f64) -> bool {
        (found - recorded).abs() <= self.tolerance
    }
}

/// The result of a replay.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replay {
    /// One entry for each thing that was compared.
    pub quantities: Vec<Quantity>,
    /// Facts worth a line, and the first differences.
    pub notes: Vec<String>,
    described: usize,
}

impl Replay {
    /// Whether something was compared and nothing differs.
    pub fn passed(&self) -> bool {
        self.quantities.iter().any(|quantity| !quantity.pairs.is_empty())
            && self.quantities.iter().all(|quantity| quantity.differences() == 0)
    }

    fn push(&mut self, name: &'static str, row: usize, found: f64, recorded: f64) {
        self.push_within(name, 0.0, row, (found, recorded));
    }

    fn push_within(&mut self, name: &'static str, tolerance: f64, row: usize, pair: (f64, f64)) {
        let quantity = self.quantity(name, tolerance);
        quantity.pairs.push(pair);
        if !quantity.agrees(pair.0, pair.1) {
            self.describe(format!("row {row}: {name}: found {}, recorded {}", pair.0, pair.1));
        }
    }

    /// The quantity of this name, a new one where it is absent.
    fn quantity(&mut self, name: &'static str, tolerance: f64) -> &mut Quantity {
        let known = self.quantities.iter().position(|quantity| quantity.name == name);
        let place = known.unwrap_or_else(|| {
            self.quantities.push(Quantity { name, tolerance, pairs: Vec::new() });
            self.quantities.len() - 1
        });
        &mut self.quantities[place]
    }

    fn push_truth(&mut self, name: &'static str, row: usize, found: bool, recorded: bool) {
        self.push(name, row, f64::from(u8::from(found)), f64::from(u8::from(recorded)));
    }

    /// Compares values that are not numbers: 1 is recorded, and found where the two are equal.
    fn push_equal<T: PartialEq + fmt::Debug>(
        &mut self,
        name: &'static str,
        row: usize,
        found: &T,
        recorded: &T,
    ) {
        let equal = found == recorded;
        self.quantity(name, 0.0).pairs.push((f64::from(u8::from(equal)), 1.0));
        if !equal {
            self.describe(format!("row {row}: {name}: found {found:?}, recorded {recorded:?}"));
        }
    }

    fn describe(&mut self, difference: String) {
        self.described += 1;
        if self.described <= MAX_NOTES {
            self.notes.push(difference);
        }
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "note {note}")?;
        }
        for quantity in &self.quantities {
            let (count, differences) = (quantity.pairs.len(), quantity.differences());
            writeln!(f, "{}: {count} compared, {differences} differ", quantity.name)?;
        }
        Ok(())
    }
}

/// The rows of a file, counted from 1.
fn rows<T: DeserializeOwned + Record>(path: &Path) -> Result<impl Iterator<Item = Result<(usize, T)>>> {
    let reader = JsonlReader::<_, T>::open(path)?;
    Ok(reader.enumerate().map(|(index, row)| Ok((index + 1, row?))))
}
