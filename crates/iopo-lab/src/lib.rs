#![doc = include_str!("../README.md")]

mod answer;
mod error;
mod exam;
mod files;
mod lab;
mod method;
mod own_samples;
mod recipe;
mod rows;
mod stage;
mod verified;

pub use answer::Decoding;
pub use error::LabError;
pub use exam::{Exam, Question};
pub use lab::{Author, Lab, PreferenceFiles};
pub use method::{METHODS, Method, Rows};
pub use recipe::{ExamSizes, ModelShape, PreferenceStage, Recipe, SupervisedStage, Writing};
pub use rows::{PreferenceRows, Reserved, supervised_rows};
pub use stage::{Stage, Trained};
pub use verified::{PromptEvaluator, trainer};
