//! The loss that a configuration asks for.

use std::path::PathBuf;

use iopo_loss::{
    DpoLossConfig, DpoLossType, IopoLossConfig, IopoVariant, OrpoLossConfig, PreferenceLink, SftLoss,
    SimpoLossConfig,
};

use super::ReferenceConfig;
use super::checker::{Checker, no_effect};
use crate::args::TrainArgs;
use crate::objective::Objective;

impl Checker {
    pub(super) fn objective(&mut self, args: &TrainArgs) -> Option<Objective> {
        // LLaMA-Factory reaches SimPO and ORPO through the DPO stage's pref_loss.
        let stage = match (args.stage.as_str(), args.pref_loss.as_str()) {
            ("dpo", loss @ ("simpo" | "orpo")) => loss,
            (stage, _) => stage,
        };
        // Ranges and names are checked in every stage: what is wrong is no better for being unused.
        let problems = self.problems.len();
        if !STAGES.contains(&stage) {
            self.unknown_name::<()>("stage", stage, &STAGES.join(", "));
        }
        self.positive("pref_beta", args.pref_beta);
        self.non_negative("pref_ftx", args.pref_ftx);
        let gamma = args.simpo_gamma.unwrap_or(SimpoLossConfig::default().gamma);
        self.non_negative("simpo_gamma", gamma);
        self.below("dpo_label_smoothing", args.dpo_label_smoothing, 0.5, "in [0, 0.5)");
        self.below("iopo_label_smoothing", args.iopo_label_smoothing, 0.5, "in [0, 0.5)");
        let variant = self.named("iopo_variant", &args.iopo_variant, &IOPO_VARIANTS);
        self.pref_loss(args, stage);
        if self.problems.len() > problems {
            // The loss would find the same fault again, without naming its key.
            return None;
        }
        self.unused_loss_keys(args, stage);
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
            no_effect!(
                self,
                args,
                reason,
                [ref_model, ref_model_adapters, precompute_ref_log_probs, reference_cache]
            );
            return ReferenceConfig::default();
        }
        if !args.precompute_ref_log_probs {
            no_effect!(self, args, "precompute_ref_log_probs is false", [reference_cache]);
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

    fn unused_loss_keys(&mut self, args: &TrainArgs, stage: &str) {
        let reason = format!("stage {stage} does not use it");
        if stage == "sft" {
            no_effect!(self, args, &reason, [pref_beta, pref_ftx]);
        }
        if !["dpo", "iopo"].contains(&stage) {
            let differs = args.pref_loss != TrainArgs::default().pref_loss && args.pref_loss != stage;
            self.no_effect("pref_loss", differs, &reason);
            no_effect!(self, args, &reason, [reference_free]);
        }
        if stage != "simpo" {
            no_effect!(self, args, &reason, [simpo_gamma]);
        }
        if stage != "dpo" {
            no_effect!(self, args, &reason, [dpo_label_smoothing]);
        }
        if stage != "iopo" {
            no_effect!(self, args, &reason, [iopo_label_smoothing, iopo_variant]);
        }
    }
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

const STAGES: [&str; 5] = ["sft", "dpo", "simpo", "orpo", "iopo"];

const IOPO_VARIANTS: [(&str, IopoVariant); 4] = [
    ("full", IopoVariant::Full),
    ("simplified", IopoVariant::Simplified),
    ("input-only", IopoVariant::InputPreference),
    ("output-only", IopoVariant::OutputPreference),
];
