//! The loss that a configuration asks for.

use std::path::PathBuf;

use iopo_loss::{
    DpoLossConfig, DpoLossType, IopoLossConfig, IopoVariant, OrpoLossConfig, PreferenceLink, SftLoss,
    SimpoLossConfig,
};
use serde_json::{Map, Value, json};

use super::ReferenceConfig;
use super::checker::Checker;
use super::identity::entries;
use crate::args::{Problem, TrainArgs};
use crate::objective::Objective;

impl Checker {
    pub(super) fn objective(&mut self, args: &TrainArgs) -> Option<Objective> {
        // LLaMA-Factory reaches SimPO and ORPO through the DPO stage's pref_loss.
        let stage = match (args.stage.as_str(), args.pref_loss.as_str()) {
            ("dpo", loss @ ("simpo" | "orpo")) => loss,
            (stage, _) => stage,
        };
        // Names are checked in every stage: an unknown one is reported even for an unused key.
        let problems = self.problems.len();
        let keys = self.named("stage", stage, &STAGES);
        let variant = self.named("iopo_variant", &args.iopo_variant, &IOPO_VARIANTS);
        self.pref_loss(args, stage);
        let is_invalid =
            |problem: &Problem| matches!(problem, Problem::OutOfRange { key, .. } if LOSS_KEYS.contains(key));
        if self.problems.len() > problems || args.invalid.iter().any(is_invalid) {
            // The loss would report the same problem again, without naming its key.
            return None;
        }
        let gamma = args.simpo_gamma.unwrap_or(SimpoLossConfig::default().gamma);
        self.unused_loss_keys(args, stage, keys?);
        let built = match stage {
            "sft" => Ok(Objective::Sft(SftLoss)),
            "dpo" => dpo(args)?.init().map(Objective::Dpo),
            "simpo" => SimpoLossConfig { beta: args.pref_beta, gamma, nll_weight: args.pref_ftx }
                .init()
                .map(Objective::Simpo),
            "orpo" => {
                OrpoLossConfig { beta: args.pref_beta, nll_weight: args.pref_ftx }.init().map(Objective::Orpo)
            }
            _ => iopo(args, variant?)?.init().map(Objective::Iopo),
        };
        self.or_conflict(built)
    }

    /// What the policy is compared with; keys about it are idle where the objective compares with nothing.
    pub(super) fn reference(&mut self, args: &TrainArgs, objective: Option<&Objective>) -> ReferenceConfig {
        if objective.is_some_and(|objective| !objective.needs_reference()) {
            let reason = "this objective compares with no reference";
            let keys = ["ref_model", "ref_model_adapters", "precompute_ref_log_probs", "reference_cache"];
            self.no_effect(args, &keys, reason);
            return ReferenceConfig::default();
        }
        if !args.precompute_ref_log_probs {
            self.no_effect(args, &["reference_cache"], "precompute_ref_log_probs is false");
        }
        let path = |text: &Option<String>| text.as_ref().map(PathBuf::from);
        let beside_results =
            || args.output_dir.as_ref().map(|dir| PathBuf::from(dir).join("reference_cache"));
        let cache = path(&args.reference_cache).or_else(beside_results);
        let reference = ReferenceConfig {
            model: path(&args.ref_model),
            adapter: path(&args.ref_model_adapters),
            cache: cache.filter(|_| args.precompute_ref_log_probs),
        };
        if reference.is_another() {
            let key = if reference.model.is_some() { "ref_model" } else { "ref_model_adapters" };
            self.notice(
                key,
                "the reference is not the policy as it starts, so the first loss need not be ln 2, and is not checked",
            );
        }
        reference
    }

    fn pref_loss(&mut self, args: &TrainArgs, stage: &str) {
        let name = args.pref_loss.as_str();
        let unknown = match stage {
            "iopo" => name.parse::<PreferenceLink>().err().map(|error| error.known),
            // `stage: dpo` with one of these names is that stage.
            _ if ["simpo", "orpo"].contains(&name) => None,
            _ => name.parse::<DpoLossType>().err().map(|error| format!("{}, simpo, orpo", error.known)),
        };
        if let Some(known) = unknown {
            self.unknown_name::<()>("pref_loss", name, &known);
        }
    }

