//! The taxonomy: five constraint types, 26 constraint dimensions, and labels as files carry them, known and unknown.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::NameError;

/// What a constraint is about, at the coarse level of the taxonomy.
///
/// # Source
///
/// IOPO (ACL 2025), Appendix A, Table 6, first column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConstraintType {
    /// What the response says or leaves out.
    Content,
    /// Who speaks to whom, and on what background.
    Situation,
    /// How the response sounds.
    Style,
    /// What the response looks like.
    Format,
    /// What the response imitates or avoids.
    Example,
}

impl ConstraintType {
    /// The five types, in the order of the paper.
    pub const ALL: [Self; 5] = [Self::Content, Self::Situation, Self::Style, Self::Format, Self::Example];

    /// The English name, which is also the name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Content => "Content",
            Self::Situation => "Situation",
            Self::Style => "Style",
            Self::Format => "Format",
            Self::Example => "Example",
        }
    }

    /// The dimensions of this type, in the order of the paper.
    pub fn dimensions(self) -> impl Iterator<Item = ConstraintDimension> {
        ConstraintDimension::ALL.into_iter().filter(move |dimension| dimension.constraint_type() == self)
    }
}

impl fmt::Display for ConstraintType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ConstraintType {
    type Err = NameError;

    /// Reads the English name, with or without the paper's suffix " Constraint".
    fn from_str(name: &str) -> Result<Self, NameError> {
        let short = name.strip_suffix(" Constraint").unwrap_or(name);
        let found = Self::ALL.into_iter().find(|kind| kind.name() == short);
        let known = ": the types are Content, Situation, Style, Format and Example";
        found.ok_or_else(|| NameError::new("constraint type", name, known))
    }
}

/// Declares the enum and its table together, so that a dimension cannot be in one and not in the other.
macro_rules! dimensions {
    ($($variant:ident: $kind:ident, $name:literal, $label:literal, $description:literal;)+) => {
        /// What a constraint is about, at the fine level of the taxonomy.
        ///
        /// # Source
        ///
        /// IOPO (ACL 2025), Appendix A, Table 6, second column. The descriptions are our own wording.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ConstraintDimension {
            $(#[doc = $description] $variant,)+
        }

        impl ConstraintDimension {
            /// The 26 dimensions, in the order of the paper.
            pub const ALL: [Self; 26] = [$(Self::$variant,)+];

            /// The type that this dimension belongs to.
            pub const fn constraint_type(self) -> ConstraintType {
                match self {
                    $(Self::$variant => ConstraintType::$kind,)+
                }
            }

            /// The paper's English name without its suffix " Constraint"; also the name in our files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The Chinese label that the released evaluation file uses.
            pub const fn released_label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }

            /// What a constraint of this dimension asks for, in one sentence.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => $description,)+
                }
            }
        }
    };
}

dimensions! {
    Theme: Content, "Theme", "主题约束",
        "Stay on one subject or within one field.";
    Exclusion: Content, "Exclusion", "排除约束",
        "Leave named things out.";
    Inclusion: Content, "Inclusion", "包含约束",
        "Mention named things.";
    Value: Content, "Value", "价值观约束",
        "Say nothing harmful, untrue, discriminating or prejudiced.";
    Privacy: Content, "Privacy", "隐私约束",
        "Reveal no personal or otherwise sensitive details.";
    Numerical: Content, "Numerical", "数值约束",
        "Keep to a number of words, sentences, paragraphs or items, or to a numeric precision.";
    RolePlaying: Situation, "Role-Playing", "角色扮演约束",
        "Speak as a given character or from within a given scene.";
    TargetAudience: Situation, "Target Audience", "受众目标约束",
        "Suit the vocabulary and depth to given readers.";
    PriorCondition: Situation, "Prior Condition", "先验条件约束",
        "Do or say a set thing whenever a stated condition holds.";
    NaturalLanguageProcess: Situation, "Natural Language Process Background Information", "自然语言流程背景信息约束",
        "Follow a procedure that is told in plain sentences.";
    MarkdownProcess: Situation, "Markdown Process Background Information", "markdown流程背景信息约束",
        "Follow a procedure that is laid out in Markdown.";
    TableBackground: Situation, "Table Background Information", "表格背景信息约束",
        "Draw the facts from tables that come with the instruction.";
    TextBackground: Situation, "Text Background Information", "文本背景信息约束",
        "Draw the facts from a passage that comes with the instruction.";
    ToneAndStyle: Style, "Tone and Style", "语气风格约束",
        "Write in a given register or manner, formal, playful or scholarly for instance.";
    Emotion: Style, "Emotion", "情感情绪约束",
        "Let a given feeling or mood come through.";
    LinguisticCharacteristics: Style, "Linguistic Characteristics", "语言特征约束",
        "Use a given figure of speech or other device of language.";
    Multilingual: Style, "Multilingual", "多语言约束",
        "Write in a given language, or change languages in a given pattern.";
    OutputFormat: Format, "Output Format", "输出格式约束",
        "Deliver the answer as JSON, a table, HTML, LaTeX, Markdown or another data format.";
    TextPattern: Format, "Text Pattern", "文本样式约束",
        "Set the text with given typefaces, sizes, emphasis or emoji.";
    GrammarStructure: Format, "Grammar Structure", "语法结构约束",
        "Build the sentences on a given grammatical pattern.";
    Citation: Format, "Citation", "引用和参考约束",
        "Name sources, in a given citation style where one is asked for.";
    NumberingAndList: Format, "Numbering and List", "编号和列表约束",
        "Arrange the answer as numbered items or bullet points.";
    HierarchicalStructure: Format, "Hierarchical Structure", "层次化结构约束",
        "Arrange the answer in levels, with headings and subheadings for instance.";
    Template: Example, "Template", "模版约束",
        "Fill in a given layout, or keep to a given order of parts.";
    PositiveExample: Example, "Positive Example", "正例约束",
        "Write in the way that given good examples show.";
    NegativeExample: Example, "Negative Example", "负例约束",
        "Avoid what given bad examples show.";
}

