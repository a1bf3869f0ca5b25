//! The lines that may stand around the items.

use crate::values::{Audience, ConditionWord, Feeling, ListedStep, Role, SpokenStep, TemplateLine, Tone};

/// A known line; each belongs to one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phrase {
    /// `dear children`
    Salutation(Audience),
    /// `signed, the farmer`
    Signature(Role),
    /// `with pleasure`
    Opener(Tone),
    /// `hooray`
    Exclamation(Feeling),
    /// `ready`
    Spoken(SpokenStep),
    /// `start`
    Listed(ListedStep),
    /// `my list`
    Template(TemplateLine),
    /// `enough`
    Condition(ConditionWord),
    /// `# fruits`
    Heading {
        /// The number of `#`.
        level: usize,
        /// The rest.
        title: String,
    },
}

impl Phrase {
    /// The phrase that a line is.
    pub(super) fn read(line: &str) -> Option<Self> {
        prefixed(line)
            .or_else(|| Tone::ALL.into_iter().find(|tone| tone.opener() == line).map(Self::Opener))
            .or_else(|| {
                Feeling::ALL.into_iter().find(|feeling| feeling.exclamation() == line).map(Self::Exclamation)
            })
            .or_else(|| SpokenStep::ALL.into_iter().find(|step| step.word() == line).map(Self::Spoken))
            .or_else(|| ListedStep::ALL.into_iter().find(|step| step.word() == line).map(Self::Listed))
            .or_else(|| TemplateLine::ALL.into_iter().find(|text| text.text() == line).map(Self::Template))
            .or_else(|| ConditionWord::ALL.into_iter().find(|word| word.word() == line).map(Self::Condition))
    }
}

/// A line that its beginning gives away.
fn prefixed(line: &str) -> Option<Phrase> {
    if let Some(name) = line.strip_prefix("dear ") {
        return Audience::ALL.into_iter().find(|audience| audience.word() == name).map(Phrase::Salutation);
    }
    if let Some(name) = line.strip_prefix("signed, the ") {
        return Role::ALL.into_iter().find(|role| role.word() == name).map(Phrase::Signature);
    }
    let (marks, title) = line.split_once(' ')?;
    let level = marks.len();
    let is_heading = level > 0 && marks.bytes().all(|byte| byte == b'#');
    is_heading.then(|| Phrase::Heading { level, title: title.to_owned() })
}
