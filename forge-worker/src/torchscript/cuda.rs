//! Devices, and libtorch's CUDA half, which one build of the worker loads only where it is asked for.

use std::sync::OnceLock;

use tch::{Cuda, Device, Kind, Tensor};

use super::libraries;

/// Why `libtorch_cuda.so` could not be loaded.
static CUDA_ERROR: OnceLock<String> = OnceLock::new();

/// Loads `libtorch_cuda.so` where the command line (`--device cuda:0`) asks for a GPU. A failure is
/// told by [`device`], when there is somebody to tell it to.
pub(crate) fn open_if_asked() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--device").skip(1);
    if !arguments.next().is_some_and(|device| device.starts_with("cuda")) {
        return;
    }
    if let Err(error) = libraries::open_cuda() {
        // Set once, since this runs once.
        CUDA_ERROR.get_or_init(|| error.to_string());
    }
}

/// The device of a name in the configuration: `cpu`, `cuda` or `cuda:1`.
///
/// # Errors
///
/// A sentence for the person who wrote the configuration.
pub(crate) fn device(name: &str) -> Result<Device, String> {
    let index = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => 0,
        _ => name
            .strip_prefix("cuda:")
            .and_then(|index| index.parse::<usize>().ok())
            .ok_or_else(|| format!("device {name:?} is none of \"cpu\", \"cuda\", \"cuda:0\""))?,
    };
    if let Some(error) = CUDA_ERROR.get() {
        return Err(format!(
            "device {name:?} needs a libtorch with CUDA (docs/install.md): {error}"
        ));
    }
    if !Cuda::is_available() {
        return Err(format!("device {name:?}: libtorch finds no usable GPU"));
    }
    match usize::try_from(Cuda::device_count()) {
        Ok(count) if index < count => Ok(Device::Cuda(index)),
        count => Err(format!("device {name:?}: there are {} GPUs", count.unwrap_or(0))),
    }
}

/// Has the driver start what it keeps for a device, threads among it, from the calling thread.
///
/// # Errors
///
/// libtorch's words.
pub(super) fn set_up(device: Device) -> Result<(), String> {
    match device {
        Device::Cpu => Ok(()),
        _ => Tensor::f_zeros([1], (Kind::Uint8, device)).map(drop).map_err(|e| e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(device("cpu"), Ok(Device::Cpu));
    }

    #[test]
    fn names_of_no_device_are_refused_with_the_names_that_exist() {
        for name in ["", "gpu", "mps", "cuda:", "cuda:x", "CPU"] {
            assert!(device(name).unwrap_err().contains("is none of"), "{name}");
        }
    }
}
