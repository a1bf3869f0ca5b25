//! JSON objects inside prose.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The entries of one object, or of a list of objects one after the other, duplicate keys included.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entries(pub Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntriesVisitor { list_allowed: true })
    }
}

/// One object alone.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Entries(entries) = deserializer.deserialize_any(EntriesVisitor { list_allowed: false })?;
        Ok(Self(entries))
    }
}

struct EntriesVisitor {
    list_allowed: bool,
}

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.list_allowed { "an object or a list of objects" } else { "an object" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries, A::Error> {
        if !self.list_allowed {
            return Err(serde::de::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let mut entries = Vec::new();
        while let Some(Object(more)) = list.next_element()? {
            entries.extend(more);
        }
        Ok(Entries(entries))
    }
}

/// The blocks of a text that are one object or a list of objects, each with the byte position of its end.
///
/// A text of n bytes costs at most about 128 n steps: an attempt that fails starts again at the next bracket, and the
/// JSON parser gives up at a depth of 128.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = (Entries, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let open = at + text.get(at..)?.find(['{', '['])?;
            let mut stream = serde_json::Deserializer::from_str(&text[open..]).into_iter::<Entries>();
            match stream.next() {
                Some(Ok(entries)) => {
                    at = open + stream.byte_offset();
                    return Some((entries, at));
                }
                _ => at = open + 1,
            }
        }
    })
}

/// The JSON objects that stand in a model's answer, in code fences or between words, in their order.
///
/// A list of objects counts as one object with the entries of all; of a key that comes twice, the last counts. An
/// object inside another does not count by itself. The cost is linear in the answer.
///
/// ```
/// use trace_score::trace::json_objects;
///
/// let answer = "Here it is:\n```json\n{\"valid\": true}\n```\nI hope {this} helps.";
/// let objects: Vec<_> = json_objects(answer).collect();
/// assert_eq!(objects.len(), 1);
/// assert_eq!(objects[0]["valid"], true);
/// ```
pub fn json_objects(answer: &str) -> impl Iterator<Item = Map<String, Value>> + '_ {
    blocks(answer).map(|(Entries(entries), _)| entries.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        blocks(text).map(|(Entries(entries), _)| entries.len()).collect()
    }

    #[test]
    fn objects_and_lists_of_objects_are_found_in_prose() {
        assert_eq!(
            found(r#"a {"x": 1} b [{"x": 1, "x": 2}] [{"x": 1}, {"y": [2]}] [[5]] {} { x"#),
            [1, 2, 2, 0]
        );
    }

    #[test]
    fn an_empty_list_is_a_block_without_entries() {
        assert_eq!(found("[]"), [0]);
    }

    #[test]
    fn what_never_closes_is_given_up_quickly() {
        let text = "[".repeat(100_000) + &"{\"a\":".repeat(20_000);
        assert_eq!(found(&text), Vec::<usize>::new());
    }
}
