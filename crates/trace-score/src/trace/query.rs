//! The text that the judge sees as the user's query.

use trace_schema::Instruction;

use super::prompts::TracePrompts;

/// How evaluation files say that there is no input.
const NO_INPUT: &str = "NULL";

/// Which text stands in the query's place of the judge prompt.
///
/// The released script shows its argument `question` as the query, or the description where `question` contains the
/// text "NULL"; the loader that fills `question` is not public, so two readings are possible. In both, the constraints
/// follow in a place of their own.
///
/// # Source
///
/// `TRACE/Eval_script`, Complex-IF 29d5862; the paper's Appendix B.5 shows description, constraints and input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryReading {
    /// Reading A: the whole prompt that was answered, description, constraints and input.
    ///
    /// The rule about "NULL" is not applied: no prompt of the released evaluation set contains that text, and one that
    /// did would lose its input.
    #[default]
    WholePrompt,
    /// Reading B: the input, or the description where the input contains "NULL" or is absent.
    ///
    /// In the released set that is the description for 789 rows, and the bare input for the other 253, whose
    /// description the judge then never sees.
    InputOrDescription,
}

impl QueryReading {
    /// The query of an instruction.
    pub fn query(self, instruction: &Instruction) -> String {
        match self {
            Self::WholePrompt => instruction.prompt(),
            Self::InputOrDescription => match instruction.input.as_deref() {
                Some(input) if !input.contains(NO_INPUT) => input.to_owned(),
                _ => instruction.description.clone(),
            },
        }
    }
}

impl TracePrompts {
    /// The message that asks a judge to score `response`, constraint by constraint and overall.
    ///
    /// [`parse_judgement`](super::parse_judgement) reads the answer. The released client sends it after
    /// [`JUDGE_SYSTEM_MESSAGE`](super::JUDGE_SYSTEM_MESSAGE), at temperature 0.
    ///
    /// # Source
    ///
    /// Section 4.3 and Appendix B.5, reworded.
    pub fn judge_prompt(&self, instruction: &Instruction, response: &str, reading: QueryReading) -> String {
        self.judge.render([&reading.query(instruction), &constraint_lines(instruction), response])
    }

    /// The message that asks whether constraints repeat the description or each other.
    ///
    /// [`parse_quality_verdict`](super::parse_quality_verdict) reads the answer.
    ///
    /// # Source
    ///
    /// Section 4.4 and Appendix B.4, reworded.
    pub fn redundancy_prompt(&self, instruction: &Instruction) -> String {
        self.redundancy.render(parts(instruction, &constraint_lines(instruction)))
    }

    /// The message that asks whether the input is what the description needs.
    ///
    /// [`parse_quality_verdict`](super::parse_quality_verdict) reads the answer.
    ///
    /// # Source
    ///
    /// Section 4.4 and Appendix B.3, reworded.
    pub fn completeness_prompt(&self, instruction: &Instruction) -> String {
        self.completeness.render(parts(instruction, &constraint_lines(instruction)))
    }
}

fn parts<'a>(instruction: &'a Instruction, constraints: &'a str) -> [&'a str; 3] {
    [&instruction.description, constraints, instruction.input.as_deref().unwrap_or(NO_INPUT)]
}

fn constraint_lines(instruction: &Instruction) -> String {
    let texts: Vec<&str> =
        instruction.constraints.iter().map(|constraint| constraint.text.as_str()).collect();
    texts.join("\n")
}
