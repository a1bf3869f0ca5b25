//! The prompts of the pipeline: templates, built in and overridable file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use iopo_files::read_text;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use sha2::{Digest, Sha256};
use trace_schema::{Constraint, ConstraintDimension, Instruction};
use trace_score::trace::{PromptLanguage, TracePrompts, without_number};

use super::error::PipelineError;
use trace_schema::nearest;

/// The version of the built-in texts. It rises with every change of a word, so that data of different prompts can be distinguished.
pub const PROMPTS_VERSION: u32 = 1;

/// The largest prompt that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The prompts of both languages.
#[derive(Debug)]
pub struct Prompts {
    chinese: LanguagePrompts,
    english: LanguagePrompts,
}

/// The prompts of one language.
#[derive(Debug)]
pub struct LanguagePrompts {
    templates: Environment<'static>,
    trace: TracePrompts,
    /// Texts in force, by file name.
    texts: BTreeMap<String, String>,
    hash: String,
}

impl Prompts {
    /// The built-in prompts; a file in `folder` takes the place of the built-in text of the same name.
    ///
    /// File names are `KIND.LANGUAGE.txt`, with the kinds of [`PromptKind`] and the three of
    /// [`TracePrompts::load`]; languages are `en` and `zh`.
    ///
    /// # Errors
    ///
    /// [`PipelineError::File`] for a file that cannot be read; [`PipelineError::Invalid`] for one that is not a template,
    /// uses an unknown variable, lacks a required one, or does not have the name of a prompt.
    pub fn load(folder: Option<&Path>) -> Result<Self, PipelineError> {
        let prompts = Self {
            chinese: LanguagePrompts::load(PromptLanguage::Chinese, folder)?,
            english: LanguagePrompts::load(PromptLanguage::English, folder)?,
        };
        folder.map_or(Ok(()), |folder| prompts.check_names(folder))?;
        Ok(prompts)
    }

    /// Those of one language.
    pub fn of(&self, language: PromptLanguage) -> &LanguagePrompts {
        match language {
            PromptLanguage::Chinese => &self.chinese,
            PromptLanguage::English => &self.english,
        }
    }

    /// All texts in force, by file name.
    pub fn texts(&self) -> BTreeMap<&str, &str> {
        let texts = self.chinese.texts.iter().chain(&self.english.texts);
        texts.map(|(name, text)| (name.as_str(), text.as_str())).collect()
    }

    /// SHA-256 of each text in hexadecimal digits, by file name.
    pub fn hashes(&self) -> BTreeMap<String, String> {
        self.texts().into_iter().map(|(name, text)| (name.to_owned(), digest([text]))).collect()
    }

    /// A text file that overrides no prompt is a spelling mistake.
    fn check_names(&self, folder: &Path) -> Result<(), PipelineError> {
        let read = |source| PipelineError::File { path: folder.to_owned(), source };
        let texts = self.texts();
        for entry in fs::read_dir(folder).map_err(read)? {
            let name = entry.map_err(read)?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".txt") && !texts.contains_key(name.as_str()) {
                let suggestion = did_you_mean(nearest(&name, texts.keys().copied()));
                let reason = format!("the file takes the place of no prompt{suggestion}");
                return Err(PipelineError::invalid(folder.join(&name).display(), reason));
            }
        }
        Ok(())
    }
}

impl LanguagePrompts {
    fn load(language: PromptLanguage, folder: Option<&Path>) -> Result<Self, PipelineError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        let trace = TracePrompts::load(language, folder)?;
        let mut texts: BTreeMap<String, String> = trace
            .texts()
            .into_iter()
            .map(|(kind, text)| (format!("{kind}.{}.txt", language.code()), text))
            .collect();
        for kind in PromptKind::ALL {
            let name = format!("{}.{}.txt", kind.name(), language.code());
            let text = read(folder, &name)?.unwrap_or_else(|| kind.built_in(language).to_owned());
            let file = folder.map_or_else(|| name.clone(), |folder| folder.join(&name).display().to_string());
            add(&mut templates, *kind, &file, &text)?;
            texts.insert(name, text);
        }
        let hash = digest(texts.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]));
        Ok(Self { templates, trace, texts, hash })
    }

    /// SHA-256 of all texts of this language in hexadecimal digits: what provenance has.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The prompts for judging a response and for checking an instruction.
    pub fn trace(&self) -> &TracePrompts {
        &self.trace
    }

    /// The text of a prompt with its values.
    ///
    /// # Errors
    ///
    /// When a value has no text, which loading has made unlikely.
    pub(super) fn render(&self, kind: PromptKind, values: Value) -> Result<String, PipelineError> {
        let rendered = self.templates.get_template(kind.name()).and_then(|template| template.render(values));
        rendered.map_err(|error| {
            PipelineError::invalid(kind.name(), format!("the prompt cannot be rendered: {error}"))
        })
    }
}

fn read(folder: Option<&Path>, name: &str) -> Result<Option<String>, PipelineError> {
    let Some(file) = folder.map(|folder| folder.join(name)) else { return Ok(None) };
    match read_text(&file, MAX_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PipelineError::File { path: file, source }),
    }
}

