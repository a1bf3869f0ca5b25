//! Every key that is read: name, type, default, range and meaning.
//!
//! The struct, its reader, the checks of single values, `trace-train keys` and the tables of `docs/configuration.md`
//! come from here. A new key is one entry, and its use in `crate::config`.

use super::values::{BadRows, Decoding, Interval, Range, Resume, Tuning};
use super::{Notice, Problem};
use crate::schedule::LrScheduleKind;
use crate::step::GroupPasses;
use iopo_data::{LengthPolicy, RenderTime, Template, UnknownLabels};

const POSITIVE: Range = Range::new("a positive number", |x| x > 0.0);
const NOT_NEGATIVE: Range = Range::new("0 or more", |x| x >= 0.0);
const ONE_OR_MORE: Range = Range::new("1 or more", |x| x >= 1.0);
const TWO_OR_MORE: Range = Range::new("2 or more", |x| x >= 2.0);
const SAMPLES: Range = Range::new("from 1 to 10000", |x| (1.0..=1e4).contains(&x));
const SHARE: Range = Range::new("between 0 and 1", |x| (0.0..=1.0).contains(&x));
const BELOW_ONE: Range = Range::new("in [0, 1)", |x| (0.0..1.0).contains(&x));
const BELOW_HALF: Range = Range::new("in [0, 0.5)", |x| (0.0..0.5).contains(&x));
const MASS: Range = Range::new("above 0 and at most 1", |x| x > 0.0 && x <= 1.0);
const STEPS_OR_NONE: Range = Range::new("1 or more, or -1", |x| x >= 1.0 || x == -1.0);
const ROWS_OR_SHARE: Range =
    Range::new("a share below 1 or a whole number of rows", |x| x >= 0.0 && (x < 1.0 || x.fract() == 0.0));

