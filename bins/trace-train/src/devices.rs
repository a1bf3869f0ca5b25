//! `trace-train devices`.

use anyhow::Result;
use iopo_cli::{DeviceKind, kinds, say};

/// Prints every device.
pub fn list() -> Result<()> {
    say("cpu       burn-flex")?;
    for DeviceKind { name, is_built_in, devices } in kinds() {
        if !is_built_in {
            say(format!("{name:<9} not in this program; build it with `--features {name}`"))?;
        } else if devices.is_empty() {
            say(format!("{name:<9} no device found"))?;
        }
        for (index, device) in devices.iter().enumerate() {
            say(format!("{:<9} {device:?}", format!("{name}:{index}")))?;
        }
    }
    Ok(())
}
