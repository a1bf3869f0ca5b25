//! Sampling tasks, and changing their constraints.

use trace_schema::{ConstraintDimension, ConstraintOperation};

use crate::compatibility::go_together;
use crate::draw::{DIMENSIONS, draw_clause, draw_input, draw_twin, draw_wording};
use crate::rng::{below, chance, pick, shuffle};
use crate::{Category, Clause, CountDistribution, Task, WorldError, WorldRng};

/// Attempts at a task with a given number of constraints before the sampler gives up.
const ATTEMPTS: u32 = 500;

/// Values tried for one constraint before another dimension takes its turn.
const VALUES: usize = 3;

/// How often a task has an input that no constraint is about.
const UNUSED_INPUT: f64 = 0.1;

/// Two dimensions.
pub type DimensionPair = (ConstraintDimension, ConstraintDimension);

/// Pairs of dimensions that, by default, training tasks never have together.
pub const HELD_OUT_PAIRS: [DimensionPair; 6] = [
    (ConstraintDimension::Numerical, ConstraintDimension::Citation),
    (ConstraintDimension::PriorCondition, ConstraintDimension::OutputFormat),
    (ConstraintDimension::Emotion, ConstraintDimension::NumberingAndList),
    (ConstraintDimension::Theme, ConstraintDimension::Multilingual),
    (ConstraintDimension::Exclusion, ConstraintDimension::TextPattern),
    (ConstraintDimension::LinguisticCharacteristics, ConstraintDimension::PositiveExample),
];

/// The treatment of held-out pairs of dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldOut {
    /// No task has both dimensions of a pair.
    Avoid,
    /// Every task has both dimensions of at least one pair.
    Require,
}

/// Samples tasks.
#[derive(Debug, Clone)]
pub struct TaskSampler {
    counts: CountDistribution,
    categories: Vec<Category>,
    dimensions: Vec<ConstraintDimension>,
    pairs: Vec<DimensionPair>,
    held_out: HeldOut,
}

impl TaskSampler {
    /// A sampler over all categories and dimensions that avoids [`HELD_OUT_PAIRS`].
    pub fn new(counts: CountDistribution) -> Self {
        Self {
            counts,
            categories: Category::ALL.to_vec(),
            dimensions: DIMENSIONS.to_vec(),
            pairs: HELD_OUT_PAIRS.to_vec(),
            held_out: HeldOut::Avoid,
        }
    }

    /// Other numbers of constraints.
    #[must_use]
    pub fn counts(mut self, counts: CountDistribution) -> Self {
        self.counts = counts;
        self
    }

    /// Only these categories.
    ///
    /// # Errors
    ///
    /// [`WorldError::Sampler`] when there is none.
    pub fn categories(mut self, categories: Vec<Category>) -> Result<Self, WorldError> {
        if categories.is_empty() {
            return Err(WorldError::sampler("there is no category"));
        }
        self.categories = categories;
        Ok(self)
    }

    /// Only constraints of these dimensions.
    ///
    /// # Errors
    ///
    /// [`WorldError::Sampler`] when there is none, or one that is not in [`DIMENSIONS`].
    pub fn dimensions(mut self, dimensions: Vec<ConstraintDimension>) -> Result<Self, WorldError> {
        if dimensions.is_empty() {
            return Err(WorldError::sampler("there is no dimension"));
        }
        if let Some(unknown) = dimensions.iter().find(|dimension| !DIMENSIONS.contains(dimension)) {
            return Err(WorldError::sampler(format!("no constraint has the dimension {unknown}")));
        }
        self.dimensions = dimensions;
        Ok(self)
    }

    /// Other held-out pairs.
    #[must_use]
    pub fn pairs(mut self, pairs: Vec<DimensionPair>) -> Self {
        self.pairs = pairs;
        self
    }

    /// Sets the treatment of held-out pairs.
    #[must_use]
    pub fn held_out(mut self, held_out: HeldOut) -> Self {
        self.held_out = held_out;
        self
    }

    /// The distribution of the number of constraints.
    pub fn count_distribution(&self) -> &CountDistribution {
        &self.counts
    }

    /// Whether a task has both dimensions of a held-out pair.
    pub fn has_held_out_pair(&self, task: &Task) -> bool {
        self.pairs.iter().any(|(first, second)| task.has(*first) && task.has(*second))
    }

    /// Samples a task; the number of its constraints follows the distribution exactly.
    ///
    /// # Errors
    ///
    /// [`WorldError::Sampler`] when the dimensions allow no task, or very few, with this number of constraints.
    pub fn sample(&self, rng: &mut WorldRng) -> Result<Task, WorldError> {
        let count = self.counts.draw(rng);
        self.sample_with(count, rng)
    }

    /// Samples a task with this number of constraints.
    ///
    /// # Errors
    ///
    /// As [`TaskSampler::sample`].
    pub fn sample_with(&self, count: usize, rng: &mut WorldRng) -> Result<Task, WorldError> {
        let found = (0..ATTEMPTS).find_map(|_| self.attempt(count, rng));
        found.ok_or_else(|| {
            let reason = format!("no task with {count} constraints was found in {ATTEMPTS} attempts");
            WorldError::sampler(reason)
        })
    }

