//! Near-duplicates among many texts, Chinese or English.
//!
//! Two texts are compared by their [`grams`]: overlapping pieces of five letters or three ideographs, without regard to
//! case and white space. Their similarity is the Jaccard index of these sets, the share of pieces that both have.
//! [`SimilarityIndex`] estimates it from 256 numbers for each text, and looks only at texts that are likely to be near:
//!
//! ```text
//! J(A, B) = |A ∩ B| / |A ∪ B|
//! signature: s_i(A) = min over grams g of h_i(g), i = 1..256          P(s_i(A) = s_i(B)) = J
//! estimate:  Ĵ = share of equal places                                 deviation √(J (1 − J) / 256), at most 0.031
//! candidates: texts that share one of b bands of r places             P(candidate) = 1 − (1 − J^r)^b
//! ```
//!
//! r is the greatest for which a text at the threshold is a candidate with a probability of 99.5 % or more. A text of
//! the collection whose similarity is well above the threshold is practically always found, one well below never; in
//! between, within three deviations of the threshold, the estimate decides. Two texts that differ in case and white
//! space alone have the same signature, and the similarity 1.
//!
//! Hash functions are fixed, so that the same texts in the same order give the same answers on every machine. An entry
//! takes 512 bytes and about 12 bytes for each band, whatever the length of its text.
//!
//! ```
//! use trace_synthesis::similarity::SimilarityIndex;
//!
//! let mut index = SimilarityIndex::new(0.7)?;
//! index.insert("12", "请写一首关于秋天的诗，不超过五十个字，要押韵。");
//! let found = index.find("请写一首关于秋天的诗，不超过六十个字，要押韵。").map(|found| found.id);
//! assert_eq!(found, Some("12"));
//! assert_eq!(index.find("Name three rivers that cross a desert."), None);
//! # Ok::<(), trace_synthesis::similarity::SimilarityError>(())
//! ```
//!
//! # Source
//!
//! Broder, *On the resemblance and containment of documents*, 1997; bands as in Leskovec, Rajaraman and Ullman, *Mining of
//! Massive Datasets*, Section 3.4; 16 bits of each minimum as in Li and König, *b-Bit Minwise Hashing*, 2010.

mod grams;
mod index;
mod signature;

pub use grams::{grams, jaccard};
pub use index::{Match, SimilarityError, SimilarityIndex};
