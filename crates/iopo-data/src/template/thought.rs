//! Thoughts that a template opens for the model, or leaves out of answers.

/// How models mark their thoughts.
const MARKS: [Marks; 3] = [
    Marks { open: "<think>", close: "</think>" },
    Marks { open: "[THINK]", close: "[/THINK]" },
    Marks { open: "<seed:think>", close: "</seed:think>" },
];

/// What a thought without content looks like between its marks, and after them.
const EMPTY: &str = "\n\n";

#[derive(Debug, Clone, Copy)]
struct Marks {
    open: &'static str,
    close: &'static str,
}

/// A response that may have a thought before its answer, to a prompt that may end in an opened thought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thought<'t> {
    marks: Marks,
    /// The prompt up to the thought that it opens.
    before: &'t str,
    /// What opens the thought, with the white space after it; empty where the prompt opens none.
    opening: &'t str,
    response: &'t str,
}

impl<'t> Thought<'t> {
    pub(super) fn new(prompt: &'t str, response: &'t str) -> Self {
        let opened = |marks: &Marks| prompt.trim_end().ends_with(marks.open);
        let closed = |marks: &Marks| response.contains(marks.close);
        let [first, ..] = MARKS;
        let marks =
            MARKS.into_iter().find(opened).or_else(|| MARKS.into_iter().find(closed)).unwrap_or(first);
        let end = match opened(&marks) {
            true => prompt.trim_end().len() - marks.open.len(),
            false => prompt.len(),
        };
        let (before, opening) = prompt.split_at(end);
        Self { marks, before, opening, response }
    }

    /// What the model writes after the prompt, and what `whole`, the conversation with the response, has after it.
    ///
    /// Where the template renders the thought, that is the target. Where it leaves it out, as templates do for answers
    /// that are over, the thought is taken from the response; and where that has none, an empty thought closes the one
    /// that the prompt opens.
    pub(super) fn continuation<'w>(&self, whole: &'w str) -> Option<(String, &'w str)> {
        let Marks { open, close } = self.marks;
        let after = whole.strip_prefix(self.before)?;
        let answer = self.response.rsplit_once(close).map_or(self.response, |(_, answer)| answer);
        if let Some(rendered) = after.find(close).filter(|_| after.trim_start().starts_with(open)) {
            let ending = rest_after(&after[rendered + close.len()..], answer)?;
            let turn = after.strip_suffix(ending)?;
            return Some((turn.strip_prefix(self.opening)?.to_owned(), ending));
        }
        let is_opened = !self.opening.is_empty();
        if !is_opened && !self.response.contains(close) {
            return None;
        }
        let ending = rest_after(after, answer)?;
        let response = self.response.trim_end();
        let text = match response.trim_start().strip_prefix(open) {
            _ if !is_opened => response.to_owned(),
            Some(thought) => {
                let space = self.opening.strip_prefix(open).unwrap_or_default();
                thought.strip_prefix(space).unwrap_or(thought).to_owned()
            }
            None if response.contains(close) => response.to_owned(),
            None => {
                let opened = [open, EMPTY].concat();
                let left = opened.strip_prefix(self.opening).unwrap_or_default();
                [left, close, EMPTY, response].concat()
            }
        };
        Some((text, ending))
    }
}

/// What follows the answer, which may be rendered without the white space around it.
fn rest_after<'r>(rendered: &'r str, answer: &str) -> Option<&'r str> {
    [answer, answer.trim_end(), answer.trim_start()]
        .into_iter()
        .find_map(|answer| rendered.strip_prefix(answer))
        .or_else(|| rendered.trim_start().strip_prefix(answer.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is trained on when a template renders `turn` for the response, and `<end>` after it.
    fn continued(opening: &str, response: &str, turn: &str) -> Option<String> {
        let prompt = ["q:", opening].concat();
        let whole = ["q:", turn, "<end>"].concat();
        let (text, ending) = Thought::new(&prompt, response).continuation(&whole)?;
        assert_eq!(ending, "<end>");
        Some(text)
    }

    #[test]
    fn a_thought_that_the_prompt_opens_goes_on_in_the_target() {
        let trained = continued("<think>\n", "<think>\nwhy\n</think>\n\nyes", "\n\nyes");
        assert_eq!(trained.as_deref(), Some("why\n</think>\n\nyes"));
        // Recorded without the opening, which was the prompt's.
        let trained = continued("<think>\n", "why\n</think>\n\nyes", "\n\nyes");
        assert_eq!(trained.as_deref(), Some("why\n</think>\n\nyes"));
    }

    #[test]
    fn an_empty_thought_closes_the_one_that_the_prompt_opens() {
        assert_eq!(continued("<think>\n", "yes", "yes").as_deref(), Some("\n</think>\n\nyes"));
        assert_eq!(continued("<think>", "yes", "yes").as_deref(), Some("\n\n</think>\n\nyes"));
    }

    #[test]
    fn a_thought_that_the_template_leaves_out_is_trained() {
        let response = "<think>\nwhy\n</think>\n\nyes";
        assert_eq!(continued("", response, "\n\nyes").as_deref(), Some(response));
        assert_eq!(continued("", response, "yes").as_deref(), Some(response));
    }

    #[test]
    fn a_thought_that_the_template_renders_is_trained_as_rendered() {
        let turn = "<think>\n\n</think>\n\nyes";
        assert_eq!(continued("", "yes", turn).as_deref(), Some(turn));
        let turn = "<think>\nwhy\n</think>\n\nyes";
        assert_eq!(
            continued("<think>\n", "<think>why</think>yes", turn).as_deref(),
            Some("why\n</think>\n\nyes")
        );
    }

    #[test]
    fn another_text_than_the_answer_is_no_continuation() {
        assert_eq!(continued("<think>\n", "yes", "YES"), None);
        assert_eq!(continued("", "yes", "YES"), None);
    }
}
