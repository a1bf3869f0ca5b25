//! What filters, tests and methods cost before they are called.

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, filters, tests};

use super::limits::{BUDGET, ENTRY, MAKING, Size};

/// A width or precision in a format; text is padded to some columns.
const MOST_WIDTH: u64 = 10_000;

/// What a filter, test, function or method costs before it is called.
#[derive(Clone, Copy)]
pub(super) enum Price {
    /// The same for lists of any length; a text is looked through.
    Touch,
    /// So many times what its arguments are.
    Read(u64),
    /// A list of what it is given: a text falls into many small ones.
    List,
    /// It looks at each value once for every other.
    Square,
    /// So many bytes are made.
    Make(fn(&[Value]) -> u64),
}

/// The bytes of a text; a list or mapping is not looked through.
pub(super) fn touch(value: &Value) -> u64 {
    1 + value.as_str().map_or(0, |text| text.len() as u64)
}

impl Price {
    /// What a call with these arguments costs, of which `left` is there.
    pub(super) fn of(self, args: &[Value], left: u64) -> Result<u64, Error> {
        let total = || {
            args.iter().try_fold(0_u64, |total, value| {
                Ok::<_, Error>(total.saturating_add(Size::of(value, left)?.total()))
            })
        };
        Ok(match self {
            Self::Touch => args.iter().map(touch).sum(),
            Self::Read(times) => total()?.saturating_mul(times),
            Self::List => args
                .iter()
                .map(|value| match value.as_str() {
                    Some(text) => (text.len() as u64).saturating_mul(4 * ENTRY),
                    None => (value.len().unwrap_or(0) as u64).saturating_mul(MAKING),
                })
                .fold(1, u64::saturating_add),
            Self::Square => {
                let total = total()?;
                total.saturating_mul(total)
            }
            Self::Make(bytes) => total()?.saturating_add(bytes(args).saturating_mul(MAKING)),
        })
    }
}

pub(super) type Known = (&'static str, Value, Price);

/// The engine's filters with their prices. The others of the engine are left out.
pub(super) fn known_filters() -> Vec<Known> {
    use Price::{List, Make, Read, Square, Touch};
    vec![
        ("abs", Value::from_function(filters::abs), Touch),
        ("attr", Value::from_function(filters::attr), Touch),
        ("batch", Value::from_function(filters::batch), Make(entries)),
        ("bool", Value::from_function(filters::bool), Touch),
        ("capitalize", Value::from_function(filters::capitalize), Read(8)),
        ("chain", Value::from_function(filters::chain), List),
        ("count", Value::from_function(filters::length), Touch),
        ("d", Value::from_function(filters::default), Touch),
        ("default", Value::from_function(filters::default), Touch),
        ("dictsort", Value::from_function(filters::dictsort), Read(32)),
        ("e", Value::from_function(filters::escape), Read(16)),
        ("escape", Value::from_function(filters::escape), Read(16)),
        ("first", Value::from_function(filters::first), Touch),
        ("float", Value::from_function(filters::float), Touch),
        ("format", Value::from_function(filters::format), Make(formatted)),
        ("groupby", Value::from_function(filters::groupby), Read(32)),
        ("indent", Value::from_function(filters::indent), Make(indented)),
        ("int", Value::from_function(filters::int), Touch),
        ("items", Value::from_function(filters::items), List),
        ("join", Value::from_function(filters::join), Make(joined)),
        ("last", Value::from_function(filters::last), Touch),
        ("length", Value::from_function(filters::length), Touch),
        ("lines", Value::from_function(filters::lines), List),
        ("list", Value::from_function(filters::list), List),
        ("lower", Value::from_function(filters::lower), Read(8)),
        ("map", Value::from_function(filters::map), List),
        ("max", Value::from_function(filters::max), Read(32)),
        ("min", Value::from_function(filters::min), Read(32)),
        ("reject", Value::from_function(filters::reject), List),
        ("rejectattr", Value::from_function(filters::rejectattr), List),
        ("replace", Value::from_function(filters::replace), Make(replaced)),
        ("reverse", Value::from_function(filters::reverse), List),
        ("round", Value::from_function(filters::round), Touch),
        ("safe", Value::from_function(filters::safe), Read(16)),
        ("select", Value::from_function(filters::select), List),
        ("selectattr", Value::from_function(filters::selectattr), List),
        ("slice", Value::from_function(filters::slice), Make(entries)),
        ("sort", Value::from_function(filters::sort), Read(32)),
        ("split", Value::from_function(filters::split), List),
        ("string", Value::from_function(filters::string), Read(16)),
        ("sum", Value::from_function(filters::sum), Square),
        ("title", Value::from_function(filters::title), Read(8)),
        ("tojson", Value::from_function(filters::tojson), Make(as_json)),
        ("trim", Value::from_function(filters::trim), Read(2)),
        ("unique", Value::from_function(filters::unique), Read(32)),
        ("upper", Value::from_function(filters::upper), Read(8)),
        ("zip", Value::from_function(filters::zip), List),
    ]
}

/// Tests that look through what they are given; the others ask for its kind.
pub(super) fn known_tests() -> Vec<Known> {
    let read = Price::Read(1);
    let mut known = vec![
        ("endingwith", Value::from_function(tests::is_endingwith), Price::Read(8)),
        ("in", Value::from_function(tests::is_in), Price::Read(8)),
        ("lower", Value::from_function(tests::is_lower), read),
        ("startingwith", Value::from_function(tests::is_startingwith), Price::Read(8)),
        ("upper", Value::from_function(tests::is_upper), read),
    ];
    for (names, function) in [
        (&["eq", "equalto", "=="][..], Value::from_function(tests::is_eq)),
        (&["ne", "!="], Value::from_function(tests::is_ne)),
        (&["lt", "lessthan", "<"], Value::from_function(tests::is_lt)),
        (&["le", "<="], Value::from_function(tests::is_le)),
        (&["gt", "greaterthan", ">"], Value::from_function(tests::is_gt)),
        (&["ge", ">="], Value::from_function(tests::is_ge)),
    ] {
        known.extend(names.iter().map(|name| (*name, function.clone(), read)));
    }
    known
}

/// Python's methods of texts, lists and mappings; the value itself is the first argument.
pub(super) fn price_of_method(value: &Value, method: &str) -> Price {
    match method {
        "format" => Price::Make(formatted),
        // The separator is the text, and the list its argument.
        "join" => Price::Make(|args| {
            let swapped = [args.get(1), args.first()];
            joined(&swapped.map(|value: Option<&Value>| value.cloned().unwrap_or_default()))
        }),
        "replace" => Price::Make(replaced),
        "split" | "splitlines" | "keys" | "values" | "items" => Price::List,
        "count" => Price::Read(1),
        _ if value.as_str().is_some() => Price::Read(8),
        _ => Price::Touch,
    }
}

/// An argument by place or by name.
fn argument(args: &[Value], place: usize, name: &str) -> Option<Value> {
    let named = args.last().filter(|last| last.is_kwargs()).cloned();
    let by_name = || Kwargs::try_from(named.clone()?).ok()?.peek::<Value>(name).ok();
    args.get(place).filter(|value| !value.is_kwargs()).cloned().or_else(by_name)
}

fn number(value: Option<Value>) -> u64 {
    value.and_then(|value| value.as_usize()).unwrap_or(0) as u64
}

fn bytes(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_str).map_or(0, str::len) as u64
}

