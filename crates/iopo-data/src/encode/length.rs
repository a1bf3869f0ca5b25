use serde::{Deserialize, Serialize};

/// What happens to a row that is longer than the limit.
///
/// A row is as long as its longest prompt and its longest completion together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LengthPolicy {
    /// It is an error that names the row.
    Error,
    /// It is left out, and counted.
    #[default]
    Drop,
    /// Its completions are cut, and then end without an end-of-sequence token; a row
    /// whose prompt alone fills the limit is left out.
    TruncateResponse,
    /// Prompts and completions are cut as the paper's trainer does, by [`infer_seqlen`].
    ///
    /// A cut prompt loses the tokens that say whose turn it is, a cut completion its
    /// end. This policy is for reproducing the paper's numbers.
    Reference,
}

/// How many tokens the paper's trainer keeps of a prompt and of a completion, from
/// their start.
///
/// ```text
/// max_t = cutoff                          if 2·target < cutoff
///       = cutoff − source                 else if 2·source < cutoff
///       = ⌊cutoff · target/(source + target)⌋   otherwise
/// kept target = min(max_t, target);  kept source = min(cutoff − kept target, source)
/// ```
///
/// For a pair or a group, `source_len` and `target_len` are the maxima of its prompts
/// and of its completions, and the kept lengths hold for each of them.
///
/// # Source
///
/// The released trainer of IOPO (ACL 2025), a fork of LLaMA-Factory 0.8.4.
///
/// ```
/// // Both are long: each keeps its share of the limit.
/// assert_eq!(iopo_data::infer_seqlen(3000, 1000, 2000), (1500, 500));
/// assert_eq!(iopo_data::infer_seqlen(300, 100, 2000), (300, 100));
/// ```
pub fn infer_seqlen(source_len: usize, target_len: usize, cutoff_len: usize) -> (usize, usize) {
    // Saturating, so that no length overflows.
    let max_target = if target_len.saturating_mul(2) < cutoff_len {
        cutoff_len
    } else if source_len.saturating_mul(2) < cutoff_len {
        cutoff_len - source_len
    } else {
        // In floating point and truncated, as the original: integers would differ by one at times.
        (cutoff_len as f64 * (target_len as f64 / source_len.saturating_add(target_len) as f64)) as usize
    };
    let target = max_target.min(target_len);
    (cutoff_len.saturating_sub(target).min(source_len), target)
}

/// Why a row was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// A prompt alone fills the limit.
    PromptTooLong,
    /// A prompt and a completion together exceed the limit.
    TooLong,
    /// After the cut, a prompt or a completion would have been empty.
    NothingLeft,
}

impl std::fmt::Display for DropReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PromptTooLong => "the prompt alone fills cutoff_len",
            Self::TooLong => "prompt and response exceed cutoff_len",
            Self::NothingLeft => "nothing is left of a prompt or response after the cut",
        })
    }
}

/// How many tokens to keep of each prompt and each completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Keep { prompt: usize, completion: usize },
    Drop(DropReason),
    Refuse,
}

impl LengthPolicy {
    /// What to do with a row whose longest prompt and completion have these lengths.
    pub(super) fn fit(self, prompt: usize, completion: usize, cutoff_len: usize) -> Fit {
        if prompt.saturating_add(completion) <= cutoff_len {
            return Fit::Keep { prompt, completion };
        }
        match self {
            Self::Error => Fit::Refuse,
            Self::Drop | Self::TruncateResponse if prompt >= cutoff_len => {
                Fit::Drop(DropReason::PromptTooLong)
            }
            Self::Drop => Fit::Drop(DropReason::TooLong),
            Self::TruncateResponse => Fit::Keep { prompt, completion: cutoff_len - prompt },
            Self::Reference => match infer_seqlen(prompt, completion, cutoff_len) {
                (0, _) | (_, 0) => Fit::Drop(DropReason::NothingLeft),
                (prompt, completion) => Fit::Keep { prompt, completion },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = usize::MAX;

    #[test]
    fn lengths_without_bound_saturate_instead_of_overflowing() {
        assert_eq!(infer_seqlen(10, MAX, 100), (10, 90));
        assert_eq!(infer_seqlen(MAX, 10, 100), (90, 10));
        // The sum saturates as well, so the completion's share is all of the limit.
        assert_eq!(infer_seqlen(MAX, MAX, 100), (0, 100));
    }

    #[test]
    fn a_row_without_bound_does_not_fit() {
        assert_eq!(LengthPolicy::Error.fit(MAX, MAX, 100), Fit::Refuse);
        assert_eq!(LengthPolicy::Drop.fit(1, MAX, 100), Fit::Drop(DropReason::TooLong));
    }
}
