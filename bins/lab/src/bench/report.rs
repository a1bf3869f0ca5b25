//! `benchmarks.md`: ratios, each beside what it should be. The words are those of `page.md.j2`.

use anyhow::Result;
use serde::Serialize;

use super::case::{Case, Purpose, Quantity, Run, Side, typical};
use super::group_file::Stage;
use super::one::{Passes, Tune};
use super::plan::WAYS;
use super::results::Results;
use super::target::{
    MEMORY_CHECKPOINTING, MEMORY_ONE_PASS, MEMORY_TWO_PASSES, OVER_BEST, OVER_RECIPE, OVER_SFT_TIME, Target,
    ratio,
};
use crate::page::{self, Rows};

const OTHERS: [Side; 3] = [Side::Ref, Side::Best, Side::Prefix];

/// What the template shows. A section whose table has no rows is left out.
#[derive(Serialize)]
struct View<'a> {
    command: &'a str,
    machine: &'a [(String, String)],
    losses: Rows,
    throughput: Rows,
    reference: Rows,
    two_threads: Rows,
    over_sft: Rows,
    memory: Rows,
    memory_of_pytorch: Rows,
    with_figure: bool,
}

/// The page, with the figure where there is one.
pub fn render(results: &Results, with_figure: bool) -> Result<String> {
    let tables = Tables { runs: &results.runs };
    let view = View {
        command: &results.command,
        machine: &results.machine,
        losses: tables.losses(),
        throughput: tables.throughput(),
        reference: tables.reference(),
        two_threads: tables.two_threads(),
        over_sft: tables.over_sft(),
        memory: tables.memory(),
        memory_of_pytorch: tables.memory_of_pytorch(),
        with_figure,
    };
    page::render(include_str!("page.md.j2"), view)
}

/// The cells of the tables.
struct Tables<'a> {
    runs: &'a [Run],
}

