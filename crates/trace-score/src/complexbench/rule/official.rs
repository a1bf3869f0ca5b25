//! Rules as the official code evaluates them, errors included.

use super::argument::{list, list_across, list_pair, split_list, text, text_across, text_pair};
use super::json::{first_braces, object_keys};
use super::literal::{Literal, evaluate};
use super::text::{chinese, contains, ends_with, length, only_punctuation, starts_with, unquoted, words};
use crate::cfbench::python::int;
use crate::complexbench::python_error::PythonError;
use crate::complexbench::verdict::Verdict;

type Outcome = Result<bool, PythonError>;

/// How one kind of rule is evaluated: on the rule and the extracted objects.
type Check = fn(&str, &[String]) -> Outcome;

/// Which words a rule has, in the order in which they are looked for; what holds without an object; and the check.
///
/// The order decides: `model_keyword` is part of `model_keyword_num`, and any rule with `each` in it that is none of
/// these is unknown.
const MODEL_RULES: [(&[&str], bool, Check); 23] = [
    (&["model_keyword_each"], false, keyword_each),
    (&["model_keyword_num_each", "model_forbidden_word_each"], false, keyword_num_and_forbidden_each),
    (&["model_keyword_num_each"], false, keyword_num_each),
    (&["model_keyword_num"], false, keyword_num),
    (&["model_keyword"], false, |rule, objects| {
        Ok(list(rule, "model_keyword")?.iter().all(|word| contains(&objects[0], word)))
    }),
    (&["model_forbidden_word_each"], true, |rule, objects| {
        each(objects, |object| {
            let words = list(rule, "model_forbidden_word_each")?;
            Ok(!words.iter().any(|word| contains(&chinese(object), word)))
        })
    }),
    (&["model_forbidden_word"], true, |rule, objects| {
        Ok(!list(rule, "model_forbidden_word")?.iter().any(|word| contains(&objects[0], word)))
    }),
    (&["model_number_each"], false, |rule, objects| {
        within(objects.len() as f64, &bounds(rule, "model_number_each", false)?)
    }),
    (&["model_length_each"], false, |rule, objects| {
        let bounds = bounds(rule, "model_length_each", false)?;
        each(objects, |object| {
            Ok(within(length(object), &bounds)? || within(length(unquoted(object)?), &bounds)?)
        })
    }),
    (&["model_length_word_each"], false, |rule, objects| {
        let bounds = bounds(rule, "model_length_word_each", false)?;
        each(objects, |object| {
            Ok(within(words(object), &bounds)? || within(words(unquoted(object)?), &bounds)?)
        })
    }),
    (&["model_length_word"], false, |rule, objects| {
        let bounds = bounds(rule, "model_length_word", false)?;
        Ok(within(words(&objects[0]), &bounds)? || within(words(unquoted(&objects[0])?), &bounds)?)
    }),
    (&["model_length:"], false, |rule, objects| {
        let bounds = bounds(rule, "model_length", false)?;
        Ok(within(length(unquoted(&objects[0])?), &bounds)? || within(length(&objects[0]), &bounds)?)
    }),
    (&["model_startswith_each"], false, |rule, objects| {
        each(objects, |object| Ok(starts_with(&chinese(object), text_across(rule, "model_startswith_each")?)))
    }),
    (&["model_starts_with_list_each"], false, starts_with_list),
    (&["model_startswith", "model_endswith"], false, |rule, objects| {
        let (start, end) = text_pair(rule, "model_startswith", "model_endswith")?;
        let object = chinese(&objects[0]);
        Ok(starts_with(&object, start) && ends_with(&object, end))
    }),
    (&["model_startswith"], false, |rule, objects| {
        Ok(starts_with(&chinese(&objects[0]), text_across(rule, "model_startswith")?))
    }),
    (&["model_endswith_each"], false, ends_with_each),
    (&["model_endswith"], false, |rule, objects| {
        Ok(ends_with(&chinese(&objects[0]), text_across(rule, "model_endswith")?))
    }),
    (&["model_constraint_punc_each"], false, |rule, objects| {
        each(objects, |object| {
            let object = chinese(object);
            let inner = unquoted(&object)?;
            let allowed = list(rule, "model_constraint_punc_each")?;
            Ok(only_punctuation(inner, &allowed) || only_punctuation(&object, &allowed))
        })
    }),
    (&["model_constraint_punc"], false, |rule, objects| {
        let inner = unquoted(&objects[0])?;
        Ok(only_punctuation(inner, &list(rule, "model_constraint_punc")?))
    }),
    (&["model_not_startswith"], true, |rule, objects| {
        Ok(!starts_with(&chinese(&objects[0]), text_across(rule, "model_not_startswith")?))
    }),
    (&["model_not_endswith_each"], true, |rule, objects| {
        each(objects, |object| {
            Ok(!ends_with(&chinese(object), text_across(rule, "model_not_endswith_each")?))
        })
    }),
    (&["model_not_endswith"], true, |rule, objects| {
        Ok(!ends_with(&chinese(&objects[0]), text_across(rule, "model_not_endswith")?))
    }),
];

