//! The report of a study, made from the files that its jobs wrote.

use anyhow::{Result, bail};
use iopo_lab::Decoding;
use trace_score::SeedDifference;
use trace_score::stats::{IntervalConfig, SeedMean};
use trace_world::EvaluationKind;

use super::job::{Job, Regime, Start};
use super::report::{COMPARED, DifferenceInterval, MethodCost, Report, Score, comparisons, label};
use super::results::{Sheet, Tested, Tuned};
use super::store::Store;
use super::study::{Plan, Study, tuning};

/// Reads the results of all jobs.
///
/// # Errors
///
/// A job without a result.
pub fn report(store: &Store, study: &Study) -> Result<Report> {
    let (mut scores, mut intervals) = (Vec::new(), Vec::new());
    for plan in &study.plans {
        let systems = systems(store, study, plan)?;
        scores.extend(systems.iter().flat_map(|system| system.scores(plan.regime)));
        let find = |label: &str| systems.iter().find(|system| system.label == label);
        for (system, other) in comparisons(plan.regime) {
            let Some((first, second)) = find(other).zip(find(system)) else { continue };
            for (kind, decoding) in COMPARED {
                let interval = second.against(first, kind, decoding).crossed_interval;
                intervals.extend(interval.map(|interval| DifferenceInterval {
                    regime: plan.regime,
                    system: system.to_owned(),
                    other: other.to_owned(),
                    part: kind.label().to_owned(),
                    decoding,
                    interval,
                }));
            }
        }
    }
    let cost = |job: Job| match &job {
        Job::Cost { method } => Ok(MethodCost { system: label(method).to_owned(), cost: store.read(&job)? }),
        job => bail!("{} measures no cost", job.name()),
    };
    let costs = study.costs().into_iter().map(cost).collect::<Result<_>>()?;
    Ok(Report { study: study.clone(), scores, intervals, costs })
}

/// One row of a table: a start or a tuned method, over all seeds.
struct System {
    label: String,
    learning_rate: Option<String>,
    best_steps: Vec<usize>,
    tests: Vec<Tested>,
}

/// A regime's systems: the base model, the start where that is another, then the methods in the order of the paper's
/// table.
fn systems(store: &Store, study: &Study, plan: &Plan) -> Result<Vec<System>> {
    let regime = plan.regime;
    let mut systems = vec![start(store, study, Start::Base)?];
    if regime.start() != Start::Base {
        systems.push(start(store, study, regime.start())?);
    }
    for name in &plan.methods {
        let rate = study.chosen_rate(store, regime, name)?;
        let jobs = || study.seeds.iter().map(|&seed| tuning(regime, name, rate, seed));
        let read = |tuning| store.read::<Tuned>(&Job::Tune(tuning));
        let tuned = jobs().map(read).collect::<Result<Vec<_>>>()?;
        systems.push(System {
            label: label(name).to_owned(),
            learning_rate: Some(rate.to_owned()),
            best_steps: tuned.iter().filter_map(|run| run.best.map(|(step, _)| step)).collect(),
            tests: jobs().map(|tuning| store.read(&Job::Test(tuning))).collect::<Result<_>>()?,
        });
    }
    Ok(systems)
}

fn start(store: &Store, study: &Study, start: Start) -> Result<System> {
    let test = |&seed: &u64| store.read(&Job::TestStart { start, seed });
    Ok(System {
        label: start.label().to_owned(),
        learning_rate: None,
        best_steps: Vec::new(),
        tests: study.seeds.iter().map(test).collect::<Result<_>>()?,
    })
}

impl System {
    /// All scores. Only parts with as many constraints as in training have sampled answers.
    fn scores(&self, regime: Regime) -> Vec<Score> {
        let score = |kind: EvaluationKind, decoding| Score {
            regime,
            system: self.label.clone(),
            learning_rate: self.learning_rate.clone(),
            best_steps: self.best_steps.clone(),
            part: kind.label().to_owned(),
            decoding,
            score: self.score(kind, decoding),
        };
        let of_kind = |kind| {
            let in_domain = matches!(kind, EvaluationKind::Single | EvaluationKind::Multi);
            let sampled = in_domain.then_some(Decoding::Sampled);
            std::iter::once(Decoding::Greedy).chain(sampled).map(move |decoding| (kind, decoding))
        };
        let parts = EvaluationKind::ALL.into_iter().flat_map(of_kind);
        parts.map(|(kind, decoding)| score(kind, decoding)).collect()
    }

