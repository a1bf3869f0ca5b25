//! Trains and checks preference models.

fn main() {}
