//! Repository chores: fixtures, checks, parity with recorded references.

fn main() {}