/// How a rule without `model` and `each` is evaluated: on the rule and one object.
type PlainCheck = fn(&str, &str) -> Outcome;

/// As above; the check gets the object as it is.
const PLAIN_RULES: [(&[&str], &str, bool, PlainCheck); 12] = [
    (&["keyword", "forbidden_word"], "", false, |rule, object| {
        let (keywords, forbidden) = (list(rule, "keyword"), list(rule, "forbidden_word"));
        let (keywords, forbidden, object) = (keywords?, forbidden?, chinese(object));
        Ok(keywords.iter().all(|word| contains(&object, word))
            && !forbidden.iter().any(|word| contains(&object, word)))
    }),
    (&["keyword"], "keyword_num", false, |rule, object| {
        let object = chinese(object);
        Ok(list(rule, "keyword")?.iter().all(|word| contains(&object, word)))
    }),
    (&["match"], "", false, |rule, object| {
        let (object, wanted) = (chinese(object), text(rule, "match")?);
        Ok(object == wanted || object.strip_suffix(['。', '.']) == Some(wanted))
    }),
    (&["constraint_punc"], "", false, |rule, object| {
        Ok(only_punctuation(&chinese(object), &list(rule, "constraint_punc")?))
    }),
    (&["forbidden_word"], "", true, |rule, object| {
        let object = chinese(object);
        Ok(!list(rule, "forbidden_word")?.iter().any(|word| contains(&object, word)))
    }),
    (&["startswith", "endswith"], "", false, |rule, object| {
        let (start, end) = text_pair(rule, "startswith", "endswith")?;
        let object = chinese(object);
        Ok(starts_with(&object, start) && ends_with(&object, end))
    }),
    (&["startswith"], "", false, |rule, object| {
        Ok(starts_with(&chinese(object), text_across(rule, "startswith")?))
    }),
    (&["not endswith"], "", true, |rule, object| {
        Ok(!ends_with(&chinese(object), text_across(rule, "not endswith")?))
    }),
    (&["endswith"], "", false, |rule, object| {
        Ok(ends_with(&chinese(object), text_across(rule, "endswith")?))
    }),
    (&["length_word:"], "", false, |rule, object| {
        within(words(&chinese(object)), &bounds(rule, "length_word", true)?)
    }),
    (&["length:"], "", false, |rule, object| {
        within(length(&chinese(object)), &bounds(rule, "length", true)?)
    }),
    (&["Json"], "", false, |rule, object| json_keys(rule, object)),
];

/// The official verdict of a rule on extracted objects, for any texts.
///
/// # Errors
///
/// Where the official code raises an exception, or where the argument of a rule is an expression beyond lists of
/// numbers and texts.
///
/// # Source
///
/// `evaluation/con_rule.py`, ComplexBench 749f457.
pub fn official_verdict(rule: &str, objects: &[String]) -> Result<Verdict, PythonError> {
    let nothing = objects.is_empty() || matches!(objects, [only] if only.is_empty());
    for (words, without_objects, check) in &MODEL_RULES {
        if words.iter().all(|word| rule.contains(word)) {
            return if nothing { Ok(*without_objects) } else { check(rule, objects) }.map(Verdict::from);
        }
    }
    if rule.contains("model") || rule.contains("each") {
        return Ok(Verdict::Unknown);
    }
    let Some(object) = objects.first() else {
        return plain(rule, "");
    };
    match plain(rule, unquoted(object)?)? {
        Verdict::Fails => plain(rule, object),
        verdict => Ok(verdict),
    }
}

fn plain(rule: &str, object: &str) -> Result<Verdict, PythonError> {
    for (words, without, without_object, check) in &PLAIN_RULES {
        let excluded = !without.is_empty() && rule.contains(without);
        if words.iter().all(|word| rule.contains(word)) && !excluded {
            let nothing = object.is_empty() || object.contains("None");
            return if nothing { Ok(*without_object) } else { check(rule, object) }.map(Verdict::from);
        }
    }
    Ok(Verdict::Unknown)
}

/// Whether all objects that are not empty pass; every one is checked, so that errors come as they do officially.
fn each(objects: &[String], check: impl Fn(&str) -> Outcome) -> Outcome {
    let present = objects.iter().filter(|object| !object.is_empty());
    present.map(|object| check(object)).try_fold(true, |all, outcome| outcome.map(|holds| all && holds))
}

