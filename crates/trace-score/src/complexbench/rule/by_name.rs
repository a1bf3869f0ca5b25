//! Rules as the official program reads them: by the first of its names that stands anywhere in the rule.

use super::argument::{list, list_across, list_pair, list_within, split_list, text, text_across, text_pair};
use super::check::{Bounds, Check};
use super::literal::{Literal, evaluate_list};
use super::{Clause, Forms, Normalised, Reading};
use crate::complexbench::python_error::PythonError;
use crate::python::{int, strip};

type Read = fn(&str) -> Result<Vec<Check>, PythonError>;

/// A kind of rule: the words that identify it, and its check.
struct Kind {
    words: &'static [&'static str],
    /// A word that the rule must not have.
    without: &'static str,
    each: bool,
    /// Whether an argument that cannot be read is an error only where there is an object to check.
    lazy: bool,
    forbids: bool,
    normalised: Normalised,
    forms: Forms,
    read: Read,
}

impl Kind {
    /// On the first object as it is.
    const fn new(words: &'static [&'static str], read: Read) -> Self {
        Self {
            words,
            without: "",
            each: false,
            lazy: false,
            forbids: false,
            normalised: Normalised::Never,
            forms: Forms::Whole,
            read,
        }
    }

    /// On the first object with Chinese punctuation.
    const fn chinese(words: &'static [&'static str], read: Read) -> Self {
        Self { normalised: Normalised::BeforeQuotes, ..Self::new(words, read) }
    }

    /// The object without its quotes passes, or the object as it is.
    const fn plain(words: &'static [&'static str], read: Read) -> Self {
        Self { normalised: Normalised::AfterQuotes, forms: Forms::InnerOrWhole, ..Self::new(words, read) }
    }

    const fn each(self) -> Self {
        Self { each: true, ..self }
    }

    const fn lazy_each(self) -> Self {
        Self { each: true, lazy: true, ..self }
    }

    const fn forbids(self) -> Self {
        Self { forbids: true, ..self }
    }

    const fn forms(self, forms: Forms) -> Self {
        Self { forms, ..self }
    }

    const fn without(self, without: &'static str) -> Self {
        Self { without, ..self }
    }

    fn is_of(&self, rule: &str) -> bool {
        let excluded = !self.without.is_empty() && rule.contains(self.without);
        self.words.iter().all(|word| rule.contains(word)) && !excluded
    }

    fn clause(&self, rule: &str) -> Clause {
        let Self { words, each, lazy, forbids, normalised, forms, read, .. } = *self;
        let spares_last = words == ["model_endswith_each"];
        Clause { checks: read(rule), each, lazy, forbids, spares_last, normalised, forms }
    }
}

/// Rules on extracted objects, in the order in which the official program looks for them.
///
/// The order decides: `model_keyword` is part of `model_keyword_num`, and a rule with `each` in it that is not
/// listed is unknown.
const OF_OBJECTS: [Kind; 23] = [
    Kind::chinese(&["model_keyword_each"], |rule| keywords(rule, "model_keyword_each")).lazy_each(),
    Kind::new(&["model_keyword_num_each", "model_forbidden_word_each"], counted_and_forbidden).each(),
    Kind::new(&["model_keyword_num_each"], |rule| {
        let counts = list_across(rule, "model_keyword_num_each").ok_or(PythonError::Attribute)?;
        Ok(vec![Check::keyword_count(&members(counts), int)?])
    })
    .each(),
    Kind::new(&["model_keyword_num"], |rule| {
        Ok(vec![Check::keyword_count(&list(rule, "model_keyword_num")?, int)?])
    }),
    Kind::new(&["model_keyword"], |rule| keywords(rule, "model_keyword")),
    Kind::chinese(&["model_forbidden_word_each"], |rule| forbidden(rule, "model_forbidden_word_each"))
        .lazy_each()
        .forbids(),
    Kind::new(&["model_forbidden_word"], |rule| forbidden(rule, "model_forbidden_word")).forbids(),
    Kind::new(&["model_number_each"], |rule| bounded(rule, "model_number_each", Check::Objects)),
    Kind::new(&["model_length_each"], |rule| bounded(rule, "model_length_each", Check::Characters))
        .each()
        .forms(Forms::WholeOrInner),
    Kind::new(&["model_length_word_each"], |rule| bounded(rule, "model_length_word_each", Check::Words))
        .each()
        .forms(Forms::WholeOrInner),
    Kind::new(&["model_length_word"], |rule| bounded(rule, "model_length_word", Check::Words))
        .forms(Forms::WholeOrInner),
    Kind::new(&["model_length:"], |rule| bounded(rule, "model_length", Check::Characters))
        .forms(Forms::InnerOrWhole),
    Kind::chinese(&["model_startswith_each"], |rule| {
        of_text(rule, "model_startswith_each", Check::StartsWith)
    })
    .lazy_each(),
    Kind::new(&["model_starts_with_list_each"], |rule| {
        Ok(vec![Check::StartsInOrder(list(rule, "model_starts_with_list_each")?)])
    }),
    Kind::chinese(&["model_startswith", "model_endswith"], |rule| {
        starts_and_ends(rule, "model_startswith", "model_endswith")
    }),
    Kind::chinese(&["model_startswith"], |rule| of_text(rule, "model_startswith", Check::StartsWith)),
    Kind::chinese(&["model_endswith_each"], |rule| of_text(rule, "model_endswith_each", Check::EndsWith))
        .lazy_each()
        .forms(Forms::InnerOrWhole),
    Kind::chinese(&["model_endswith"], |rule| of_text(rule, "model_endswith", Check::EndsWith)),
    Kind::chinese(&["model_constraint_punc_each"], |rule| punctuation(rule, "model_constraint_punc_each"))
        .lazy_each()
        .forms(Forms::InnerOrWhole),
    Kind::new(&["model_constraint_punc"], |rule| punctuation(rule, "model_constraint_punc"))
        .forms(Forms::Inner),
    Kind::chinese(&["model_not_startswith"], |rule| {
        of_text(rule, "model_not_startswith", Check::NotStartsWith)
    })
    .forbids(),
    Kind::chinese(&["model_not_endswith_each"], |rule| {
        of_text(rule, "model_not_endswith_each", Check::NotEndsWith)
    })
    .lazy_each()
    .forbids(),
    Kind::chinese(&["model_not_endswith"], |rule| of_text(rule, "model_not_endswith", Check::NotEndsWith))
        .forbids(),
];