    /// Verdicts on a kind of question, seed by seed, item by item; 100 for an instruction that was followed.
    fn verdicts(&self, kind: EvaluationKind, decoding: Decoding) -> Vec<Vec<f64>> {
        let of_seed = |test: &Tested| {
            let sheets = match decoding {
                Decoding::Greedy => &test.greedy,
                Decoding::Sampled => &test.sampled,
            };
            let kept = sheets.iter().filter(|sheet: &&Sheet| sheet.id.starts_with(kind.name()));
            kept.map(|sheet| if sheet.followed { 100.0 } else { 0.0 }).collect()
        };
        self.tests.iter().map(of_seed).collect()
    }

    /// Percent of instructions followed, over seeds.
    fn score(&self, kind: EvaluationKind, decoding: Decoding) -> SeedMean {
        let mean = |items: Vec<f64>| items.iter().sum::<f64>() / items.len().max(1) as f64;
        let means: Vec<f64> = self.verdicts(kind, decoding).into_iter().map(mean).collect();
        SeedMean::of(&means, IntervalConfig::default().level)
    }

    /// This system minus another, item by item and seed by seed, in points.
    fn against(&self, other: &Self, kind: EvaluationKind, decoding: Decoding) -> SeedDifference {
        let (first, second) = (other.verdicts(kind, decoding), self.verdicts(kind, decoding));
        let pairs: Vec<Vec<Option<(f64, f64)>>> = first
            .into_iter()
            .zip(second)
            .map(|(first, second)| first.into_iter().zip(second).map(Some).collect())
            .collect();
        SeedDifference::of(&pairs, &IntervalConfig::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::Memory;
    use crate::reproduce::page;
    use crate::reproduce::results::Cost;

    /// Two items of each part, of which the first is followed in every test and the second in tests of methods.
    fn tested(is_method: bool) -> Tested {
        let sheet = |kind: EvaluationKind, item: usize| Sheet {
            id: format!("{}-{item}", kind.name()),
            followed: item == 0 || is_method,
            mean_score: 10.0,
        };
        let sheets: Vec<Sheet> =
            EvaluationKind::ALL.into_iter().flat_map(|kind| [sheet(kind, 0), sheet(kind, 1)]).collect();
        Tested { greedy: sheets.clone(), sampled: sheets }
    }

    #[test]
    fn the_results_of_all_jobs_become_a_report_and_its_page() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path()).unwrap();
        let study = Study::from_name("smoke").unwrap();
        for &seed in &study.seeds {
            for start in [Start::Base, Start::Sft] {
                store.write(&Job::TestStart { start, seed }, &tested(false)).unwrap();
            }
        }
        for job in study.selection() {
            store.write(&job, &Tuned { curve: Vec::new(), best: Some((2, 50.0)), steps: 2 }).unwrap();
        }
        for tuning in study.chosen(&store).unwrap() {
            let tuned = Tuned { curve: Vec::new(), best: Some((1, 50.0)), steps: 2 };
            store.write(&Job::Tune(tuning.clone()), &tuned).unwrap();
            store.write(&Job::Test(tuning), &tested(true)).unwrap();
        }
        let memory = Memory { loaded: 1.0, peak: 3.0, delta: 2.0 };
        for job in study.costs() {
            store.write(&job, &Cost { seconds: 4.0, memory }).unwrap();
        }
        let report = report(&store, &study).unwrap();
        let of_iopo = report.score(Regime::Oracle, "IOPO", EvaluationKind::More, Decoding::Greedy);
        assert_eq!(of_iopo.unwrap().mean, Some(100.0));
        assert_eq!(report.score(Regime::Oracle, "IOPO", EvaluationKind::More, Decoding::Sampled), None);
        let path = dir.path().join("reproduction.json");
        std::fs::write(&path, report.to_json().unwrap()).unwrap();
        let page = page::render(&Report::read(&path).unwrap(), "").unwrap();
        let rows = [
            "| IOPO | 1e-4 | 1, 1 | 100.0 ± 0.0 |",
            "| IOPO − Base | +50.0 [",
            "| DPO | 4.0 | 1.00 | 1.81 | 2 |",
        ];
        for row in rows {
            assert!(page.lines().any(|line| line.starts_with(row)), "{row}\n{page}");
        }
        assert!(!page.contains("\n\n\n"), "{page}");
    }
}
