//! `cargo xtask bench ablations`: each mechanism switched off or on in turn.

use anyhow::{Context, Result};
use clap::Args;
use iopo_cli::{note, say};

use super::case::{Case, Purpose, Quantity, Run, Side, typical};
use super::one::Tune;
use super::runner::{RunArgs, Runner};
use super::target::ratio;
use crate::page::table;

/// The group file and the number of runs.
#[derive(Debug, Clone, Args)]
pub struct AblationArgs {
    /// Name of a group file without its ending.
    #[arg(long, default_value = "q_base_256_128")]
    data: String,
    #[command(flatten)]
    runs: RunArgs,
}

/// What changes in each row, and the arguments of `cargo xtask bench one` for it.
const ROWS: [(&str, &[&str]); 11] = [
    ("default", &[]),
    ("tensor operations instead of CPU kernels", &["--no-kernels"]),
    ("reference model in every step", &["--live-reference"]),
    ("no sharing: four sequences", &["--unshared"]),
    ("LM head on every token", &["--whole-head"]),
    ("LM head on every token, in one chunk", &["--whole-head", "--head-chunk", WHOLE]),
    // The default chunk holds more predictions than most groups have.
    ("LM head in chunks of 64", &["--head-chunk", "64"]),
    ("checkpointing", &["--checkpointing"]),
    ("two passes", &["--passes", "two"]),
    ("two passes, checkpointing", &["--passes", "two", "--checkpointing"]),
    ("two threads", &["--threads", "2"]),
];

/// More predictions than any group has.
const WHOLE: &str = "1000000000";

/// Prints a table in Markdown.
pub fn run(args: &AblationArgs) -> Result<()> {
    let runner = Runner::new(&args.runs, None)?;
    let mut runs = Vec::new();
    for round in 1..=args.runs.rounds {
        for tune in [Tune::Lora, Tune::Full] {
            for (row, (label, arguments)) in ROWS.iter().enumerate() {
                note(format_args!("round {round} {} {label}", tune.name()));
                for purpose in [Purpose::Time, Purpose::Memory] {
                    let case = row_case(purpose, tune, row);
                    let mut all = vec!["--tune".to_owned(), tune.name().to_owned()];
                    all.extend(arguments.iter().map(|&argument| argument.to_owned()));
                    let result =
                        runner.ours(&args.data, purpose, &all).with_context(|| (*label).to_owned())?;
                    runs.push(Run { case, round, result });
                }
            }
        }
    }
    say(format_args!("<!-- Written by `cargo xtask bench ablations --data {}`. -->\n", args.data))?;
    say(render(&runs))
}

/// The number of the row identifies its runs.
fn row_case(purpose: Purpose, tune: Tune, row: usize) -> Case {
    Case::new(purpose, Side::Ours, &row.to_string(), tune)
}

fn render(runs: &[Run]) -> String {
    let number = |purpose, tune, row, quantity| typical(runs, &row_case(purpose, tune, row), quantity);
    let rows = [Tune::Lora, Tune::Full].into_iter().flat_map(|tune| {
        (0..ROWS.len()).map(move |row| {
            let mut cells = vec![tune.label().to_owned(), ROWS[row].0.to_owned()];
            for (purpose, quantity, decimals) in [
                (Purpose::Time, Quantity::CpuPerStep, 3),
                (Purpose::Time, Quantity::WallPerStep, 3),
                (Purpose::Memory, Quantity::Memory, 0),
            ] {
                let value = number(purpose, tune, row, quantity);
                let first = number(purpose, tune, 0, quantity);
                let over_first = value.zip(first).map(|(value, first)| value / first);
                cells.push(value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}")));
                cells.push(ratio(over_first));
            }
            cells
        })
    });
    let headers = ["fine-tuning", "", "CPU s", "", "wall s", "", "MB", ""];
    table(&headers, &rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;
    use crate::bench::one::OneArgs;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: OneArgs,
    }

    #[test]
    fn rows_are_compared_with_the_first() {
        let run =
            |purpose, row, result: Value| Run { case: row_case(purpose, Tune::Lora, row), round: 1, result };
        let time = |cpu: f64| json!({"s_step_cpu_min": cpu, "s_step_wall_median": 2.0 * cpu});
        let text = render(&[
            run(Purpose::Time, 0, time(0.5)),
            run(Purpose::Memory, 0, json!({"rss_delta_mb": 100.0})),
            run(Purpose::Time, 3, time(0.75)),
            run(Purpose::Memory, 3, json!({"rss_delta_mb": 150.0})),
        ]);
        let line = "| LoRA | no sharing: four sequences | 0.750 | 1.50× | 1.500 | 1.50× | 150 | 1.50× |";
        assert!(text.lines().any(|found| found == line), "{text}");
        assert_eq!(text.lines().count(), 2 + 2 * ROWS.len());
    }

    #[test]
    fn every_row_is_a_configuration() {
        for (label, arguments) in ROWS {
            let fixed = ["one", "--model", "m", "--quads", "q"];
            let line = fixed.iter().chain(arguments);
            assert!(Line::try_parse_from(line).is_ok_and(|line| line.args.steps > 0), "{label}");
        }
    }
}
