//! Jinja source as a program that cannot take the machine.
//!
//! A template comes from a stranger's folder and is run for every row. The engine counts instructions, but one
//! instruction may double a text, compare two large values or fill memory, and its parser recurses without limit in
//! some places. So the source is checked before it is parsed, and every instruction that may work long or make much
//! gets guards beside it, which spend a budget (see [`limits`](super::limits)).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use minijinja::machinery::{self, CompiledTemplate, Instruction, Instructions, TemplateConfig, Token};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind};

use super::limits::{FACTOR, IDENTITY, MADE, PLAIN, READ, SLICED, TOUCHED};

const NAME: &str = "chat_template";

/// The longest template of a released model has some 30 KiB.
const MOST_SOURCE: usize = 1 << 20;

/// Tokens of one tag: its expression is nested no deeper, whatever it is made of.
const MOST_TOKENS: usize = 2_048;

/// The parser goes one level deeper for each of them.
const MOST_ELIFS: usize = 512;

/// Enough for an expression of [`MOST_TOKENS`] levels in a build without optimisation.
const STACK: usize = 64 << 20;

/// A template, ready to be rendered.
#[derive(Debug)]
pub(super) struct Program {
    compiled: CompiledTemplate<'static>,
}

impl Program {
    /// Parses a template, on a thread whose stack is large enough for whatever passes the checks.
    ///
    /// # Errors
    /// A template that is not Jinja, and one that is larger or more deeply nested than templates are.
    pub(super) fn compile(source: &str) -> Result<Self, Error> {
        let thread = thread::Builder::new().name(NAME.to_owned()).stack_size(STACK);
        thread::scope(|scope| {
            let thread = thread.spawn_scoped(scope, || Self::compile_here(source));
            let thread =
                thread.map_err(|error| invalid("no thread can be started to parse it").with_source(error))?;
            thread.join().unwrap_or_else(|_| Err(invalid("the parser of templates failed")))
        })
    }

    fn compile_here(source: &str) -> Result<Self, Error> {
        let syntax_config = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        let checked = checked(source, &syntax_config)?;
        let config = TemplateConfig { syntax_config, default_auto_escape: Arc::new(|_| AutoEscape::None) };
        // Instructions borrow from the source, and both live as long as the encoder's threads: for a program that
        // reads a template or two, to its end.
        let source: &'static str = checked.into_owned().leak();
        let mut compiled = CompiledTemplate::new(NAME, source, &config)?;
        compiled.instructions = guarded(&compiled.instructions)?;
        for block in compiled.blocks.values_mut() {
            *block = guarded(block)?;
        }
        Ok(Self { compiled })
    }

    /// The text of the template under `context`.
    ///
    /// # Errors
    /// What the template refuses, and work or text beyond the limits.
    pub(super) fn render(&self, environment: &Environment<'static>, context: Value) -> Result<String, Error> {
        let Self { compiled } = self;
        let mut text = String::new();
        let mut output = machinery::make_string_output(&mut text);
        let (instructions, blocks) = (&compiled.instructions, &compiled.blocks);
        machinery::eval(environment, instructions, context, blocks, &mut output, AutoEscape::None)?;
        drop(output);
        Ok(text)
    }

    /// Whether the template names a variable or function anywhere.
    pub(super) fn names(&self, name: &str) -> bool {
        let all = [&self.compiled.instructions].into_iter().chain(self.compiled.blocks.values());
        all.flat_map(each).any(|instruction| {
            matches!(instruction, Instruction::Lookup(found) | Instruction::CallFunction(found, _) if *found == name)
        })
    }
}

fn invalid(reason: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::SyntaxError, reason)
}

/// The source, if no tag of it is too long; products are kept from being computed while it is compiled.
fn checked<'s>(source: &'s str, syntax: &SyntaxConfig) -> Result<Cow<'s, str>, Error> {
    if source.len() > MOST_SOURCE {
        return Err(invalid(format!("it has {} bytes; templates have at most {MOST_SOURCE}", source.len())));
    }
    let mut products = Vec::new();
    let (mut tokens, mut elifs) = (0, 0);
    let mut after_opening = false;
    // The parser meets a token that cannot be read at the same place, and says where it is.
    for (token, span) in machinery::tokenize(source, false, syntax.clone()).map_while(Result::ok) {
        let line = span.start_line;
        match token {
            Token::VariableStart | Token::BlockStart | Token::TemplateData(_) => tokens = 0,
            Token::Ident("elif") if tokens == 0 => elifs += 1,
            Token::Mul | Token::Pow if after_opening => {
                return Err(invalid(format!("line {line}: arguments with * are not supported")));
            }
            // The compiler computes with constants, and a product may be a hundred megabytes.
            Token::Mul => products.push(span.start_offset as usize),
            _ => {}
        }
        if !matches!(token, Token::VariableStart | Token::BlockStart) {
            tokens += 1;
        }
        if tokens > MOST_TOKENS || elifs > MOST_ELIFS {
            return Err(invalid(format!(
                "line {line}: a tag has more than {MOST_TOKENS} tokens, or the template more than {MOST_ELIFS} elif"
            )));
        }
        after_opening = matches!(token, Token::ParenOpen | Token::Comma);
    }
    if products.is_empty() {
        return Ok(Cow::Borrowed(source));
    }
    let mut text = String::with_capacity(source.len() + products.len() * (IDENTITY.len() + 2));
    let mut copied = 0;
    for offset in products {
        text += source.get(copied..offset).unwrap_or_default();
        text.extend(["|", IDENTITY, " "]);
        copied = offset;
    }
    text += source.get(copied..).unwrap_or_default();
    Ok(Cow::Owned(text))
}

