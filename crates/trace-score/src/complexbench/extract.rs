//! The objects that an extractor found for a rule.

use super::quirks::ComplexBenchQuirks;
use crate::python::strip;

/// The heading under which the extractor lists its objects.
const HEADING: &str = "【模型回复中评分问题的评测对象】";

/// The names that stand before the objects.
const LABELS: [&str; 2] = ["评分对象", "评测对象"];

/// The notes that extractors like to add.
const NOTES: [&str; 3] = ["\n\n请注意", "\n\n**注意", "\n\n注意"];

/// What an extractor's answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    /// The part of the answer that names the objects.
    pub part: String,
    /// The objects.
    pub objects: Vec<String>,
}

/// Reads an extractor's answer: `all`, `None`, or objects with `||` between them, after a label or alone.
///
/// ```
/// use trace_score::complexbench::{ComplexBenchQuirks, extract_objects};
///
/// let objects = |answer| extract_objects("the output", answer, ComplexBenchQuirks::none()).objects;
/// assert_eq!(objects("评分对象：first || second"), ["first", "second"]);
/// assert_eq!(objects("评分对象：all"), ["the output"]);
/// assert_eq!(objects("评分对象：allowed: none"), ["allowed: none"]);
/// ```
///
/// # Source
///
/// `evaluation/rule_based_evaluation.py`, ComplexBench 749f457.
pub fn extract_objects(output: &str, answer: &str, quirks: ComplexBenchQuirks) -> Extraction {
    let loose = quirks.loose_extractions;
    let heading = if loose { format!("{HEADING}\n") } else { HEADING.to_owned() };
    let mut part = after_last(answer, &heading).unwrap_or(answer);
    for note in NOTES {
        part = part.rsplit_once(note).map_or(part, |(before, _)| before);
    }
    let colons: &[char] = if loose { &['：'] } else { &['：', ':'] };
    let labels = LABELS.iter().flat_map(|label| colons.iter().map(move |colon| format!("{label}{colon}")));
    let mut ends = labels.filter_map(|label| part.rfind(&label).map(|at| at + label.len()));
    // The official program looks for one label after the other; of several, the last in the answer is meant.
    part = match if loose { ends.next() } else { ends.max() } {
        Some(end) => &part[end..],
        None if loose => after_last(part, "：").unwrap_or(part),
        None => part,
    };
    let word = part.trim().trim_end_matches(['。', '.']);
    let (all, none) = match loose {
        true => (part.starts_with("all"), part.contains("None")),
        false => (word == "all", word == "None"),
    };
    let objects = match (all, none) {
        (true, _) => vec![output.to_owned()],
        (_, true) => Vec::new(),
        _ => {
            let objects = part.split("||").map(if loose { strip } else { str::trim });
            objects.filter(|object| loose || !object.is_empty()).map(str::to_owned).collect()
        }
    };
    Extraction { part: part.to_owned(), objects }
}

fn after_last<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.rsplit_once(mark).map(|(_, after)| after)
}
