//! `trace-train export`.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use iopo_cli::{note, say};
use iopo_files::read_text;
use iopo_model::parse_float_dtype;
use iopo_train::export_merged;

use crate::cli::ExportArgs;

/// Merges an adapter into its model, and says what the check saw.
pub fn run(args: &ExportArgs) -> Result<()> {
    ensure!(!args.out.exists(), "{} exists already", args.out.display());
    let dtype = parse_float_dtype(&args.dtype)
        .with_context(|| format!("unknown float type `{}`; known: float32, bfloat16, float16", args.dtype))?;
    if let Some(base) = other_base(&args.model, &args.adapter) {
        note(format!("note: the adapter names {base} as its model"));
    }
    let report = export_merged(&args.model, &args.adapter, &args.out, dtype, &Device::flex())?;
    for line in &report.notes {
        note(format!("note: {line}"));
    }
    say(format!(
        "{}: logits of {} probe tokens differ from the adapter's by at most {:.2e} (rms {:.2e}, where the adapter \
         changes them by {:.2e})",
        args.out.display(),
        report.tokens,
        report.difference,
        report.rms_difference,
        report.effect
    ))
}

/// The model that an adapter was made for, as its configuration names it, where that seems another.
///
/// Only last path components are compared: folders move, and a hub's `owner/name` is no folder.
fn other_base(model: &Path, adapter: &Path) -> Option<String> {
    const MOST_BYTES: u64 = 16 << 20;
    // An unreadable configuration is the export's to report.
    let text = read_text(&adapter.join("adapter_config.json"), MOST_BYTES).ok()?;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    let base = config["base_model_name_or_path"].as_str()?;
    let differs = Path::new(base).file_name()? != last_component(model)?;
    differs.then(|| base.to_owned())
}

/// The name of a folder, also of one given as `.` or `..`.
fn last_component(folder: &Path) -> Option<OsString> {
    let name = |path: &Path| path.file_name().map(OsString::from);
    name(folder).or_else(|| name(&folder.canonicalize().ok()?))
}
