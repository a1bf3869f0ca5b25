//! The loss that a configuration asks for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use iopo_loss::{DpoLossType, PreferenceLink};

use super::ReferenceConfig;
use super::checker::Checker;
use crate::args::{Problem, TrainArgs};
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
        // Names are checked in every stage: an unknown one is reported even for an unused key.
        self.named("iopo_variant", &args.iopo_variant, &IOPO_VARIANTS);
        self.pref_loss(args);
        let is_invalid = |problem: &Problem| matches!(problem, Problem::OutOfRange { key, .. } if loss_keys().contains(key));
        if self.problems.len() > problems || args.invalid.iter().any(is_invalid) {
            // The loss would report the same problem again, without naming its key.
            return None;
        }
        let stage = stage?;
        self.unused_loss_keys(args, stage);
        self.or_conflict((stage.build)(args))
    }

    /// The reference; its keys have no effect where the objective needs none.
    pub(super) fn reference(
        &mut self,
        args: &TrainArgs,
        objective: Option<&dyn Objective>,
    ) -> ReferenceConfig {
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
        // `stage: simpo` with that name in pref_loss says the same thing twice.
        let is_stage = |key: &str| key == "pref_loss" && args.pref_loss == stage.name;
        let is_unused = |key: &&str| !stage.keys.contains(key) && !is_stage(key);
        let unused: Vec<&str> = loss_keys().into_iter().filter(is_unused).collect();
        self.no_effect(args, &unused, &format!("stage {} does not use it", stage.name));
    }
}

/// Keys of hyper-parameters of any stage.
fn loss_keys() -> BTreeSet<&'static str> {
    STAGES.iter().flat_map(|stage| stage.keys).copied().collect()
}
