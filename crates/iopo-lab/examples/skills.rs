//! Which dimensions a model of the bench's size learns at all: a base model on right responses alone, by dimension.
//!
//! ```sh
//! cargo run --release -p iopo-lab --example skills
//! ```
//!
//! What a model cannot do it cannot be taught to prefer: dimensions that stay low here measure skill instead of
//! obedience. The recipes leave out those below 60 %.
use std::error::Error;
use std::path::PathBuf;

use burn::tensor::Device;
use iopo_lab::{Decoding, ExamSizes, Lab, Recipe, Writing};
use trace_score::Scores;
use trace_score::stats::IntervalConfig;
use trace_world::DIMENSIONS;

fn main() -> Result<(), Box<dyn Error>> {
    let mut recipe = Recipe::study();
    recipe.dimensions = DIMENSIONS.to_vec();
    recipe.base.writing = Writing::ORACLE;
    recipe.test = ExamSizes { single: 1_500, multi: 1_500, held_out_pairs: 0, more: 0 };
    let lab = Lab::new(recipe, 0, PathBuf::from("target/skills"), Device::flex().autodiff())?;
    let base = lab.base(&mut ())?.model;
    let judged = lab.examine(&base, &lab.test, Decoding::Greedy)?;
    let scores = Scores::of(&judged, &IntervalConfig::default())?;
    let percent =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.1}", share * 100.0));
    for (name, scores) in [("one constraint", &scores.single), ("several", &scores.multi)] {
        println!("{:>6} % of instructions with {name} followed", percent(scores.followed.value));
    }
    for dimension in &scores.by_dimension {
        let share = &dimension.scores.followed;
        println!("{:>6} % of {:>4} constraints: {}", percent(share.value), share.n, dimension.dimension);
    }
    Ok(())
}
