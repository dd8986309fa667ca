//! Where a worker computes.

use std::fmt;

use super::error::closest;

/// Torch counts devices in a signed byte.
const MAX_CUDA: u32 = 127;

pub(super) const ALLOWED: &str = "\"cpu\", \"cuda\" or \"cuda:N\" with N from 0 to 127";

/// A device by torch's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    Cpu,
    /// The GPU of this index, as `CUDA_VISIBLE_DEVICES` leaves them.
    Cuda(u32),
}

/// Why a text names no device here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoDevice {
    /// What was probably meant, if anything.
    Unknown(Option<&'static str>),
    /// Torch knows the device, but not on Linux.
    Apple,
}

impl Device {
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::Cuda(_))
    }

    /// The index of a GPU.
    pub fn gpu(self) -> Option<u32> {
        match self {
            Self::Cpu => None,
            Self::Cuda(index) => Some(index),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, NoDevice> {
        let index = |digits: &str| {
            let is_number = digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|index| is_number && *index <= MAX_CUDA)
        };
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", digits)) => index(digits).map(Self::Cuda).ok_or(NoDevice::Unknown(None)),
            split => Err(no_device(split.map_or(text, |(kind, _)| kind))),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => formatter.pad("cpu"),
            Self::Cuda(index) => formatter.pad(&format!("cuda:{index}")),
        }
    }
}

fn no_device(kind: &str) -> NoDevice {
    match kind.to_lowercase().as_str() {
        "mps" | "metal" => NoDevice::Apple,
        "gpu" | "nvidia" => NoDevice::Unknown(Some("\"cuda\"")),
        kind => NoDevice::Unknown(match closest(kind, &["cpu", "cuda"]) {
            Some("cpu") => Some("\"cpu\""),
            Some(_) => Some("\"cuda\""),
            None => None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_and_shown_by_torchs_names() {
        for (text, device, shown) in [
            ("cpu", Device::Cpu, "cpu"),
            ("cuda", Device::Cuda(0), "cuda:0"),
            ("cuda:1", Device::Cuda(1), "cuda:1"),
            ("cuda:127", Device::Cuda(127), "cuda:127"),
        ] {
            assert_eq!(Device::parse(text), Ok(device));
            assert_eq!(device.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_device_is_met_with_what_was_meant() {
        for (text, meant) in [
            ("gpu", Some("\"cuda\"")),
            ("gpu:1", Some("\"cuda\"")),
            ("CPU", Some("\"cpu\"")),
            ("cpu:0", Some("\"cpu\"")),
            ("CUDA:0", Some("\"cuda\"")),
            ("cuda:", None),
            ("cuda:+1", None),
            ("cuda:128", None),
            ("xpu", None),
            ("", None),
        ] {
            assert_eq!(Device::parse(text), Err(NoDevice::Unknown(meant)), "{text}");
        }
        assert_eq!(Device::parse("mps"), Err(NoDevice::Apple));
        assert_eq!(Device::parse("mps:0"), Err(NoDevice::Apple));
    }
}
