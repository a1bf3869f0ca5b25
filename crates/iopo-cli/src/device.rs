//! Which devices a program can use, and how one is chosen.

use std::str::FromStr;

use burn::tensor::Device;
use thiserror::Error;

/// The value of `--device`.
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

/// A device that cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The program has no code for that kind of device.
    #[error("this program was built without {kind}: build it with `--features {kind}`, or use --device cpu")]
    NotBuiltIn {
        /// The kind.
        kind: &'static str,
    },
    /// The machine has no device of that kind.
    #[error("found no {kind} device: is its driver installed? `trace-train devices` lists what there is")]
    NoDevice {
        /// The kind.
        kind: &'static str,
    },
    /// The machine has fewer devices of that kind.
    #[error("there is no {kind}:{index}; `trace-train devices` lists what there is")]
    NoSuchDevice {
        /// The kind.
        kind: &'static str,
        /// The number asked for.
        index: usize,
    },
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
    pub fn open(self) -> Result<Device, DeviceError> {
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

fn nth(
    mut devices: Vec<Device>,
    index: usize,
    kind: &'static str,
    compiled: bool,
) -> Result<Device, DeviceError> {
    match () {
        () if !compiled => Err(DeviceError::NotBuiltIn { kind }),
        () if devices.is_empty() => Err(DeviceError::NoDevice { kind }),
        () if index >= devices.len() => Err(DeviceError::NoSuchDevice { kind, index }),
        () => Ok(devices.swap_remove(index)),
    }
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
#[must_use]
pub fn label(device: &Device) -> String {
    let of_kind = |kind: DeviceKind| {
        let index = kind.devices.iter().position(|other| other == device)?;
        Some(format!("{}:{index}", kind.name))
    };
    kinds().into_iter().find_map(of_kind).unwrap_or_else(|| "cpu".to_owned())
}

/// The devices of a kind besides the CPU.
#[derive(Debug, Clone)]
pub struct DeviceKind {
    /// The name by which `--device` and the cargo features know it.
    pub name: &'static str,
    /// Whether the program has code for it.
    pub is_built_in: bool,
    /// Those of this machine, in the order of their numbers.
    pub devices: Vec<Device>,
}

/// Every kind of device besides the CPU.
#[must_use]
pub fn kinds() -> [DeviceKind; 2] {
    [
        DeviceKind { name: "cuda", is_built_in: cfg!(feature = "cuda"), devices: cuda_devices() },
        DeviceKind { name: "wgpu", is_built_in: cfg!(feature = "wgpu"), devices: wgpu_devices() },
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
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
