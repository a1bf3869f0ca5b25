//! What one row has taken.

use std::collections::{BTreeMap, BTreeSet};

use chat_client::Usage;

use super::question_kind::Role;
use super::stage::Stage;

/// Stages that a row entered, questions that were asked for it and tokens that they took.
///
/// It counts answers that the row used, fresh or from the journal, so that it is the same in every run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Log {
    pub entered: BTreeSet<Stage>,
    pub calls: BTreeMap<Stage, u64>,
    pub usage: BTreeMap<Role, Usage>,
}

impl Log {
    pub fn add(&mut self, stage: Stage, role: Role, usage: Usage) {
        *self.calls.entry(stage).or_default() += 1;
        add_usage(self.usage.entry(role).or_default(), usage);
    }

    pub fn absorb(&mut self, other: Self) {
        self.entered.extend(other.entered);
        for (stage, calls) in other.calls {
            *self.calls.entry(stage).or_default() += calls;
        }
        for (role, usage) in other.usage {
            add_usage(self.usage.entry(role).or_default(), usage);
        }
    }

    /// Tokens of both models.
    pub fn total(&self) -> Usage {
        let mut total = Usage::default();
        self.usage.values().for_each(|usage| add_usage(&mut total, *usage));
        total
    }
}

/// What an endpoint says of its tokens is not bounded by anything.
pub(super) fn add_usage(sum: &mut Usage, more: Usage) {
    sum.prompt_tokens = sum.prompt_tokens.saturating_add(more.prompt_tokens);
    sum.completion_tokens = sum.completion_tokens.saturating_add(more.completion_tokens);
}
