//! Where the official program does otherwise than its paper says.

/// What the official program does otherwise; each switch is one of its quirks, and is on to reproduce it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ComplexBenchQuirks {
    /// The official program looks for the names of its list anywhere in a rule and takes the first for the whole rule;
    /// one without a known name has the verdict 2, and an argument that cannot be read is an exception, but only once an
    /// object is checked. Without this, every line of a rule is a clause, all must hold, and any other text is an error.
    pub first_rule_name: bool,
    /// The official program turns punctuation into Chinese on the rule's side always, on the object's side in some rules
    /// only; without this, on both sides always.
    pub raw_punctuation: bool,
    /// The official program passes over a final full stop or question mark, but no exclamation mark, and compares
    /// `match` with the text as it stands in the rule; without this, an exclamation mark is passed over too, and both
    /// sides of `match` are brought to the same form.
    pub narrow_endings: bool,
    /// The official program does not check the last of several objects by `model_endswith_each`.
    pub last_object_unchecked: bool,
    /// The official program takes the text between braces that match by count for the JSON object, braces inside of
    /// strings included; without this, the first JSON object counts.
    pub braces_by_count: bool,
    /// The official program takes an extractor's answer that begins with `all` for the whole output and one with `None`
    /// in it for nothing, cuts at any full-width colon, and keeps empty objects; without this, whole words and labels
    /// count.
    pub loose_extractions: bool,
    /// The official program takes a judge's answer without one `答案：是` or `答案：否` for a yes if it has a 是 and no
    /// 否 anywhere, so that `答案：不是` is a yes; without this, an answer without a clear verdict is an error.
    pub loose_answers: bool,
    /// The official program lets a failed prerequisite block the questions that name it, but not those that rest on them
    /// in turn.
    pub direct_dependencies: bool,
    /// The official program counts a question without a verdict as not satisfied in DRFR and as passed in the tests of
    /// coherence; without this, it is counted apart.
    pub unjudged_fails: bool,
    /// The official program lists the category and type of an item without questions, with nothing to count.
    pub lists_items_without_questions: bool,
    /// The official program counts the verdict 2 as satisfied by dimension and by composition.
    pub unknown_satisfies: bool,
}

impl ComplexBenchQuirks {
    /// Every quirk, for the numbers of the official program.
    pub const fn official() -> Self {
        Self {
            first_rule_name: true,
            raw_punctuation: true,
            narrow_endings: true,
            last_object_unchecked: true,
            braces_by_count: true,
            loose_extractions: true,
            loose_answers: true,
            direct_dependencies: true,
            unjudged_fails: true,
            lists_items_without_questions: true,
            unknown_satisfies: true,
        }
    }

    /// No quirk.
    pub const fn none() -> Self {
        Self {
            first_rule_name: false,
            raw_punctuation: false,
            narrow_endings: false,
            last_object_unchecked: false,
            braces_by_count: false,
            loose_extractions: false,
            loose_answers: false,
            direct_dependencies: false,
            unjudged_fails: false,
            lists_items_without_questions: false,
            unknown_satisfies: false,
        }
    }
}
