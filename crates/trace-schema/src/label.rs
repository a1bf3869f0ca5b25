//! Dimension labels as files carry them, known and unknown.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ConstraintDimension;

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
    use super::*;

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
