//! What a rendering may spend: steps, text read, text and values made, nesting.
//!
//! Every value is measured when it is made, so that values are never nested deeper than [`MOST_NESTED`], hold no
//! namespace, which could change later or hold itself, and are lists where they would be lazy. Whatever reads a value
//! pays for its size, and whatever makes one pays more. A filter or method that may make much more than it is given
//! says beforehand how much.

use minijinja::value::{Kwargs, ObjectRepr, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, Output, State, escape_formatter, filters, functions, tests};
use minijinja_contrib::pycompat::unknown_method_callback;

/// Instructions of one rendering. Released templates need some hundred for each message.
const MOST_STEPS: u64 = 10_000_000;

/// What every rendering may spend: a byte that is read costs 1, which is about a nanosecond's work. At most 64 MiB are
/// made for it.
const BUDGET: u64 = 1 << 30;

/// What it may spend besides, for each byte of the conversation.
const BUDGET_PER_BYTE: u64 = 1_000;

/// The price of a byte that is made.
const MAKING: u64 = 16;

/// The price of looking at a value of a list or mapping.
const VALUE: u64 = 32;

/// The price of a call besides that of what it reads and makes.
const CALL: u64 = 256;

/// Bytes of an entry of a list.
const ENTRY: u64 = 32;

/// Lists in lists in lists.
const MOST_NESTED: u32 = 200;

/// Values in a value, those in its values included. A list of one list that is in it twice, and so on, has a billion
/// after thirty steps.
const MOST_VALUES: u64 = 1 << 20;

/// Macros and blocks in one another, which take native stack; a macro counts four.
const MOST_RECURSION: usize = 200;

/// A width or precision in a format; text is padded to some columns.
const MOST_WIDTH: u64 = 10_000;

/// Guards, by names that a template cannot write.
pub(super) const MADE: &str = "%made";
pub(super) const READ: &str = "%read";
pub(super) const TOUCHED: &str = "%touched";
pub(super) const FACTOR: &str = "%factor";
pub(super) const SLICED: &str = "%sliced";
pub(super) const PLAIN: &str = "%plain";
/// The bytes of the conversation, in a template's context.
pub(super) const INPUT: &str = "%input";
/// A filter that gives what it is given. The compiler does not compute with what comes out of a filter.
pub(super) const IDENTITY: &str = "as_it_is";

/// What is left of a rendering's budget.
struct Budget(u64);

/// How much a value is when it is written out.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    bytes: u64,
    values: u64,
    depth: u32,
}

/// What a filter, test, function or method costs before it is called.
#[derive(Clone, Copy)]
enum Price {
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

/// Puts limits on everything that a template can use, and takes away what a chat template has no use for.
pub(super) fn limit(environment: &mut Environment<'static>) {
    environment.set_debug(false);
    environment.set_fuel(Some(MOST_STEPS));
    environment.set_recursion_limit(MOST_RECURSION);
    environment.set_formatter(write);
    environment.remove_global("debug");
    for unused in ["pprint", "urlencode"] {
        environment.remove_filter(unused);
    }
    environment.add_filter(IDENTITY, |value: Value| value);
    environment.add_function(MADE, made);
    environment.add_function(READ, read);
    environment.add_function(TOUCHED, touched);
    environment.add_function(FACTOR, factor);
    environment.add_function(SLICED, sliced);
    environment.add_function(PLAIN, plain);
    for (name, function, price) in known_filters() {
        let guarded = move |state: &mut State, args: Arguments| call(state, &function, price, args);
        environment.add_filter(name, guarded);
    }
    for (name, function, price) in known_tests() {
        let guarded = move |state: &mut State, args: Arguments| call(state, &function, price, args);
        environment.add_test(name, guarded);
    }
    for (name, function) in [
        ("range", Value::from_function(functions::range)),
        ("dict", Value::from_function(functions::dict)),
        ("namespace", Value::from_function(functions::namespace)),
    ] {
        let guarded = move |state: &mut State, args: Arguments| call(state, &function, Price::Read(1), args);
        environment.add_function(name, guarded);
    }
    environment.set_unknown_method_callback(|state, value, method, args| {
        let all = [std::slice::from_ref(value), args].concat();
        pay(state, price_of_method(value, method), &all)?;
        let result = unknown_method_callback(state, value, method, args)?;
        made(state, result)
    });
}

fn budget<'s>(state: &'s mut State) -> &'s mut Budget {
    let input = match state.get_extension::<Budget>() {
        Some(_) => 0,
        None => state.lookup(INPUT).and_then(|bytes| bytes.as_usize()).unwrap_or(0) as u64,
    };
    let all = BUDGET.saturating_add(input.saturating_mul(BUDGET_PER_BYTE));
    state.get_or_insert_extension_with(|| Budget(all))
}

fn left(state: &mut State) -> u64 {
    budget(state).0
}

fn spend(state: &mut State, price: u64) -> Result<(), Error> {
    let budget = budget(state);
    match budget.0.checked_sub(price) {
        Some(left) => {
            budget.0 = left;
            Ok(())
        }
        None => Err(too_much()),
    }
}

fn too_much() -> Error {
    let limit = (BUDGET / MAKING) >> 20;
    let reason =
        format!("it makes more than {limit} MiB for one conversation, or takes as long as that would");
    Error::new(ErrorKind::OutOfFuel, reason)
}

