#![doc = include_str!("../README.md")]

mod background;
mod compatibility;
mod counts;
mod dataset;
mod draw;
mod error;
mod group;
mod parse;
mod respond;
mod rng;
mod rule;
mod sampler;
mod task;
mod verdict;
mod vocabulary;
mod wording;
mod writer;

pub mod values;

pub use background::Background;
pub use compatibility::EXCLUDED_PAIRS;
pub use counts::CountDistribution;
pub use dataset::{
    CellCounts, DatasetConfig, EvaluationKind, EvaluationSet, MAX_ROWS, Summary, WorldDataset,
};
pub use draw::DIMENSIONS;
pub use error::WorldError;
pub use group::{Conditions, Group, GroupBuilder, Rejection, Rejections, pair_from};
pub use rng::{WorldRng, chance, pick, pick_some, world_rng};
pub use rule::{Process, Rule};
pub use sampler::{DimensionPair, HELD_OUT_PAIRS, HeldOut, TaskSampler};
pub use task::{Clause, Task};
pub use verdict::{Habit, Verdict};
pub use vocabulary::{Category, Item, Theme};
pub use wording::WORDINGS;
pub use writer::{Judge, Teacher, worsen};