/// `batch` fills its last part up, and `slice` makes so many parts.
fn entries(args: &[Value]) -> u64 {
    number(argument(args, 1, "")).saturating_mul(ENTRY)
}

fn indented(args: &[Value]) -> u64 {
    let width = number(argument(args, 1, "width"));
    let lines = args.first().and_then(Value::as_str).map_or(0, |text| text.matches('\n').count()) as u64;
    width.saturating_mul(lines.saturating_add(2))
}

fn joined(args: &[Value]) -> u64 {
    let joiner = argument(args, 1, "d");
    let items = args.first().and_then(Value::len).unwrap_or(0) as u64;
    bytes(joiner.as_ref()).saturating_mul(items)
}

fn replaced(args: &[Value]) -> u64 {
    let texts = (args.first().and_then(Value::as_str), args.get(1).and_then(Value::as_str));
    let (Some(text), Some(old)) = texts else { return 0 };
    (text.matches(old).count() as u64).saturating_mul(bytes(args.get(2)))
}

/// Every field may write every argument, in any width that the format names.
fn formatted(args: &[Value]) -> u64 {
    let Some(format) = args.first().and_then(Value::as_str) else { return 0 };
    let numbers = format.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let widest = numbers.map(|digits| digits.parse().unwrap_or(u64::MAX)).max().unwrap_or(0);
    if widest > MOST_WIDTH {
        return u64::MAX;
    }
    let fields = format.matches(['%', '{']).count() as u64;
    let longest =
        args.iter().skip(1).map(|value| Size::of(value, BUDGET).map_or(u64::MAX, Size::total)).max();
    fields.saturating_mul(longest.unwrap_or(0).saturating_mul(8).saturating_add(2 * widest))
}

fn as_json(args: &[Value]) -> u64 {
    let indent = number(argument(args, 1, "indent"));
    let size = args.first().map_or(Ok(Size::default()), |value| Size::of(value, BUDGET)).unwrap_or_default();
    let Size { bytes, values, depth } = size;
    bytes.saturating_mul(6).saturating_add(values.saturating_mul(indent.saturating_mul(u64::from(depth) + 1)))
}