/// Rules without `model` and `each`, in the order in which the official program looks for them.
const PLAIN: [Kind; 12] = [
    Kind::plain(&["keyword", "forbidden_word"], |rule| {
        Ok([keywords(rule, "keyword")?, forbidden(rule, "forbidden_word")?].concat())
    }),
    Kind::plain(&["keyword"], |rule| keywords(rule, "keyword")).without("keyword_num"),
    Kind::plain(&["match"], |rule| Ok(vec![Check::Equals(text(rule, "match")?.to_owned())])),
    Kind::plain(&["constraint_punc"], |rule| punctuation(rule, "constraint_punc")),
    Kind::plain(&["forbidden_word"], |rule| forbidden(rule, "forbidden_word")).forbids(),
    Kind::plain(&["startswith", "endswith"], |rule| starts_and_ends(rule, "startswith", "endswith")),
    Kind::plain(&["startswith"], |rule| of_text(rule, "startswith", Check::StartsWith)),
    Kind::plain(&["not endswith"], |rule| of_text(rule, "not endswith", Check::NotEndsWith)).forbids(),
    Kind::plain(&["endswith"], |rule| of_text(rule, "endswith", Check::EndsWith)),
    Kind::plain(&["length_word:"], |rule| bounded_across(rule, "length_word", Check::Words)),
    Kind::plain(&["length:"], |rule| bounded_across(rule, "length", Check::Characters)),
    Kind::plain(&["Json"], |rule| Ok(vec![Check::json_keys(literals(list_across(strip(rule), "Json"))?)])),
];

/// Reads a rule.
///
/// # Source
///
/// `evaluation/con_rule.py`, ComplexBench 749f457.
pub(super) fn read(rule: &str) -> Reading {
    if let Some(kind) = OF_OBJECTS.iter().find(|kind| kind.is_of(rule)) {
        return Reading::OfObjects(kind.clause(rule));
    }
    if rule.contains("model") || rule.contains("each") {
        return Reading::Unknown;
    }
    Reading::Plain(PLAIN.iter().find(|kind| kind.is_of(rule)).map(|kind| kind.clause(rule)))
}

fn keywords(rule: &str, name: &str) -> Result<Vec<Check>, PythonError> {
    Ok(vec![Check::Keywords(list(rule, name)?)])
}

fn forbidden(rule: &str, name: &str) -> Result<Vec<Check>, PythonError> {
    Ok(vec![Check::ForbiddenWords(list(rule, name)?)])
}

fn punctuation(rule: &str, name: &str) -> Result<Vec<Check>, PythonError> {
    Ok(vec![Check::Punctuation(list(rule, name)?)])
}

fn of_text(rule: &str, name: &str, check: fn(String) -> Check) -> Result<Vec<Check>, PythonError> {
    Ok(vec![check(text_across(rule, name)?.to_owned())])
}

fn starts_and_ends(rule: &str, first: &str, second: &str) -> Result<Vec<Check>, PythonError> {
    let (start, end) = text_pair(rule, first, second)?;
    Ok(vec![Check::StartsWith(start.to_owned()), Check::EndsWith(end.to_owned())])
}

/// The members of both lists are not trimmed.
fn counted_and_forbidden(rule: &str) -> Result<Vec<Check>, PythonError> {
    let (counts, words) = list_pair(rule, "model_keyword_num_each", "model_forbidden_word_each")?;
    Ok(vec![Check::keyword_count(&members(counts), int)?, Check::ForbiddenWords(members(words))])
}

fn members(argument: &str) -> Vec<String> {
    split_list(argument).into_iter().map(str::to_owned).collect()
}

fn bounded(rule: &str, name: &str, check: fn(Bounds) -> Check) -> Result<Vec<Check>, PythonError> {
    Ok(vec![check(Bounds::of(&literals(list_within(rule, name))?))])
}

fn bounded_across(rule: &str, name: &str, check: fn(Bounds) -> Check) -> Result<Vec<Check>, PythonError> {
    Ok(vec![check(Bounds::of(&literals(list_across(rule, name))?))])
}

fn literals(argument: Option<&str>) -> Result<Vec<Literal>, PythonError> {
    evaluate_list(argument.ok_or(PythonError::Index("list"))?)
}
