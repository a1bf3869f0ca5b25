//! The results, as one HTML page.

use anyhow::Result;
use iopo_lab::Trained;
use trace_score::Scores;
use trace_score::report::{Answers, BarChart, Block, LineChart, Report, Section, Series};
use trace_score::stats::IntervalConfig;

use super::Run;

/// Answers that the page shows.
const ANSWERS: usize = 40;

/// The page's text.
pub fn render(run: &Run) -> Result<String> {
    let sections = vec![
        Section::new(
            "Result",
            vec![Block::Text(summary(run)), Block::Table(run.systems.comparison.table_of_intervals())],
        ),
        Section::new("By dimension", vec![Block::Bars(by_dimension(run)?)]),
        Section::new("Training", curves(run)),
        Section::new("Answers on which the models differ", vec![Block::Answers(answers(run)?)]),
        Section::new("How it was made", vec![Block::KeyValues(provenance(run))]),
    ];
    let report = Report {
        title: "IOPO on a world whose every verdict is certain".to_owned(),
        subtitle: format!("trace-train quickstart, {:.0} s", run.elapsed.as_secs_f64()),
        sections,
    };
    Ok(report.render()?)
}

fn summary(run: &Run) -> String {
    format!(
        "A base model of about a million parameters was trained from random weights on rows whose writer often overlooked \
         constraints. From it, each method learned from the same {} instructions and right responses. All answered {} \
         instructions that no row had, greedily and by one sample at temperature 1. An instruction counts as followed if \
         every constraint and every default of its description holds. IF-S are instructions with one constraint, IF-M \
         with several; held-out pairs combine dimensions that no row combines. SFT* is supervised training on both \
         instructions of each group. Intervals are Wilson's, 95 %.",
        run.lab.recipe().preference.groups,
        run.lab.test.questions.len()
    )
}

fn by_dimension(run: &Run) -> Result<BarChart> {
    let score = |rows| Scores::of(rows, &IntervalConfig::default());
    let scores = run.systems.all.iter().map(|system| score(&system.greedy)).collect::<Result<Vec<_>, _>>()?;
    let named: Vec<_> = run.systems.all.iter().map(|system| system.name.as_str()).zip(&scores).collect();
    Ok(BarChart::by_dimension(&named))
}

fn curves(run: &Run) -> Vec<Block> {
    let chart = |caption: &str, up: &str, series: Vec<Series>| {
        let across = "updates".to_owned();
        Block::Lines(LineChart {
            caption: caption.to_owned(),
            across,
            up: up.to_owned(),
            series,
            from_zero: false,
        })
    };
    let tuned = |name: &str, factor: f64| -> Vec<Series> {
        run.tuned.iter().map(|(method, trained)| series(method.label, trained, name, factor)).collect()
    };
    // All methods start from the base model, which is their reference: one line stands for all.
    let beside_start = |decoding: &str| {
        let start = run.tuned.first().map(|(_, trained)| {
            series("Base, the reference", trained, &format!("eval_ref_if_{decoding}"), 100.0)
        });
        start.into_iter().chain(tuned(&format!("eval_if_{decoding}"), 100.0)).collect::<Vec<_>>()
    };
    vec![
        chart("Loss of the base model", "loss", vec![series("Base", &run.base, "loss", 1.0)]),
        chart("Validation: greedy answers that follow", "%", beside_start("greedy")),
        chart("Validation: sampled answers that follow", "%", beside_start("sampled")),
        chart("Margin: matched − swapped", "reward", tuned("rewards/margins", 1.0)),
    ]
}

fn series(label: &str, trained: &Trained, name: &str, factor: f64) -> Series {
    let points = trained.log.iter().filter_map(|entry| Some((entry.step as f64, entry.get(name)? * factor)));
    Series { label: label.to_owned(), points: points.collect() }
}

fn answers(run: &Run) -> Result<Answers> {
    let runs: Vec<_> =
        run.systems.all.iter().map(|system| (system.name.as_str(), system.greedy.as_slice())).collect();
    Ok(Answers::of(&runs)?.keep(ANSWERS, |row| row.is_split()))
}

fn provenance(run: &Run) -> Vec<(String, String)> {
    let recipe = run.lab.recipe();
    let rejections: Vec<String> =
        run.rejections.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
    let best = run.tuned.iter().map(|(method, trained)| {
        let step = trained.best.map_or_else(|| "the last".to_owned(), |(step, _)| step.to_string());
        (format!("{method}: update kept, by validation"), step)
    });
    [
        ("program".to_owned(), format!("trace-train {}", env!("CARGO_PKG_VERSION"))),
        ("seed".to_owned(), recipe.exam_seed.to_string()),
        ("model".to_owned(), format!("{:?}", recipe.model)),
        ("base".to_owned(), format!("{:?}", recipe.base)),
        ("preference".to_owned(), format!("{:?}", recipe.preference)),
        ("candidate groups rejected".to_owned(), rejections.join(", ")),
    ]
    .into_iter()
    .chain(best)
    .collect()
}
