//! `trace-train quickstart`: from random weights to IOPO on a world whose every verdict is certain.

mod report;
mod story;
mod systems;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use burn::tensor::Device;
use iopo_lab::{Author, Decoding, Lab, Method, Recipe, Trained, Writing};
use iopo_train::OWNER;
use serde_json::json;
use trace_world::Rejections;

use crate::cli::QuickstartArgs;
use crate::progress::Bar;
use iopo_cli::{note, say};
use systems::{System, Systems};

/// Methods by name, each with the learning rate that `cargo xtask reproduce` chose for it from the base model and right
/// responses: the baseline that is strongest on this bench, IOPO, and IOPO with a likelihood term.
const METHODS: [(&str, &str); 3] = [("sft-star", "3e-4"), ("iopo", "1e-4"), ("iopo-nll", "3e-4")];

/// The results of all stages, for the report and the terminal.
struct Run {
    lab: Lab,
    base: Trained,
    tuned: Vec<(Method, Trained)>,
    rejections: Rejections,
    systems: Systems,
    elapsed: Duration,
}

/// Trains a base model and methods from it, answers held-out instructions with all of them, and prints what changed.
pub fn run(args: &QuickstartArgs) -> Result<()> {
    let path = args.out.join("report.html");
    OWNER.claim([&path], None::<&Path>)?;
    let run = train_all(args, args.device.open()?)?;
    OWNER.write(&path, report::render(&run)?)?;
    if args.json {
        let seconds = run.elapsed.as_secs_f64();
        return say(
            json!({ "seed": args.seed, "seconds": seconds, "systems": run.systems.to_json() }).to_string()
        );
    }
    story::tell(&run, &path)
}

fn train_all(args: &QuickstartArgs, device: Device) -> Result<Run> {
    let started = Instant::now();
    let seed = u64::from(args.seed);
    let recipe = if args.smoke { Recipe::smoke() } else { Recipe::quickstart() };
    let recipe = Recipe { exam_seed: seed, ..recipe };
    let lab = Lab::new(recipe, seed, args.out.clone(), device)?;
    note(format!(
        "1/4 a base model from random weights, on {} rows of a writer who ignores constraints at times",
        lab.recipe().base.rows
    ));
    let base = watched(|bar| lab.base(bar))?;
    note(format!("2/4 {} preference groups and pairs", lab.recipe().preference.groups));
    let (rows, rejections) =
        lab.preference_rows(Author::World(&Writing::ORACLE), &args.out.join("preference"))?;
    let mut tuned = Vec::new();
    for (name, learning_rate) in METHODS {
        let method = Method::from_name(name).with_context(|| format!("{name} is no method"))?;
        note(format!("3/4 {method} from the base model"));
        let output = args.out.join(name);
        let trained = watched(|bar| lab.tune(&base.model, &rows, &method, learning_rate, &output, bar))?;
        tuned.push((method, trained));
    }
    note(format!("4/4 answers to {} instructions that no row had", lab.test.questions.len()));
    let answered = |name: &str, trained: &Trained| -> Result<System> {
        let examine = |decoding| lab.examine(&trained.model, &lab.test, decoding);
        let (greedy, sampled) = (examine(Decoding::Greedy)?, examine(Decoding::Sampled)?);
        Ok(System { name: name.to_owned(), greedy, sampled })
    };
    let mut systems = vec![answered("Base", &base)?];
    for (method, trained) in &tuned {
        systems.push(answered(method.label, trained)?);
    }
    let systems = Systems::of(systems)?;
    Ok(Run { lab, base, tuned, rejections, systems, elapsed: started.elapsed() })
}

fn watched<T>(stage: impl FnOnce(&mut Bar) -> T) -> T {
    let mut bar = Bar::new();
    let result = stage(&mut bar);
    bar.finish();
    result
}