impl Tables<'_> {
    fn value(&self, case: &Case, quantity: Quantity) -> Option<f64> {
        typical(self.runs, case, quantity)
    }

    /// Group files in the order of the runs, those of the figure left out.
    fn data(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.runs.iter().map(|run| run.case.data.as_str()).filter(|name| name.starts_with("q_")) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Rows for every group file and both kinds of training.
    fn rows(&self, mut row: impl FnMut(&str, Tune) -> Rows) -> Rows {
        let each = self.data().into_iter().flat_map(|data| [(data, Tune::Full), (data, Tune::Lora)]);
        let labelled = each.flat_map(|(data, tune)| {
            let label = |cells: Vec<String>| [vec![data.to_owned(), tune.label().to_owned()], cells].concat();
            row(data, tune).into_iter().map(label).collect::<Vec<_>>()
        });
        labelled.collect()
    }

    fn losses(&self) -> Rows {
        self.rows(|data, tune| {
            let number = |side, quantity| self.value(&Case::new(Purpose::Time, side, data, tune), quantity);
            let row = |other: Side| {
                let (first, last) = (Quantity::FirstLoss, Quantity::LastLoss);
                let cells = [
                    number(Side::Ours, first)?,
                    number(other, first)?,
                    number(Side::Ours, last)?,
                    number(other, last)?,
                ];
                let cells = cells.map(|loss| format!("{loss:.6}"));
                Some([vec![other.label().to_owned()], cells.to_vec()].concat())
            };
            OTHERS.into_iter().filter_map(row).collect()
        })
    }

    fn throughput(&self) -> Rows {
        self.rows(|data, tune| {
            let rate = |side| {
                let case = Case::new(Purpose::Time, side, data, tune);
                self.value(&case, Quantity::CpuPerStep).map(f64::recip)
            };
            let ours = rate(Side::Ours);
            let row = |other: Side| {
                let target = if other == Side::Ref { OVER_RECIPE } else { OVER_BEST };
                let theirs = rate(other)?;
                let cells = [other.label().to_owned(), digits(ours), digits(Some(theirs))];
                Some([&cells[..], &target.cells(ours.map(|ours| ours / theirs))].concat())
            };
            OTHERS.into_iter().filter_map(row).collect()
        })
    }

    fn reference(&self) -> Rows {
        self.rows(|data, tune| {
            let seconds = |side| self.value(&Case::new(Purpose::Time, side, data, tune), Quantity::Reference);
            let cells = [Side::Ours, Side::Best, Side::Prefix].map(seconds);
            if cells.iter().all(Option::is_none) {
                return Vec::new();
            }
            vec![cells.map(digits).to_vec()]
        })
    }

    fn two_threads(&self) -> Rows {
        self.rows(|data, tune| {
            let seconds = |side, threads| {
                let case = Case { threads, ..Case::new(Purpose::Time, side, data, tune) };
                self.value(&case, Quantity::WallPerStep)
            };
            let ours = seconds(Side::Ours, 2);
            let Some(alone) = seconds(Side::Ours, 1) else { return Vec::new() };
            let over = |theirs: Option<f64>| ratio(theirs.zip(ours).map(|(theirs, ours)| theirs / ours));
            let mut row = vec![digits(Some(alone)), digits(ours), over(Some(alone))];
            row.extend(OTHERS.map(|other| over(seconds(other, 2))));
            vec![row]
        })
    }

    fn over_sft(&self) -> Rows {
        self.rows(|data, tune| {
            let case = Case::new(Purpose::Time, Side::Ours, data, tune);
            let seconds = |case: &Case| self.value(case, Quantity::CpuPerStep);
            let Some(sft) = seconds(&Case { stage: Stage::Sft2, ..case.clone() }) else { return Vec::new() };
            let row = |(label, checkpointing, passes): (&str, bool, Passes)| {
                let iopo = seconds(&Case { checkpointing, passes, ..case.clone() })?;
                let cells = [label.to_owned(), digits(Some(iopo)), digits(Some(sft))];
                // The target is for a step that keeps all activations.
                let last = match (checkpointing, passes) {
                    (false, Passes::One) => OVER_SFT_TIME.cells(Some(iopo / sft)),
                    _ => [ratio(Some(iopo / sft)), String::new(), String::new()],
                };
                Some([&cells[..], &last].concat())
            };
            WAYS.into_iter().filter_map(row).collect()
        })
    }

    fn memory(&self) -> Rows {
        self.rows(|data, tune| {
            let case = Case::new(Purpose::Memory, Side::Ours, data, tune);
            let megabytes = |case: &Case| self.value(case, Quantity::Memory);
            let sft = |checkpointing| megabytes(&Case { stage: Stage::Sft, checkpointing, ..case.clone() });
            let row = |(label, checkpointing, passes): (&str, bool, Passes)| {
                let iopo = megabytes(&Case { checkpointing, passes, ..case.clone() })?;
                let over = |sft: Option<f64>| sft.map(|sft| iopo / sft);
                let alike = ratio(over(sft(checkpointing)));
                let cells = [label.to_owned(), whole(Some(iopo)), whole(sft(false))];
                let cells =
                    [&cells[..], &memory_target(checkpointing, passes).cells(over(sft(false)))].concat();
                Some([cells, vec![alike]].concat())
            };
            WAYS.into_iter().filter_map(row).collect()
        })
    }

    fn memory_of_pytorch(&self) -> Rows {
        self.rows(|data, tune| {
            let row = |(side, checkpointing): (Side, bool)| {
                let case = Case { checkpointing, ..Case::new(Purpose::Memory, side, data, tune) };
                let iopo = self.value(&case, Quantity::Memory)?;
                let sft = self.value(&Case { stage: Stage::Sft, ..case }, Quantity::Memory);
                let ours = Case::new(Purpose::Memory, Side::Ours, data, tune);
                let ours = self.value(&Case { checkpointing, ..ours }, Quantity::Memory);
                let label = format!("{}{}", side.label(), if checkpointing { ", checkpointing" } else { "" });
                let over_ours = ours.map(|ours| iopo / ours);
                Some(vec![
                    label,
                    whole(Some(iopo)),
                    whole(sft),
                    ratio(sft.map(|sft| iopo / sft)),
                    ratio(over_ours),
                ])
            };
            let sides = OTHERS.into_iter().flat_map(|side| [(side, false), (side, true)]);
            sides.filter_map(row).collect()
        })
    }
}

fn memory_target(checkpointing: bool, passes: Passes) -> Target {
    match (passes, checkpointing) {
        (Passes::Two, _) => MEMORY_TWO_PASSES,
        (Passes::One, true) => MEMORY_CHECKPOINTING,
        (Passes::One, false) => MEMORY_ONE_PASS,
    }
}

