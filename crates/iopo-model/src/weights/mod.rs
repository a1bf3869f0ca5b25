//! Safetensors files: one or many, read and written.

mod folder;
mod header;
mod quantised;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use iopo_files::{open_regular, short};
use memmap2::Mmap;
use safetensors::Dtype;

use crate::error::WeightsError;
use header::{Entry, read_header};

pub(crate) use folder::{other_content, refuse_shards};
pub(crate) use quantised::refuse_quantised_config;
pub use write::write_safetensors;

/// This many missing tensors end the search: a configuration may promise a billion layers.
const TOO_MANY_MISSING: usize = 1_000;

const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

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
        Self::open(dir, folder::weight_files(dir)?)
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
            for Entry { name, dtype, shape, bytes } in read_header(&path, &map)? {
                if let Some(other) = remaining.get(&name) {
                    let first = files.get(other.file).map_or(&path, |(path, _)| path).display();
                    let reason = format!("tensor {} is in both {first} and {}", short(&name), path.display());
                    return Err(WeightsError::invalid(origin, reason));
                }
                remaining.insert(name, Stored { file, dtype, shape, bytes });
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
    /// Missing tensors beside those that were not taken, or else the latter alone, by name.
    pub fn finish(self) -> Result<(), WeightsError> {
        if !self.missing.is_empty() {
            return Err(self.missing_error());
        }
        if !self.remaining.is_empty() {
            let names: Vec<&str> = self.names().collect();
            let hint = adapter_hint(&names).unwrap_or("; the configuration describes a model without them");
            let reason = format!("{}{hint}", count_and_list(&names, "unexpected"));
            return Err(WeightsError::invalid(&self.origin, reason));
        }
        Ok(())
    }

    fn missing_error(&self) -> WeightsError {
        let missing: Vec<&str> = self.missing.iter().map(String::as_str).collect();
        let mut reason = count_and_list(&missing, "missing");
        let unused: Vec<&str> = self.names().collect();
        if !unused.is_empty() {
            reason += &format!("; not used: {}", count_and_list(&unused, "that the model does not have"));
        }
        if let Some((first, like)) =
            missing.first().and_then(|first| Some((first, most_like(first, &unused)?)))
        {
            reason += &format!("; the name most like {first} is {}", short(like));
        }
        reason += adapter_hint(&unused).unwrap_or_default();
        WeightsError::invalid(&self.origin, reason)
    }

    /// Refuses weights that are quantised.
    pub(crate) fn refuse_quantised(&self) -> Result<(), WeightsError> {
        let tensors = self.remaining.iter().map(|(name, stored)| (name.as_str(), stored.dtype));
        quantised::refuse_quantised_weights(&self.origin, tensors)
    }

    /// Gives a language model's tensors their usual names where all stand below another module, and says so.
    ///
    /// A decoder without a head has names without `model.`; wrappers put their own name before all of them.
    pub(crate) fn unwrap_names(&mut self) -> Option<String> {
        if self.remaining.contains_key(EMBEDDING) {
            return None;
        }
        let before = {
            let mut found = self.remaining.keys().filter_map(|name| name.strip_suffix("embed_tokens.weight"));
            found.next().filter(|_| found.next().is_none())?.to_owned()
        };
        let wrapper = before.strip_suffix("model.").filter(|outer| outer.ends_with('.')).map(str::to_owned);
        let is_of_decoder =
            |name: &&str| ["embed_tokens.", "layers.", "norm."].iter().any(|module| name.starts_with(module));
        let renamed = |name: &str| {
            let usual = match &wrapper {
                Some(outer) => name.strip_prefix(outer.as_str()).map(str::to_owned),
                None => name
                    .strip_prefix(before.as_str())
                    .filter(is_of_decoder)
                    .map(|rest| format!("model.{rest}")),
            };
            usual.unwrap_or_else(|| name.to_owned())
        };
        // Two tensors never become one.
        if self.names().map(renamed).collect::<BTreeSet<_>>().len() < self.remaining.len() {
            return None;
        }
        let tensors = std::mem::take(&mut self.remaining);
        self.remaining = tensors.into_iter().map(|(name, stored)| (renamed(&name), stored)).collect();
        Some(match wrapper.as_deref().unwrap_or(&before) {
            "" => "the names of the weights have no `model.` before them, as those of a model without its head; they \
                   are read as if they had"
                .to_owned(),
            outer => format!("the names of the weights begin with `{}`, and are read without it", short(outer)),
        })
    }

    /// Drops the stored head of a model whose head is its embedding, and says so where the two differ.
    pub(crate) fn drop_tied_head(&mut self) -> Option<String> {
        let (head, embedding) = (self.remaining.get(HEAD)?, self.remaining.get(EMBEDDING)?);
        let is_same = head.dtype == embedding.dtype
            && head.shape == embedding.shape
            && self.stored_bytes(head) == self.stored_bytes(embedding);
        self.remaining.remove(HEAD);
        (!is_same).then(|| {
            format!(
                "{HEAD} differs from {EMBEDDING}, and is not used: `tie_word_embeddings` of config.json is true, and \
                 decides; set it to false to use the stored head"
            )
        })
    }

    fn stored_bytes(&self, stored: &Stored) -> Option<&[u8]> {
        self.files.get(stored.file)?.1.get(stored.bytes.clone())
    }

    /// Drops tensors that are no part of a language model, and names them; none while tensors are missing, because
    /// these may be the missing ones by other names.
    pub(crate) fn set_aside(&mut self, is_part: impl Fn(&str) -> bool) -> Option<String> {
        if !self.missing.is_empty() {
            return None;
        }
        let others: Vec<&str> = self.names().filter(|name| !is_part(name)).collect();
        if others.is_empty() {
            return None;
        }
        let note = format!("{}; they are no part of a language model", count_and_list(&others, "not used"));
        self.ignore(|name| !is_part(name));
        Some(note)
    }
}

/// The first few names, so that a message for the wrong model stays readable.
fn count_and_list(names: &[&str], what: &str) -> String {
    const SHOWN: usize = 5;
    let tensors = if names.len() == 1 { "tensor" } else { "tensors" };
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    let shown = names.iter().take(SHOWN).map(|name| short(name)).collect::<Vec<_>>().join(", ");
    format!("{} {tensors} {what}: {shown}{more}", names.len())
}

/// The way out where the names are those of a model with an adapter in it.
fn adapter_hint(names: &[&str]) -> Option<&'static str> {
    let adapted = names.iter().any(|name| name.contains(".lora_A.") || name.contains(".base_layer."));
    adapted.then_some("; an adapter is in these weights: merge it first (`merge_and_unload()` in PEFT)")
}

/// The name that ends like another, by more than its last part.
fn most_like<'a>(name: &str, others: &[&'a str]) -> Option<&'a str> {
    let shared = |other: &str| name.rsplit('.').zip(other.rsplit('.')).take_while(|(a, b)| a == b).count();
    others.iter().copied().max_by_key(|other| shared(other)).filter(|other| shared(other) > 1)
}

fn map_file(path: &Path) -> Result<Mmap, WeightsError> {
    let read = |source: io::Error| WeightsError::cannot("read", path, source);
    let file = open_regular(path).map_err(read)?;
    // SAFETY: the map is only read, within the bounds that the header's reader has checked; a file
    // that another process shortens meanwhile is as lost to us as one deleted while being read.
    #[allow(unsafe_code)]
    unsafe { Mmap::map(&file) }.map_err(read)
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
