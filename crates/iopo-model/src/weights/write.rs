//! Writing safetensors files.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use burn::tensor::DType;
use iopo_files::replace_file;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, serialize_to_file};

use crate::error::WeightsError;
use crate::parameters::NamedTensor;

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
            let failed = |source| WriteError::Format(source).at(path);
            Ok((tensor.name.as_str(), view.map_err(failed)?))
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
            Self::Format(source) => {
                WeightsError::File { action: "write", path, source: io::Error::other(source) }
            }
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
