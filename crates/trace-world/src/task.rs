//! An instruction with its meaning.

use serde::{Deserialize, Serialize};
use trace_schema::{Constraint, ConstraintDimension, EvalRow, Instruction};

use crate::wording::description;
use crate::{Background, Category, Rule, WorldError, compatibility};

/// Under this key an evaluation row carries its task.
const TASK_KEY: &str = "world";

/// A constraint with the wording that the prompt uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// What it means.
    pub rule: Rule,
    /// Which of its [`WORDINGS`](crate::WORDINGS) the prompt has, counted from 0.
    pub wording: u8,
}

/// The typed meaning of an instruction: the paper's x.
///
/// Every value has at least one response that satisfies it, and so does every task with fewer of its constraints.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedTask")]
pub struct Task {
    category: Category,
    wording: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Background>,
    clauses: Vec<Clause>,
}

/// A task as files have it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedTask {
    category: Category,
    wording: u8,
    #[serde(default)]
    input: Option<Background>,
    clauses: Vec<Clause>,
}

impl TryFrom<UncheckedTask> for Task {
    type Error = WorldError;

    fn try_from(task: UncheckedTask) -> Result<Self, WorldError> {
        Self::new(task.category, task.wording, task.input, task.clauses)
    }
}

impl Task {
    /// A task about a category; `wording` chooses among the wordings of the description.
    ///
    /// # Errors
    ///
    /// [`WorldError`] when a value is outside the world, when two constraints do not go together, or when too few
    /// things may be named.
    pub fn new(
        category: Category,
        wording: u8,
        input: Option<Background>,
        clauses: Vec<Clause>,
    ) -> Result<Self, WorldError> {
        let task = Self { category, wording, input, clauses };
        compatibility::check(&task)?;
        Ok(task)
    }

    /// The same task with other constraints.
    ///
    /// # Errors
    ///
    /// As [`Task::new`].
    pub fn with_clauses(&self, clauses: Vec<Clause>) -> Result<Self, WorldError> {
        Self::new(self.category, self.wording, self.input.clone(), clauses)
    }

    /// The same task with another input.
    ///
    /// # Errors
    ///
    /// As [`Task::new`].
    pub fn with_input(&self, input: Option<Background>) -> Result<Self, WorldError> {
        Self::new(self.category, self.wording, input, self.clauses.clone())
    }

    /// The same task without the constraints at the given positions.
    #[must_use]
    pub fn without(&self, positions: &[usize]) -> Self {
        let kept = self.clauses.iter().enumerate().filter(|(index, _)| !positions.contains(index));
        Self { clauses: kept.map(|(_, clause)| clause.clone()).collect(), ..self.clone() }
    }

    /// What kind of thing is to be named.
    pub const fn category(&self) -> Category {
        self.category
    }

    /// What stands under `# Inputs:`.
    pub const fn input(&self) -> Option<&Background> {
        self.input.as_ref()
    }

    /// The constraints with their wordings, in the order of the prompt.
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// The constraints, in the order of the prompt.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.clauses.iter().map(|clause| &clause.rule)
    }

    /// Whether a constraint has this dimension.
    pub fn has(&self, dimension: ConstraintDimension) -> bool {
        self.rules().any(|rule| rule.dimension() == dimension)
    }

    /// The wording of the description and those of the constraints.
    pub(crate) fn wordings(&self) -> impl Iterator<Item = u8> {
        std::iter::once(self.wording).chain(self.clauses.iter().map(|clause| clause.wording))
    }

    /// The instruction in the schema, constraints numbered from 1.
    pub fn instruction(&self) -> Instruction {
        let constraint = |(index, clause): (usize, &Clause)| {
            let text = format!("{}. {}", index + 1, clause.rule.text(clause.wording));
            Constraint::new(text, clause.rule.dimension())
        };
        Instruction {
            description: description(self.category, self.wording),
            constraints: self.clauses.iter().enumerate().map(constraint).collect(),
            input: self.input.as_ref().map(Background::text),
        }
    }

    /// The prompt, rendered as the evaluation set renders it.
    pub fn prompt(&self) -> String {
        self.instruction().prompt()
    }

    /// An evaluation row that carries the task under the key `world`, so that the file is enough to check answers.
    /// Its one message is the user's: a model that learned from the world's training rows has seen no other.
    ///
    /// # Errors
    ///
    /// [`WorldError::Row`] or [`WorldError::Encode`]; neither is known to happen for a task.
    pub fn to_eval_row(
        &self,
        id: impl Into<String>,
        category: impl Into<String>,
    ) -> Result<EvalRow, WorldError> {
        let mut row = EvalRow::new(id, &self.instruction(), category)?;
        row.messages.retain(|message| message.role == "user");
        row.extra.insert(TASK_KEY.to_owned(), serde_json::to_value(self)?);
        Ok(row)
    }

    /// The task that an evaluation row carries.
    ///
    /// # Errors
    ///
    /// [`WorldError::EvalRow`] when the row has no task, one that cannot be read, or another prompt than its task.
    pub fn from_eval_row(row: &EvalRow) -> Result<Self, WorldError> {
        let wrong = |reason: String| WorldError::EvalRow { id: row.id.clone(), reason };
        let value = row.extra.get(TASK_KEY);
        let value = value.ok_or_else(|| wrong("has no key \"world\": it is not of this world".to_owned()))?;
        let task = Self::deserialize(value)
            .map_err(|error| wrong(format!("has a task that cannot be read: {error}")))?;
        let prompt = task.prompt();
        match row.prompt() == prompt && row.user_message() == Some(prompt.as_str()) {
            true => Ok(task),
            false => Err(wrong("has another prompt than its task".to_owned())),
        }
    }
}
