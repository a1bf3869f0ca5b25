//! A whole bench, as small as possible.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use iopo_lab::{Author, Decoding, Exam, ExamSizes, Lab, METHODS, Method, Recipe, Writing};
use iopo_train::TrainArgs;
use tempfile::tempdir;
use trace_schema::{JsonlReader, PreferenceGroup, PreferencePair};
use trace_world::EvaluationKind;

fn lab(dir: &Path, seed: u64) -> Lab {
    Lab::new(Recipe::smoke(), seed, dir.to_owned(), Device::flex().autodiff()).unwrap()
}

#[test]
fn every_method_trains_from_the_base_model_and_answers() {
    let folder = tempdir().unwrap();
    // A path that a list with commas would split.
    let dir = folder.path().join("a, b");
    let lab = lab(&dir, 1);
    let base = lab.base(&mut ()).unwrap();
    let sft = lab.sft(&base.model, &mut ()).unwrap();
    assert!(sft.best.is_some());
    let (rows, _) = lab.preference_rows(Author::World(&Writing::ORACLE), &dir.join("rows")).unwrap();
    for method in METHODS.iter() {
        let output = dir.join(method.name);
        let tuned = lab.tune(&base.model, &rows, method, "1e-4", &output, &mut ()).unwrap();
        assert_eq!(tuned.steps, 2 * method.steps_factor, "{method}");
        // The configuration beside the results is the whole truth about them.
        let path = output.with_extension("yaml");
        let config = TrainArgs::from_file(&path, &[]).unwrap().validate().unwrap();
        assert!(config.eval_prompts.is_some(), "{method}");
    }
    let judged = lab.examine(&base.model, &lab.test, Decoding::Sampled).unwrap();
    assert_eq!(judged.len(), 12);
    assert_eq!(judged, lab.examine(&base.model, &lab.test, Decoding::Sampled).unwrap());
}

#[test]
fn the_same_seed_gives_the_same_model_and_another_seed_another() {
    let weights = |seed: u64| {
        let dir = tempdir().unwrap();
        let base = lab(dir.path(), seed).base(&mut ()).unwrap();
        fs::read(base.model.join("model.safetensors")).unwrap()
    };
    let first = weights(1);
    assert!(first == weights(1));
    assert!(first != weights(2));
}

#[test]
fn exams_have_the_sizes_asked_for_and_share_no_prompt() {
    let dir = tempdir().unwrap();
    let lab = lab(dir.path(), 1);
    for kind in EvaluationKind::ALL {
        let ids = lab.test.questions.iter().filter(|question| question.kind == kind);
        assert!(ids.clone().all(|question| question.id.starts_with(kind.name())));
        assert_eq!(ids.count(), 3, "{kind:?}");
    }
    let most = lab.recipe().most_constraints;
    for question in &lab.test.questions {
        let constraints = question.task.clauses().len();
        match question.kind {
            EvaluationKind::Single => assert_eq!(constraints, 1),
            EvaluationKind::Multi | EvaluationKind::Pairs => assert!((2..=most).contains(&constraints)),
            EvaluationKind::More => assert!(constraints > most),
        }
    }
    assert!(lab.test.prompts().is_disjoint(&lab.validation.prompts()));
}

#[test]
fn no_training_row_has_a_prompt_of_an_exam() {
    let dir = tempdir().unwrap();
    let mut recipe = Recipe::smoke();
    // So many that chance alone would put some of them among the rows.
    recipe.test.single = 1_500;
    recipe.preference.groups = 300;
    let lab = Lab::new(recipe, 1, dir.path().to_owned(), Device::flex().autodiff()).unwrap();
    let (files, rejections) = lab.preference_rows(Author::World(&Writing::ORACLE), dir.path()).unwrap();
    let exam: BTreeSet<String> = lab.test.prompts();
    let file = |path: &Path| fs::File::open(path).map(std::io::BufReader::new).unwrap();
    let groups = JsonlReader::<_, PreferenceGroup>::new(file(&files.groups), "groups");
    let pairs = JsonlReader::<_, PreferencePair>::new(file(&files.pairs), "pairs");
    let groups: Vec<PreferenceGroup> = groups.map(Result::unwrap).collect();
    let pairs: Vec<PreferencePair> = pairs.map(Result::unwrap).collect();
    assert_eq!((groups.len(), pairs.len()), (300, 300));
    let most = lab.recipe().most_constraints;
    for (group, pair) in groups.iter().zip(&pairs) {
        // The exam with more constraints than in training is about numbers that no row has.
        assert!(group.x1.constraints.len() <= most && group.x2.constraints.len() <= most);
        assert!(!exam.contains(&group.x1.prompt()) && !exam.contains(&group.x2.prompt()));
        assert_eq!((&group.x1, &group.y1), (&pair.instruction, &pair.chosen));
    }
    assert!(rejections.of(trace_world::Rejection::InEvaluation) > 0);
}

#[test]
fn answers_of_the_responder_follow_every_question() {
    let dir = tempdir().unwrap();
    let lab = lab(dir.path(), 1);
    let mut rng = trace_world::world_rng(7, 0);
    let respond = |exam: &Exam, rng: &mut _| exam.questions.iter().map(|q| q.task.respond(rng)).collect();
    let answers: Vec<String> = respond(&lab.test, &mut rng);
    assert!(lab.test.judge(answers).iter().all(|row| row.followed() == Some(true)));
    let silence = vec![String::new(); lab.test.questions.len()];
    assert!(lab.test.judge(silence).iter().all(|row| row.followed() == Some(false)));
}

#[test]
fn without_validation_rows_nothing_is_validated_and_the_last_update_is_kept() {
    let dir = tempdir().unwrap();
    let recipe = Recipe { validation: ExamSizes::NONE, ..Recipe::smoke() };
    let lab = Lab::new(recipe, 1, dir.path().to_owned(), Device::flex().autodiff()).unwrap();
    let base = lab.base(&mut ()).unwrap();
    let (rows, _) = lab.preference_rows(Author::World(&Writing::ORACLE), &dir.path().join("rows")).unwrap();
    let output = dir.path().join("out");
    let method = Method::from_name("iopo").unwrap();
    let tuned = lab.tune(&base.model, &rows, &method, "1e-4", &output, &mut ()).unwrap();
    assert_eq!((tuned.steps, tuned.best, tuned.model), (2, None, output));
    assert!(tuned.log.iter().all(|entry| entry.get("eval_if").is_none()));
    assert!(!dir.path().join("validation.jsonl").exists());
}

#[test]
fn a_method_that_only_harms_returns_its_start() {
    let dir = tempdir().unwrap();
    let lab = lab(dir.path(), 1);
    let base = lab.base(&mut ()).unwrap();
    let (rows, _) = lab.preference_rows(Author::World(&Writing::ORACLE), &dir.path().join("rows")).unwrap();
    let method = Method::from_name("iopo").unwrap();
    // A model of two updates follows nothing, and so does what a wild learning rate makes of it.
    let tuned = lab.tune(&base.model, &rows, &method, "1.0e-2", &dir.path().join("out"), &mut ()).unwrap();
    assert_eq!(tuned.best.map(|(step, _)| step), Some(0));
    assert_eq!(tuned.model, base.model);
}
