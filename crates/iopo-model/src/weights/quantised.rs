//! Folders whose weights are quantised, which only the programs that wrote them can read.

use std::path::Path;

use iopo_files::short;
use safetensors::Dtype;
use serde_json::Value;

use crate::error::{ConfigError, WeightsError};
use crate::keys::Keys;

const ADVICE: &str = "this program reads weights in F32, BF16, F16 or F64; take the folder of the model before it was \
                      quantised, or write a dequantised one (`dequantize()` and `save_pretrained` in transformers)";

/// Files of older programs that say how the weights beside them were quantised.
const FILES: [(&str, &str); 2] = [("quantize_config.json", "GPTQ"), ("quant_config.json", "AWQ")];

/// How tensors of a method end, the telling ones first.
const NAMES: [(&str, &str); 16] = [
    (".quant_state.bitsandbytes__nf4", "bitsandbytes, 4 bits (nf4)"),
    (".quant_state.bitsandbytes__fp4", "bitsandbytes, 4 bits (fp4)"),
    (".absmax", "bitsandbytes, 4 bits"),
    (".SCB", "bitsandbytes, 8 bits"),
    (".g_idx", "GPTQ"),
    (".qweight", "GPTQ or AWQ"),
    (".qzeros", "GPTQ or AWQ"),
    (".weight_packed", "compressed-tensors"),
    (".weight_scale_inv", "FP8 in blocks"),
    (".weight_scale", "FP8 or compressed-tensors"),
    ("_blocks", "MXFP4"),
    (".W_q", "HQQ"),
    (".codebooks", "AQLM"),
    ("qdata", "torchao"),
    (":_data", "torchao"),
    (".weight_quantized", "quanto"),
];

/// Refuses a `config.json` that says that the weights are quantised.
pub(crate) fn refuse_quantised_config(keys: &Keys<'_>) -> Result<(), ConfigError> {
    for key in ["quantization_config", "compression_config"] {
        let Some(value) = keys.get(key).filter(|value| value.as_object().is_none_or(|map| !map.is_empty()))
        else {
            continue;
        };
        let reason = format!(
            "`{key}` says that the weights are quantised ({}); {ADVICE}; if the weights are not, remove the key",
            method(value)
        );
        return Err(keys.invalid(reason));
    }
    Ok(())
}

/// The method, and its bits where they stand beside it.
fn method(config: &Value) -> String {
    let is = |key: &str| config.get(key).is_some_and(|value| value == true);
    let name =
        config.get("quant_method").and_then(Value::as_str).map(short).unwrap_or("unnamed method".into());
    let bits = ["bits", "w_bit", "weight_bits", "nbits"].iter().find_map(|key| config.get(*key)?.as_u64());
    match (bits, is("load_in_4bit") || is("_load_in_4bit"), is("load_in_8bit") || is("_load_in_8bit")) {
        (Some(bits), ..) => format!("{name}, {bits} bits"),
        (None, true, _) => format!("{name}, 4 bits"),
        (None, _, true) => format!("{name}, 8 bits"),
        _ => name.into_owned(),
    }
}

/// Refuses weights that files, names or types show to be quantised.
pub(super) fn refuse_quantised_weights<'a>(
    origin: &Path,
    tensors: impl Iterator<Item = (&'a str, Dtype)>,
) -> Result<(), WeightsError> {
    let refuse = |method: &str, shown: String| {
        Err(WeightsError::invalid(origin, format!("its weights are quantised ({method}; {shown}); {ADVICE}")))
    };
    if let Some((file, method)) = FILES.into_iter().find(|(file, _)| origin.join(file).is_file()) {
        return refuse(method, format!("{file} says so"));
    }
    let mut best: Option<(usize, &str)> = None;
    let mut typed: Option<(&str, Dtype)> = None;
    for (name, dtype) in tensors {
        let rank = NAMES.iter().position(|(end, _)| name.ends_with(end));
        if let Some(rank) = rank.filter(|&rank| best.is_none_or(|(best, _)| rank < best)) {
            best = Some((rank, name));
        }
        if name.ends_with("_proj.weight") && !is_float(dtype) {
            typed.get_or_insert((name, dtype));
        }
    }
    match (best.and_then(|(rank, name)| Some((NAMES.get(rank)?.1, name))), typed) {
        (Some((method, name)), _) => refuse(method, format!("it holds {}", short(name))),
        (None, Some((name, dtype))) => {
            let method = if format!("{dtype:?}").starts_with("F8") { "FP8" } else { "integers" };
            refuse(method, format!("{} is stored as {dtype:?}", short(name)))
        }
        (None, None) => Ok(()),
    }
}

fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16)
}
