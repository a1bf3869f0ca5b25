//! The reasoning that models write into their answers, and answers without it.

use serde::Serialize;

/// What becomes of the reasoning in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasoningMode {
    /// The answer is taken as it is.
    Keep,
    /// The reasoning is taken out.
    #[default]
    Strip,
    /// The reasoning is taken out, and kept in a place of its own.
    Separate,
}

/// An answer and its reasoning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parted {
    /// The text without reasoning; byte by byte the whole text where there is none.
    pub answer: String,
    /// The reasoning, if the text has any.
    pub reasoning: Option<String>,
    /// Whether the reasoning has no end, so that the answer is incomplete.
    pub is_open: bool,
}

/// How many answers had reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ReasoningCounts {
    /// What became of it.
    pub mode: ReasoningMode,
    /// Answers from which reasoning was taken.
    pub stripped: usize,
    /// Those of them whose reasoning has no end; they count as no answer.
    pub incomplete: usize,
}

/// The marks around the reasoning of one family of models.
struct Marks {
    opening: &'static str,
    closing: &'static str,
    /// Whether they are marks wherever they stand; the others are so at the beginning alone, since an answer may be
    /// asked to have them.
    anywhere: bool,
}

/// In small letters.
const MARKS: [Marks; 10] = [
    Marks { opening: "<think>", closing: "</think>", anywhere: true },
    Marks { opening: "[think]", closing: "[/think]", anywhere: true },
    Marks { opening: "◁think▷", closing: "◁/think▷", anywhere: true },
    Marks { opening: "<seed:think>", closing: "</seed:think>", anywhere: true },
    Marks { opening: "<|start_thinking|>", closing: "<|end_thinking|>", anywhere: true },
    Marks { opening: "<|begin_of_thought|>", closing: "<|end_of_thought|>", anywhere: true },
    Marks {
        opening: "<|channel|>analysis<|message|>",
        closing: "<|channel|>final<|message|>",
        anywhere: true,
    },
    Marks { opening: "<thinking>", closing: "</thinking>", anywhere: false },
    Marks { opening: "<thought>", closing: "</thought>", anywhere: false },
    Marks { opening: "<reasoning>", closing: "</reasoning>", anywhere: false },
];

/// One mark in a text.
struct Mark {
    start: usize,
    end: usize,
    opens: bool,
    marks: &'static Marks,
}

impl ReasoningMode {
    /// Reads an answer.
    pub fn part(self, text: &str) -> Parted {
        self.part_after("", text)
    }

    /// Reads an answer to a prompt with this end, as [`part_reasoning_after`] does.
    pub fn part_after(self, prompt: &str, text: &str) -> Parted {
        match self {
            Self::Keep => Parted { answer: text.to_owned(), ..Parted::default() },
            Self::Strip | Self::Separate => part_reasoning_after(prompt, text),
        }
    }
}