fn keyword_each(rule: &str, objects: &[String]) -> Outcome {
    each(objects, |object| {
        let object = chinese(object);
        Ok(list(rule, "model_keyword_each")?.iter().all(|word| contains(&object, word)))
    })
}

/// The smallest and largest number of words that may occur, and the words.
fn counted<'a>(parts: &'a [&'a str]) -> Result<(i64, i64, &'a [&'a str]), PythonError> {
    let number = |place: usize| {
        let text = *parts.get(place).ok_or(PythonError::Index("list"))?;
        int(text).ok_or_else(|| PythonError::Value(text.to_owned()))
    };
    Ok((number(0)?, number(1)?, parts.get(2..).unwrap_or_default()))
}

/// The words are not trimmed and the object is not normalised.
fn count_words(object: &str, words: &[&str]) -> i64 {
    words.iter().filter(|word| contains(object, word)).count() as i64
}

fn keyword_num_and_forbidden_each(rule: &str, objects: &[String]) -> Outcome {
    let (counts, forbidden) = list_pair(rule, "model_keyword_num_each", "model_forbidden_word_each")?;
    let (counts, forbidden) = (split_list(counts), split_list(forbidden));
    let (least, most, words) = counted(&counts)?;
    each(objects, |object| {
        let count = count_words(object, words);
        Ok(least <= count && count <= most && count_words(object, &forbidden) == 0)
    })
}

fn keyword_num_each(rule: &str, objects: &[String]) -> Outcome {
    let counts = split_list(list_across(rule, "model_keyword_num_each").ok_or(PythonError::Attribute)?);
    let (least, most, words) = counted(&counts)?;
    each(objects, |object| {
        let count = count_words(object, words);
        Ok(least <= count && count <= most)
    })
}

fn keyword_num(rule: &str, objects: &[String]) -> Outcome {
    let parts = list(rule, "model_keyword_num")?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (least, most, words) = counted(&parts)?;
    let count = count_words(&objects[0], words);
    Ok(least <= count && count <= most)
}

fn starts_with_list(rule: &str, objects: &[String]) -> Outcome {
    let starts = list(rule, "model_starts_with_list_each")?;
    let fits =
        |(object, start): (&String, &String)| object.is_empty() || starts_with(&chinese(object), start);
    Ok(objects.len() == starts.len() && objects.iter().zip(&starts).all(fits))
}

/// Of several objects the last is not checked.
fn ends_with_each(rule: &str, objects: &[String]) -> Outcome {
    let checked = if objects.len() > 1 { &objects[..objects.len() - 1] } else { objects };
    each(checked, |object| {
        let object = chinese(object);
        let inner = unquoted(&object)?;
        let end = text_across(rule, "model_endswith_each")?;
        Ok(ends_with(inner, end) || ends_with(&object, end))
    })
}

fn json_keys(rule: &str, object: &str) -> Outcome {
    let argument =
        list_across(crate::cfbench::python::strip(rule), "Json").ok_or(PythonError::Index("list"))?;
    let Literal::List(wanted) = evaluate(argument)? else {
        return Err(PythonError::Type("keys are no list"));
    };
    let wanted: Vec<Literal> =
        wanted.into_iter().filter(|key| *key != Literal::Text(String::new())).collect();
    let Some(keys) = object_keys(first_braces(object)) else {
        return Ok(false);
    };
    let known = |key: &Literal| matches!(key, Literal::Text(key) if keys.contains(key));
    Ok(wanted.iter().all(known) && (wanted.is_empty() || keys.len() == wanted.len()))
}

/// The list that follows `name:`, evaluated.
fn bounds(rule: &str, name: &str, across_lines: bool) -> Result<Vec<Literal>, PythonError> {
    let argument = match across_lines {
        true => list_across(rule, name),
        false => super::argument::list_within(rule, name),
    };
    match evaluate(argument.ok_or(PythonError::Index("list"))?)? {
        Literal::List(bounds) => Ok(bounds),
        _ => Err(PythonError::Type("bounds are no list")),
    }
}

/// Whether the first bound is at most `value` and the second at least; the second is looked at only then.
fn within(value: f64, bounds: &[Literal]) -> Outcome {
    let bound = |place: usize| match bounds.get(place) {
        Some(Literal::Number(bound)) => Ok(*bound),
        Some(_) => Err(PythonError::Type("a bound is no number")),
        None => Err(PythonError::Index("list")),
    };
    Ok(value >= bound(0)? && value <= bound(1)?)
}
