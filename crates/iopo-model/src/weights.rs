//! Safetensors files: one or many, read and written.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use iopo_files::replace_file;
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors, serialize_to_file};
use serde_json::Value;

use crate::error::WeightsError;
use crate::parameters::NamedTensor;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// So many missing tensors end the search: a configuration may promise a billion layers.
const TOO_MANY_MISSING: usize = 1_000;

/// The tensors of a folder's weight files, each checked and taken once.
#[derive(Debug)]
pub struct WeightFiles {
    origin: PathBuf,
    files: Vec<(PathBuf, Mmap)>,
    /// Name → index of its file.
    remaining: BTreeMap<String, usize>,
    missing: Vec<String>,
}

impl WeightFiles {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    ///
    /// # Errors
    /// Neither file is there, a file cannot be read, one is cut off or in another format, or two
    /// shards hold the same tensor.
    pub fn open_folder(dir: &Path) -> Result<Self, WeightsError> {
        let single = dir.join(SINGLE);
        if single.is_file() {
            return Self::open(dir, vec![single]);
        }
        let index = dir.join(INDEX);
        if !index.is_file() {
            return Err(WeightsError::NoWeights { dir: dir.to_owned() });
        }
        Self::open(dir, shards(&index)?)
    }

    /// Opens one safetensors file.
    ///
    /// # Errors
    /// The file cannot be read, is cut off, or is in another format.
    pub fn open_file(path: &Path) -> Result<Self, WeightsError> {
        Self::open(path, vec![path.to_owned()])
    }

    fn open(origin: &Path, paths: Vec<PathBuf>) -> Result<Self, WeightsError> {
        let mut files: Vec<(PathBuf, Mmap)> = Vec::new();
        let mut remaining = BTreeMap::new();
        for path in paths {
            let map = map_file(&path)?;
            for name in parse(&path, &map)?.names() {
                if let Some(first) = remaining.insert(name.to_owned(), files.len()) {
                    return Err(WeightsError::Duplicate {
                        name: name.to_owned(),
                        first: files.get(first).map_or_else(|| path.clone(), |(path, _)| path.clone()),
                        second: path,
                    });
                }
            }
            files.push((path, map));
        }
        Ok(Self { origin: origin.to_owned(), files, remaining, missing: Vec::new() })
    }

    /// Names that were not taken yet, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.remaining.keys().map(String::as_str)
    }

    /// The shape of a tensor that was not taken yet.
    ///
    /// # Errors
    /// The file changed under us.
    pub fn shape(&self, name: &str) -> Result<Option<Vec<usize>>, WeightsError> {
        let Some(&file) = self.remaining.get(name) else {
            return Ok(None);
        };
        let (path, map) = &self.files[file];
        let view = parse(path, map)?.tensor(name).map_err(|source| format_error(path, map, source))?;
        Ok(Some(view.shape().to_vec()))
    }

    /// Takes a tensor, converted to `dtype`.
    ///
    /// A single zero stands in where it is missing, so that [`Self::finish`] can name all that are.
    ///
    /// # Errors
    /// Another shape, values that are not floats, or a thousand tensors missing already.
    pub fn take<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        dtype: FloatDType,
        device: &Device,
    ) -> Result<Tensor<D>, WeightsError> {
        let Some(file) = self.remaining.remove(name) else {
            self.missing.push(name.to_owned());
            if self.missing.len() >= TOO_MANY_MISSING {
                return Err(self.missing_error());
            }
            // Not of `shape`: nothing has confirmed that sizes from a configuration fit in memory.
            return Ok(Tensor::zeros([1; D], (device, dtype.into())));
        };
        let (path, map) = &self.files[file];
        let view = parse(path, map)?.tensor(name).map_err(|source| format_error(path, map, source))?;
        if view.shape() != shape {
            return Err(WeightsError::Shape {
                path: path.clone(),
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: view.shape().to_vec(),
            });
        }
        let stored = float_dtype(view.dtype()).ok_or_else(|| WeightsError::Dtype {
            path: path.clone(),
            name: name.to_owned(),
            found: format!("{:?}", view.dtype()),
        })?;
        let data = TensorData::from_bytes_vec(view.data().to_vec(), shape, stored);
        Ok(Tensor::from_data(data, (device, dtype.into())))
    }

    /// Forgets a tensor that is allowed to be there and not needed.
    pub fn ignore(&mut self, mut unneeded: impl FnMut(&str) -> bool) {
        self.remaining.retain(|name, _| !unneeded(name));
    }

    /// Checks that everything asked for was there, and that nothing is left over.
    ///
    /// # Errors
    /// Names of missing tensors, or else of tensors that nobody took.
    pub fn finish(self) -> Result<(), WeightsError> {
        if !self.missing.is_empty() {
            return Err(self.missing_error());
        }
        if !self.remaining.is_empty() {
            return Err(WeightsError::Unexpected {
                origin: self.origin,
                names: self.remaining.into_keys().collect(),
            });
        }
        Ok(())
    }

    fn missing_error(&self) -> WeightsError {
        WeightsError::Missing { origin: self.origin.clone(), names: self.missing.clone() }
    }
}

