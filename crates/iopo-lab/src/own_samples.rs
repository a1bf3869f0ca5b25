//! Preference rows from a model's own answers, which the verifiers sort.

use iopo_answer::Respondent;
use iopo_model::CausalLm;
use rand::Rng;
use trace_schema::{ConstraintOperation, PreferencePair};
use trace_world::{Group, Rejection, Task, TaskSampler, WorldRng};

use crate::answer::{Decoding, answers};
use crate::error::LabError;
use crate::rows::{Attempts, PreferenceRows, Reserved};

/// How many answers a model gives to each instruction.
const SAMPLES: usize = 8;

/// Instructions that are answered together.
const ROUND: usize = 512;

/// Instructions for each row. Every one costs [`SAMPLES`] answers, and a model that follows too few would be asked for
/// hours; one that follows a third needs about three.
const INSTRUCTIONS_PER_ROW: u64 = 30;

impl PreferenceRows {
    /// Rows whose responses the model wrote: y₁ is its first sample that follows x₁ and violates x₂, y₂ its first
    /// that follows x₂ and violates x₁, and the pair's worse answer its first that says something and violates x₁'s
    /// constraints.
    ///
    /// # Errors
    /// A sampler that finds no task, answers that cannot be generated, and a model whose answers make too few rows.
    pub fn own_samples(
        sampler: &TaskSampler,
        (respondent, model): (&Respondent, &CausalLm),
        reserved: &Reserved,
        rows: usize,
        rng: &mut WorldRng,
    ) -> Result<Self, LabError> {
        let mut found = Self::default();
        let mut attempts = Attempts::new("own samples", rows, INSTRUCTIONS_PER_ROW);
        while found.groups.len() < rows {
            attempts.next_round(ROUND, found.groups.len())?;
            let mut twins = Vec::with_capacity(ROUND);
            for index in 0..ROUND {
                let x1 = sampler.sample(rng)?;
                let operation = ConstraintOperation::ALL[index % 3];
                match sampler.perturb(&x1, operation, rng) {
                    Some(x2) => twins.push((operation, x1, x2)),
                    None => found.rejections.add(Rejection::NoPerturbation),
                }
            }
            let tasks = twins.iter().flat_map(|(_, x1, x2)| [x1, x2]);
            let tasks = tasks.flat_map(|task| std::iter::repeat_n(task, SAMPLES));
            let answers = answers(respondent, model, tasks, Decoding::Sampled, rng.next_u64())?;
            for ((operation, x1, x2), answers) in twins.into_iter().zip(answers.chunks(2 * SAMPLES)) {
                let (to_first, to_second) = answers.split_at(SAMPLES);
                let candidate = sorted(operation, x1, x2, to_first, to_second, found.pairs.len());
                if found.groups.len() < rows {
                    found.keep(candidate, reserved);
                }
            }
        }
        Ok(found)
    }
}

fn sorted(
    operation: ConstraintOperation,
    x1: Task,
    x2: Task,
    to_first: &[String],
    to_second: &[String],
    number: usize,
) -> Result<(Group, PreferencePair), Rejection> {
    let follows = |task: &Task, answer: &String| task.verdict(answer).followed();
    let fits = |answers: &[String], right: &Task, wrong: &Task| {
        answers.iter().find(|answer| follows(right, answer) && !follows(wrong, answer)).cloned()
    };
    let y1 = fits(to_first, &x1, &x2).ok_or(Rejection::NoFirstResponse)?;
    let y2 = fits(to_second, &x2, &x1).ok_or(Rejection::NoSecondResponse)?;
    // No row can have an empty answer, which says nothing of the instruction either.
    let is_worse = |answer: &&String| !answer.trim().is_empty() && !follows(&x1, answer);
    let worse = to_first.iter().find(is_worse).ok_or(Rejection::NoWorseResponse)?;
    let pair = PreferencePair {
        id: format!("p{number}"),
        instruction: x1.instruction(),
        chosen: y1.clone(),
        rejected: worse.clone(),
        provenance: None,
    };
    Ok((Group { operation, x1, y1, x2, y2 }, pair))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use trace_world::{CountDistribution, world_rng};

    use super::*;

    #[test]
    fn samples_take_their_places_by_what_they_follow() {
        let sampler = TaskSampler::new(CountDistribution::up_to(1));
        let mut rng = world_rng(3, 0);
        let (x1, x2, y1, y2) = loop {
            let x1 = sampler.sample(&mut rng).unwrap();
            let Some(x2) = sampler.perturb(&x1, ConstraintOperation::Revise, &mut rng) else { continue };
            let (y1, y2) = (x1.respond(&mut rng), x2.respond(&mut rng));
            if !x2.verdict(&y1).followed() && !x1.verdict(&y2).followed() {
                break (x1, x2, y1, y2);
            }
        };
        let wrong = "nothing of the kind".to_owned();
        let sort = |first: &[String], second: &[String]| {
            sorted(ConstraintOperation::Revise, x1.clone(), x2.clone(), first, second, 0)
        };
        let first = [wrong.clone(), y2.clone(), y1.clone()];
        let (group, pair) = sort(&first, &[wrong.clone(), y1.clone(), y2.clone()]).unwrap();
        assert_eq!((&group.y1, &group.y2), (&y1, &y2));
        assert_eq!((&pair.chosen, &pair.rejected), (&y1, &wrong));
        assert_eq!(sort(&first[..2], std::slice::from_ref(&y2)).err(), Some(Rejection::NoFirstResponse));
        assert_eq!(sort(&first, std::slice::from_ref(&y1)).err(), Some(Rejection::NoSecondResponse));
        assert_eq!(sort(&first[2..], std::slice::from_ref(&y2)).err(), Some(Rejection::NoWorseResponse));
        let silent = ["\n".to_owned(), y1.clone()];
        assert_eq!(sort(&silent, std::slice::from_ref(&y2)).err(), Some(Rejection::NoWorseResponse));
    }
}