/// The instructions in their order.
fn each<'i>(instructions: &'i Instructions<'static>) -> impl Iterator<Item = &'i Instruction<'static>> {
    (0..).map_while(|index| instructions.get(index))
}

/// The same program with guards beside everything that may work long or make much.
fn guarded(program: &Instructions<'static>) -> Result<Instructions<'static>, Error> {
    let targets: BTreeSet<u32> =
        each(program).filter_map(|instruction| target(&mut instruction.clone()).copied()).collect();
    let mut guarded = Instructions::new(program.name(), program.source());
    let mut places = Vec::new();
    let (mut length, mut constant) = (0, None);
    for (index, instruction) in (0..).zip(each(program)) {
        places.push(length);
        // A constant on top of the stack, if no other path leads here.
        let top = constant.filter(|_| !targets.contains(&index));
        for instruction in with_guards(instruction, top)? {
            length = 1 + match (program.get_span(index), program.get_line(index)) {
                (Some(span), _) => guarded.add_with_span(instruction, span),
                (None, Some(line)) => {
                    guarded.add_with_line(instruction, u16::try_from(line).unwrap_or(u16::MAX))
                }
                (None, None) => guarded.add(instruction),
            };
        }
        constant = match instruction {
            Instruction::LoadConst(value) => Some(value),
            _ => None,
        };
    }
    for index in 0..length {
        if let Some(place) = guarded.get_mut(index).and_then(target) {
            *place = places.get(*place as usize).copied().unwrap_or(length);
        }
    }
    Ok(guarded)
}

/// The place that an instruction names, if it names one.
fn target<'i>(instruction: &'i mut Instruction<'static>) -> Option<&'i mut u32> {
    match instruction {
        Instruction::Iterate(place)
        | Instruction::Jump(place)
        | Instruction::JumpIfFalse(place)
        | Instruction::JumpIfFalseOrPop(place)
        | Instruction::JumpIfTrueOrPop(place)
        | Instruction::BuildMacro(_, place, _) => Some(place),
        _ => None,
    }
}

/// What stands in an instruction's place; `top` is the constant on top of the stack, if one is known to be there.
fn with_guards(
    instruction: &Instruction<'static>,
    top: Option<&Value>,
) -> Result<Vec<Instruction<'static>>, Error> {
    use Instruction as I;
    let call = |guard| I::CallFunction(guard, Some(1));
    let below = |guard| [I::Swap, call(guard), I::Swap];
    let itself = || [instruction.clone()];
    Ok(match instruction {
        // Through the formatter, which counts what is written, also into captures.
        I::EmitRaw(text) => vec![I::LoadConst(Value::from_safe_string((*text).to_owned())), I::Emit],
        // With a constant, it is the constant that limits the work.
        I::Eq | I::Ne | I::Lt | I::Lte | I::Gt | I::Gte if top.is_some() => itself().to_vec(),
        I::Eq | I::Ne | I::Lt | I::Lte | I::Gt | I::Gte | I::In | I::CompareAndPreserve(_) => {
            [&below(READ)[..], &[call(READ)], &itself()].concat()
        }
        I::GetItem if top.is_some_and(|key| key.as_str().is_some()) => itself().to_vec(),
        I::GetItem => [&below(TOUCHED)[..], &itself()].concat(),
        I::PushLoop(_) | I::UnpackList(_) => [call(TOUCHED), instruction.clone()].to_vec(),
        I::Add | I::StringConcat | I::BuildList(_) | I::BuildTuple(_) | I::BuildMap(_) => {
            [instruction.clone(), call(MADE)].to_vec()
        }
        I::Mul => [&below(FACTOR)[..], &[call(FACTOR)], &itself(), &[call(MADE)]].concat(),
        // Four values: unpacked, the last of a list lies deepest.
        I::Slice => vec![I::BuildList(Some(4)), call(SLICED), I::UnpackList(4), I::Slice, call(MADE)],
        I::SetAttr(_) => [&below(PLAIN)[..], &itself()].concat(),
        // `loop.changed` compares with the value before.
        I::CallMethod("changed", Some(2)) => [call(READ), instruction.clone()].to_vec(),
        I::CallMethod("changed", _) => return Err(invalid("loop.changed takes one value")),
        I::UnpackLists(_) | I::MergeKwargs(_) => return Err(invalid("arguments with * are not supported")),
        _ => itself().to_vec(),
    })
}
