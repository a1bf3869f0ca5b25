//! Groups of TRACE-like lengths, made up word by word.

use std::path::Path;

use anyhow::Result;
use iopo_data::{Message, TemplateEncoder};
use iopo_files::AtomicFile;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use trace_schema::{Constraint, ConstraintOperation, Instruction, PreferenceGroup, to_json_line};

/// Different words, and different characters: as many as a tokenizer meets in everyday text.
const WORDS: usize = 20_000;
const CHARACTERS: u32 = 3_000;

/// Constraints of x₁.
const CONSTRAINTS: usize = 5;

/// The share of a prompt that is its task description.
const DESCRIPTION: f64 = 0.3;

/// Lengths vary by so much around their mean.
const SPREAD: f64 = 0.3;

const ONSETS: [&str; 16] =
    ["b", "br", "c", "d", "f", "g", "gl", "h", "l", "m", "n", "p", "r", "s", "st", "t"];
const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "ai", "ea", "ou"];
const CODAS: [&str; 8] = ["", "n", "r", "s", "t", "l", "nd", "ng"];

/// Mean lengths in tokens of the tokenizer at hand, the template's own tokens included.
#[derive(Debug, Clone, Copy)]
pub struct MeanLengths {
    /// Of a prompt.
    pub prompt: usize,
    /// Of a response.
    pub response: usize,
}

/// How a file of groups is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FileFormat {
    /// This project's own rows, one a line.
    Groups,
    /// One array, as the paper's fork has it.
    Trace,
}

/// One language: its words, and how it puts them together.
struct Language {
    words: Vec<String>,
    /// Tokens of each word.
    costs: Vec<usize>,
    between: &'static str,
    comma: &'static str,
    stop: &'static str,
}

/// An endless source of groups; equal for equal seeds and tokenizers.
///
/// Every other group is Chinese, as most of TRACE is. How often a word occurs follows Zipf's law.
pub struct SyntheticGroups {
    languages: [Language; 2],
    lengths: MeanLengths,
    rng: ChaCha8Rng,
    made: usize,
}

impl SyntheticGroups {
    /// Measures words with the tokenizer of `template`.
    ///
    /// # Errors
    /// A tokenizer or template that refuses the words.
    pub fn new(template: &TemplateEncoder, lengths: MeanLengths, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let english = (0..WORDS).map(|_| word(&mut rng)).collect();
        let chinese =
            (0..CHARACTERS).filter_map(|index| char::from_u32(0x4E00 + index * 6)).map(String::from);
        let languages = [
            Language::new(template, english, [" ", ", ", ". "])?,
            Language::new(template, chinese.collect(), ["", "，", "。"])?,
        ];
        let around = template.prompt(&[Message::user("")])?.len();
        // The number of a constraint, and the end of its line.
        let numbering = CONSTRAINTS * template.tokenizer().encode("1. \n")?.len();
        let lengths = MeanLengths {
            prompt: lengths.prompt.saturating_sub(around + numbering),
            response: lengths.response.saturating_sub(1),
        };
        Ok(Self { languages, lengths, rng, made: 0 })
    }

    /// Writes groups to a file, one at a time.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, path: &Path, groups: usize, format: FileFormat) -> Result<()> {
        let mut file = AtomicFile::create(path)?;
        for index in 0..groups {
            let group = self.group();
            let last = index + 1 == groups;
            let line = match format {
                FileFormat::Groups => format!("{}\n", to_json_line(&group)?),
                FileFormat::Trace => {
                    let [start, end] = [if index == 0 { "[\n" } else { "" }, if last { "\n]" } else { "," }];
                    format!("{start}{}{end}\n", to_json_line(&trace_row(&group))?)
                }
            };
            file.append(line)?;
        }
        Ok(file.finish()?)
    }

    fn group(&mut self) -> PreferenceGroup {
        let language = self.made % 2;
        let operation = ConstraintOperation::ALL[self.made % 3];
        self.made += 1;
        let prompt = self.vary(self.lengths.prompt);
        let share = (prompt as f64 * (1.0 - DESCRIPTION)) as usize / CONSTRAINTS;
        let description = self.text(language, (prompt as f64 * DESCRIPTION) as usize);
        let first: Vec<String> = (0..CONSTRAINTS).map(|_| self.text(language, share)).collect();
        let mut second = first.clone();
        let changed = self.rng.random_range(0..CONSTRAINTS);
        match operation {
            ConstraintOperation::Add => second.insert(changed, self.text(language, share)),
            ConstraintOperation::Delete => drop(second.remove(changed)),
            ConstraintOperation::Revise => second[changed] = self.text(language, share),
        }
        let [y1, y2] = [(); 2].map(|()| {
            let tokens = self.vary(self.lengths.response);
            self.text(language, tokens)
        });
        let id = format!("synthetic-{}", self.made);
        let [x1, x2] = [first, second].map(|constraints| instruction(&description, constraints));
        PreferenceGroup { id, operation, x1, y1, x2, y2, provenance: None }
    }

    fn vary(&mut self, mean: usize) -> usize {
        (mean as f64 * self.rng.random_range(1.0 - SPREAD..1.0 + SPREAD)) as usize
    }

    /// Sentences of about so many tokens.
    fn text(&mut self, language: usize, tokens: usize) -> String {
        let Self { languages, rng, .. } = self;
        let Language { words, costs, between, comma, stop } = &languages[language];
        let mut text = String::new();
        let mut spent = 1;
        let mut until_mark = rng.random_range(5..15);
        loop {
            let index = zipf(rng, words.len());
            text.push_str(&words[index]);
            spent += costs[index];
            if spent >= tokens {
                text.push_str(stop.trim_end());
                return text;
            }
            until_mark -= 1;
            text.push_str(match until_mark {
                0 if rng.random_bool(0.5) => comma,
                0 => stop,
                _ => between,
            });
            if until_mark == 0 {
                spent += 1;
                until_mark = rng.random_range(5..15);
            }
        }
    }
}