impl ReasoningCounts {
    /// No answers yet.
    pub fn new(mode: ReasoningMode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Counts an answer.
    pub fn add(&mut self, parted: &Parted) {
        self.stripped += usize::from(parted.reasoning.is_some());
        self.incomplete += usize::from(parted.is_open);
    }

    /// Adds the counts of other answers.
    pub fn absorb(&mut self, other: Self) {
        self.stripped += other.stripped;
        self.incomplete += other.incomplete;
    }
}

/// Takes the reasoning out of an answer: every part between an opening and a closing mark and, where a closing mark has
/// no opening one because the chat template wrote it, everything before that mark.
///
/// An opening mark without a closing one, at the beginning of a line, makes the answer incomplete. A mark behind a
/// backtick is a word about marks.
///
/// ```
/// use trace_score::part_reasoning;
///
/// let parted = part_reasoning("<think>Few words, no comma.</think>\n\nBlue waves roll.");
/// assert_eq!(parted.answer, "Blue waves roll.");
/// assert!(part_reasoning("<think>Few words").is_open);
/// ```
pub fn part_reasoning(text: &str) -> Parted {
    let marks = marks(text);
    let ends = ends(&marks);
    let (mut answer, mut thoughts, mut at, mut is_open) = (String::new(), Vec::new(), 0, false);
    // Whether the answer so far is more than blanks, and where the blanks after `at` end.
    let (mut has_text, mut blank_end) = (false, blanks_end(text, 0));
    for (mark, end) in marks.iter().zip(ends) {
        if mark.start < at {
            continue;
        }
        let before = &text[at..mark.start];
        let is_first = !has_text && mark.start <= blank_end;
        if !mark.opens && mark.marks.anywhere {
            thoughts.push(std::mem::take(&mut answer) + before);
            (at, has_text) = (mark.end, false);
            blank_end = blanks_end(text, at);
        }
        if !mark.opens || !(mark.marks.anywhere || is_first) {
            continue;
        }
        if let Some(end) = end.and_then(|end| marks.get(end)) {
            answer.push_str(before);
            thoughts.push(text[mark.end..end.start].to_owned());
            (at, has_text) = (end.end, !is_first);
            blank_end = blanks_end(text, at);
        } else if text[..mark.start].trim_end_matches([' ', '\t']).ends_with(['\n', '\r']) || is_first {
            answer.push_str(before);
            thoughts.push(text[mark.end..].to_owned());
            (at, is_open) = (text.len(), true);
        }
    }
    if thoughts.is_empty() {
        return Parted { answer: text.to_owned(), ..Parted::default() };
    }
    answer.push_str(&text[at..]);
    let thoughts = thoughts.iter().map(|thought| thought.trim()).filter(|thought| !thought.is_empty());
    Parted {
        answer: answer.trim_start().to_owned(),
        reasoning: Some(thoughts.collect::<Vec<_>>().join("\n\n")),
        is_open,
    }
}

/// [`part_reasoning`] of an answer to a prompt with this end, in which a chat template may have opened the reasoning: an
/// answer without a closing mark then is incomplete.
pub fn part_reasoning_after(prompt: &str, text: &str) -> Parted {
    let end = prompt.trim_end().to_ascii_lowercase();
    match MARKS.iter().find(|marks| end.ends_with(marks.opening)) {
        Some(marks) => part_reasoning(&format!("{}{text}", marks.opening)),
        None => part_reasoning(text),
    }
}

/// All marks of a text, in their order.
fn marks(text: &str) -> Vec<Mark> {
    let small = text.to_ascii_lowercase();
    let mut found: Vec<Mark> = MARKS
        .iter()
        .flat_map(|marks| [(marks.opening, true, marks), (marks.closing, false, marks)])
        .flat_map(|(mark, opens, marks)| {
            small.match_indices(mark).map(move |(start, _)| Mark {
                start,
                end: start + mark.len(),
                opens,
                marks,
            })
        })
        .filter(|mark| !text[..mark.start].ends_with('`'))
        .collect();
    found.sort_by_key(|mark| mark.start);
    found
}

/// Where the blanks from a place on end.
fn blanks_end(text: &str, from: usize) -> usize {
    text.len() - text[from..].trim_start().len()
}

/// The closing mark of each opening one, by its index; the last there is where reasoning that speaks of marks has too
/// few of them. In linear time, for answers that repeat a mark without end.
fn ends(marks: &[Mark]) -> Vec<Option<usize>> {
    let mut ends = vec![None; marks.len()];
    for family in &MARKS {
        let (mut open, mut last) = (Vec::new(), None);
        for (index, mark) in marks.iter().enumerate().filter(|(_, mark)| std::ptr::eq(mark.marks, family)) {
            if mark.opens {
                open.push(index);
                continue;
            }
            last = Some(index);
            if let Some(opening) = open.pop() {
                ends[opening] = last;
            }
        }
        for opening in open {
            ends[opening] = last.filter(|last| *last > opening);
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn answer(text: &str) -> String {
        let parted = part_reasoning(text);
        assert!(!parted.is_open, "{text}");
        parted.answer
    }

    #[test]
    fn reasoning_is_taken_out_wherever_it_stands() {
        for text in [
            "<think>Hm, no commas.</think>\n\nBlue.",
            " \n<THINK>\n</THINK>Blue.",
            "Hm, no commas.\n</think>\n\nBlue.",
            "<think>a</think>\n<think>b</think>Blue.",
            "<think>I write <think> first.</think>Blue.",
            "<think>a <think>b</think> c</think>Blue.",
            "I end with </think>, then the answer.</think>Blue.",
            "[THINK]a[/THINK]Blue.",
            "◁think▷a◁/think▷Blue.",
            "<thinking>a</thinking>\nBlue.",
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Blue.",
        ] {
            assert_eq!(answer(text), "Blue.", "{text}");
        }
        assert_eq!(answer("Blue.\n<think>a</think>\nRed."), "Blue.\n\nRed.");
        assert_eq!(answer("Blue.</think>"), "");
    }

    #[test]
    fn reasoning_that_never_ends_leaves_an_incomplete_answer() {
        for text in ["<think>Hm", "\n<think>\nHm, <think>", "<thinking>Hm", "<think>a</think><think>b"] {
            let parted = part_reasoning(text);
            assert!(parted.is_open && parted.answer.is_empty(), "{text}");
        }
        let parted = part_reasoning("Blue.\n<think>Is it?");
        assert_eq!((parted.answer.as_str(), parted.is_open), ("Blue.\n", true));
    }

    #[test]
    fn a_prompt_that_opens_reasoning_is_part_of_it() {
        let prompt = "<|im_start|>assistant\n<think>\n";
        assert!(part_reasoning_after(prompt, "Hm, no commas.").is_open);
        assert_eq!(part_reasoning_after(prompt, "Hm.</think>Blue.").answer, "Blue.");
        for prompt in ["<|im_start|>assistant\n", "<think>\n\n</think>\n\n"] {
            assert_eq!(part_reasoning_after(prompt, "Blue.").answer, "Blue.");
        }
    }

    #[test]
    fn marks_without_end_take_linear_time() {
        let start = std::time::Instant::now();
        let many = "<think>".repeat(200_000);
        assert!(part_reasoning(&many).is_open);
        assert_eq!(answer(&format!("Blue. {many}")), format!("Blue. {many}"));
        let closed = format!("{many}a</think>b</think>Blue.");
        assert_eq!(answer(&closed), "Blue.");
        let blank = format!("{}a{many}", " ".repeat(200_000));
        assert_eq!(answer(&blank), blank);
        assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
    }

    #[test]
    fn answers_that_speak_of_marks_stay_as_they_are() {
        for text in [
            "The mark `<think>` opens and `</think>` closes it.",
            "Models write <think> first.",
            "Here: <thinking>as you asked</thinking>",
            "Here: <reasoning>as you asked</reasoning>",
            "I think so.",
            "  Blue.\n",
        ] {
            assert_eq!(answer(text), text);
        }
    }

    #[test]
    fn reasoning_is_kept_apart_and_counted() {
        let parted = ReasoningMode::Separate.part("<think> a </think>Blue.<think>b</think>");
        assert_eq!(parted.reasoning.as_deref(), Some("a\n\nb"));
        let mut counts = ReasoningCounts::new(ReasoningMode::Strip);
        for text in ["<think>a</think>b", "<think>a", "b"] {
            counts.add(&ReasoningMode::Strip.part(text));
        }
        assert_eq!((counts.stripped, counts.incomplete), (2, 1));
        assert_eq!(ReasoningMode::Keep.part("<think>a").answer, "<think>a");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_text_without_marks_stays_byte_by_byte(text in "[^<\\[◁]*") {
            let parted = part_reasoning(&text);
            prop_assert_eq!(parted, Parted { answer: text, ..Parted::default() });
        }

        #[test]
        fn no_reasoning_is_left_and_nothing_is_parted_twice(
            parts in prop::collection::vec(
                prop_oneof![Just("<think>"), Just("</think>"), Just("`"), Just("\n"), Just("a "), Just("[/THINK]")],
                0..12,
            ),
        ) {
            let once = part_reasoning(&parts.concat());
            if once.reasoning.is_some() && !once.is_open {
                let again = part_reasoning(&once.answer);
                prop_assert!(again.reasoning.is_none() || again.is_open, "{:?} {:?}", once, again);
            }
        }
    }
}
