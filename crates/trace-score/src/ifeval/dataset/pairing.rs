//! Pairs of prompts and responses.

use std::collections::{HashMap, HashSet};

use trace_schema::excerpt;

use super::{Prompt, Response};
use crate::ifeval::{GivenResponse, IfevalError};

/// The prompt that was reworded after Google's responses of GPT-4 had been written.
pub const EARLIER_WORDING_KEY: u64 = 2785;

/// The wording of that prompt before, and in the released data.
const WORDINGS: (&str, &str) = ("at least one placeholder ", "at least 3 placeholders ");

/// The responses of one file, in the order of the prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// For each prompt its response.
    pub responses: Vec<GivenResponse>,
    /// Keys whose response is to an earlier wording of the prompt.
    pub earlier_wordings: Vec<u64>,
    /// Responses to prompts that are not among the prompts.
    pub without_prompt: Vec<Response>,
}

impl Pairing {
    /// Finds each prompt's response by the prompt's text.
    ///
    /// Google's own responses of GPT-4 have an earlier wording of the prompt with the key 2785 ("at least one
    /// placeholder" instead of "at least 3 placeholders"), on which the official program ends with an error. A response
    /// to that wording is taken for this prompt and reported.
    ///
    /// # Errors
    ///
    /// Two prompts with the same text, or two responses to the same prompt.
    pub fn new(prompts: &[Prompt], responses: Vec<Response>) -> Result<Self, IfevalError> {
        let places = places(prompts)?;
        let mut pairing = Self {
            responses: vec![GivenResponse::Missing; prompts.len()],
            earlier_wordings: Vec::new(),
            without_prompt: Vec::new(),
        };
        let mut seen = HashSet::new();
        let mut earlier = Vec::new();
        for response in responses {
            if !seen.insert(response.prompt.clone()) {
                let place = format!("the prompt {:?}", excerpt(&response.prompt));
                return Err(IfevalError::Invalid { place, reason: "two responses are to it".to_owned() });
            }
            match places.get(response.prompt.as_str()) {
                Some(&place) => pairing.responses[place] = response.response.into(),
                None => earlier.push(response),
            }
        }
        for response in earlier {
            let place = places.get(reworded(&response.prompt).as_str()).copied();
            let is_free = |&place: &usize| {
                prompts[place].key == EARLIER_WORDING_KEY
                    && pairing.responses[place] == GivenResponse::Missing
            };
            match place.filter(is_free) {
                Some(place) => {
                    pairing.earlier_wordings.push(prompts[place].key);
                    pairing.responses[place] = response.response.into();
                }
                None => pairing.without_prompt.push(response),
            }
        }
        Ok(pairing)
    }
}

/// The place of each prompt by its text.
fn places(prompts: &[Prompt]) -> Result<HashMap<&str, usize>, IfevalError> {
    let mut places = HashMap::new();
    for (place, prompt) in prompts.iter().enumerate() {
        if let Some(first) = places.insert(prompt.prompt.as_str(), place) {
            let reason = format!("the prompt has the same text as that of the key {}", prompts[first].key);
            return Err(IfevalError::of_key(prompt.key, reason));
        }
    }
    Ok(places)
}

/// The present wording of a prompt that may have an earlier one.
fn reworded(prompt: &str) -> String {
    prompt.replace(WORDINGS.0, WORDINGS.1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn prompt(key: u64, prompt: &str) -> Prompt {
        Prompt { key, prompt: prompt.to_owned(), instructions: Vec::new() }
    }

    fn response(prompt: &str, response: Option<&str>) -> Response {
        Response { prompt: prompt.to_owned(), response: response.map(str::to_owned) }
    }

    #[test]
    fn responses_come_in_the_order_of_prompts() {
        let prompts = [prompt(1, "a"), prompt(2, "b"), prompt(3, "c")];
        let pairing =
            Pairing::new(&prompts, vec![response("c", None), response("a", Some("1")), response("d", None)]);
        let pairing = pairing.unwrap();
        assert_eq!(
            pairing.responses,
            [GivenResponse::Text("1".to_owned()), GivenResponse::Missing, GivenResponse::Null]
        );
        assert_eq!(pairing.without_prompt, [response("d", None)]);
    }

    #[test]
    fn what_is_there_twice_is_an_error() {
        let twice = [prompt(1, "a"), prompt(2, "a")];
        let error = Pairing::new(&twice, Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "key 2: the prompt has the same text as that of the key 1");
        let error = Pairing::new(&twice[..1], vec![response("a", None), response("a", None)]).unwrap_err();
        assert_eq!(error.to_string(), "the prompt \"a\": two responses are to it");
    }

    #[test]
    fn the_earlier_wording_belongs_to_its_key_alone() {
        let (earlier, present) = WORDINGS;
        for (key, expected) in [(EARLIER_WORDING_KEY, vec![EARLIER_WORDING_KEY]), (1, vec![])] {
            let prompts = [prompt(key, &format!("Use {present}"))];
            let pairing =
                Pairing::new(&prompts, vec![response(&format!("Use {earlier}"), Some("x"))]).unwrap();
            assert_eq!(pairing.earlier_wordings, expected);
            assert_eq!(pairing.without_prompt.len(), 1 - expected.len());
        }
    }
}