impl Language {
    fn new(template: &TemplateEncoder, words: Vec<String>, marks: [&'static str; 3]) -> Result<Self> {
        let [between, comma, stop] = marks;
        let tokens = |word: &String| Ok(template.tokenizer().encode(&format!("{between}{word}"))?.len());
        let costs = words.iter().map(tokens).collect::<Result<_>>()?;
        Ok(Self { words, costs, between, comma, stop })
    }
}

fn word(rng: &mut impl Rng) -> String {
    let mut pick = |parts: &[&'static str]| parts[rng.random_range(0..parts.len())];
    let mut word = String::new();
    for _ in 0..1 + pick(&["", "", "x", "xx"]).len() {
        word.extend([pick(&ONSETS), pick(&VOWELS), pick(&CODAS)]);
    }
    word
}

/// An index below `count`, each as likely as one over its rank.
fn zipf(rng: &mut impl Rng, count: usize) -> usize {
    let rank = (count as f64).powf(rng.random_range(0.0..1.0));
    (rank as usize).saturating_sub(1).min(count - 1)
}

fn instruction(description: &str, constraints: Vec<String>) -> Instruction {
    let numbered = constraints.iter().enumerate().map(|(index, text)| format!("{}. {text}", index + 1));
    Instruction {
        description: description.to_owned(),
        constraints: numbered.map(Constraint::unlabelled).collect(),
        input: None,
    }
}

/// A group in the layout of the paper's `trace.json`.
fn trace_row(group: &PreferenceGroup) -> serde_json::Value {
    let message = |from: &str, value: &str| json!({"from": from, "value": value});
    json!({
        "conversations": [message("human", &group.x1.prompt()), message("human", &group.x2.prompt())],
        "chosen": message("gpt", &group.y1),
        "rejected": message("gpt", &group.y2),
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use iopo_data::{EncodeReport, Encoder, LengthPolicy, Task, Template, TextTokenizer};
    use iopo_data::{UnknownLabels, stream_dataset};

    use super::*;
    use crate::golden::root;

    const MEAN: MeanLengths = MeanLengths { prompt: 200, response: 300 };

    fn template() -> TemplateEncoder {
        let tokenizer = TextTokenizer::from_dir(root().join("fixtures/models/qwen2-tiny")).unwrap();
        TemplateEncoder::new(tokenizer, Template::Qwen).unwrap()
    }

    fn groups(seed: u64) -> Vec<PreferenceGroup> {
        let mut source = SyntheticGroups::new(&template(), MEAN, seed).unwrap();
        (0..12).map(|_| source.group()).collect()
    }

    #[test]
    fn equal_seeds_make_equal_groups() {
        assert_eq!(groups(1), groups(1));
        assert_ne!(groups(1), groups(2));
    }

    #[test]
    fn the_instructions_of_a_group_share_the_description_and_most_constraints() {
        for group in groups(3) {
            assert_eq!(group.x1.description, group.x2.description);
            assert_ne!(group.x1.constraints, group.x2.constraints);
            let expected = match group.operation {
                ConstraintOperation::Add => CONSTRAINTS + 1,
                ConstraintOperation::Delete => CONSTRAINTS - 1,
                ConstraintOperation::Revise => CONSTRAINTS,
            };
            assert_eq!((group.x1.constraints.len(), group.x2.constraints.len()), (CONSTRAINTS, expected));
        }
    }

    #[test]
    fn both_formats_give_the_same_tokens_of_the_lengths_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let encoder = Encoder::new(template(), 2000, LengthPolicy::Error);
        let read = [FileFormat::Groups, FileFormat::Trace].map(|format| {
            let path = dir.path().join("rows");
            SyntheticGroups::new(&template(), MEAN, 4).unwrap().write(&path, 200, format).unwrap();
            let rows = stream_dataset("rows", dir.path(), UnknownLabels::Error).unwrap();
            let rows = encoder.encode_rows(rows, Task::Group, NonZero::<usize>::MIN).unwrap();
            encoder.collect(rows).unwrap_or_else(|error: iopo_data::PrepareError| panic!("{error}"))
        });
        assert_eq!(read[0], read[1]);
        let EncodeReport { kept, prompt_lengths, completion_lengths, .. } = &read[0].1;
        assert_eq!(*kept, 200);
        for (lengths, mean) in [(prompt_lengths, MEAN.prompt), (completion_lengths, MEAN.response)] {
            let found = lengths.total() as f64 / lengths.count() as f64;
            assert!((found / mean as f64 - 1.0).abs() < 0.1, "{found} tokens instead of {mean}");
        }
    }
}