impl fmt::Display for ConstraintDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ConstraintDimension {
    type Err = NameError;

    /// Reads the English name, with or without the paper's suffix " Constraint", or the released file's Chinese label.
    fn from_str(name: &str) -> Result<Self, NameError> {
        let short = name.strip_suffix(" Constraint").unwrap_or(name);
        let found = Self::ALL
            .into_iter()
            .find(|dimension| dimension.name() == short || dimension.released_label() == name);
        found.ok_or_else(|| NameError::new("constraint dimension", name, ""))
    }
}

impl Serialize for ConstraintDimension {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ConstraintDimension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What to do with a label that names none of the 26 dimensions.
///
/// The released evaluation file has two such labels, `输入格式约束` in row 903 and `·` in row 951.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownLabels {
    /// The row is invalid.
    #[default]
    Error,
    /// The label is kept verbatim as [`DimensionLabel::Unknown`].
    Keep,
}

/// The label of a constraint: a dimension, or text that names none.
///
/// Make one with [`DimensionLabel::parse`] or from a [`ConstraintDimension`]; a hand-made `Unknown` that holds the name
/// of a dimension reads back as `Known`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DimensionLabel {
    /// One of the 26 dimensions.
    Known(ConstraintDimension),
    /// Text that names no dimension, verbatim.
    Unknown(String),
}

impl DimensionLabel {
    /// Reads an English name or a Chinese label; anything else becomes [`DimensionLabel::Unknown`].
    pub fn parse(text: &str) -> Self {
        text.parse::<ConstraintDimension>().map_or_else(|_| Self::Unknown(text.to_owned()), Self::Known)
    }

    /// The dimension, when the label names one.
    pub const fn dimension(&self) -> Option<ConstraintDimension> {
        match self {
            Self::Known(dimension) => Some(*dimension),
            Self::Unknown(_) => None,
        }
    }

    /// The English name of the dimension, or the unknown text.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(dimension) => dimension.name(),
            Self::Unknown(text) => text,
        }
    }

    /// The Chinese label of the dimension, or the unknown text: what the released file has.
    pub fn released_label(&self) -> &str {
        match self {
            Self::Known(dimension) => dimension.released_label(),
            Self::Unknown(text) => text,
        }
    }
}

impl From<ConstraintDimension> for DimensionLabel {
    fn from(dimension: ConstraintDimension) -> Self {
        Self::Known(dimension)
    }
}

impl fmt::Display for DimensionLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for DimensionLabel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for DimensionLabel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn types_have_six_seven_four_six_and_three_dimensions() {
        let sizes = ConstraintType::ALL.map(|kind| kind.dimensions().count());
        assert_eq!(sizes, [6, 7, 4, 6, 3]);
    }

    #[test]
    fn every_type_is_read_back_from_its_name() {
        for kind in ConstraintType::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(format!("{kind} Constraint").parse(), Ok(kind));
        }
    }

    #[test]
    fn every_dimension_is_read_back_from_each_of_its_names() {
        for dimension in ConstraintDimension::ALL {
            assert_eq!(dimension.to_string().parse(), Ok(dimension));
            assert_eq!(format!("{dimension} Constraint").parse(), Ok(dimension));
            assert_eq!(dimension.released_label().parse(), Ok(dimension));
        }
    }

    #[test]
    fn names_labels_and_descriptions_are_distinct() {
        let count = |text: fn(ConstraintDimension) -> &'static str| {
            ConstraintDimension::ALL.into_iter().map(text).collect::<BTreeSet<_>>().len()
        };
        assert_eq!(count(ConstraintDimension::name), 26);
        assert_eq!(count(ConstraintDimension::released_label), 26);
        assert_eq!(count(ConstraintDimension::description), 26);
    }

    #[test]
    fn the_name_of_another_case_is_not_a_dimension() {
        let error = "theme".parse::<ConstraintDimension>();
        assert_eq!(error, Err(NameError::new("constraint dimension", "theme", "")));
    }

    #[test]
    fn an_unknown_label_is_kept_verbatim_in_both_languages() {
        let label = DimensionLabel::parse("·");
        assert_eq!(label.dimension(), None);
        assert_eq!((label.name(), label.released_label()), ("·", "·"));
    }

    #[test]
    fn a_known_label_has_one_name_per_language() {
        let label = DimensionLabel::parse("主题约束");
        assert_eq!(label, ConstraintDimension::Theme.into());
        assert_eq!((label.name(), label.released_label()), ("Theme", "主题约束"));
    }
}
