//! Configurations in YAML, with their `${...}` filled in as OmegaConf does.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The keys that one reference may lead through.
const MOST_REFERENCES: usize = 32;

/// Values and characters that filling in may make: more than any configuration has.
const MOST_FILLED: usize = 1 << 22;

/// A key whose value holds a `${...}` that cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfilled {
    /// The key at the top of the file.
    pub key: String,
    /// What is wrong, as the rest of a sentence about the key.
    pub reason: String,
}

/// Reads one YAML value. References by anchors and depth are bounded.
///
/// # Errors
///
/// Text that is not YAML, with the place.
pub fn parse_yaml(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|error| {
        let tab = text.lines().position(|line| line.trim_start_matches(' ').starts_with('\t'));
        let hint =
            tab.map(|line| format!("line {} is indented with a tab, and YAML needs spaces; ", line + 1));
        format!("{}{error}", hint.unwrap_or_default())
    })
}

/// Reads the lines `key: value` of a configuration; an empty one has none.
///
/// # Errors
///
/// As [`parse_yaml`], and a value that is no map.
pub fn parse_yaml_map(text: &str) -> Result<Map<String, Value>, String> {
    match parse_yaml(text)? {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err("expected lines of the form `key: value`".to_owned()),
    }
}

/// Fills in every `${key}`, `${key.inner}` and `${oc.env:NAME}` or `${oc.env:NAME,default}` in the values of a map.
///
/// A value that is a reference alone takes the other value with its type; within a text, numbers and flags are written
/// as Python writes them. `\${` is a `${` that stays.
///
/// # Errors
///
/// Every key that cannot be filled in: a missing key or variable, keys that refer to each other, another resolver, a
/// reference within a reference, a list, map or null within a text, and more than a configuration can hold.
pub fn fill_references(
    map: &mut Map<String, Value>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<(), Vec<Unfilled>> {
    let root = map.clone();
    let mut filler = Filler { root: &root, environment, open: Vec::new(), left: MOST_FILLED };
    let mut problems = Vec::new();
    for (key, value) in map {
        filler.open = vec![key.clone()];
        match filler.value(value) {
            Ok(filled) => *value = filled,
            Err(reason) => problems.push(Unfilled { key: key.clone(), reason }),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

struct Filler<'a, E> {
    root: &'a Map<String, Value>,
    environment: E,
    /// The keys that are being filled in, each for the one before it.
    open: Vec<String>,
    left: usize,
}

impl<E: Fn(&str) -> Option<String>> Filler<'_, E> {
    fn value(&mut self, value: &Value) -> Result<Value, String> {
        self.spend(1)?;
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                Ok(Value::Array(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?))
            }
            Value::Object(map) => {
                let filled = map.iter().map(|(key, value)| Ok((key.clone(), self.value(value)?)));
                Ok(Value::Object(filled.collect::<Result<_, String>>()?))
            }
            other => Ok(other.clone()),
        }
    }

    fn text(&mut self, text: &str) -> Result<Value, String> {
        if text == "???" {
            return Err("is `???`, a value that is still to be given".to_owned());
        }
        self.spend(text.len())?;
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("${") {
            let backslashes = before.len() - before.trim_end_matches('\\').len();
            filled.extend(before.chars().take(before.chars().count() - backslashes.div_ceil(2)));
            if backslashes % 2 == 1 {
                filled.push_str("${");
                rest = from;
                continue;
            }
            let (inside, after) = closed(from)?;
            let value = self.reference(inside)?;
            if before.len() + from.len() + 2 == text.len() && before.is_empty() && after.is_empty() {
                return Ok(value);
            }
            let written = written(&value).map_err(|kind| {
                format!("holds `${{{inside}}}`, which is {kind} and cannot be a part of a text")
            })?;
            self.spend(written.len())?;
            filled.push_str(&written);
            rest = after;
        }
        filled.push_str(rest);
        Ok(Value::String(filled))
    }

    fn reference(&mut self, inside: &str) -> Result<Value, String> {
        match inside.split_once(':') {
            Some(("oc.env", argument)) => self.variable(argument),
            Some((resolver, _)) => Err(format!(
                "asks for `${{{resolver}:...}}`, which is not filled in; known are `${{key}}` and `${{oc.env:NAME}}`"
            )),
            None => self.key(inside),
        }
    }

    fn variable(&self, argument: &str) -> Result<Value, String> {
        let (name, default) = match argument.split_once(',') {
            Some((name, default)) => (name.trim(), Some(default.trim())),
            None => (argument.trim(), None),
        };
        match ((self.environment)(name), default) {
            (Some(text), _) => Ok(Value::String(text)),
            (None, Some("null")) => Ok(Value::Null),
            (None, Some(default)) => Ok(Value::String(unquoted(default).to_owned())),
            (None, None) => Err(format!("needs the environment variable `{name}`, which is not set")),
        }
    }

    fn key(&mut self, inside: &str) -> Result<Value, String> {
        let path = inside.trim();
        if path.starts_with('.') {
            return Err(format!("holds `${{{path}}}`; name the key from the top of the file instead"));
        }
        let path = path.replace('[', ".").replace(']', "");
        if self.open.contains(&path) {
            let chain = self.open.join("` → `");
            return Err(format!("cannot be filled in: `{chain}` → `{path}` lead back to themselves"));
        }
        if self.open.len() > MOST_REFERENCES {
            return Err(format!("refers through more than {MOST_REFERENCES} keys"));
        }
        let found = look_up(self.root, &path)
            .ok_or_else(|| format!("holds `${{{path}}}`, and the configuration has no key `{path}`"))?;
        self.open.push(path);
        let filled = self.value(found);
        self.open.pop();
        filled
    }

    fn spend(&mut self, amount: usize) -> Result<(), String> {
        self.left = self
            .left
            .checked_sub(amount)
            .ok_or_else(|| "grows beyond what a configuration can hold when it is filled in".to_owned())?;
        Ok(())
    }
}