/// `/// meaning`, then `name: Type = default, in RANGE, shown "default as the table has it";` for each key.
macro_rules! keys {
    ($($section:literal {
        $($(#[doc = $meaning:literal])+
        $key:ident: $type:ty = $default:expr $(, in $range:expr)? $(, shown $shown:literal)?;)+
    })+) => {
        /// The configuration as written, by key. Each value has its type and is in its range; `validate` checks
        /// how they go together.
        ///
        /// Names and defaults are LLaMA-Factory's unless `docs/configuration.md` says otherwise.
        #[derive(Debug, Clone, PartialEq)]
        pub struct TrainArgs {
            /// Where the values come from, for messages.
            pub(crate) origin: String,
            /// Lines about keys that are accepted without meaning.
            pub(crate) notices: Vec<Notice>,
            /// Values outside their ranges and unknown names. Their keys have defaults, and `validate` reports them
            /// together with everything else that is wrong.
            pub(crate) invalid: Vec<Problem>,
            $($($(#[doc = $meaning])+ pub(crate) $key: $type,)+)+
        }

        impl TrainArgs {
            pub(super) fn read(reader: &mut super::reader::Reader) -> Self {
                $($(let $key = reader.read::<$type>(
                    stringify!($key),
                    $default,
                    [$($range)?].first().copied().unwrap_or(Range::ANY),
                );)+)+
                Self {
                    origin: String::new(),
                    notices: reader.notices(),
                    invalid: reader.invalid(),
                    $($($key,)+)+
                }
            }

            /// Whether a key has its default; no other key differs from it.
            pub(crate) fn is_default(&self, key: &str) -> bool {
                match key {
                    $($(stringify!($key) => {
                        let default: $type = $default;
                        self.$key == default
                    })+)+
                    _ => true,
                }
            }

            pub(super) fn sections() -> Vec<super::tables::Section> {
                vec![$(super::tables::Section {
                    title: $section,
                    keys: vec![$(super::tables::Key::new::<$type>(
                        stringify!($key),
                        &$default,
                        [$($shown)?].first().copied(),
                        [$($range)?].first().copied().unwrap_or(Range::ANY),
                        concat!($($meaning),+),
                    )),+],
                }),+]
            }
        }
    };
}

keys! {
    "Model" {
        /// the model: a Hugging Face folder; nothing is downloaded
        model_name_or_path: Option<String> = None, shown "– (needed)";
        /// a PEFT folder to start from, such as an SFT adapter; the reference is the policy as it starts, this adapter
        /// included
        adapter_name_or_path: Option<String> = None;
        /// merge that adapter and train a new one on top, instead of training it further
        create_new_adapter: bool = false;
        /// start from new weights, sampled with `seed`; needs `finetuning_type: full`
        train_from_scratch: bool = false;
    }
    "Method" {
        /// the objective
        stage: String = "sft".to_owned(), in Range::note("`sft`, `dpo`, `simpo`, `orpo`, `iopo`");
        /// must be true
        do_train: bool = true;
        /// which parameters are trained
        finetuning_type: Tuning = Tuning::Lora;
        /// inner size of new adapters; at most the larger side of every adapted layer
        lora_rank: usize = 8, in ONE_OR_MORE;
        /// numerator of their scale
        lora_alpha: Option<f64> = None, in POSITIVE, shown "2 · `lora_rank`";
        /// which linear layers get one; `all` is every one but the head
        lora_target: Vec<String> = vec!["all".to_owned()], in Range::note(
            "`all`, or some of `q_proj`, `k_proj`, `v_proj`, `o_proj`, `gate_proj`, `up_proj`, `down_proj`"
        );
        /// scale by `alpha / sqrt(rank)` instead of `alpha / rank`
        use_rslora: bool = false;
        /// β of the preference losses; for ORPO the weight of its odds-ratio term
        pref_beta: f64 = 0.1, in POSITIVE;
        /// which loss of the margin; in stage `dpo`, `simpo` and `orpo` are the stages of these names
        pref_loss: String = "sigmoid".to_owned(), in Range::note(
            "`iopo`: `sigmoid`, `sigmoid_norm`, `hinge`, `ipo`, `robust`, `exo_pair`, `discopop`; `dpo`: also `bco_pair`, \
             `nca_pair`, `sppo_hard`, `apo_zero`, `apo_down`, `simpo`, `orpo`"
        );
        /// weight of the preferred responses' mean negative log-likelihood, added to any preference loss; for IOPO the
        /// sum over both of a group
        pref_ftx: f64 = 0.0, in NOT_NEGATIVE;
        /// SimPO's target margin
        simpo_gamma: Option<f64> = None, in NOT_NEGATIVE, shown "0.5";
        /// share of labels taken as flipped, stage `dpo`; `sigmoid`, `robust` and `exo_pair` only
        dpo_label_smoothing: f64 = 0.0, in BELOW_HALF;
        /// the same, stage `iopo`
        iopo_label_smoothing: f64 = 0.0, in BELOW_HALF;
        /// which preferences of a group enter: both (`full`, Eq. 9–10), those around the first instruction
        /// (`simplified`, Eq. 11), of inputs only (footnote 4) or of outputs only (footnote 5)
        iopo_variant: String = "full".to_owned(), in Range::note("`full`, `simplified`, `input-only`, `output-only`");
        /// leave the reference out of `dpo` and `iopo`
        reference_free: bool = false;
        /// another model as the reference: a Hugging Face folder with the same tokenizer; the first loss need not be
        /// ln 2 then, and is not checked
        ref_model: Option<String> = None, shown "the policy as it starts";
        /// a PEFT folder: the reference is `ref_model`, or without it `model_name_or_path`, with this adapter
        ref_model_adapters: Option<String> = None;
        /// compute the reference's log-probs once, before the first update, and keep them on disk; `false` runs the
        /// reference in every step
        precompute_ref_log_probs: bool = true;
        /// the folder that keeps them
        reference_cache: Option<String> = None, shown "`reference_cache` in `output_dir`";
    }
    "Data" {
        /// names in `dataset_info.json`, or files; one or more
        dataset: Vec<String> = vec![], shown "– (needed)";
        /// the same, to evaluate on; excludes `val_size`
        eval_dataset: Vec<String> = vec![];
        /// where `dataset_info.json` lies, and files that are not found as they are written
        dataset_dir: String = "data".to_owned();
        /// how prompts are rendered: by the tokenizer's own chat template (`chat`), or as LLaMA-Factory's template of
        /// the same name does
        template: Template = Template::Chat;
        /// the date or time in UTC that a chat template prints which asks for it; part of what a resumed run must agree in
        template_date: Option<RenderTime> = None, in Range::note("`2024-07-26` or `2024-07-26T09:30:00Z`"), shown "when the run first started";
        /// longest prompt and response together, in tokens
        cutoff_len: usize = 1_024, in TWO_OR_MORE;
        /// what happens to longer rows; `reference` is the paper's cut
        length_policy: LengthPolicy = LengthPolicy::Drop;
        /// use the first rows of each file only: before anything is split, converted or dropped
        max_samples: Option<usize> = None, in ONE_OR_MORE, shown "all";
        /// hold rows out: a share, rounded up, or a number of rows
        val_size: f64 = 0.0, in ROWS_OR_SHARE;
        /// what happens to rows of this project's own formats whose constraint label names none of the 26 dimensions
        unknown_labels: UnknownLabels = UnknownLabels::Error;
        /// what happens to rows that are broken, or that template or tokenizer refuse: the first one stops the run, or
        /// they are left out and counted; a first row that is no JSON, or of no known format, always stops it
        bad_rows: BadRows = BadRows::Stop;
    }
    "Output" {
        /// where results go; not the folder of the model or adapter itself
        output_dir: Option<String> = None, shown "– (needed)";
        /// replace the results of an earlier run: log, checkpoints, answers (`eval_answers`), adapter or model
        overwrite_output_dir: bool = false;
        /// continue from a checkpoint: its folder, or `true` for the latest in `output_dir`; settings, data and
        /// starting model must be those of its run
        resume_from_checkpoint: Resume = Resume::No;
        /// a line in `trainer_log.jsonl` every so many updates, with means since the last line, and after the last
        /// update
        logging_steps: usize = 10, in ONE_OR_MORE;
        /// when checkpoints are written; the final model always is
        save_strategy: Interval = Interval::Steps;
        /// every so many updates
        save_steps: usize = 500, in ONE_OR_MORE;
        /// how many checkpoints are kept, the newest; the best one stays in addition
        save_total_limit: Option<usize> = None, in ONE_OR_MORE, shown "all";
        /// draw curves at the end
        plot_loss: bool = false;
    }
    "Training" {
        /// examples that go through the model together; a pair or group is one
        per_device_train_batch_size: usize = 8, in ONE_OR_MORE;
        /// such batches in one update
        gradient_accumulation_steps: usize = 1, in ONE_OR_MORE;
        /// tokens that go through the model together: how the examples of an update are split instead
        tokens_per_batch: Option<usize> = None, in ONE_OR_MORE;
        /// whether batches left over at an epoch's end wait for the next epoch
        accumulate_across_epochs: bool = false;
        /// keep only each layer's input and recompute the layer in the backward pass: less memory, one more forward
        /// pass, the same gradient
        gradient_checkpointing: Option<bool> = None, shown "`false`";
        /// the same in the negative, as LLaMA-Factory writes it
        disable_gradient_checkpointing: Option<bool> = None, shown "–";
        /// `two`: an example's sequences first together without a tape, for their loss weights, then one at
        /// a time; the activation memory of a single sequence, the same gradient
        group_passes: GroupPasses = GroupPasses::One;
        /// highest rate of the schedule
        learning_rate: f64 = 5e-5, in POSITIVE;
        /// passes over the data; fractions count
        num_train_epochs: f64 = 3.0, in POSITIVE;
        /// number of updates, instead of epochs; -1 for epochs
        max_steps: i64 = -1, in STEPS_OR_NONE;
        /// shape of the schedule
        lr_scheduler_type: LrScheduleKind = LrScheduleKind::Linear;
        /// share of all updates, rounded up, in which the rate rises from 0; the first of them has rate 0
        warmup_ratio: f64 = 0.0, in SHARE;
        /// the same in updates; overrides `warmup_ratio`
        warmup_steps: usize = 0, in NOT_NEGATIVE;
        /// decoupled decay of AdamW; norms and biases do not decay
        weight_decay: f64 = 0.0, in NOT_NEGATIVE;
        /// decay of the mean of gradients
        adam_beta1: f64 = 0.9, in BELOW_ONE;
        /// decay of the mean of their squares
        adam_beta2: f64 = 0.999, in BELOW_ONE;
        /// added to the root of that mean
        adam_epsilon: f64 = 1e-8, in POSITIVE;
        /// longer gradients are shortened to this; 0 for no limit
        max_grad_norm: f64 = 1.0, in NOT_NEGATIVE;
        /// seed of new weights and adapters, of shuffling and of the split
        seed: u64 = 42, in NOT_NEGATIVE;
        /// frozen weights and activations in bf16; trained weights, log-probs and losses stay f32, and in full
        /// fine-tuning all weights are trained
        bf16: bool = false;
        /// trained weights in bf16 too; small updates are rounded away
        pure_bf16: bool = false;
        /// refused: gradients in fp16 need loss scaling
        fp16: bool = false;
    }
    "Evaluation" {
        /// when held-out rows are evaluated and prompts are answered while training; and after the last update, unless
        /// `no`
        eval_strategy: Option<Interval> = None, shown "`no`";
        /// older name of `eval_strategy`
        evaluation_strategy: Option<Interval> = None, shown "–";
        /// every so many updates
        eval_steps: Option<usize> = None, in ONE_OR_MORE, shown "`logging_steps`";
        /// examples that are evaluated together
        per_device_eval_batch_size: usize = 8, in ONE_OR_MORE;
        /// evaluate before the first update too; that evaluation is logged as update 0, and chooses no model
        eval_on_start: bool = false;
        /// files of prompts that are answered at every evaluation, and whose answers a program checks; held-out rows
        /// are not needed then
        eval_prompts: Vec<String> = vec![];
        /// which answers: the greedy one, sampled ones, or both
        eval_decoding: Decoding = Decoding::Greedy;
        /// most tokens of an answer
        eval_max_new_tokens: usize = 512, in ONE_OR_MORE;
        /// sampled answers for each prompt
        eval_num_samples: usize = 1, in SAMPLES;
        /// temperature of sampled answers
        eval_temperature: f64 = 1.0, in POSITIVE;
        /// mass of the most likely tokens that are sampled from
        eval_top_p: f64 = 1.0, in MASS;
        /// how many of the most likely tokens are sampled from; 0 for all
        eval_top_k: usize = 0, in NOT_NEGATIVE;
        /// seed of sampled answers, the same at every evaluation
        eval_seed: Option<u64> = None, in NOT_NEGATIVE, shown "`seed`";
        /// prompts whose answers are written to `eval_answers`; 0 for none
        eval_log_answers: usize = 16, in NOT_NEGATIVE;
        /// the metric that says which evaluated model is the best, with or without `eval_` before its name: any that
        /// an evaluation logs, such as `eval_rewards/accuracies`
        metric_for_best_model: Option<String> = None, shown "`eval_loss`";
        /// whether more of it is better; without a value `false` for names that end in `loss`, else `true`
        greater_is_better: Option<bool> = None, shown "by the metric";
        /// the final model is the best one evaluated, instead of the last
        load_best_model_at_end: bool = false;
        /// stop after so many *evaluations* in a row without a better model; LLaMA-Factory's name for transformers'
        /// `early_stopping_patience`
        early_stopping_steps: Option<usize> = None, in ONE_OR_MORE;
    }
}

/// Every key at its default.
impl Default for TrainArgs {
    fn default() -> Self {
        Self::read(&mut super::reader::Reader::default())
    }
}
