//! The C++ shim, made safe to call. `shim.cpp` defines the functions and says what each does.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    fmt,
    os::unix::ffi::OsStrExt,
    path::Path,
    ptr::{self, NonNull},
    slice,
};

use tch::{Device, Tensor};

/// Why the shim could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    /// Without C++ or TorchScript traceback.
    pub(crate) text: String,
}

/// Whose fault a [`Failure`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The model's code raised it for these inputs.
    Threw,
    /// The device has no memory for a batch of this size.
    OutOfMemory,
    /// The model returned something other than a nest of tensors.
    Output,
    /// Anything else.
    Other,
}

/// The libtorch whose headers the shim was compiled against: `2.11.0`.
pub(crate) fn torch_version() -> String {
    // SAFETY: the shim returns a string literal.
    unsafe { CStr::from_ptr(forge_torch_version()) }.to_string_lossy().into_owned()
}

/// The number of the binary interface of the libtorch that is loaded, whose first bytes are its
/// version.
pub(crate) fn loaded_abi() -> u64 {
    // SAFETY: the function has no arguments and returns a constant.
    unsafe { aoti_torch_abi_version() }
}

/// The instruction set ATen's kernels use on this machine: `AVX512`.
pub(crate) fn cpu_capability() -> String {
    // SAFETY: the function has no arguments and returns a text we own.
    unsafe { take_text(forge_cpu_capability()) }
}

/// Whether an error text of libtorch is about memory.
pub(crate) fn tells_out_of_memory(text: &str) -> bool {
    // SAFETY: a `CString` is a C string, and the shim only reads it.
    CString::new(text).is_ok_and(|text| unsafe { forge_tells_out_of_memory(text.as_ptr()) })
}

/// A loaded module, in `eval` mode, with a `forward`.
pub(crate) struct Model(NonNull<RawModel>);

impl Model {
    /// Loads the TorchScript file at `path` onto `device`.
    pub(crate) fn load(path: &Path, device: Device) -> Result<Self, Failure> {
        let device = match device {
            Device::Cuda(index) => format!("cuda:{index}"),
            _ => "cpu".to_owned(),
        };
        let (Ok(path), Ok(device)) =
            (CString::new(path.as_os_str().as_bytes()), CString::new(device))
        else {
            return Err(Failure::other("the path holds a NUL byte"));
        };
        let mut model = ptr::null_mut();
        // SAFETY: both strings outlive the call; `model` is ours to write to.
        checked(|error| unsafe {
            forge_model_load(path.as_ptr(), device.as_ptr(), &raw mut model, error)
        })?;
        NonNull::new(model).map(Self).ok_or_else(|| Failure::other("the shim returned no model"))
    }

    /// Tells name, torch's type text and default (as Python prints it) of each argument of
    /// `forward` but `self`.
    pub(crate) fn arguments(&self) -> Result<Vec<(String, String, Option<String>)>, Failure> {
        let mut told = Vec::new();
        // SAFETY: the model lives as long as `self`; `tell` is called only within this call and
        // gets `told`, which nobody else touches meanwhile.
        checked(|error| unsafe {
            forge_model_arguments(self.0.as_ptr(), tell, (&raw mut told).cast(), error)
        })?;
        Ok(told)
    }

    /// One forward without gradients. `arguments` are in the order of `forward`'s; `None` and
    /// those left out at the end take their defaults.
    pub(crate) fn run(&mut self, arguments: &[Option<Tensor>]) -> Result<Outputs, Failure> {
        let pointers: Vec<*const c_void> = arguments
            .iter()
            .map(|tensor| tensor.as_ref().map_or(ptr::null(), |tensor| tensor.as_ptr().cast()))
            .collect();
        let mut outputs = ptr::null_mut();
        // SAFETY: each pointer is null or the `at::Tensor` of a tensor that `arguments` keeps alive,
        // and `pointers.len()` is their number; the model is ours alone because of `&mut self`.
        checked(|error| unsafe {
            forge_model_run(
                self.0.as_ptr(),
                pointers.as_ptr(),
                pointers.len(),
                &raw mut outputs,
                error,
            )
        })?;
        NonNull::new(outputs)
            .map(Outputs)
            .ok_or_else(|| Failure::other("the shim returned nothing"))
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `forge_model_load` and is given back once, here.
        unsafe { forge_model_free(self.0.as_ptr()) }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Model").finish_non_exhaustive()
    }
}

/// What a forward returned.
pub(crate) struct Outputs(NonNull<RawOutputs>);

impl Outputs {
    /// How the leaves nest, as `forge_ipc::Structure` is encoded.
    pub(crate) fn structure(&self) -> &[u8] {
        let mut length = 0;
        // SAFETY: the shim returns `length` bytes that live and do not change as long as `self`.
        unsafe {
            let bytes = forge_outputs_structure(self.0.as_ptr(), &raw mut length);
            slice::from_raw_parts(bytes.cast(), length)
        }
    }