/// Refuses a folder whose index of shards would outlive, and outrank, a model written into it.
pub(crate) fn refuse_shards(dir: &Path) -> Result<(), WeightsError> {
    match dir.join(INDEX).exists() {
        true => Err(WeightsError::ShardsInTheWay { dir: dir.to_owned() }),
        false => Ok(()),
    }
}

fn shards(index: &Path) -> Result<Vec<PathBuf>, WeightsError> {
    let bad = |reason: String| WeightsError::Index { path: index.to_owned(), reason };
    let text =
        fs::read_to_string(index).map_err(|source| WeightsError::Read { path: index.to_owned(), source })?;
    let value: Value = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    let map = value
        .get("weight_map")
        .and_then(Value::as_object)
        .ok_or_else(|| bad("no object `weight_map`".to_owned()))?;
    let mut names = map
        .values()
        .map(|file| file.as_str().ok_or_else(|| bad(format!("{file} is not a file name"))))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort_unstable();
    names.dedup();
    // A shard lies beside its index: anything else would read outside the folder.
    if let Some(name) = names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        return Err(bad(format!("{name:?} is not a plain file name")));
    }
    Ok(names.into_iter().map(|name| index.with_file_name(name)).collect())
}

fn map_file(path: &Path) -> Result<Mmap, WeightsError> {
    let read = |source| WeightsError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read)?;
    // SAFETY: the map is only read, and only through a parser that checks every offset; a file
    // that another process shortens meanwhile is as lost to us as one deleted while being read.
    #[allow(unsafe_code)]
    unsafe { Mmap::map(&file) }.map_err(read)
}

fn parse<'a>(path: &Path, map: &'a Mmap) -> Result<SafeTensors<'a>, WeightsError> {
    SafeTensors::deserialize(map).map_err(|source| format_error(path, map, source))
}

fn format_error(path: &Path, map: &Mmap, source: SafeTensorError) -> WeightsError {
    WeightsError::Format { path: path.to_owned(), len: map.len(), source }
}

fn float_dtype(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F64 => Some(DType::F64),
        Dtype::F32 => Some(DType::F32),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        _ => None,
    }
}

fn file_dtype(dtype: DType) -> Dtype {
    match dtype {
        DType::F64 => Dtype::F64,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        _ => Dtype::F32,
    }
}

/// Writes tensors to one safetensors file, in their own float type.
///
/// The bytes depend on names and values alone. A file of that name is replaced once the new one is
/// complete and on the disk.
///
/// # Errors
/// Values that cannot be read from their device, and failures to write.
pub fn write_safetensors(path: &Path, tensors: &[NamedTensor]) -> Result<(), WeightsError> {
    let read = tensors
        .iter()
        .map(|tensor| {
            let data = tensor.values.try_to_data().map_err(|error| WeightsError::Device {
                name: tensor.name.clone(),
                reason: error.to_string(),
            })?;
            Ok((tensor, data))
        })
        .collect::<Result<Vec<_>, WeightsError>>()?;
    let views = read
        .iter()
        .map(|(tensor, data)| {
            let view = TensorView::new(file_dtype(data.dtype()), tensor.shape.clone(), data.as_bytes());
            Ok((
                tensor.name.as_str(),
                view.map_err(|source| WeightsError::Format {
                    path: path.to_owned(),
                    len: data.as_bytes().len(),
                    source,
                })?,
            ))
        })
        .collect::<Result<Vec<_>, WeightsError>>()?;
    // transformers and PEFT refuse files that do not name their framework.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    replace_file(path, |temporary| {
        // `serialize_to_file` makes a file that only its owner may read; this one is as any other.
        let permissions = fs::metadata(temporary)?.permissions();
        serialize_to_file(views, Some(metadata), temporary)?;
        Ok::<_, WriteError>(fs::set_permissions(temporary, permissions)?)
    })
    .map_err(|error| error.at(path))
}

/// A failure to write, before it knows where.
enum WriteError {
    Io(io::Error),
    Format(SafeTensorError),
}

impl WriteError {
    fn at(self, path: &Path) -> WeightsError {
        let path = path.to_owned();
        match self {
            Self::Io(source) | Self::Format(SafeTensorError::IoError(source)) => {
                WeightsError::Write { path, source }
            }
            Self::Format(source) => WeightsError::Format { path, len: 0, source },
        }
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<SafeTensorError> for WriteError {
    fn from(error: SafeTensorError) -> Self {
        Self::Format(error)
    }
}
