//! The names of stages and of reasons.

use std::fmt;

use serde::{Serialize, Serializer};

/// Declares an enum with its names in kebab case, so that no variant is without one.
macro_rules! names {
    ($(#[$about:meta])* pub enum $type:ident { $($(#[$doc:meta])* $variant:ident($name:literal),)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $type {
            $($(#[$doc])* $variant,)+
        }

        impl $type {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in files, in kebab case.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

names! {
    /// One step on the way from a seed to its rows, in the order in which a row takes them.
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Section 4.1 up to the evaluation; Appendix C for the worse response; Appendix D after it.
    pub enum Stage {
        /// Seeds that are near duplicates of others or of an evaluation set.
        Seed("seed"),
        /// Adding constraints to a simple instruction.
        Expansion("expansion"),
        /// Taking an instruction apart.
        Structuring("structuring"),
        /// Completeness and redundancy, and repair.
        QualityControl("quality-control"),
        /// Instructions that are near duplicates of others or of an evaluation set.
        Similarity("similarity"),
        /// Writing y₁.
        Response("response"),
        /// Judging y₁.
        Evaluation("evaluation"),
        /// Writing, and judging, a worse response for DPO.
        WorseResponse("worse-response"),
        /// Changing constraints: x₂.
        Perturbation("perturbation"),
        /// Judging y₁ under x₂.
        FirstUnderSecond("first-under-second"),
        /// Writing y₂.
        SecondResponse("second-response"),
        /// Judging y₂.
        SecondEvaluation("second-evaluation"),
        /// Judging y₂ under x₁.
        SecondUnderFirst("second-under-first"),
        /// Checking all four pairs of a group.
        Rationality("rationality"),
    }
}

names! {
    /// Why a row is not kept.
    pub enum Reason {
        /// The text is nearly that of an earlier row.
        NearDuplicate("near-duplicate"),
        /// The text is nearly one of an evaluation set.
        Contaminated("contaminated"),
        /// The model holds the instruction to be unclear, incomplete or contradictory.
        PoorInstruction("poor-instruction"),
        /// The instruction has no constraints.
        NoConstraints("no-constraints"),
        /// It has too many or too few constraints.
        OffTarget("off-target"),
        /// The instruction is invalid in the schema or fails a rule.
        InvalidInstruction("invalid-instruction"),
        /// The judge says that something is missing.
        Incomplete("incomplete"),
        /// The judge says that something is there twice.
        Redundant("redundant"),
        /// The response was cut at the limit of tokens.
        CutOff("cut-off"),
        /// The response is blank.
        EmptyResponse("empty-response"),
        /// Some constraint has less than the full score.
        LowScore("low-score"),
        /// The worse response has the full score, too.
        NotWorse("not-worse"),
        /// Two responses are the same text.
        SameResponse("same-response"),
        /// The constraints were changed otherwise than asked.
        WrongOperation("wrong-operation"),
        /// y₁ satisfies x₂.
        FirstFitsSecond("first-fits-second"),
        /// y₂ satisfies x₁.
        SecondFitsFirst("second-fits-first"),
        /// A pair that should be right is not, or one that should not be is.
        Irrational("irrational"),
        /// The answers could not be read.
        UnreadableAnswer("unreadable-answer"),
        /// The model refused to answer.
        Refused("refused"),
        /// The endpoint does not take the question: it is too long, for instance.
        InvalidRequest("invalid-request"),
        /// The endpoint gave no answer; the next run asks again.
        NoAnswer("no-answer"),
        /// A question was not asked, since a cap was reached or the run was stopped; the next run asks it.
        NotAsked("not-asked"),
    }
}

impl Reason {
    /// Whether another run may keep the row: answers are missing, and none rejected it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::NoAnswer | Self::NotAsked)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_in_kebab_case() {
        let stages = Stage::ALL.iter().map(|stage| stage.name());
        let reasons = Reason::ALL.iter().map(|reason| reason.name());
        let names: Vec<&str> = stages.chain(reasons).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        let plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(names.iter().all(plain), "{names:?}");
    }
}
