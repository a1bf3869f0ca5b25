//! Every way in which reading, writing or laying out a model can go wrong.

use std::path::PathBuf;

use thiserror::Error;

/// A `config.json` that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not JSON.
    #[error("{} is not valid JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The file is JSON, but not an object.
    #[error("{}: expected a JSON object", path.display())]
    NotAnObject {
        /// The file.
        path: PathBuf,
    },
    /// A key that is needed is absent.
    #[error("{}: missing key `{key}`", path.display())]
    MissingKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// A key holds a value of another type.
    #[error("{}: `{key}` should be {expected}, found {found}", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
        /// The value found.
        found: String,
    },
    /// A value that is legal, but not implemented here.
    #[error("{}: `{key}` is {value}; supported: {supported}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// The value found.
        value: String,
        /// What is implemented.
        supported: &'static str,
    },
    /// Sizes that do not fit together.
    #[error("{}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
}

/// Weights that cannot be read, or do not belong to the model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The configuration beside the weights is at fault.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder has neither `model.safetensors` nor an index of shards.
    #[error("{}: found neither model.safetensors nor model.safetensors.index.json", dir.display())]
    NoWeights {
        /// The folder.
        dir: PathBuf,
    },
    /// The index of shards is not what it should be.
    #[error("{}: not an index of safetensors shards: {reason}", path.display())]
    Index {
        /// The index file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Two shards hold a tensor of the same name.
    #[error("tensor {name} is in both {} and {}", first.display(), second.display())]
    Duplicate {
        /// The tensor.
        name: String,
        /// A file that holds it.
        first: PathBuf,
        /// Another.
        second: PathBuf,
    },
    /// A folder to write into holds shards, which other programs would load in place of what is written.
    #[error("{} holds a sharded model; write to another folder", dir.display())]
    ShardsInTheWay {
        /// The folder.
        dir: PathBuf,
    },
    /// A file is not in the safetensors format, or was cut off.
    #[error("{} is not a complete safetensors file ({len} bytes); was the download or copy cut off?", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        len: usize,
        /// What the format's reader says.
        source: safetensors::SafeTensorError,
    },
    /// A tensor that the model needs is in none of the files.
    #[error("{}: {} missing: {}", origin.display(), count(names.len()), list(names))]
    Missing {
        /// The file or folder.
        origin: PathBuf,
        /// The names.
        names: Vec<String>,
    },
    /// Tensors that the model has no place for.
    #[error("{}: {} unexpected: {}", origin.display(), count(names.len()), list(names))]
    Unexpected {
        /// The file or folder.
        origin: PathBuf,
        /// The names.
        names: Vec<String>,
    },
    /// A tensor of another shape than the configuration says.
    #[error("{}: tensor {name} has shape {found:?}, the configuration needs {expected:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape that is needed.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor stored in a type that is not a float of 16, 32 or 64 bits.
    #[error("{}: tensor {name} is stored as {found}; supported: F64, F32, F16, BF16", path.display())]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The type in the file.
        found: String,
    },
    /// The device cannot compute with a float type that was asked for.
    #[error("{device} does not compute in {dtype}")]
    UnsupportedDtype {
        /// The float type.
        dtype: &'static str,
        /// The device.
        device: String,
    },
    /// Values on the device could not be read back.
    #[error("cannot read tensor {name} from its device: {reason}")]
    Device {
        /// The tensor.
        name: String,
        /// What the device says.
        reason: String,
    },
    /// The adapter's configuration or keys are at fault.
    #[error(transparent)]
    Lora(#[from] LoraError),
}

