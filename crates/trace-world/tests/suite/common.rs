//! What the tests of the world share.

use trace_world::{Background, Category, Clause, Rule, Task};

/// A constraint from its JSON form.
pub fn rule(json: &str) -> Rule {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// A task about fruits with the given constraints.
pub fn fruits(rules: &[&str], input: Option<Background>) -> Task {
    let clause = |json: &&str| Clause { rule: rule(json), wording: 0 };
    Task::new(Category::Fruits, 0, input, rules.iter().map(clause).collect()).unwrap()
}