/// Three significant digits, or a dash.
fn digits(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.abs() < 1.0 => format!("{value:.3}"),
        Some(value) => format!("{value:.2}"),
    }
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::bench::compare::write_page;
    use crate::golden::root;

    fn run(case: Case, result: Value) -> Run {
        Run { case, round: 1, result }
    }

    fn results(runs: Vec<Run>) -> Results {
        let machine = vec![("processor".to_owned(), "one".to_owned())];
        Results { command: "cargo xtask bench".to_owned(), machine, runs }
    }

    fn row<'a>(page: &'a str, title: &str, start: &str) -> &'a str {
        let section = page.split(&format!("## {title}\n")).nth(1).unwrap();
        let mut lines = section.split("\n## ").next().unwrap().lines();
        lines.find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in {section}"))
    }

    #[test]
    fn ratios_stand_beside_their_targets() {
        let (data, lora) = ("q_small_256_128", Tune::Lora);
        let time = |side| Case::new(Purpose::Time, side, data, lora);
        let memory = Case::new(Purpose::Memory, Side::Ours, data, lora);
        let page = render(
            &results(vec![
                run(
                    time(Side::Ours),
                    json!({"s_step_cpu_min": 0.5, "s_step_wall_median": 0.6, "loss0": 0.5, "ref_precompute_s": 0.125}),
                ),
                run(Case { threads: 2, ..time(Side::Ours) }, json!({"s_step_wall_median": 0.4})),
                run(time(Side::Ref), json!({"t1": {"s_step_cpu_min": 0.9}})),
                run(time(Side::Best), json!({"t1": {"s_step_cpu_min": 0.6}})),
                run(Case { threads: 2, ..time(Side::Best) }, json!({"t2": {"s_step_wall_med": 1.0}})),
                run(Case { stage: Stage::Sft2, ..time(Side::Ours) }, json!({"s_step_cpu_min": 0.25})),
                run(memory.clone(), json!({"rss_delta_mb": 90.0})),
                run(Case { checkpointing: true, ..memory.clone() }, json!({"rss_delta_mb": 60.0})),
                run(Case { stage: Stage::Sft, ..memory.clone() }, json!({"rss_delta_mb": 40.0})),
                run(Case { side: Side::Ref, ..memory }, json!({"rss_delta_mb": 450.0})),
            ]),
            false,
        )
        .unwrap();
        let named = "| q_small_256_128 | LoRA |";
        let of = |start: &str| format!("{named} {start}");
        assert_eq!(
            row(&page, "Throughput", &of("PyTorch, the recipe")),
            of("PyTorch, the recipe | 2.00 | 1.11 | 1.80× | ≥ 2 | not met |")
        );
        assert_eq!(
            row(&page, "Throughput", &of("PyTorch, best")),
            of("PyTorch, best | 2.00 | 1.67 | 1.20× | > 1 | met |")
        );
        assert_eq!(row(&page, "Reference", named), of("0.125 | – | – |"));
        assert_eq!(row(&page, "Two threads", named), of("0.600 | 0.400 | 1.50× | – | 2.50× | – |"));
        assert_eq!(
            row(&page, "IOPO over SFT", named),
            of("one pass | 0.500 | 0.250 | 2.00× | ≤ 1.6 | not met |")
        );
        assert_eq!(row(&page, "Memory", named), of("one pass | 90 | 40 | 2.25× | ≤ 3 | met | 2.25× |"));
        assert_eq!(
            row(&page, "Memory", &of("checkpointing")),
            of("checkpointing | 60 | 40 | 1.50× | ≤ 2 | met | – |")
        );
        assert_eq!(row(&page, "Memory of PyTorch", named), of("PyTorch, the recipe | 450 | – | – | 5.00× |"));
        assert!(page.contains("Written by `cargo xtask bench`") && !page.contains("benchmarks.svg"));
        assert!(!page.contains("## Losses"), "there is no last loss to compare");
    }

    #[test]
    fn results_are_read_back_with_a_run_on_each_line() {
        let case = Case::new(Purpose::Time, Side::Ours, "q_small_1", Tune::Full);
        let results = results(vec![run(case, json!({"loss0": 1.0})); 2]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.json");
        let text = results.to_json().unwrap();
        assert_eq!(text.lines().filter(|line| line.contains("loss0")).count(), 2);
        std::fs::write(&path, text).unwrap();
        assert_eq!(Results::read(&path).unwrap(), results);
    }

    #[test]
    fn a_page_without_runs_has_no_tables_but_the_machines() {
        assert_eq!(render(&results(Vec::new()), true).unwrap().matches("| --- |").count(), 1);
    }

    #[test]
    fn the_page_and_the_figure_in_the_book_are_those_of_their_results() {
        let docs = root().join("docs");
        let path = docs.join("benchmarks.json");
        if !path.exists() {
            eprintln!("SKIPPED: docs/benchmarks.json is not there; cargo xtask bench writes it");
            return;
        }
        let written = tempfile::tempdir().unwrap();
        write_page(&Results::read(&path).unwrap(), written.path()).unwrap();
        for name in ["benchmarks.md", "benchmarks.svg"] {
            let [ours, theirs] =
                [docs.as_path(), written.path()].map(|dir| std::fs::read_to_string(dir.join(name)).unwrap());
            assert!(ours == theirs, "docs/{name} is another: run cargo xtask bench --render");
        }
    }
}
