//! `trace-build world`: a data set of the verifiable world.

use std::path::Path;

use anyhow::Context;
use iopo_cli::print;
use iopo_files::write_file;
use serde::Serialize;
use trace_schema::JsonlWriter;
use trace_world::{Conditions, DatasetConfig, Judge, TaskSampler, Teacher, WorldDataset};

use crate::cli::WorldArgs;
use crate::world_tables;

/// Generates, writes and prints.
pub(crate) fn run(args: &WorldArgs) -> anyhow::Result<()> {
    let data = WorldDataset::generate(&config(args))?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    write_rows(&args.out.join("sft.jsonl"), &data.sft)?;
    write_rows(&args.out.join("pairs.jsonl"), &data.pairs)?;
    write_rows(&args.out.join("groups.jsonl"), &data.groups)?;
    for set in &data.evaluation {
        write_rows(&args.out.join(format!("eval_{}.jsonl", set.kind.name())), &set.rows)?;
    }
    let summary = serde_json::to_string_pretty(&data.summary)? + "\n";
    write_file(args.out.join("world.json"), &summary)?;
    print(&match args.json {
        true => summary,
        false => world_tables::render(&args.out.display().to_string(), &data.summary),
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
    let mut writer = JsonlWriter::create(path)?;
    for row in rows {
        writer.write(row)?;
    }
    writer.finish()?;
    Ok(())
}
