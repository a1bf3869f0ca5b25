//! How a backward pass trades time for memory.

/// How a backward pass trades time for memory; every choice gives the same gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackwardOptions {
    /// Which activations are kept for the backward pass.
    pub checkpointing: Checkpointing,
    /// How many predictions' scores over the vocabulary exist at a time; at least 1.
    pub head_chunk: usize,
}

/// Which activations the forward pass keeps, and which the backward pass recomputes.
///
/// Later variants take less memory and more time.
///
/// # Source
/// Chen et al. 2016 (checkpointing); Korthikanti et al. 2022, Sec. 5 (selective recomputation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checkpointing {
    /// All are kept.
    Off,
    /// The outputs of norms and gates, a third of a layer's activations, are recomputed: a few passes
    /// over memory. Only the CPU kernels do this; other devices keep them.
    Selective,
    /// Only each layer's input is kept.
    Full,
}

/// Scores that exist at a time at most: 64 MiB of f32, of which a handful of copies exist at once.
pub(crate) const SCORES: usize = 16 << 20;

impl BackwardOptions {
    /// Keeps all activations; scores take a few dozen megabytes at a time at most.
    #[must_use]
    pub fn new(vocab_size: usize) -> Self {
        // More rows would make products no faster.
        Self { checkpointing: Checkpointing::Off, head_chunk: (SCORES / vocab_size.max(1)).clamp(16, 256) }
    }
}

/// Start and length of chunks of at most `size` rows, or of one row where `size` is 0.
pub(crate) fn chunks(total: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    let size = size.max(1);
    (0..total.div_ceil(size)).map(move |chunk| (chunk * size, size.min(total - chunk * size)))
}
