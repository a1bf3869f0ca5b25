//! `trace-build world`: a data set of the verifiable world, and its numbers as text.

use std::path::Path;

use anyhow::Context;
use comfy_table::Table;
use iopo_cli::print;
use iopo_files::Owner;
use serde::Serialize;
use trace_schema::JsonlWriter;
use trace_world::{
    Conditions, DatasetConfig, EvaluationKind, Judge, Summary, TaskSampler, Teacher, WorldDataset,
};

use crate::cli::WorldArgs;
use crate::tables::{align_right, new_table, thousands};

const OWNER: Owner = Owner::new("trace-build world");
const FILES: [&str; 4] = ["sft.jsonl", "pairs.jsonl", "groups.jsonl", "world.json"];

fn evaluation_file(kind: EvaluationKind) -> String {
    format!("eval_{}.jsonl", kind.name())
}

/// Generates, writes and prints.
pub(crate) fn run(args: &WorldArgs) -> anyhow::Result<()> {
    let files = FILES.map(str::to_owned).into_iter().chain(EvaluationKind::ALL.map(evaluation_file));
    OWNER.claim(files.map(|name| args.out.join(name)), None::<&Path>)?;
    let data = WorldDataset::generate(&config(args))?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let [sft, pairs, groups, world] = FILES.map(|name| args.out.join(name));
    write_rows(&sft, &data.sft)?;
    write_rows(&pairs, &data.pairs)?;
    write_rows(&groups, &data.groups)?;
    for set in &data.evaluation {
        write_rows(&args.out.join(evaluation_file(set.kind)), &set.rows)?;
    }
    let summary = serde_json::to_string_pretty(&data.summary)? + "\n";
    OWNER.write(world, &summary)?;
    print(&match args.json {
        true => summary,
        false => render(&args.out.display().to_string(), &data.summary),
    })
}

fn config(args: &WorldArgs) -> DatasetConfig {
    DatasetConfig {
        sampler: TaskSampler::new(args.counts.clone()),
        teacher: Teacher { ignore: args.teacher_ignores, confuse: args.teacher_confuses },
        judge: Judge { accepts_wrong: args.judge_accepts_wrong, rejects_right: args.judge_rejects_right },
        conditions: if args.paper_conditions { Conditions::PAPER } else { Conditions::ALL_FOUR },
        ..DatasetConfig::new(args.rows.get(), args.eval_rows, args.seed)
    }
}

fn write_rows<T: Serialize>(path: &Path, rows: &[T]) -> anyhow::Result<()> {
    let mut writer = JsonlWriter::from(OWNER.create(path)?);
    for row in rows {
        writer.write(row)?;
    }
    writer.finish()?;
    Ok(())
}

/// Sizes, numbers of constraints, cells of the groups, and what was not kept.
pub(crate) fn render(folder: &str, summary: &Summary) -> String {
    let sections = [
        format!("{folder}: seed {}", summary.seed),
        format!("Rows\n{}", rows(summary)),
        format!("Training instructions with C constraints\n{}", counts(summary)),
        format!("Groups whose cells the verifiers accept\n{}", cells(summary)),
        format!("Candidates that were not kept\n{}", rejections(summary)),
    ];
    sections.join("\n\n") + "\n"
}

fn rows(summary: &Summary) -> Table {
    let mut table = new_table(&["file", "rows"]);
    for file in ["sft", "pairs", "groups"] {
        table.add_row([format!("{file}.jsonl"), thousands(summary.rows as u64)]);
    }
    for (name, rows) in &summary.evaluation_rows {
        table.add_row([format!("eval_{name}.jsonl"), thousands(*rows as u64)]);
    }
    align_right(&mut table, 1..2);
    table
}

fn counts(summary: &Summary) -> Table {
    let mut table = new_table(&["C", "instructions"]);
    for (count, instructions) in &summary.by_constraint_count {
        table.add_row([count.to_string(), thousands(*instructions)]);
    }
    align_right(&mut table, 0..2);
    table
}

fn cells(summary: &Summary) -> Table {
    let mut table = new_table(&["", "y1", "y2"]);
    let cells = &summary.followed;
    table.add_row(["x1".to_owned(), thousands(cells.x1_y1), thousands(cells.x1_y2)]);
    table.add_row(["x2".to_owned(), thousands(cells.x2_y1), thousands(cells.x2_y2)]);
    align_right(&mut table, 1..3);
    table
}

fn rejections(summary: &Summary) -> Table {
    let mut table = new_table(&["reason", "candidates"]);
    for (reason, count) in summary.rejections.iter() {
        table.add_row([reason.name().replace('_', " "), thousands(count)]);
    }
    align_right(&mut table, 1..2);
    table
}
