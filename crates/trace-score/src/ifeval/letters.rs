//! Letters that the official program leaves to chance.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Prompt;

/// The character to count where the prompt's is not a letter from a to z.
///
/// In the released data this concerns `#` of key 1122 and `!` of key 1129.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum LetterPolicy {
    /// The character that the prompt asks for.
    #[default]
    Literal,
    /// A random letter, as in the official program.
    ///
    /// It depends on the seed, the key of the prompt and the place of the instruction, and on nothing else. The
    /// official program takes one letter for the strict verdict and another one for the loose; here both count the same,
    /// so that a response which follows strictly follows loosely too. Each of the two verdicts alone is distributed as
    /// in the official program.
    OfficialRandom {
        /// The seed.
        seed: u64,
    },
}

impl LetterPolicy {
    /// Replaces characters to count that are not letters by random letters, if the policy says so.
    ///
    /// ```
    /// use serde_json::json;
    /// use trace_score::ifeval::{Instruction, LetterPolicy, Prompt};
    ///
    /// let arguments = json!({"letter": "#", "let_frequency": 4, "let_relation": "at least"});
    /// let ids = ["keywords:letter_frequency".to_owned()];
    /// let mut prompt = Prompt::new(1122, "Use #.", &ids, &[arguments.as_object().cloned().unwrap()])?;
    /// LetterPolicy::OfficialRandom { seed: 1 }.apply(&mut prompt);
    /// assert!(matches!(prompt.instructions[0], Instruction::LetterFrequency { letter: 'a'..='z', .. }));
    /// # Ok::<(), trace_score::ifeval::IfevalError>(())
    /// ```
    ///
    /// # Source
    ///
    /// `LetterFrequencyChecker` of google-research `instruction_following_eval`: one of the 52 ASCII letters, then in
    /// lower case, which is one of 26 with equal chances.
    pub fn apply(self, prompt: &mut Prompt) {
        let Self::OfficialRandom { seed } = self else { return };
        for (index, instruction) in prompt.instructions.iter_mut().enumerate() {
            if let Some(letter) = instruction.non_letter_mut() {
                *letter = draw(seed, prompt.key, index as u64);
            }
        }
    }
}

fn draw(seed: u64, key: u64, index: u64) -> char {
    let mut whole = [0; 32];
    whole[..8].copy_from_slice(&seed.to_le_bytes());
    whole[8..16].copy_from_slice(&key.to_le_bytes());
    whole[16..24].copy_from_slice(&index.to_le_bytes());
    char::from(ChaCha8Rng::from_seed(whole).random_range(b'a'..=b'z'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::ifeval::{Checker, Instruction, PromptVerdict};

    fn prompt(key: u64, letters: &[&str]) -> Prompt {
        let arguments =
            |letter: &&str| json!({"letter": letter, "let_frequency": 2, "let_relation": "at least"});
        let arguments: Vec<_> =
            letters.iter().map(|letter| arguments(letter).as_object().cloned().unwrap()).collect();
        let ids = vec!["keywords:letter_frequency".to_owned(); letters.len()];
        Prompt::new(key, "Write.", &ids, &arguments).unwrap()
    }

    fn letters(policy: LetterPolicy, mut prompt: Prompt) -> Vec<char> {
        policy.apply(&mut prompt);
        let letter = |instruction: &Instruction| match instruction {
            Instruction::LetterFrequency { letter, .. } => Some(*letter),
            _ => None,
        };
        prompt.instructions.iter().filter_map(letter).collect()
    }

    #[test]
    fn characters_are_counted_as_they_are_by_default() {
        assert_eq!(letters(LetterPolicy::default(), prompt(1122, &["#", "q", "!"])), ['#', 'q', '!']);
    }

    #[test]
    fn only_characters_other_than_letters_are_replaced_and_the_seed_alone_decides() {
        for seed in 0..50 {
            let drawn = letters(LetterPolicy::OfficialRandom { seed }, prompt(1122, &["#", "q", "!"]));
            assert!(drawn.iter().all(char::is_ascii_lowercase) && drawn[1] == 'q', "{drawn:?}");
            assert_eq!(drawn, letters(LetterPolicy::OfficialRandom { seed }, prompt(1122, &["#", "q", "!"])));
        }
    }

    #[test]
    fn every_letter_is_sampled_about_as_often() {
        let mut counts = BTreeMap::new();
        for seed in 0..13_000 {
            *counts
                .entry(letters(LetterPolicy::OfficialRandom { seed }, prompt(1129, &["!"]))[0])
                .or_insert(0) += 1;
        }
        // 500 expected, with a deviation of 22.
        assert_eq!(counts.len(), 26);
        assert!(counts.values().all(|count| (390..=610).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_policy_decides_the_verdict() {
        let followed = |policy: LetterPolicy, response: &str| {
            let mut prompt = prompt(1122, &["#"]);
            policy.apply(&mut prompt);
            let verdict = PromptVerdict::new(&Checker::default(), &prompt, response);
            verdict.instructions[0].strict
        };
        let alphabet: String = ('a'..='z').chain('a'..='z').collect();
        let random = LetterPolicy::OfficialRandom { seed: 3 };
        assert!(followed(LetterPolicy::Literal, "# and #") && !followed(random, "# # ."));
        assert!(followed(random, &alphabet) && !followed(LetterPolicy::Literal, &alphabet));
    }
}