/// Adds a template after checking its variables and rendering it once, so that no run stops at a late row.
fn add(
    templates: &mut Environment<'static>,
    kind: PromptKind,
    file: &str,
    text: &str,
) -> Result<(), PipelineError> {
    let syntax =
        |error: minijinja::Error| PipelineError::invalid(file, format!("not a valid template: {error}"));
    templates.add_template_owned(kind.name(), text.to_owned()).map_err(syntax)?;
    let template = templates.get_template(kind.name()).map_err(syntax)?;
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let known: Vec<&str> = kind.needed().iter().chain(kind.optional()).copied().collect();
    if let Some(unknown) = used.iter().find(|name| !known.contains(&name.as_str())) {
        let suggestion = did_you_mean(nearest(unknown, known.iter().copied()));
        let reason = format!(
            "the template uses the variable `{unknown}`, which this prompt does not have; it has {}{suggestion}",
            known.join(", ")
        );
        return Err(PipelineError::invalid(file, reason));
    }
    if let Some(missing) = kind.needed().iter().find(|name| !used.contains(**name)) {
        let reason = format!("the template does not use the variable `{missing}`");
        return Err(PipelineError::invalid(file, reason));
    }
    template.render(sample()).map_err(syntax)?;
    Ok(())
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        // With the length in front, no two lists of texts are the same bytes.
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    base16ct::lower::encode_string(&hasher.finalize())
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident: $name:literal, needs $needed:expr, may have $optional:expr;)+) => {
        /// A prompt of the pipeline's own. Those for judging are [`TracePrompts`](trace_score::trace::TracePrompts).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum PromptKind {
            $($(#[$doc])* $variant,)+
        }

        impl PromptKind {
            /// All of them, in the order of the pipeline.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The first part of the file name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Variables without which the prompt would not say what it is about.
            pub const fn needed(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => $needed,)+
                }
            }

            /// Variables that a template may use besides.
            pub const fn optional(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => $optional,)+
                }
            }

            pub(crate) const fn built_in(self, language: PromptLanguage) -> &'static str {
                match (self, language) {
                    $(
                        (Self::$variant, PromptLanguage::English) => {
                            include_str!(concat!("prompts/", $name, ".en.txt"))
                        }
                        (Self::$variant, PromptLanguage::Chinese) => {
                            include_str!(concat!("prompts/", $name, ".zh.txt"))
                        }
                    )+
                }
            }
        }
    };
}

kinds! {
    /// Adds constraints to a simple instruction (Appendix B.1).
    Expansion: "expansion", needs &["instruction", "count", "dimensions"], may have &["input"];
    /// Takes an instruction apart (Appendix B.2).
    Structuring: "structuring", needs &["instruction"], may have &["dimensions"];
    /// Corrects what quality control found (Section 4.1).
    Repair: "repair", needs &["description", "constraints", "input", "faults"], may have &["dimensions"];
    /// Asks for a response (Section 4.1): by default the instruction itself.
    Response: "response", needs &["prompt"], may have &["description", "constraints", "input"];
    /// Asks for a worse response (Appendix C).
    WorseResponse: "worse-response", needs &["description", "constraints", "input", "response"], may have &["prompt"];
    /// Changes constraints (Appendix D, Step 1).
    Perturbation: "perturbation", needs &["description", "constraints", "input", "response", "operation"],
        may have &["dimensions", "prompt"];
    /// Checks the four pairs of a group (Appendix D).
    Rationality: "rationality", needs &["x1", "x2", "y1", "y2"], may have &[];
}

/// The dimensions as templates see them: `name`, `label`, `description` and `type`.
pub(super) fn dimensions(dimensions: &[ConstraintDimension]) -> Value {
    let value = |dimension: &ConstraintDimension| {
        context! {
            name => dimension.name(),
            label => dimension.released_label(),
            description => dimension.description(),
            type => dimension.constraint_type().name(),
        }
    };
    dimensions.iter().map(value).collect()
}

/// The parts of an instruction as templates see them: `description`, `constraints`, `input` and `prompt`.
pub(super) fn parts(instruction: &Instruction) -> Value {
    let constraint = |constraint: &Constraint| {
        context! {
            text => without_number(&constraint.text),
            dimension => constraint.dimension.as_ref().map(|label| label.name()),
        }
    };
    context! {
        description => &instruction.description,
        constraints => instruction.constraints.iter().map(constraint).collect::<Value>(),
        input => instruction.input.as_deref(),
        prompt => instruction.prompt().trim_end_matches('\n'),
    }
}

/// Values for every variable of every prompt, to try templates with.
pub(super) fn sample() -> Value {
    let instruction = Instruction {
        description: "Describe the sea.".to_owned(),
        constraints: vec![Constraint::new("1. Use three words.", ConstraintDimension::Numerical)],
        input: None,
    };
    context! {
        instruction => "Describe the sea.",
        count => 1,
        dimensions => dimensions(&ConstraintDimension::ALL),
        faults => ["none"],
        operation => "ADD",
        response => "Blue, wide, restless.",
        x1 => "x1", x2 => "x2", y1 => "y1", y2 => "y2",
        ..parts(&instruction)
    }
}
