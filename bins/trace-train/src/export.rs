//! `trace-train export`.

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use iopo_model::parse_float_dtype;
use iopo_train::export_merged;

use crate::cli::ExportArgs;

/// Merges an adapter into its model, and says what the check saw.
pub fn run(args: &ExportArgs) -> Result<()> {
    ensure!(!args.out.exists(), "{} exists already", args.out.display());
    let dtype = parse_float_dtype(&args.dtype)
        .with_context(|| format!("unknown float type `{}`; known: float32, bfloat16, float16", args.dtype))?;
    let report = export_merged(&args.model, &args.adapter, &args.out, dtype, &Device::flex())?;
    println!(
        "{}: logits of {} probe tokens differ from the adapter's by at most {:.2e} (rms {:.2e}, where the adapter \
         changes them by {:.2e})",
        args.out.display(),
        report.tokens,
        report.difference,
        report.rms_difference,
        report.effect
    );
    Ok(())
}
