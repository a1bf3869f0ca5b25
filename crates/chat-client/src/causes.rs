use std::error::Error;

/// An error and its causes on one line. A cause whose words are there already is left out.
///
/// ```
/// use chat_client::with_causes;
///
/// let source = std::io::Error::other("disk full");
/// let error = chat_client::JournalError::Write { path: "a.jsonl".into(), source };
/// assert_eq!(with_causes(&error), "cannot write a.jsonl: disk full");
/// ```
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text += &format!(": {words}");
        }
        cause = error.source();
    }
    text
}
