//! Recorded references: where they are, and how their tensors are read.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use safetensors::{Dtype, SafeTensors};

/// A safetensors file of recorded numbers, which are read as the widest type of their kind.
pub struct Golden {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Golden {
    /// Reads and checks a file.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        SafeTensors::deserialize(&bytes)
            .with_context(|| format!("{} is not a safetensors file", path.display()))?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All names, sorted.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = self.tensors()?.names().into_iter().map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> Result<bool> {
        Ok(self.tensors()?.tensor(name).is_ok())
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>> {
        Ok(self.view(name)?.0)
    }

    /// The values of a float tensor.
    pub fn floats(&self, name: &str) -> Result<Vec<f64>> {
        let (_, dtype, data) = self.view(name)?;
        Ok(match dtype {
            Dtype::F32 => words(&data).map(|b| f64::from(f32::from_le_bytes(b))).collect(),
            Dtype::F64 => words(&data).map(f64::from_le_bytes).collect(),
            other => bail!("{}: {name} is {other:?}, expected F32 or F64", self.path.display()),
        })
    }

    /// The values of an integer tensor.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>> {
        let (_, dtype, data) = self.view(name)?;
        ensure!(dtype == Dtype::I64, "{}: {name} is {dtype:?}, expected I64", self.path.display());
        Ok(words(&data).map(i64::from_le_bytes).collect())
    }

    /// Token ids.
    pub fn tokens(&self, name: &str) -> Result<Vec<u32>> {
        let to_id =
            |value: i64| u32::try_from(value).with_context(|| format!("{name}: {value} is not a token id"));
        self.integers(name)?.into_iter().map(to_id).collect()
    }

    fn tensors(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes)
            .with_context(|| format!("{} is not a safetensors file", self.path.display()))
    }

    fn view(&self, name: &str) -> Result<(Vec<usize>, Dtype, Vec<u8>)> {
        let tensors = self.tensors()?;
        let view =
            tensors.tensor(name).with_context(|| format!("{}: no tensor {name}", self.path.display()))?;
        Ok((view.shape().to_vec(), view.dtype(), view.data().to_vec()))
    }
}

fn words<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    data.as_chunks::<N>().0.iter().copied()
}

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A recorded reference in `fixtures/golden`, or else in `../shared/golden`.
///
/// `None`, with a printed line, where it is in neither.
#[cfg(test)]
pub fn find(name: &str) -> Option<PathBuf> {
    let places = [root().join("fixtures/golden").join(name), root().join("../shared/golden").join(name)];
    let found = places.iter().find(|path| path.exists()).cloned();
    if found.is_none() {
        eprintln!("SKIPPED: {name} is neither in fixtures/golden nor in ../shared/golden");
    }
    found
}
