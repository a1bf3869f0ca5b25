//! Rules as they are meant: `name:argument`, one clause to a line.

use super::argument::split_list;
use super::check::{Bounds, Check};
use super::literal::{Literal, evaluate_list};
use super::{Clause, Forms, Normalised, RuleError};

/// Names of clauses; those of the benchmark may have `model_` before and `_each` after them.
const NAMES: [&str; 14] = [
    "keyword",
    "keyword_num",
    "forbidden_word",
    "startswith",
    "not_startswith",
    "endswith",
    "not_endswith",
    "starts_with_list",
    "length",
    "length_word",
    "number",
    "match",
    "Json",
    "constraint_punc",
];

/// A known name, without the prefix `model_`.
struct Name {
    base: &'static str,
    each: bool,
}

/// Reads a rule; a line that begins with no known name continues the argument of the one before.
pub(super) fn read(text: &str) -> Result<Vec<Clause>, RuleError> {
    let mut parts: Vec<(Name, String)> = Vec::new();
    for line in text.trim_end_matches(['\n', '\r']).split('\n') {
        match (Name::split(line), parts.last_mut()) {
            (Some((name, argument)), _) => parts.push((name, argument.to_owned())),
            (None, Some((_, argument))) => {
                argument.push('\n');
                argument.push_str(line);
            }
            (None, None) => return Err(RuleError(format!("{:?} is not a known rule", beginning(line)))),
        }
    }
    parts.iter().map(|(name, argument)| name.clause(argument)).collect()
}

impl Name {
    fn split(line: &str) -> Option<(Self, &str)> {
        let (name, argument) = line.split_once(':')?;
        let name = name.strip_prefix("model_").unwrap_or(name);
        let (base, each) = name.strip_suffix("_each").map_or((name, false), |base| (base, true));
        let base = base.replace("not ", "not_");
        NAMES.iter().find(|known| **known == base).map(|&base| (Self { base, each }, argument))
    }

    fn clause(&self, argument: &str) -> Result<Clause, RuleError> {
        let bad = |expected: &str| {
            let (name, argument) = (self.base, beginning(argument));
            RuleError(format!("the argument {argument:?} of the rule {name} is not {expected}"))
        };
        let words = || -> Vec<String> {
            let members = split_list(argument).into_iter().map(|member| member.trim().to_owned());
            members.filter(|member| !member.is_empty()).collect()
        };
        let limits = || match evaluate_list(argument.trim()).as_deref() {
            Ok(bounds @ [Literal::Number(_), Literal::Number(_)]) => Ok(Bounds::of(bounds)),
            _ => Err(bad("[smallest, largest]")),
        };
        let keys = || {
            let keys = evaluate_list(argument.trim()).ok();
            keys.filter(|keys| keys.iter().all(|key| matches!(key, Literal::Text(_))))
                .ok_or_else(|| bad("a list of texts"))
        };
        let text = argument.to_owned();
        let check = match self.base {
            "keyword" => Check::Keywords(words()),
            "keyword_num" => Check::keyword_count(&words(), |number| number.parse().ok())
                .map_err(|_| bad("[smallest, largest, word, ...]"))?,
            "forbidden_word" => Check::ForbiddenWords(words()),
            "startswith" => Check::StartsWith(text),
            "not_startswith" => Check::NotStartsWith(text),
            "endswith" => Check::EndsWith(text),
            "not_endswith" => Check::NotEndsWith(text),
            "starts_with_list" => Check::StartsInOrder(words()),
            "length" => Check::Characters(limits()?),
            "length_word" => Check::Words(limits()?),
            "number" => Check::Objects(limits()?),
            "match" => Check::Equals(text),
            "Json" => Check::json_keys(keys()?),
            _ => Check::Punctuation(words()),
        };
        let forbids = check.forbids();
        Ok(Clause {
            checks: Ok(vec![check]),
            each: self.each,
            lazy: false,
            forbids,
            spares_last: self.each && self.base == "endswith",
            normalised: Normalised::AfterQuotes,
            forms: if forbids { Forms::Both } else { Forms::WholeOrInner },
        })
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(80).collect()
}