/// What stands before the brace that ends a reference, and after it.
fn closed(from: &str) -> Result<(&str, &str), String> {
    let (inside, after) = from
        .split_once('}')
        .ok_or_else(|| "holds a `${` without its `}`; write `\\${` for the text".to_owned())?;
    match inside.contains("${") {
        true => {
            Err(format!("holds `${{{inside}}}...`, a reference within a reference, which is not filled in"))
        }
        false => Ok((inside, after)),
    }
}

fn look_up<'a>(root: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let mut here = root.get(first)?;
    for part in rest.into_iter().flat_map(|rest| rest.split('.')) {
        here = match here {
            Value::Object(map) => map.get(part)?,
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(here)
}

fn unquoted(text: &str) -> &str {
    let between = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    between('"').or_else(|| between('\'')).unwrap_or(text)
}

/// A value within a text; otherwise what it is.
fn written(value: &Value) -> Result<Cow<'_, str>, &'static str> {
    match value {
        Value::String(text) => Ok(Cow::Borrowed(text)),
        Value::Bool(true) => Ok(Cow::Borrowed("True")),
        Value::Bool(false) => Ok(Cow::Borrowed("False")),
        Value::Number(number) => Ok(Cow::Owned(match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => python_float(float),
            None => number.to_string(),
        })),
        Value::Null => Err("null"),
        Value::Array(_) => Err("a list"),
        Value::Object(_) => Err("a map"),
    }
}

