//! Near duplicates, and overlap with evaluation sets.

use std::collections::HashSet;
use std::path::Path;

use trace_schema::{DatasetReader, Instruction, UnknownLabels};

use super::config::SimilarityConfig;
use super::error::{Fault, PipelineError};
use super::row::Outcome;
use super::stage::{Reason, Stage};
use crate::random::digest_of;
use crate::similarity::{SimilarityError, SimilarityIndex};

/// The texts seen so far. Rows come to it in the order of their seeds, so that the same ones are kept in every
/// run.
#[derive(Debug)]
pub(super) struct Duplicates {
    config: SimilarityConfig,
    seeds: SimilarityIndex,
    instructions: SimilarityIndex,
    evaluation: SimilarityIndex,
    has_evaluation: bool,
    /// Digests of the prompts that were written to files of training and of evaluation.
    trained_on: HashSet<u64>,
    held_out: HashSet<u64>,
}

impl Duplicates {
    pub fn new(config: SimilarityConfig) -> Result<Self, SimilarityError> {
        let index = || SimilarityIndex::new(config.threshold);
        Ok(Self {
            config,
            seeds: index()?,
            instructions: index()?,
            evaluation: index()?,
            has_evaluation: false,
            trained_on: HashSet::new(),
            held_out: HashSet::new(),
        })
    }

    /// Takes in a set that nothing may resemble: its whole prompts, and its descriptions alone.
    pub fn add_evaluation(&mut self, file: &Path) -> Result<(), PipelineError> {
        let name = file.display().to_string();
        let mut rows = DatasetReader::open(file)?.unknown_labels(UnknownLabels::Keep);
        while let Some(row) = rows.next() {
            let row = row?;
            let id = row.id().map_or_else(|| format!("row {}", rows.row()), str::to_owned);
            let id = format!("{id} of {name}");
            let descriptions = row.instructions().into_iter().map(|instruction| instruction.description);
            for text in row.prompts().into_iter().chain(descriptions) {
                self.evaluation.insert(id.as_str(), &text);
                self.has_evaluation = true;
            }
        }
        Ok(())
    }

    /// Whether a seed may be used; it is remembered if so.
    pub fn check_seed(&mut self, id: &str, text: &str) -> Option<Fault> {
        let fault = self.contaminated(Stage::Seed, text).or_else(|| {
            let found = self.config.near_duplicates.then(|| self.seeds.find(text)).flatten()?;
            Some(near(Stage::Seed, Reason::NearDuplicate, found.id, found.similarity))
        });
        if fault.is_none() && self.config.near_duplicates {
            self.seeds.insert(id, text);
        }
        fault
    }

    /// Whether an instruction may be used; it is remembered if so.
    pub fn check_instruction(&mut self, id: &str, instruction: &Instruction) -> Option<Fault> {
        let text = instruction.prompt();
        let fault = self.contaminated(Stage::Similarity, &text).or_else(|| {
            let found = self.config.near_duplicates.then(|| self.instructions.find(&text)).flatten()?;
            Some(near(Stage::Similarity, Reason::NearDuplicate, found.id, found.similarity))
        });
        if fault.is_none() && self.config.near_duplicates {
            self.instructions.insert(id, &text);
        }
        fault
    }

    /// The rows that must not be written, since they would put one prompt into training and into evaluation: all
    /// rows of the seed, or its group alone.
    pub fn check_outcome(&mut self, outcome: &Outcome) -> Overlap {
        let Some(x1) = &outcome.x1 else { return Overlap::None };
        let first = digest_of(&[&x1.prompt()]);
        if outcome.held_out {
            if self.trained_on.contains(&first) {
                return Overlap::All(Fault::new(Stage::Similarity, Reason::Contaminated, "it is trained on"));
            }
            self.held_out.insert(first);
            return Overlap::None;
        }
        if self.held_out.contains(&first) {
            return Overlap::All(Fault::new(Stage::Similarity, Reason::Contaminated, "it is held out"));
        }
        if outcome.sft.is_some() {
            self.trained_on.insert(first);
        }
        let Some(group) = &outcome.group else { return Overlap::None };
        let x2 = group.x2.prompt();
        let second = digest_of(&[&x2]);
        let fault = match self.held_out.contains(&second) {
            true => Some(Fault::new(Stage::Perturbation, Reason::Contaminated, "x2 is held out")),
            false => self.contaminated(Stage::Perturbation, &x2),
        };
        match fault {
            Some(fault) => Overlap::Group(fault),
            None => {
                self.trained_on.insert(second);
                Overlap::None
            }
        }
    }

    fn contaminated(&self, stage: Stage, text: &str) -> Option<Fault> {
        let found = self.has_evaluation.then(|| self.evaluation.find(text)).flatten()?;
        Some(near(stage, Reason::Contaminated, found.id, found.similarity))
    }
}

/// The parts of a finished row that overlap with the other side.
#[derive(Debug)]
pub(super) enum Overlap {
    None,
    All(Fault),
    Group(Fault),
}

fn near(stage: Stage, reason: Reason, id: &str, similarity: f64) -> Fault {
    Fault::new(stage, reason, format!("like {id}, similarity {similarity:.2}"))
}
