//! A bench: from random weights to a base model, to a supervised model, and to what a method makes of either.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;
use iopo_answer::Respondent;
use iopo_data::{Template, TokenizerTraining, train_tokenizer};
use iopo_files::unfinished_folder;
use iopo_model::{CausalLm, Precision, families::qwen2, load_model};
use iopo_train::{OWNER, Observer};
use trace_schema::{CompletionRow, EvalRow};
use trace_score::Judged;
use trace_world::{CountDistribution, Rejections, TaskSampler, WorldRng, world_rng};

use crate::answer::{Decoding, MAX_NEW_TOKENS, answers};
use crate::error::LabError;
use crate::exam::{Exam, Question};
use crate::files::write_rows;
use crate::method::{Method, Rows};
use crate::recipe::{Recipe, SupervisedStage, Writing};
use crate::rows::{PreferenceRows, Reserved, supervised_rows};
use crate::stage::{Stage, Trained};

/// Streams of the world's random numbers, one for each purpose.
mod stream {
    pub const TEST: u64 = 0;
    pub const VALIDATION: u64 = 1;
    pub const BASE: u64 = 2;
    pub const SFT: u64 = 3;
    pub const PREFERENCE: u64 = 4;
}

/// Who writes preference rows.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// A writer and a judge of the world.
    World(&'a Writing),
    /// The model in a folder.
    Model(&'a Path),
}

/// Files of preference rows.
#[derive(Debug, Clone)]
pub struct PreferenceFiles {
    /// Groups.
    pub groups: PathBuf,
    /// Pairs.
    pub pairs: PathBuf,
}

impl PreferenceFiles {
    /// The files in a folder.
    #[must_use]
    pub fn in_dir(dir: &Path) -> Self {
        Self { groups: dir.join("groups.jsonl"), pairs: dir.join("pairs.jsonl") }
    }
}

/// A bench: its recipe, its seed, its folder, and its exams.
#[derive(Debug, Clone)]
pub struct Lab {
    recipe: Recipe,
    seed: u64,
    dir: PathBuf,
    device: Device,
    sampler: TaskSampler,
    /// Rows that results are about.
    pub test: Exam,
    /// Rows on which steps and learning rates are chosen.
    pub validation: Exam,
}

impl Lab {
    /// A bench in a folder; `seed` decides rows, weights and shuffling.
    ///
    /// # Errors
    /// A recipe whose constraints cannot be sampled.
    pub fn new(recipe: Recipe, seed: u64, dir: PathBuf, device: Device) -> Result<Self, LabError> {
        let counts = CountDistribution::up_to(recipe.most_constraints);
        let sampler = TaskSampler::new(counts).dimensions(recipe.dimensions.clone())?;
        let mut rng = world_rng(recipe.exam_seed, stream::TEST);
        let test = Exam::draw(&sampler, &recipe.test, &Reserved::new(), &mut rng)?;
        let mut rng = world_rng(recipe.exam_seed, stream::VALIDATION);
        let validation = Exam::draw(&sampler, &recipe.validation, &test.prompts(), &mut rng)?;
        Ok(Self { recipe, seed, dir, device, sampler, test, validation })
    }

    /// The recipe.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn rng(&self, stream: u64) -> WorldRng {
        world_rng(self.seed, stream)
    }

    fn reserved(&self) -> Reserved {
        let mut prompts = self.test.prompts();
        prompts.append(&mut self.validation.prompts());
        prompts
    }

    /// Trains a tokenizer, and a model from random weights on rows whose writer often ignores constraints: it knows
    /// the skills, and does not always use them.
    ///
    /// # Errors
    /// As [`Stage::run`], and a tokenizer that cannot be trained.
    pub fn base(&self, observer: &mut dyn Observer) -> Result<Trained, LabError> {
        let stage = &self.recipe.base;
        let rows = self.supervised_rows(stage, stream::BASE)?;
        let path = self.dir.join("base.jsonl");
        write_rows(&path, &rows)?;
        let blank = self.dir.join("blank");
        self.blank_model(rows, &blank)?;
        let mut keys = self.supervised_keys(&blank, &path, stage);
        keys.push(("train_from_scratch", "true".to_owned()));
        let comment = "A model from random weights, on rows whose writer often ignores constraints.";
        self.stage("base", comment, keys).run(&self.device, observer)
    }

    /// Trains a model further on rows of a better writer, until validation rows stop improving.
    ///
    /// # Errors
    /// As [`Stage::run`].
    pub fn sft(&self, start: &Path, observer: &mut dyn Observer) -> Result<Trained, LabError> {
        let stage = &self.recipe.sft;
        let path = self.dir.join("sft.jsonl");
        write_rows(&path, &self.supervised_rows(stage, stream::SFT)?)?;
        let mut keys = self.supervised_keys(start, &path, stage);
        keys.extend(self.selection_keys(stage.eval_steps)?);
        let comment = "Supervised training until validation rows stop improving.";
        self.stage("sft", comment, keys).run(&self.device, observer)
    }

    /// Writes groups and pairs.
    ///
    /// # Errors
    /// Rows that cannot be sampled, a model that cannot answer, and files that cannot be written.
    pub fn preference_rows(
        &self,
        author: Author<'_>,
        dir: &Path,
    ) -> Result<(PreferenceFiles, Rejections), LabError> {
        let (rows, reserved) = (self.recipe.preference.groups, self.reserved());
        let mut rng = self.rng(stream::PREFERENCE);
        let found = match author {
            Author::World(writing) => {
                PreferenceRows::written(&self.sampler, writing, &reserved, rows, &mut rng)?
            }
            Author::Model(dir) => {
                let (respondent, model) = (respondent(dir)?, self.load(dir)?);
                PreferenceRows::own_samples(&self.sampler, (&respondent, &model), &reserved, rows, &mut rng)?
            }
        };
        let files = PreferenceFiles::in_dir(dir);
        write_rows(&files.groups, &found.groups)?;
        write_rows(&files.pairs, &found.pairs)?;
        Ok((files, found.rejections))
    }

    /// Trains a method from a model, and keeps the update with the best validation score; 0 is the start. Without
    /// validation rows the last update is kept.
    ///
    /// # Errors
    /// As [`Stage::run`].
    pub fn tune(
        &self,
        start: &Path,
        rows: &PreferenceFiles,
        method: &Method,
        learning_rate: &str,
        output: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Trained, LabError> {
        let stage = &self.recipe.preference;
        let file = match method.rows {
            Rows::Pairs => &rows.pairs,
            Rows::Groups => &rows.groups,
        };
        let steps = stage.steps * method.steps_factor;
        let mut keys = self.keys(start, file);
        keys.extend([
            ("per_device_train_batch_size", (stage.batch_size * method.examples_per_row).to_string()),
            ("max_steps", steps.to_string()),
            ("learning_rate", learning_rate.to_owned()),
            ("lr_scheduler_type", "constant_with_warmup".to_owned()),
            ("warmup_steps", stage.warmup_steps.to_string()),
        ]);
        keys.extend(method.keys.iter().map(|&(key, value)| (key, value.to_owned())));
        if !method.has_own_beta() {
            keys.push(("pref_beta", format!("{:?}", stage.beta)));
        }
        keys.extend(self.selection_keys(stage.eval_steps * method.steps_factor)?);
        let stage = Stage {
            output: output.to_owned(),
            keys: keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            comment: format!("{method}, from {}.", start.display()),
            loss: method.loss.clone(),
        };
        stage.run(&self.device, observer)
    }

    /// Answers of a model to an exam, with verdicts.
    ///
    /// # Errors
    /// Files that cannot be read, and answers that cannot be generated.
    pub fn examine(&self, dir: &Path, exam: &Exam, decoding: Decoding) -> Result<Vec<Judged>, LabError> {
        let tasks = exam.questions.iter().map(|question| &question.task);
        Ok(exam.judge(answers(&respondent(dir)?, &self.load(dir)?, tasks, decoding, self.seed)?))
    }

    fn load(&self, dir: &Path) -> Result<CausalLm, LabError> {
        Ok(load_model(dir, Precision::default(), &self.device.clone().without_autodiff())?.valid())
    }

    fn validation_file(&self) -> Result<PathBuf, LabError> {
        let row = |question: &Question| question.task.to_eval_row(&question.id, question.kind.label());
        let rows = self.validation.questions.iter().map(row).collect::<Result<Vec<EvalRow>, _>>()?;
        let path = self.dir.join("validation.jsonl");
        write_rows(&path, &rows)?;
        Ok(path)
    }

    fn supervised_rows(&self, stage: &SupervisedStage, stream: u64) -> Result<Vec<CompletionRow>, LabError> {
        let rng = &mut self.rng(stream);
        supervised_rows(&self.sampler, &stage.writing, &self.reserved(), stage.rows, rng)
    }

    /// A folder with a tokenizer and `config.json`.
    fn blank_model(&self, rows: Vec<CompletionRow>, dir: &Path) -> Result<(), LabError> {
        let shape = &self.recipe.model;
        let texts = rows.into_iter().flat_map(|row| [row.prompt, row.completion]);
        let training = TokenizerTraining { vocab_size: shape.vocabulary, ..TokenizerTraining::default() };
        let tokenizer = train_tokenizer(texts, &training)?;
        let temporary = unfinished_folder(dir)?;
        tokenizer.write(&temporary)?;
        let sizes = [shape.hidden_size, shape.intermediate_size, shape.layers];
        let heads = [shape.heads, shape.key_value_heads];
        qwen2::of_sizes(tokenizer.vocab_size(), sizes, heads, true).write(&temporary)?;
        fs::create_dir_all(dir).map_err(|source| LabError::File { path: dir.to_owned(), source })?;
        Ok(OWNER.move_files(&temporary, dir, "config.json")?)
    }

    fn keys(&self, start: &Path, rows: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("model_name_or_path", quoted(start)),
            ("finetuning_type", "full".to_owned()),
            // In a list, where a comma in the path separates nothing.
            ("dataset", format!("[{}]", quoted(rows))),
            ("cutoff_len", "512".to_owned()),
            ("overwrite_output_dir", "true".to_owned()),
            ("save_strategy", "'no'".to_owned()),
            ("logging_steps", "10".to_owned()),
            ("seed", self.seed.to_string()),
        ]
    }

    fn supervised_keys(
        &self,
        start: &Path,
        rows: &Path,
        stage: &SupervisedStage,
    ) -> Vec<(&'static str, String)> {
        let mut keys = self.keys(start, rows);
        keys.extend([
            ("stage", "sft".to_owned()),
            ("per_device_train_batch_size", stage.batch_size.to_string()),
            ("num_train_epochs", format!("{:?}", stage.epochs)),
            ("learning_rate", format!("{:e}", stage.learning_rate)),
            ("lr_scheduler_type", stage.schedule.clone()),
            ("warmup_ratio", "0.05".to_owned()),
        ]);
        keys
    }

    /// The update is kept whose answers to validation rows, greedy and sampled, follow the most instructions.
    fn selection_keys(&self, eval_steps: usize) -> Result<Vec<(&'static str, String)>, LabError> {
        if self.validation.questions.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![
            ("eval_strategy", "steps".to_owned()),
            ("eval_steps", eval_steps.to_string()),
            ("eval_on_start", "true".to_owned()),
            ("eval_prompts", format!("[{}]", quoted(&self.validation_file()?))),
            ("eval_decoding", "both".to_owned()),
            ("eval_max_new_tokens", MAX_NEW_TOKENS.to_string()),
            ("eval_seed", "0".to_owned()),
            ("eval_log_answers", "0".to_owned()),
            ("metric_for_best_model", "eval_if".to_owned()),
            ("load_best_model_at_end", "true".to_owned()),
        ])
    }

    fn stage(&self, name: &str, comment: &str, keys: Vec<(&'static str, String)>) -> Stage {
        Stage {
            output: self.dir.join(name),
            keys: keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            comment: comment.to_owned(),
            loss: None,
        }
    }
}

/// A path as a quoted YAML text.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// The tokenizer and chat template of a model's folder.
fn respondent(dir: &Path) -> Result<Respondent, LabError> {
    Ok(Respondent::from_dir(dir, Template::Chat)?)
}