fn holds_namespace() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a namespace cannot be kept in a list, a mapping or a namespace")
}

/// Positional arguments, and named ones as the last.
type Arguments = Rest<ValueOrKwargs>;

fn call(state: &mut State, function: &Value, price: Price, args: Arguments) -> Result<Value, Error> {
    let args = args.into_values();
    pay(state, price, &args)?;
    let result = function.call(state, &args)?;
    made(state, result)
}

fn pay(state: &mut State, price: Price, args: &[Value]) -> Result<(), Error> {
    let price = price.of(args, left(state))?;
    spend(state, price.saturating_add(CALL))
}

fn read(state: &mut State, value: Value) -> Result<Value, Error> {
    pay(state, Price::Read(1), std::slice::from_ref(&value))?;
    Ok(value)
}

fn touched(state: &mut State, value: Value) -> Result<Value, Error> {
    spend(state, CALL + touch(&value))?;
    Ok(value)
}

/// The four operands of a slice in the reverse order, after the text that is cut is paid for.
fn sliced(state: &mut State, operands: Value) -> Result<Value, Error> {
    let mut operands: Vec<Value> = operands.try_iter()?.collect();
    spend(state, CALL + operands.first().map_or(0, touch))?;
    operands.reverse();
    Ok(Value::from(operands))
}

/// A value that may be set in a namespace.
fn plain(state: &mut State, value: Value) -> Result<Value, Error> {
    let size = Size::of(&value, left(state))?;
    spend(state, CALL.saturating_add(size.total()))?;
    match is_namespace(&value) {
        true => Err(holds_namespace()),
        false => Ok(value),
    }
}

/// Pays for a value that was just made; one that would be computed anew at every use becomes a list.
fn made(state: &mut State, value: Value) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        spend(state, CALL + MAKING * text.len() as u64)?;
        return Ok(value);
    }
    let value = match value.kind() {
        ValueKind::Iterable => {
            let most = MOST_VALUES.min(left(state) / (MAKING * ENTRY));
            let mut items = Vec::new();
            for item in value.try_iter()?.checked() {
                if items.len() as u64 >= most {
                    return Err(too_much());
                }
                items.push(item?);
            }
            Value::from(items)
        }
        _ => value,
    };
    let size = Size::of(&value, left(state))?;
    let entries = value.as_object().and_then(|_| value.len()).unwrap_or(0) as u64;
    spend(state, CALL + VALUE * size.values + MAKING * ENTRY * entries)?;
    Ok(value)
}

/// A tuple is repeated at once, a list as it is read.
fn factor(value: Value) -> Result<Value, Error> {
    match value.is_tuple() {
        true => Err(Error::new(ErrorKind::InvalidOperation, "a tuple cannot be multiplied")),
        false => Ok(value),
    }
}

/// Writes a value as Jinja does, and pays for it.
fn write(output: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let bytes = match value.as_str() {
        Some(text) => text.len() as u64,
        None => {
            let Size { bytes, values, .. } = Size::of(value, left(state))?;
            bytes.saturating_mul(2).saturating_add(values * ENTRY)
        }
    };
    spend(state, CALL.saturating_add(bytes.saturating_mul(MAKING)))?;
    escape_formatter(output, state, value)
}

/// The bytes of a text; a list or mapping is not looked through.
fn touch(value: &Value) -> u64 {
    1 + value.as_str().map_or(0, |text| text.len() as u64)
}

fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

impl Size {
    /// The size of a value, if it is not above `most`.
    fn of(value: &Value, most: u64) -> Result<Self, Error> {
        let mut size = Self::default();
        size.add(value, 0, most)?;
        Ok(size)
    }

    fn add(&mut self, value: &Value, depth: u32, most: u64) -> Result<(), Error> {
        self.values += 1;
        self.depth = self.depth.max(depth);
        let bytes = value.as_str().map(str::len).or_else(|| value.as_bytes().map(<[u8]>::len));
        self.bytes = self.bytes.saturating_add(bytes.unwrap_or(0) as u64);
        if self.total() > most || self.values > MOST_VALUES {
            return Err(too_much());
        }
        let Some(object) = value.as_object() else { return Ok(()) };
        if depth >= MOST_NESTED {
            let reason = format!("values are nested more than {MOST_NESTED} deep");
            return Err(Error::new(ErrorKind::InvalidOperation, reason));
        }
        if depth > 0 && is_namespace(value) {
            return Err(holds_namespace());
        }
        match object.repr() {
            ObjectRepr::Map => {
                for (key, value) in object.try_iter_pairs().into_iter().flatten() {
                    self.add(&key, depth + 1, most)?;
                    self.add(&value, depth + 1, most)?;
                }
            }
            ObjectRepr::Seq | ObjectRepr::Iterable => {
                for value in object.try_iter().into_iter().flatten() {
                    self.add(&value, depth + 1, most)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn total(self) -> u64 {
        self.bytes.saturating_add(self.values.saturating_mul(VALUE))
    }
}

impl Price {
    /// What a call with these arguments costs, of which `left` is there.
    fn of(self, args: &[Value], left: u64) -> Result<u64, Error> {
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

type Known = (&'static str, Value, Price);

/// The engine's filters with their prices. The others of the engine are left out.
fn known_filters() -> Vec<Known> {
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
fn known_tests() -> Vec<Known> {
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
fn price_of_method(value: &Value, method: &str) -> Price {
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
