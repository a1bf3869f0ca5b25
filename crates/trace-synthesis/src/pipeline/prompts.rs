//! The prompts of the pipeline: templates, built in and overridable file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use minijinja::{Environment, UndefinedBehavior, Value};
use sha2::{Digest, Sha256};
use trace_score::trace::{PromptLanguage, TracePrompts};

use super::prompt_error::PromptError;
use super::prompt_kind::{PromptKind, sample};

/// The version of the built-in texts. It rises with every change of a word, so that data can be told apart.
pub const PROMPTS_VERSION: u32 = 1;

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
    /// [`PromptError`] for a file that cannot be read, is no template, uses a variable that there is not, lacks one
    /// that it needs, or has the name of no prompt.
    pub fn load(folder: Option<&Path>) -> Result<Self, PromptError> {
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

    /// A text file that overrides nothing is a spelling mistake.
    fn check_names(&self, folder: &Path) -> Result<(), PromptError> {
        let read = |source| PromptError::Read { file: folder.to_owned(), source };
        let texts = self.texts();
        for entry in fs::read_dir(folder).map_err(read)? {
            let name = entry.map_err(read)?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".txt") && !texts.contains_key(name.as_str()) {
                let known = texts.keys().map(|name| (*name).to_owned()).collect();
                return Err(PromptError::unknown_file(folder.join(&name), &name, known));
            }
        }
        Ok(())
    }
}

impl LanguagePrompts {
    fn load(language: PromptLanguage, folder: Option<&Path>) -> Result<Self, PromptError> {
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
    /// [`PromptError::Render`], which loading has made unlikely.
    pub(super) fn render(&self, kind: PromptKind, values: Value) -> Result<String, PromptError> {
        let rendered = self.templates.get_template(kind.name()).and_then(|template| template.render(values));
        rendered.map_err(|source| PromptError::Render { kind: kind.name(), source })
    }
}

fn read(folder: Option<&Path>, name: &str) -> Result<Option<String>, PromptError> {
    let Some(file) = folder.map(|folder| folder.join(name)) else { return Ok(None) };
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PromptError::Read { file, source }),
    }
}

/// Adds a template after checking its variables and rendering it once, so that no run stops at a late row.
fn add(
    templates: &mut Environment<'static>,
    kind: PromptKind,
    file: &str,
    text: &str,
) -> Result<(), PromptError> {
    let syntax = |source| PromptError::Syntax { file: file.to_owned(), source };
    templates.add_template_owned(kind.name(), text.to_owned()).map_err(syntax)?;
    let template = templates.get_template(kind.name()).map_err(syntax)?;
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let known: Vec<&str> = kind.needed().iter().chain(kind.optional()).copied().collect();
    if let Some(unknown) = used.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(PromptError::unknown_variable(file, unknown, &known));
    }
    if let Some(missing) = kind.needed().iter().find(|name| !used.contains(**name)) {
        return Err(PromptError::MissingVariable { file: file.to_owned(), variable: missing });
    }
    template.render(sample()).map_err(syntax)?;
    Ok(())
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