    fn attempt(&self, count: usize, rng: &mut WorldRng) -> Option<Task> {
        let category = *pick(&self.categories, rng)?;
        let mut task = Task::new(category, draw_wording(rng), None, Vec::new()).ok()?;
        for dimension in self.order(rng)? {
            if task.clauses().len() == count {
                break;
            }
            if self.permits(&task, dimension) {
                task = extended(&task, dimension, rng).unwrap_or(task);
            }
        }
        if task.clauses().len() < count
            || (self.held_out == HeldOut::Require && !self.has_held_out_pair(&task))
        {
            return None;
        }
        if task.input().is_none() && chance(UNUSED_INPUT, rng) {
            let kinds = [ConstraintDimension::TextBackground, ConstraintDimension::TableBackground];
            task = task.with_input(draw_input(*pick(&kinds, rng)?, category, rng)).ok()?;
        }
        let mut clauses = task.clauses().to_vec();
        shuffle(&mut clauses, rng);
        task.with_clauses(clauses).ok()
    }

    /// The order in which dimensions take their turn.
    fn order(&self, rng: &mut WorldRng) -> Option<Vec<ConstraintDimension>> {
        let mut order = self.dimensions.clone();
        shuffle(&mut order, rng);
        if self.held_out == HeldOut::Require {
            let known = |dimension| self.dimensions.contains(&dimension);
            let pairs: Vec<DimensionPair> = self
                .pairs
                .iter()
                .copied()
                .filter(|(first, second)| known(*first) && known(*second))
                .collect();
            let (first, second) = *pick(&pairs, rng)?;
            order.retain(|dimension| *dimension != first && *dimension != second);
            order.splice(0..0, [first, second]);
        }
        Some(order)
    }

    /// Whether a constraint of the dimension may stand beside those of the task.
    fn permits(&self, task: &Task, dimension: ConstraintDimension) -> bool {
        let withheld = |other: ConstraintDimension| {
            self.held_out == HeldOut::Avoid
                && (self.pairs.contains(&(dimension, other)) || self.pairs.contains(&(other, dimension)))
        };
        let mut others = task.rules().map(crate::Rule::dimension);
        others.all(|other| go_together(dimension, other) && !withheld(other))
    }

    /// Changes one constraint: the paper's x₂ from x₁. All other constraints keep their words and their order.
    ///
    /// ADD puts a new constraint at a random place, unless the task has the largest number already; DELETE removes
    /// one but never the last; REVISE turns one into a near twin with the same wording. `None` when that cannot be
    /// done.
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Appendix D, Step 1.
    pub fn perturb(&self, task: &Task, operation: ConstraintOperation, rng: &mut WorldRng) -> Option<Task> {
        match operation {
            ConstraintOperation::Add if task.clauses().len() >= self.counts.largest() => None,
            ConstraintOperation::Add => self.add(task, rng),
            ConstraintOperation::Delete if task.clauses().len() < 2 => None,
            ConstraintOperation::Delete => Some(task.without(&[below(task.clauses().len(), rng)])),
            ConstraintOperation::Revise => {
                let mut positions: Vec<usize> = (0..task.clauses().len()).collect();
                shuffle(&mut positions, rng);
                positions.into_iter().find_map(|position| revised(task, position, rng))
            }
        }
    }

    fn add(&self, task: &Task, rng: &mut WorldRng) -> Option<Task> {
        let mut dimensions = self.dimensions.clone();
        dimensions.retain(|dimension| self.permits(task, *dimension));
        shuffle(&mut dimensions, rng);
        let at = below(task.clauses().len() + 1, rng);
        dimensions.into_iter().find_map(|dimension| {
            let clause = draw_clause(dimension, task, rng)?;
            let mut clauses = task.clauses().to_vec();
            clauses.insert(at, clause);
            task.with_clauses(clauses).ok()
        })
    }
}

/// The task with one more constraint, and an input where the constraint needs one.
fn extended(task: &Task, dimension: ConstraintDimension, rng: &mut WorldRng) -> Option<Task> {
    (0..VALUES).find_map(|_| {
        let task = match draw_input(dimension, task.category(), rng) {
            Some(input) => task.with_input(Some(input)).ok()?,
            None => task.clone(),
        };
        let mut clauses = task.clauses().to_vec();
        clauses.push(draw_clause(dimension, &task, rng)?);
        task.with_clauses(clauses).ok()
    })
}

/// The task with the constraint at the position turned into a near twin.
pub(crate) fn revised(task: &Task, position: usize, rng: &mut WorldRng) -> Option<Task> {
    let clause = task.clauses().get(position)?;
    let rest = task.without(&[position]);
    (0..VALUES).find_map(|_| {
        let rule = draw_twin(&clause.rule, &rest, rng)?;
        let mut clauses = task.clauses().to_vec();
        clauses[position] = Clause { rule, wording: clause.wording };
        task.with_clauses(clauses).ok()
    })
}