/// A LoRA adapter that cannot be made, read or merged.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoraError {
    /// The rank is 0.
    #[error("the rank of a LoRA adapter is at least 1")]
    ZeroRank,
    /// A product of more than full rank: it would cost memory and express nothing more.
    #[error(
        "a LoRA adapter of rank {rank} does not fit {layer}, whose larger side is {limit}: lower the rank"
    )]
    RankTooLarge {
        /// The rank asked for.
        rank: usize,
        /// The smallest targeted layer.
        layer: String,
        /// The larger side of its weight.
        limit: usize,
    },
    /// The scale would not be a number.
    #[error("the alpha of a LoRA adapter is a number, found {alpha}")]
    Alpha {
        /// The alpha asked for.
        alpha: f64,
    },
    /// The list of targets is empty.
    #[error("no LoRA target is named; layers: {}", known.join(", "))]
    NoTargets {
        /// The names of the linear layers.
        known: Vec<&'static str>,
    },
    /// A target names no linear layer of the model.
    #[error("LoRA target `{target}` matches no linear layer; layers: {}", known.join(", "))]
    UnknownTarget {
        /// The target asked for.
        target: String,
        /// The names of the linear layers.
        known: Vec<&'static str>,
    },
    /// The model carries an adapter where it must not.
    #[error("the model carries an adapter: merge it or drop it first")]
    AlreadyAdapted,
    /// The model carries no adapter.
    #[error("the model has no adapter")]
    NoAdapter,
    /// Layers carry adapters of different ranks or scales, for which one PEFT folder has no place.
    #[error("layers carry adapters of different ranks or scales: {module} differs from those before it")]
    MixedAdapters {
        /// The first layer that differs.
        module: String,
    },
    /// An option of PEFT that is not implemented here.
    #[error("{}: `{key}` is {value}, which is not supported", path.display())]
    UnsupportedPeft {
        /// The `adapter_config.json`.
        path: PathBuf,
        /// The option.
        key: &'static str,
        /// Its value.
        value: String,
    },
}

/// A token layout that contradicts itself or the model.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutError {
    /// There are no tokens.
    #[error("a layout needs at least one token")]
    Empty,
    /// As many positions as tokens are needed.
    #[error("{tokens} tokens, but {positions} positions")]
    Positions {
        /// Number of tokens.
        tokens: usize,
        /// Number of positions.
        positions: usize,
    },
    /// Segments must cover the tokens in order, each non-empty.
    #[error("segment {segment} covers {start}..{end}, expected a non-empty range from {expected}")]
    Range {
        /// Index of the segment.
        segment: usize,
        /// Where it starts.
        start: usize,
        /// Where it ends.
        end: usize,
        /// Where it should start.
        expected: usize,
    },
    /// The last segment does not end at the last token.
    #[error("segments end at {end}, tokens at {tokens}")]
    Uncovered {
        /// Where the segments end.
        end: usize,
        /// Number of tokens.
        tokens: usize,
    },
    /// A parent must come before its child.
    #[error("segment {segment} has parent {parent}, which does not come before it")]
    Parent {
        /// Index of the segment.
        segment: usize,
        /// Index of its parent.
        parent: usize,
    },
    /// A token id outside the model's vocabulary.
    #[error(
        "token id {token} at {index} is outside the model's vocabulary of {vocab_size}: is this the model's own tokenizer?"
    )]
    Token {
        /// Where it stands.
        index: usize,
        /// The id.
        token: u32,
        /// Rows of the embedding.
        vocab_size: usize,
    },
    /// As many targets as sources are needed.
    #[error("{sources} positions that predict, but {targets} predicted tokens")]
    Predictions {
        /// Number of positions that predict.
        sources: usize,
        /// Number of predicted tokens.
        targets: usize,
    },
    /// A backward pass needs one loss weight for each prediction.
    #[error("{weights} loss weights, but {predictions} predictions")]
    Weights {
        /// Number of loss weights.
        weights: usize,
        /// Number of predictions.
        predictions: usize,
    },
    /// A predicted token outside the model's vocabulary.
    #[error(
        "prediction {index} asks for token id {token}, outside the model's vocabulary of {vocab_size}: is this the model's own tokenizer?"
    )]
    PredictionTarget {
        /// Index of the prediction.
        index: usize,
        /// The id.
        token: u32,
        /// Rows of the embedding.
        vocab_size: usize,
    },
    /// A prediction from a position that is not in the layout.
    #[error("prediction {index} reads position {from} of {tokens}")]
    PredictionSource {
        /// Index of the prediction.
        index: usize,
        /// Where it reads.
        from: usize,
        /// Number of tokens.
        tokens: usize,
    },
}

fn count(n: usize) -> String {
    if n == 1 { "1 tensor".to_owned() } else { format!("{n} tensors") }
}

/// The first few names, so that a message for the wrong model stays readable.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", ...");
    }
    text
}
