//! Which devices this program can use, and how one is chosen.

use std::str::FromStr;

use anyhow::{Result, bail};
use burn::tensor::Device;

use crate::console::print;

/// What `--device` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device, else the first WGPU one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device.
    Cuda(usize),
    /// A WGPU device.
    Wgpu(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, index) = match text.split_once(':') {
            None => (text, None),
            Some((kind, index)) => {
                (kind, Some(index.parse().map_err(|_| format!("`{index}` is not the number of a device"))?))
            }
        };
        match (kind, index) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", index) => Ok(Self::Cuda(index.unwrap_or(0))),
            ("wgpu", index) => Ok(Self::Wgpu(index.unwrap_or(0))),
            _ => Err("expected auto, cpu, cuda:N or wgpu[:N]".to_owned()),
        }
    }
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// A program built without that kind of device, or a machine that has none.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Auto => {
                let found =
                    cuda_devices().into_iter().chain(wgpu_devices()).find(|device| !is_software(device));
                Ok(found.unwrap_or_else(Device::flex))
            }
            Self::Cuda(index) => nth(cuda_devices(), index, "cuda", cfg!(feature = "cuda")),
            Self::Wgpu(index) => nth(wgpu_devices(), index, "wgpu", cfg!(feature = "wgpu")),
        }
    }
}

fn nth(mut devices: Vec<Device>, index: usize, kind: &str, compiled: bool) -> Result<Device> {
    if !compiled {
        bail!(
            "this program was built without {kind}: build it with `--features {kind}`, or use --device cpu"
        );
    }
    if devices.is_empty() {
        bail!("found no {kind} device: is its driver installed? `trace-train devices` lists what there is");
    }
    if index >= devices.len() {
        bail!("there is no {kind}:{index}; `trace-train devices` lists what there is");
    }
    Ok(devices.swap_remove(index))
}

/// Looks for the driver before it asks it anything, so a machine without one has simply no device.
fn cuda_devices() -> Vec<Device> {
    #[cfg(feature = "cuda")]
    let devices = Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec();
    #[cfg(not(feature = "cuda"))]
    let devices = Vec::new();
    devices
}

fn wgpu_devices() -> Vec<Device> {
    #[cfg(feature = "wgpu")]
    let devices = Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec();
    #[cfg(not(feature = "wgpu"))]
    let devices = Vec::new();
    devices
}

/// A software rasteriser computes on the CPU, and slower than the CPU device does.
fn is_software(device: &Device) -> bool {
    #[cfg(feature = "wgpu")]
    let software = *device == Device::wgpu(burn::tensor::DeviceKind::Cpu);
    #[cfg(not(feature = "wgpu"))]
    let software = {
        let _ = device;
        false
    };
    software
}

/// The name by which `--device` knows a device.
pub fn label(device: &Device) -> String {
    let of_kind = |kind: &str, devices: Vec<Device>| {
        let index = devices.iter().position(|other| other == device)?;
        Some(format!("{kind}:{index}"))
    };
    of_kind("cuda", cuda_devices())
        .or_else(|| of_kind("wgpu", wgpu_devices()))
        .unwrap_or_else(|| "cpu".to_owned())
}

/// Prints every device.
pub fn list() -> Result<()> {
    print("cpu       burn-flex")?;
    for (kind, compiled, devices) in
        [("cuda", cfg!(feature = "cuda"), cuda_devices()), ("wgpu", cfg!(feature = "wgpu"), wgpu_devices())]
    {
        if !compiled {
            print(&format!("{kind:<9} not in this program; build it with `--features {kind}`"))?;
        } else if devices.is_empty() {
            print(&format!("{kind:<9} no device found"))?;
        }
        for (index, device) in devices.iter().enumerate() {
            print(&format!("{:<9} {device:?}", format!("{kind}:{index}")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        assert_eq!("auto".parse(), Ok(DeviceChoice::Auto));
        assert_eq!("cuda:1".parse(), Ok(DeviceChoice::Cuda(1)));
        assert_eq!("wgpu".parse(), Ok(DeviceChoice::Wgpu(0)));
        assert!("cpu:0".parse::<DeviceChoice>().is_err());
        assert!("cuda:x".parse::<DeviceChoice>().is_err());
        assert!("tpu".parse::<DeviceChoice>().is_err());
    }

    #[test]
    fn auto_always_finds_a_device() {
        assert!(DeviceChoice::Auto.open().is_ok());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_was_not_built_in_is_a_message() {
        let error = DeviceChoice::Cuda(0).open().unwrap_err().to_string();
        assert!(error.contains("--features cuda"), "{error}");
    }
}
