//! Safetensors files: one or many, read and written.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use iopo_files::replace_file;
use memmap2::Mmap;
use safetensors::tensor::{TensorInfo, TensorView};
use safetensors::{Dtype, SafeTensorError, SafeTensors, serialize_to_file};
use serde_json::Value;

use crate::error::WeightsError;
use crate::parameters::NamedTensor;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// This many missing tensors end the search: a configuration may promise a billion layers.
const TOO_MANY_MISSING: usize = 1_000;

/// The tensors of a folder's weight files, each checked and taken once.
#[derive(Debug)]
pub struct WeightFiles {
    origin: PathBuf,
    files: Vec<(PathBuf, Mmap)>,
    remaining: BTreeMap<String, Stored>,
    missing: Vec<String>,
}

/// Where a tensor lies, as the header of its file says.
#[derive(Debug)]
struct Stored {
    file: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Range<usize>,
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
            return Err(WeightsError::invalid(dir, format!("found neither {SINGLE} nor {INDEX}")));
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
        let mut remaining: BTreeMap<String, Stored> = BTreeMap::new();
        for (file, path) in paths.into_iter().enumerate() {
            let map = map_file(&path)?;
            for (name, stored) in header(file, &path, &map)? {
                if let Some(other) = remaining.get(&name) {
                    let first = files.get(other.file).map_or(&path, |(path, _)| path).display();
                    let reason = format!("tensor {name} is in both {first} and {}", path.display());
                    return Err(WeightsError::invalid(origin, reason));
                }
                remaining.insert(name, stored);
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
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.remaining.get(name).map(|stored| stored.shape.as_slice())
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
        let Some(stored) = self.remaining.remove(name) else {
            self.missing.push(name.to_owned());
            if self.missing.len() >= TOO_MANY_MISSING {
                return Err(self.missing_error());
            }
            // Not of `shape`: nothing has confirmed that sizes from a configuration fit in memory.
            return Ok(Tensor::zeros([1; D], (device, dtype.into())));
        };
        let (path, map) = &self.files[stored.file];
        let (found, place) = (&stored.shape, format!("tensor {name}"));
        if *found != shape {
            let reason = format!("{place} has shape {found:?}, the configuration needs {shape:?}");
            return Err(WeightsError::invalid(path, reason));
        }
        let file_dtype = float_dtype(stored.dtype).ok_or_else(|| {
            let reason = format!("{place} is stored as {:?}; supported: F64, F32, F16, BF16", stored.dtype);
            WeightsError::invalid(path, reason)
        })?;
        let data = TensorData::from_bytes_vec(map[stored.bytes].to_vec(), shape, file_dtype);
        Ok(Tensor::from_data(data, (device, dtype.into())))
    }

    /// Drops tensors that may be in the files although the model does not need them.
    pub fn ignore(&mut self, mut unneeded: impl FnMut(&str) -> bool) {
        self.remaining.retain(|name, _| !unneeded(name));
    }

    /// Checks that no tensor was missing, and that none is left over.
    ///
    /// # Errors
    /// Missing tensors, or else tensors that were not taken, by name.
    pub fn finish(self) -> Result<(), WeightsError> {
        if !self.missing.is_empty() {
            return Err(self.missing_error());
        }
        if !self.remaining.is_empty() {
            let names: Vec<String> = self.remaining.into_keys().collect();
            return Err(WeightsError::invalid(&self.origin, count_and_list(&names, "unexpected")));
        }
        Ok(())
    }

    fn missing_error(&self) -> WeightsError {
        WeightsError::invalid(&self.origin, count_and_list(&self.missing, "missing"))
    }
}

/// The first few names, so that a message for the wrong model stays readable.
fn count_and_list(names: &[String], what: &str) -> String {
    const SHOWN: usize = 5;
    let tensors = if names.len() == 1 { "tensor" } else { "tensors" };
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    format!("{} {tensors} {what}: {shown}{more}", names.len())
}

/// Refuses a folder whose index of shards would outlive, and outrank, a model written into it.
pub(crate) fn refuse_shards(dir: &Path) -> Result<(), WeightsError> {
    match dir.join(INDEX).exists() {
        true => Err(WeightsError::invalid(dir, "holds a sharded model; write to another folder")),
        false => Ok(()),
    }
}

fn shards(index: &Path) -> Result<Vec<PathBuf>, WeightsError> {
    let bad = |reason: String| {
        WeightsError::invalid(index, format!("not an index of safetensors shards: {reason}"))
    };
    let text = fs::read_to_string(index).map_err(|source| WeightsError::cannot("read", index, source))?;
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
    let read = |source| WeightsError::cannot("read", path, source);
    let file = File::open(path).map_err(read)?;
    // SAFETY: the map is only read, within the bounds that the header's reader has checked; a file
    // that another process shortens meanwhile is as lost to us as one deleted while being read.
    #[allow(unsafe_code)]
    unsafe { Mmap::map(&file) }.map_err(read)
}

/// The tensors that a file's header lists, whose bytes are known to lie inside the file.
fn header(file: usize, path: &Path, map: &Mmap) -> Result<Vec<(String, Stored)>, WeightsError> {
    /// Bytes that hold the header's length.
    const LENGTH: usize = 8;
    let (header, metadata) = SafeTensors::read_metadata(map).map_err(|source| WeightsError::Format {
        path: path.to_owned(),
        len: map.len(),
        source,
    })?;
    let stored = |(name, info): (String, &TensorInfo)| {
        let (start, end) = info.data_offsets;
        let start_of_data = LENGTH + header;
        let bytes = start_of_data + start..start_of_data + end;
        (name, Stored { file, dtype: info.dtype, shape: info.shape.clone(), bytes })
    };
    Ok(metadata.tensors().into_iter().map(stored).collect())
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
            let data = tensor.values.try_to_data().map_err(|error| WeightsError::Invalid {
                place: format!("tensor {}", tensor.name),
                reason: format!("cannot be read from its device: {error}"),
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
        // `serialize_to_file` makes a file that only its owner may read; this one gets the usual permissions.
        let permissions = fs::metadata(temporary)?.permissions();
        serialize_to_file(views, Some(metadata), temporary)?;
        Ok::<_, WriteError>(fs::set_permissions(temporary, permissions)?)
    })
    .map_err(|error| error.at(path))
}

/// A failure to write, without its path.
enum WriteError {
    Io(io::Error),
    Format(SafeTensorError),
}

impl WriteError {
    fn at(self, path: &Path) -> WeightsError {
        let path = path.to_owned();
        match self {
            Self::Io(source) | Self::Format(SafeTensorError::IoError(source)) => {
                WeightsError::File { action: "write", path, source }
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
