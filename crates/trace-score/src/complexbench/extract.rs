//! The objects that an extractor found for a rule.

use crate::cfbench::python::strip;

/// The heading under which the extractor lists its objects.
const HEADING: &str = "【模型回复中评分问题的评测对象】";

/// The names that stand before the objects.
const LABELS: [&str; 2] = ["评分对象", "评测对象"];

/// The notes that extractors like to add.
const NOTES: [&str; 3] = ["\n\n请注意", "\n\n**注意", "\n\n注意"];

/// What the official code makes of an extractor's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficialExtraction {
    /// The part of the answer that is taken for the objects; `None` where there is no answer.
    pub part: Option<String>,
    /// The objects.
    pub objects: Vec<String>,
}

/// Reads an extractor's answer as the official code does.
///
/// Anything that begins with `all` stands for the whole output, anything with `None` in it for nothing, and without a
/// label the part after the last full-width colon counts.
///
/// # Source
///
/// `evaluation/rule_based_evaluation.py`, ComplexBench 749f457.
pub fn official_extraction(output: Option<&str>, answer: Option<&str>) -> OfficialExtraction {
    let (Some(output), Some(answer)) = (output, answer) else {
        return OfficialExtraction { part: None, objects: Vec::new() };
    };
    let mut part = after_last(answer, &format!("{HEADING}\n")).unwrap_or(answer);
    for note in NOTES {
        part = part.rsplit_once(note).map_or(part, |(before, _)| before);
    }
    let labelled = LABELS.iter().find_map(|label| after_last(part, &format!("{label}：")));
    let part = labelled.or_else(|| after_last(part, "：")).unwrap_or(part);
    let objects = match () {
        () if part.starts_with("all") => vec![output.to_owned()],
        () if part.contains("None") => Vec::new(),
        () => part.split("||").map(|object| strip(object).to_owned()).collect(),
    };
    OfficialExtraction { part: Some(part.to_owned()), objects }
}

/// Reads an extractor's answer: `all`, `None`, or objects with `||` between them, after a label or alone.
///
/// Only the whole words `all` and `None` have their meaning, a colon without a label stays in the object, a label may
/// have an ASCII colon, and empty objects are left out.
///
/// ```
/// use trace_score::complexbench::extract_objects;
///
/// assert_eq!(extract_objects("the output", "评分对象：first || second"), ["first", "second"]);
/// assert_eq!(extract_objects("the output", "评分对象：all"), ["the output"]);
/// assert_eq!(extract_objects("the output", "评分对象：allowed: none"), ["allowed: none"]);
/// ```
pub fn extract_objects(output: &str, answer: &str) -> Vec<String> {
    let mut part = after_last(answer, HEADING).unwrap_or(answer);
    for note in NOTES {
        part = part.rsplit_once(note).map_or(part, |(before, _)| before);
    }
    let labels = LABELS.iter().flat_map(|label| [format!("{label}："), format!("{label}:")]);
    let part = labels
        .filter_map(|label| part.rfind(&label).map(|at| at + label.len()))
        .max()
        .map_or(part, |at| &part[at..]);
    match part.trim().trim_end_matches(['。', '.']) {
        "all" => vec![output.to_owned()],
        "None" => Vec::new(),
        _ => part.split("||").map(str::trim).filter(|object| !object.is_empty()).map(str::to_owned).collect(),
    }
}

fn after_last<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.rsplit_once(mark).map(|(_, after)| after)
}