    /// The tensors, depth first: dense, contiguous and on the CPU.
    pub(crate) fn into_leaves(self) -> Vec<Tensor> {
        // SAFETY: `self` owns the outputs. Each leaf is taken once, within bounds, and is a heap
        // `at::Tensor` of which tch becomes the owner.
        unsafe {
            (0..forge_outputs_count(self.0.as_ptr()))
                .map(|leaf| Tensor::from_ptr(forge_outputs_take(self.0.as_ptr(), leaf).cast()))
                .collect()
        }
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `forge_model_run` and is given back once, here.
        unsafe { forge_outputs_free(self.0.as_ptr()) }
    }
}

impl Failure {
    fn other(text: &str) -> Self {
        Self { status: Status::Other, text: text.to_owned() }
    }
}

/// Loads a shared library whose symbols everybody may use, for the rest of the process.
pub(crate) fn open_library(name: &CStr) -> Result<(), String> {
    const RTLD_NOW: c_int = 2;
    const RTLD_GLOBAL: c_int = 0x100;
    // SAFETY: `name` is a C string. The library is one of libtorch's, whose initializers have no
    // demands. `dlerror` returns null or a C string that is good until the next call of its kind.
    unsafe {
        if dlopen(name.as_ptr(), RTLD_NOW | RTLD_GLOBAL).is_null() {
            let error = dlerror();
            return Err(if error.is_null() {
                "dlopen does not say why".to_owned()
            } else {
                CStr::from_ptr(error).to_string_lossy().into_owned()
            });
        }
    }
    Ok(())
}

/// Runs a function of the shim and reads its verdict.
fn checked(call: impl FnOnce(*mut *mut c_char) -> i32) -> Result<(), Failure> {
    let mut error = ptr::null_mut();
    let status = match call(&raw mut error) {
        0 => return Ok(()),
        1 => Status::Threw,
        2 => Status::OutOfMemory,
        3 => Status::Output,
        _ => Status::Other,
    };
    // SAFETY: with a status other than 0 the shim leaves a text of ours, or null without memory.
    Err(Failure { status, text: unsafe { take_text(error) } })
}

/// # Safety
///
/// `text` is null or a C string that the shim made and nobody else will free.
unsafe fn take_text(text: *mut c_char) -> String {
    if text.is_null() {
        return "the worker is out of memory".to_owned();
    }
    // SAFETY: the caller vouches for the string; it is not used after it was freed.
    unsafe {
        let owned = CStr::from_ptr(text).to_string_lossy().into_owned();
        forge_text_free(text);
        owned
    }
}

/// Called by `forge_model_arguments` with the `Vec` that [`Model::arguments`] gave it.
extern "C" fn tell(
    told: *mut c_void,
    name: *const c_char,
    kind: *const c_char,
    default: *const c_char,
) {
    // SAFETY: `told` is that `Vec`, borrowed by nobody else during the call; the strings are C
    // strings that live until this returns, of which `default` may be null.
    unsafe {
        let text = |text| CStr::from_ptr(text).to_string_lossy().into_owned();
        let default = (!default.is_null()).then(|| text(default));
        (*told.cast::<Vec<(String, String, Option<String>)>>()).push((
            text(name),
            text(kind),
            default,
        ));
    }
}

#[repr(C)]
struct RawModel {
    _opaque: [u8; 0],
}

#[repr(C)]
struct RawOutputs {
    _opaque: [u8; 0],
}

type Tell = extern "C" fn(*mut c_void, *const c_char, *const c_char, *const c_char);

// SAFETY: shim.cpp, compiled with this file, declares these with the same types. Tensors cross as
// `at::Tensor*`, here a `void*`.
#[link(name = "forge_torchscript", kind = "static")]
unsafe extern "C" {
    fn forge_torch_version() -> *const c_char;
    fn forge_cpu_capability() -> *mut c_char;
    fn forge_tells_out_of_memory(text: *const c_char) -> bool;
    fn forge_model_load(
        path: *const c_char,
        device: *const c_char,
        model: *mut *mut RawModel,
        error: *mut *mut c_char,
    ) -> i32;
    fn forge_model_free(model: *mut RawModel);
    fn forge_model_arguments(
        model: *const RawModel,
        tell: Tell,
        context: *mut c_void,
        error: *mut *mut c_char,
    ) -> i32;
    fn forge_model_run(
        model: *mut RawModel,
        inputs: *const *const c_void,
        count: usize,
        outputs: *mut *mut RawOutputs,
        error: *mut *mut c_char,
    ) -> i32;
    fn forge_outputs_count(outputs: *const RawOutputs) -> usize;
    fn forge_outputs_take(outputs: *mut RawOutputs, leaf: usize) -> *mut c_void;
    fn forge_outputs_structure(outputs: *const RawOutputs, length: *mut usize) -> *const c_char;
    fn forge_outputs_free(outputs: *mut RawOutputs);
    fn forge_text_free(text: *mut c_char);
}

// SAFETY: the signatures of dlopen(3), dlerror(3) and, from torch/csrc/inductor/aoti_torch/c/shim.h,
// libtorch's own.
unsafe extern "C" {
    fn aoti_torch_abi_version() -> u64;
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlerror() -> *const c_char;
}
