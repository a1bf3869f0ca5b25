//! The header of a safetensors file: which tensors it holds, and where.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use iopo_files::{HEAD, excerpt, what_it_is};
use safetensors::Dtype;
use serde::de::{self, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, de::value::StrDeserializer};

use crate::error::WeightsError;

/// Bytes that hold the header's length.
const LENGTH: usize = 8;

/// The longest header that the format allows, in bytes.
const MOST_HEADER: usize = 100_000_000;

/// The key that holds texts about the file, and no tensor.
const METADATA: &str = "__metadata__";

/// A tensor as a header describes it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Where its bytes lie in the file.
    pub(super) bytes: Range<usize>,
}

/// Reads a file's header once, and checks that the tensors cover its data without gaps.
pub(super) fn read_header(path: &Path, file: &[u8]) -> Result<Vec<Entry>, WeightsError> {
    entries(file).map_err(|reason| {
        // Asked last, because the length of a sound header may begin like another format.
        let head = file.get(..HEAD).unwrap_or(file);
        let kind = what_it_is(head).filter(|_| head.get(LENGTH) != Some(&b'{'));
        let reason = kind.map_or(reason, |kind| format!("it is {kind}"));
        WeightsError::Format { path: path.to_owned(), len: file.len(), reason }
    })
}

fn entries(file: &[u8]) -> Result<Vec<Entry>, String> {
    const CUT: &str = "was the download or copy cut off?";
    if file.is_empty() {
        return Err("it is empty; download or copy it again".to_owned());
    }
    let (length, rest) = file
        .split_first_chunk::<LENGTH>()
        .ok_or_else(|| format!("it ends within its first {LENGTH} bytes; {CUT}"))?;
    let length = u64::from_le_bytes(*length);
    let Some(length) = usize::try_from(length).ok().filter(|&length| length <= MOST_HEADER) else {
        return Err(format!(
            "it begins with a header length of {length}, and the format allows {MOST_HEADER}; it is another kind of file"
        ));
    };
    let (header, data) = rest
        .split_at_checked(length)
        .ok_or_else(|| format!("its header has {length} bytes, of which {} are there; {CUT}", rest.len()))?;
    let Header(mut tensors) = serde_json::from_slice(header)
        .map_err(|error| format!("its header does not list tensors: {error}"))?;
    tensors.sort_by_key(|tensor| tensor.data_offsets);
    let end = tensors.iter().map(|tensor| tensor.data_offsets.1).max().unwrap_or(0);
    if end > data.len() {
        return Err(format!(
            "its tensors need {end} bytes after the header, of which {} are there; {CUT}",
            data.len()
        ));
    }
    let covered = tensors.iter().try_fold(0, |covered, tensor| tensor.check(covered))?;
    if covered < data.len() {
        return Err(format!("{} bytes after its last tensor belong to none", data.len() - covered));
    }
    let start = LENGTH + length;
    Ok(tensors.into_iter().map(|tensor| tensor.entry(start)).collect())
}

/// A tensor of the header; offsets count from the end of the header.
struct Described {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Described {
    /// Checks a tensor whose predecessors end at `covered`, and says where it ends.
    fn check(&self, covered: usize) -> Result<usize, String> {
        let (name, (start, end)) = (excerpt(&self.name), self.data_offsets);
        if end < start {
            return Err(format!("tensor {name} ends before it starts, at bytes {start} to {end}"));
        }
        if start < covered {
            return Err(format!("tensor {name} begins at byte {start}, within the tensor before it"));
        }
        if start > covered {
            return Err(format!("{} bytes before tensor {name} belong to none", start - covered));
        }
        let elements = self.shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        let bits = elements.and_then(|elements| elements.checked_mul(self.dtype.bitsize()));
        match bits {
            Some(bits) if bits % 8 == 0 && bits / 8 == end - start => Ok(end),
            Some(bits) => Err(format!(
                "tensor {name} of shape {:?} and type {:?} needs {} bytes, and has {}",
                self.shape,
                self.dtype,
                bits.div_ceil(8),
                end - start
            )),
            None => Err(format!("tensor {name} has more elements than this machine can count")),
        }
    }

    fn entry(self, start_of_data: usize) -> Entry {
        let (start, end) = self.data_offsets;
        Entry {
            name: self.name,
            dtype: self.dtype,
            shape: self.shape,
            bytes: start_of_data + start..start_of_data + end,
        }
    }
}

/// The tensors of a header, of which no two have one name.
struct Header(Vec<Described>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let (mut tensors, mut seen) = (Vec::new(), HashSet::new());
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(de::Error::custom(format!("it names {} twice", excerpt(&name))));
            }
            if name == METADATA {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let Info { dtype, shape, data_offsets } = map.next_value()?;
            let known: Result<Dtype, de::value::Error> = Dtype::deserialize(as_name(&dtype));
            let dtype = known.map_err(|_| {
                de::Error::custom(format!(
                    "tensor {} has the unknown type {:?}",
                    excerpt(&name),
                    excerpt(&dtype)
                ))
            })?;
            tensors.push(Described { name, dtype, shape, data_offsets });
        }
        Ok(Header(tensors))
    }
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

fn as_name(text: &str) -> StrDeserializer<'_, de::value::Error> {
    text.into_deserializer()
}
