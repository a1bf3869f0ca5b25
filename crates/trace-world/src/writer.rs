//! Imperfect writers and judges.

use serde::{Deserialize, Serialize};

use crate::rng::{below, chance, shuffle};
use crate::sampler::revised;
use crate::{Task, WorldRng};

/// A writer that slips: it overlooks constraints, or takes them for a near twin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Teacher {
    /// How often each constraint is not heeded, from 0 to 1.
    pub ignore: f64,
    /// How often a constraint that is not heeded is taken for a near twin instead of being overlooked, from 0 to 1.
    pub confuse: f64,
}

impl Teacher {
    /// A writer that never slips.
    pub const ORACLE: Self = Self { ignore: 0.0, confuse: 0.0 };

    /// Writes a response.
    pub fn write(&self, task: &Task, rng: &mut WorldRng) -> String {
        self.understood(task, rng).respond(rng)
    }

    /// The task as the writer takes it: what it overlooks is missing, what it confuses is a near twin.
    pub fn understood(&self, task: &Task, rng: &mut WorldRng) -> Task {
        let mut understood = task.clone();
        let mut overlooked = Vec::new();
        for position in 0..task.clauses().len() {
            if !chance(self.ignore, rng) {
                continue;
            }
            match chance(self.confuse, rng).then(|| revised(&understood, position, rng)).flatten() {
                Some(twin) => understood = twin,
                None => overlooked.push(position),
            }
        }
        understood.without(&overlooked)
    }
}

/// Decides whether a response follows its task, sometimes wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    /// How often a response that does not follow the task is accepted, from 0 to 1.
    pub accepts_wrong: f64,
    /// How often a response that follows the task is rejected, from 0 to 1.
    pub rejects_right: f64,
}

impl Judge {
    /// A judge that is never wrong.
    pub const ORACLE: Self = Self { accepts_wrong: 0.0, rejects_right: 0.0 };

    /// Judges a response as a whole.
    pub fn accepts(&self, task: &Task, response: &str, rng: &mut WorldRng) -> bool {
        match task.verdict(response).followed() {
            true => !chance(self.rejects_right, rng),
            false => chance(self.accepts_wrong, rng),
        }
    }
}

/// A worse response: it violates at least one constraint and is good otherwise, where that is possible.
///
/// One constraint is taken for a near twin or overlooked. `None` when no such response was found, as for a task without
/// constraints.
///
/// # Source
///
/// IOPO (ACL 2025), Appendix C.
pub fn worsen(task: &Task, rng: &mut WorldRng) -> Option<String> {
    const TRIES: usize = 16;
    let mut positions: Vec<usize> = (0..task.clauses().len()).collect();
    shuffle(&mut positions, rng);
    positions.into_iter().find_map(|position| {
        let overlooked = task.without(&[position]);
        (0..TRIES).find_map(|_| {
            let twin = if below(2, rng) == 0 { revised(task, position, rng) } else { None };
            let response = twin.as_ref().unwrap_or(&overlooked).respond(rng);
            let verdict = task.verdict(&response);
            verdict.constraints.contains(&false).then_some(response)
        })
    })
}
