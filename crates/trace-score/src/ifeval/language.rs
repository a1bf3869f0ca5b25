//! The language of a text, by langdetect 1.0.9.
//!
//! langdetect walks at random through a text's n-grams and is not seeded by the official code, so that about one
//! verdict in 200 of those that need a language may change from run to run. Here it is seeded.

use std::sync::LazyLock;

use langdetect::{Compat, DetectorFactory, Error, Seed};

use super::CheckError;

/// langdetect's 55 profiles, with the sums and the character data of Python 3.11.
static FACTORY: LazyLock<Result<DetectorFactory, String>> = LazyLock::new(|| {
    let mut factory = DetectorFactory::new(Compat::python(11));
    match factory.load_builtin(&DetectorFactory::builtin_files()) {
        Ok(()) => Ok(factory),
        Err((_, error)) => Err(error.to_string()),
    }
});

/// The languages of `text` that are more probable than 0.1, the most probable first; none for a text without features.
///
/// # Errors
///
/// [`CheckError::Language`] where langdetect ends with another exception than its own.
pub fn detect_languages(text: &str, seed: u64) -> Result<Option<Vec<(String, f64)>>, CheckError> {
    let failed = |reason: String| CheckError::Language { reason };
    let factory = FACTORY.as_ref().map_err(|reason| failed(reason.clone()))?;
    let mut detector = factory.create().map_err(|error| failed(error.to_string()))?;
    detector.seed = Seed::Int(seed.into());
    detector.append(text);
    match detector.get_probabilities() {
        Ok(found) => Ok(Some(found.into_iter().map(|language| (language.lang, language.prob)).collect())),
        Err(Error::LangDetect { .. }) => Ok(None),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Whether langdetect finds the language `code`, or nothing to go by, which counts as following the instruction.
pub(crate) fn is_language(text: &str, code: &str, seed: u64) -> Result<bool, CheckError> {
    let found = detect_languages(text, seed)?;
    Ok(found.is_none_or(|languages| languages.first().is_some_and(|(first, _)| first == code)))
}
