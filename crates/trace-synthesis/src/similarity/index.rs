//! A collection of texts that can be asked for a similar one.

use thiserror::Error;

use super::signature::{Bands, HashFunctions, Signature, estimate};

/// The smallest threshold: below it, unrelated texts of one language are similar.
const LOWEST: f64 = 0.1;

/// A threshold out of range.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("the similarity threshold is {threshold}; it must lie between {LOWEST} and 1")]
pub struct SimilarityError {
    threshold: f64,
}

/// The entry that is most similar to a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match<'a> {
    /// The id that the entry was inserted under.
    pub id: &'a str,
    /// The estimated similarity, from the threshold to 1.
    pub similarity: f64,
}

/// Finds near-duplicates among the texts it has been given; the [module](super) says how.
#[derive(Debug, Clone)]
pub struct SimilarityIndex {
    threshold: f64,
    functions: HashFunctions,
    ids: Vec<Box<str>>,
    signatures: Vec<Signature>,
    bands: Bands,
}

impl SimilarityIndex {
    /// An empty index for texts whose similarity is at least `threshold`.
    ///
    /// 0.7 to 0.8 finds texts with a few words changed; 1 finds texts with the same pieces alone.
    ///
    /// # Errors
    ///
    /// A threshold below 0.1, above 1, or not a number.
    pub fn new(threshold: f64) -> Result<Self, SimilarityError> {
        match (LOWEST..=1.0).contains(&threshold) {
            true => Ok(Self {
                threshold,
                functions: HashFunctions::new(),
                ids: Vec::new(),
                signatures: Vec::new(),
                bands: Bands::new(threshold),
            }),
            false => Err(SimilarityError { threshold }),
        }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The most similar entry at or above the threshold; of equally similar ones the first that was inserted.
    pub fn find(&self, text: &str) -> Option<Match<'_>> {
        self.best(&self.functions.signature(text))
    }

    /// Adds an entry. The id is what [`SimilarityIndex::find`] returns; nothing keeps two entries from sharing one.
    ///
    /// A text with the signature of an earlier entry adds nothing that could be found, and takes no memory: the earlier
    /// entry is as similar to every text, and comes first.
    pub fn insert(&mut self, id: impl Into<Box<str>>, text: &str) {
        let signature = self.functions.signature(text);
        if self.best(&signature).is_some_and(|found| found.similarity == 1.0) {
            return;
        }
        self.add(id.into(), signature);
    }

    fn add(&mut self, id: Box<str>, signature: Signature) {
        // 2³² signatures would take 2 TiB.
        let entry = self.ids.len() as u32;
        self.ids.push(id);
        self.signatures.push(signature);
        self.bands.insert(entry, &self.signatures);
    }

    fn best(&self, signature: &Signature) -> Option<Match<'_>> {
        let mut best: Option<Match<'_>> = None;
        for entry in self.bands.candidates(signature) {
            let similarity = estimate(signature, &self.signatures[entry as usize]);
            let least = best.map_or(self.threshold, |best| best.similarity);
            if similarity > least || best.is_none() && similarity == least {
                best = Some(Match { id: &self.ids[entry as usize], similarity });
            }
        }
        best
    }
}
