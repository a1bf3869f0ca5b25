//! The five constraint types.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ConstraintDimension, NameError};

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
        found.ok_or_else(|| NameError::ConstraintType { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
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
}
