//! The loss that a configuration asks for.

use std::path::PathBuf;
use std::sync::Arc;

use iopo_loss::{DpoLossType, PreferenceLink, SimpoLossConfig};

use super::ReferenceConfig;
use super::checker::{Checker, no_effect};
use crate::args::TrainArgs;
use crate::objective::{IOPO_VARIANTS, Objective, STAGES, Stage};

impl Checker {
    pub(super) fn objective(&mut self, args: &TrainArgs) -> Option<Arc<dyn Objective>> {
        let problems = self.problems.len();
        // LLaMA-Factory reaches SimPO and ORPO through the DPO stage's pref_loss.
        let by_pref_loss =
            |stage: &Stage| args.stage == "dpo" && stage.is_pref_loss && stage.name == args.pref_loss;
        let stages = || STAGES.iter().copied();
        let stage = stages()
            .find(|stage| by_pref_loss(stage))
            .or_else(|| stages().find(|stage| stage.name == args.stage))
            .or_else(|| self.unknown_name("stage", &args.stage, &STAGES.map(|stage| stage.name).join(", ")));
        // Values are checked in every stage: an invalid value is reported even for an unused key.
        self.positive("pref_beta", args.pref_beta);
        self.non_negative("pref_ftx", args.pref_ftx);
        let gamma = args.simpo_gamma.unwrap_or(SimpoLossConfig::default().gamma);
        self.non_negative("simpo_gamma", gamma);
        self.below("dpo_label_smoothing", args.dpo_label_smoothing, 0.5, "in [0, 0.5)");
        self.below("iopo_label_smoothing", args.iopo_label_smoothing, 0.5, "in [0, 0.5)");
        self.named("iopo_variant", &args.iopo_variant, &IOPO_VARIANTS);
        self.pref_loss(args);
        if self.problems.len() > problems {
            // The loss would report the same problem again, without naming its key.
            return None;
        }
        let stage = stage?;
        self.unused_loss_keys(args, stage);
        self.or_conflict((stage.build)(args))
    }

    /// What the policy is compared with; keys about it are idle where the objective compares with nothing.
    pub(super) fn reference(
        &mut self,
        args: &TrainArgs,
        objective: Option<&dyn Objective>,
    ) -> ReferenceConfig {
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

    fn pref_loss(&mut self, args: &TrainArgs) {
        let name = args.pref_loss.as_str();
        let stages = || STAGES.iter().filter(|stage| stage.is_pref_loss).map(|stage| stage.name);
        let unknown = match args.stage.as_str() {
            "iopo" => name.parse::<PreferenceLink>().err().map(|error| error.known),
            _ if stages().any(|stage| stage == name) => None,
            _ => name
                .parse::<DpoLossType>()
                .err()
                .map(|error| stages().fold(error.known, |known, stage| format!("{known}, {stage}"))),
        };
        if let Some(known) = unknown {
            self.unknown_name::<()>("pref_loss", name, &known);
        }
    }

    fn unused_loss_keys(&mut self, args: &TrainArgs, stage: &Stage) {
        let (defaults, reason) = (TrainArgs::default(), format!("stage {} does not use it", stage.name));
        for (key, differs) in LOSS_KEYS.iter().filter(|(key, _)| !stage.keys.contains(key)) {
            // `stage: simpo` with that name in pref_loss says the same thing twice.
            let is_stage = *key == "pref_loss" && args.pref_loss == stage.name;
            self.no_effect(key, differs(args, &defaults) && !is_stage, &reason);
        }
    }
}

/// Keys of losses, and whether two configurations differ there.
type LossKey = (&'static str, fn(&TrainArgs, &TrainArgs) -> bool);

const LOSS_KEYS: [LossKey; 8] = [
    ("pref_beta", |a, b| a.pref_beta != b.pref_beta),
    ("pref_ftx", |a, b| a.pref_ftx != b.pref_ftx),
    ("pref_loss", |a, b| a.pref_loss != b.pref_loss),
    ("reference_free", |a, b| a.reference_free != b.reference_free),
    ("simpo_gamma", |a, b| a.simpo_gamma != b.simpo_gamma),
    ("dpo_label_smoothing", |a, b| a.dpo_label_smoothing != b.dpo_label_smoothing),
    ("iopo_label_smoothing", |a, b| a.iopo_label_smoothing != b.iopo_label_smoothing),
    ("iopo_variant", |a, b| a.iopo_variant != b.iopo_variant),
];