    fn unused_loss_keys(&mut self, args: &TrainArgs, stage: &str, used: &[&str]) {
        // `stage: simpo` with that name in pref_loss says the same thing twice.
        let is_stage = |key: &str| key == "pref_loss" && args.pref_loss == stage;
        let unused: Vec<&str> =
            LOSS_KEYS.into_iter().filter(|key| !used.contains(key) && !is_stage(key)).collect();
        self.no_effect(args, &unused, &format!("stage {stage} does not use it"));
    }
}

/// The hyper-parameters of a loss by key.
pub(super) fn identity(objective: &Objective) -> Map<String, Value> {
    entries(match objective {
        Objective::Sft(_) => json!({ "stage": "sft" }),
        Objective::Dpo(loss) => {
            let config = loss.config();
            json!({
                "stage": "dpo",
                "pref_beta": config.beta,
                "pref_loss": config.loss_type.name(),
                "pref_ftx": config.nll_weight,
                "dpo_label_smoothing": config.label_smoothing,
                "reference_free": config.reference_free,
            })
        }
        Objective::Simpo(loss) => {
            let SimpoLossConfig { beta, gamma, nll_weight } = loss.config();
            json!({ "stage": "simpo", "pref_beta": beta, "simpo_gamma": gamma, "pref_ftx": nll_weight })
        }
        Objective::Orpo(loss) => {
            let OrpoLossConfig { beta, nll_weight } = loss.config();
            json!({ "stage": "orpo", "pref_beta": beta, "pref_ftx": nll_weight })
        }
        Objective::Iopo(loss) => {
            let config = loss.config();
            let variant = IOPO_VARIANTS.iter().find(|(_, variant)| *variant == config.variant);
            json!({
                "stage": "iopo",
                "pref_beta": config.beta,
                "pref_loss": config.link.name(),
                "pref_ftx": config.nll_weight,
                "iopo_label_smoothing": config.label_smoothing,
                "iopo_variant": variant.map(|(name, _)| name),
                "reference_free": config.reference_free,
            })
        }
        Objective::Custom(loss) => json!({ "stage": format!("{loss:?}") }),
    })
}

fn dpo(args: &TrainArgs) -> Option<DpoLossConfig> {
    Some(DpoLossConfig {
        beta: args.pref_beta,
        loss_type: args.pref_loss.parse::<DpoLossType>().ok()?,
        label_smoothing: args.dpo_label_smoothing,
        nll_weight: args.pref_ftx,
        reference_free: args.reference_free,
        ..DpoLossConfig::default()
    })
}

fn iopo(args: &TrainArgs, variant: IopoVariant) -> Option<IopoLossConfig> {
    Some(IopoLossConfig {
        beta: args.pref_beta,
        variant,
        link: args.pref_loss.parse::<PreferenceLink>().ok()?,
        label_smoothing: args.iopo_label_smoothing,
        nll_weight: args.pref_ftx,
        reference_free: args.reference_free,
    })
}

/// Keys of hyper-parameters.
const LOSS_KEYS: [&str; 8] = [
    "pref_beta",
    "pref_ftx",
    "pref_loss",
    "reference_free",
    "simpo_gamma",
    "dpo_label_smoothing",
    "iopo_label_smoothing",
    "iopo_variant",
];

/// Every stage, and those of the keys that it uses.
const STAGES: [(&str, &[&str]); 5] = [
    ("sft", &[]),
    ("dpo", &["pref_beta", "pref_ftx", "pref_loss", "reference_free", "dpo_label_smoothing"]),
    ("simpo", &["pref_beta", "pref_ftx", "simpo_gamma"]),
    ("orpo", &["pref_beta", "pref_ftx"]),
    (
        "iopo",
        &["pref_beta", "pref_ftx", "pref_loss", "reference_free", "iopo_label_smoothing", "iopo_variant"],
    ),
];

const IOPO_VARIANTS: [(&str, IopoVariant); 4] = [
    ("full", IopoVariant::Full),
    ("simplified", IopoVariant::Simplified),
    ("input-only", IopoVariant::InputPreference),
    ("output-only", IopoVariant::OutputPreference),
];
