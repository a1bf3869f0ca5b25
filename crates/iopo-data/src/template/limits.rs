//! What a rendering may spend: steps, text read, text and values made, nesting.
//!
//! Every value is measured when it is made, so that values are never nested deeper than [`MOST_NESTED`], hold no
//! namespace, which could change later or hold itself, and are lists where they would be lazy. Whatever reads a value
//! pays for its size, and whatever makes one pays more. A filter or method that may make much more than it is given
//! says beforehand how much: see [`prices`](super::prices).

use minijinja::value::{ObjectRepr, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, Output, State, escape_formatter, functions};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::prices::{Price, known_filters, known_tests, price_of_method, touch};

/// Instructions of one rendering. Released templates need some hundred for each message.
const MOST_STEPS: u64 = 10_000_000;

/// What every rendering may spend: a byte that is read costs 1, which is about a nanosecond's work. At most 64 MiB are
/// made for it.
pub(super) const BUDGET: u64 = 1 << 30;

/// What it may spend besides, for each byte of the conversation.
const BUDGET_PER_BYTE: u64 = 1_000;

/// The price of a byte that is made.
pub(super) const MAKING: u64 = 16;

/// The price of looking at a value of a list or mapping.
const VALUE: u64 = 32;

/// The price of a call besides that of what it reads and makes.
const CALL: u64 = 256;

/// Bytes of an entry of a list.
pub(super) const ENTRY: u64 = 32;

/// Lists in lists in lists.
const MOST_NESTED: u32 = 200;

/// Values in a value, those in its values included. A list of one list that is in it twice, and so on, has a billion
/// after thirty steps.
const MOST_VALUES: u64 = 1 << 20;

/// Macros and blocks in one another, which take native stack; a macro counts four.
const MOST_RECURSION: usize = 200;

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

/// How much a value is when it is written out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) bytes: u64,
    pub(super) values: u64,
    pub(super) depth: u32,
}

/// What is left of a rendering's budget.
struct Budget(u64);

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

fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

impl Size {
    /// The size of a value, if it is not above `most`.
    pub(super) fn of(value: &Value, most: u64) -> Result<Self, Error> {
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

    pub(super) fn total(self) -> u64 {
        self.bytes.saturating_add(self.values.saturating_mul(VALUE))
    }
}
