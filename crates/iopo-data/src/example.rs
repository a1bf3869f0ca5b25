use std::{fmt, mem};

use trace_schema::{Message, RowLocation};

/// One row of a dataset as text, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextExample {
    /// File, row and, where the row has one, id; for messages.
    pub origin: RowLocation,
    /// The text of the row.
    pub text: ExampleText,
    /// Keys of the row that its format does not use, by their places; they are counted.
    pub unused: Vec<String>,
}

/// The shapes that a training example has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExampleText {
    /// One prompt and its response.
    Completion {
        /// The conversation up to the response.
        prompt: Vec<Message>,
        /// The response that the model is trained to give.
        response: String,
    },
    /// One prompt, a better and a worse response.
    Pair {
        /// The conversation up to the response.
        prompt: Vec<Message>,
        /// The better response.
        chosen: String,
        /// The worse response.
        rejected: String,
    },
    /// Two prompts, each with the response that is better there and worse for the other.
    Group {
        /// The first prompt.
        x1: Vec<Message>,
        /// The preferred response to `x1`.
        y1: String,
        /// The second prompt.
        x2: Vec<Message>,
        /// The preferred response to `x2`.
        y2: String,
    },
}

/// The kind of example that a training stage needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Supervised fine-tuning: prompt and response.
    Sft,
    /// Output preference: one prompt, two responses.
    Pair,
    /// Input-output preference: two prompts, two responses.
    Group,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sft => "a completion",
            Self::Pair => "a preference pair",
            Self::Group => "a preference group",
        })
    }
}

/// A row that does not hold what the stage needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: this row is {found}, and this stage needs {needed}")]
pub struct TaskError {
    /// Where the row is.
    pub origin: RowLocation,
    /// The shape of the row.
    pub found: Task,
    /// The shape that the stage needs.
    pub needed: Task,
}

impl ExampleText {
    /// The task that this shape is made for.
    pub fn task(&self) -> Task {
        match self {
            Self::Completion { .. } => Task::Sft,
            Self::Pair { .. } => Task::Pair,
            Self::Group { .. } => Task::Group,
        }
    }
}

impl TextExample {
    /// The row's own id, else `file:row`.
    pub fn id(&self) -> String {
        self.origin.id.clone().unwrap_or_else(|| format!("{}:{}", self.origin.file, self.origin.row))
    }

    /// The same row as examples of a task.
    ///
    /// A group becomes two pairs (DPO* in the paper) or two completions (SFT*), each
    /// prompt with its own response as the better one; a pair becomes its chosen
    /// completion.
    ///
    /// # Errors
    ///
    /// [`TaskError`]: a completion is no pair, and a pair is no group.
    pub fn into_task(self, task: Task) -> Result<Vec<Self>, TaskError> {
        let Self { origin, text, mut unused } = self;
        let found = text.task();
        let texts = match (text, task) {
            (ExampleText::Group { x1, y1, x2, y2 }, Task::Sft) => vec![
                ExampleText::Completion { prompt: x1, response: y1 },
                ExampleText::Completion { prompt: x2, response: y2 },
            ],
            (ExampleText::Group { x1, y1, x2, y2 }, Task::Pair) => vec![
                ExampleText::Pair { prompt: x1, chosen: y1.clone(), rejected: y2.clone() },
                ExampleText::Pair { prompt: x2, chosen: y2, rejected: y1 },
            ],
            (ExampleText::Pair { prompt, chosen, .. }, Task::Sft) => {
                vec![ExampleText::Completion { prompt, response: chosen }]
            }
            (text, task) if found == task => vec![text],
            _ => {
                return Err(TaskError { origin, found, needed: task });
            }
        };
        // A row is counted once, whatever the number of its examples.
        let example = |text| Self { origin: origin.clone(), text, unused: mem::take(&mut unused) };
        Ok(texts.into_iter().map(example).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(text: ExampleText) -> TextExample {
        let origin = RowLocation { file: "rows.jsonl".to_owned(), row: 3, id: None };
        TextExample { origin, text, unused: Vec::new() }
    }

    fn group() -> TextExample {
        let prompt = |text: &str| vec![Message::user(text)];
        example(ExampleText::Group { x1: prompt("x1"), y1: "y1".into(), x2: prompt("x2"), y2: "y2".into() })
    }

    fn pair(x: &str, chosen: &str, rejected: &str) -> TextExample {
        let (chosen, rejected) = (chosen.to_owned(), rejected.to_owned());
        example(ExampleText::Pair { prompt: vec![Message::user(x)], chosen, rejected })
    }

    fn completion(x: &str, y: &str) -> TextExample {
        example(ExampleText::Completion { prompt: vec![Message::user(x)], response: y.to_owned() })
    }

    #[test]
    fn a_group_is_two_pairs_with_the_responses_swapped() {
        assert_eq!(group().into_task(Task::Pair), Ok(vec![pair("x1", "y1", "y2"), pair("x2", "y2", "y1")]));
    }

    #[test]
    fn a_group_is_two_matched_completions() {
        assert_eq!(group().into_task(Task::Sft), Ok(vec![completion("x1", "y1"), completion("x2", "y2")]));
    }

    #[test]
    fn a_pair_is_its_chosen_completion() {
        assert_eq!(pair("x", "good", "bad").into_task(Task::Sft), Ok(vec![completion("x", "good")]));
    }

    #[test]
    fn a_row_is_what_it_is() {
        for (row, task) in
            [(group(), Task::Group), (pair("x", "a", "b"), Task::Pair), (completion("x", "y"), Task::Sft)]
        {
            assert_eq!(row.clone().into_task(task), Ok(vec![row]));
        }
    }

    #[test]
    fn too_little_is_an_error_that_names_row_and_need() {
        for (row, task) in [(completion("x", "y"), Task::Pair), (pair("x", "a", "b"), Task::Group)] {
            assert!(row.into_task(task).is_err());
        }
        let error = pair("x", "a", "b").into_task(Task::Group).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 3 of rows.jsonl: this row is a preference pair, and this stage needs a preference group"
        );
    }

    #[test]
    fn a_row_without_an_id_is_named_by_its_place() {
        assert_eq!(group().id(), "rows.jsonl:3");
    }
}