/// A float as Python writes it: `5e-06`, where Rust writes `5e-6`.
fn python_float(number: f64) -> String {
    let text = format!("{number:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, exponent) =
                exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{digits}e{sign}{exponent:0>2}")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fill(value: Value) -> Result<Value, Vec<Unfilled>> {
        let Value::Object(mut map) = value else { panic!("a map is filled") };
        let environment = |name: &str| (name == "SET").then(|| "from outside".to_owned());
        fill_references(&mut map, environment).map(|()| Value::Object(map))
    }

    /// The value of the key `a`.
    fn filled(value: Value) -> Value {
        fill(value).unwrap()["a"].clone()
    }

    fn reason(value: Value) -> String {
        let [problem] = <[Unfilled; 1]>::try_from(fill(value).unwrap_err()).unwrap();
        problem.reason
    }

    #[test]
    fn a_reference_alone_takes_the_value_with_its_type() {
        for value in [json!(5), json!(true), json!(null), json!([1, 2]), json!({ "c": "x" }), json!("x")] {
            assert_eq!(filled(json!({ "a": "${b}", "b": value.clone() })), value);
        }
        assert_eq!(filled(json!({ "a": "${b.c.1}", "b": { "c": [0, 7] } })), json!(7));
        assert_eq!(filled(json!({ "a": "${ b.c[1] }", "b": { "c": [0, 7] } })), json!(7));
    }

    #[test]
    fn within_a_text_values_are_written_as_python_writes_them() {
        let text = "s/${x}/${y}/${z}-${w}";
        let value = json!({ "a": text, "x": "dpo", "y": 5e-6, "z": true, "w": 3 });
        assert_eq!(filled(value), json!("s/dpo/5e-06/True-3"));
        for (number, written) in [(1e-5, "1e-05"), (1e-4, "0.0001"), (3.0, "3.0"), (1e16, "1e+16")] {
            assert_eq!(filled(json!({ "a": "x${b}", "b": number })), json!(format!("x{written}")));
        }
    }

    #[test]
    fn references_lead_through_others_in_any_order() {
        assert_eq!(filled(json!({ "a": "1${b}", "b": "2${c}", "c": "${d}", "d": 3 })), json!("123"));
        assert_eq!(fill(json!({ "a": [{ "b": "${c}" }], "c": 1 })).unwrap()["a"], json!([{ "b": 1 }]));
    }

    #[test]
    fn variables_come_from_the_environment_or_have_a_default() {
        assert_eq!(filled(json!({ "a": "${oc.env:SET}" })), json!("from outside"));
        assert_eq!(filled(json!({ "a": "x/${oc.env:SET,other}" })), json!("x/from outside"));
        assert_eq!(filled(json!({ "a": "${oc.env:UNSET, 'a b'}" })), json!("a b"));
        assert_eq!(filled(json!({ "a": "${oc.env:UNSET,null}" })), json!(null));
        assert_eq!(
            reason(json!({ "a": "${oc.env:UNSET}" })),
            "needs the environment variable `UNSET`, which is not set"
        );
    }

    #[test]
    fn an_escaped_reference_stays() {
        for (text, expected) in [
            (r"\${b}", "${b}"),
            (r"\\${b}", r"\1"),
            (r"\\\${b}", r"\${b}"),
            (r"C:\x", r"C:\x"),
            ("$b {}", "$b {}"),
        ] {
            assert_eq!(filled(json!({ "a": text, "b": 1 })), json!(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_filled_in_is_an_error_that_says_why() {
        for (value, part) in [
            (json!({ "a": "${b}" }), "has no key `b`"),
            (json!({ "a": "${b.c}", "b": 1 }), "has no key `b.c`"),
            (json!({ "a": "x${b}", "b": null }), "is null"),
            (json!({ "a": "x${b}", "b": [1] }), "is a list"),
            (json!({ "a": "x${b}", "b": {} }), "is a map"),
            (json!({ "a": "${b" }), "without its `}`"),
            (json!({ "a": "${b${c}}", "c": 1 }), "a reference within a reference"),
            (json!({ "a": "${now:%Y}" }), "asks for `${now:...}`"),
            (json!({ "a": "${oc.decode:1}" }), "asks for `${oc.decode:...}`"),
            (json!({ "a": "${.b}", "b": 1 }), "from the top of the file"),
            (json!({ "a": "???" }), "still to be given"),
            (json!({ "a": "${a}" }), "`a` → `a` lead back to themselves"),
            (json!({ "a": { "b": "${a}" } }), "`a` → `a` lead back"),
        ] {
            let reason = reason(value.clone());
            assert!(reason.contains(part), "{value}: {reason}");
        }
        assert_eq!(fill(json!({ "a": "${b}", "b": "${a}" })).unwrap_err().len(), 2);
    }

    #[test]
    fn references_that_double_end_at_a_limit() {
        let mut map = Map::new();
        map.insert("a0".to_owned(), json!("x".repeat(1_000)));
        for level in 1..40 {
            map.insert(format!("a{level}"), json!(format!("${{a{0}}}${{a{0}}}", level - 1)));
        }
        let problems = fill(Value::Object(map)).unwrap_err();
        assert!(problems.iter().any(|problem| problem.reason.contains("beyond what a configuration")));
    }

    #[test]
    fn a_long_chain_of_references_ends_at_a_limit() {
        let chain = (0..100_000).map(|i| (format!("a{i}"), json!(format!("${{a{}}}", i + 1))));
        assert!(fill(Value::Object(chain.collect())).is_err());
    }

    #[test]
    fn a_tab_is_named_with_its_line() {
        let error = parse_yaml("a:\n  b: 1\n\tc: 2\n").unwrap_err();
        assert!(error.contains("line 3 is indented with a tab"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever stands in a value, it is filled in or refused, and an escaped text is itself again.
        #[test]
        fn an_escaped_text_stays_and_no_text_panics(text in r"[a-b$\{}\[\]:,.\\ ]{0,24}") {
            let _ = fill(json!({ "a": text.as_str(), "b": "x" }));
            let mut escaped = String::new();
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once("${") {
                let backslashes = before.len() - before.trim_end_matches('\\').len();
                escaped += &format!("{before}{}\\${{", "\\".repeat(backslashes));
                rest = after;
            }
            escaped += rest;
            prop_assert_eq!(filled(json!({ "a": escaped })), json!(text));
        }
    }
}
