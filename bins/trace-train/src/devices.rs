//! `trace-train devices`.

use anyhow::Result;
use iopo_device::{DeviceKind, kinds};

use crate::console::print;

/// Prints every device.
pub fn list() -> Result<()> {
    print("cpu       burn-flex")?;
    for DeviceKind { name, is_built_in, devices } in kinds() {
        if !is_built_in {
            print(&format!("{name:<9} not in this program; build it with `--features {name}`"))?;
        } else if devices.is_empty() {
            print(&format!("{name:<9} no device found"))?;
        }
        for (index, device) in devices.iter().enumerate() {
            print(&format!("{:<9} {device:?}", format!("{name}:{index}")))?;
        }
    }
    Ok(())
}
