//! The C++ shim, made safe to call. `shim.cpp` defines the functions and says what each does.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    fmt,
    os::unix::ffi::OsStrExt,
    path::Path,
    ptr::{self, NonNull},
    slice,
};

use forge_ipc::Value;
use tch::{Device, Tensor};

use super::failure::Failure;
use super::raw::*;

/// What one argument of a run gets.
#[derive(Debug)]
pub(crate) enum GivenArgument {
    Default,
    Tensor(Tensor),
    Tensors(Vec<Tensor>),
    Value(Value),
}

/// An argument as the file tells it: its name, torch's text for its type, and its default.
#[derive(Debug)]
pub(crate) struct TorchArgument {
    pub(crate) name: String,
    pub(crate) annotation: String,
    /// Encoded as `forge_ipc::Structure`; empty where it has no such form.
    pub(crate) default: Option<Vec<u8>>,
}

/// How a module is rewritten to run faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Variant {
    /// Parameters become constants of the graph.
    Frozen = 0,
    /// Frozen, and its operations fused and laid out for inference.
    ForInference = 1,
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

/// Starts the threads that a model's forks run on, which libtorch would start at the first fork.
pub(crate) fn start_inter_op_threads() {
    // SAFETY: the function has no arguments and no demands.
    unsafe { forge_start_inter_op_threads() }
}

/// A loaded module, in `eval` mode, with a `forward`.
pub(crate) struct Model {
    raw: NonNull<RawModel>,
    only_reads: bool,
}

// SAFETY: the model is on the heap, and nothing in it belongs to the thread that made it: modules,
// their graphs and tensors are reference-counted atomically, and what libtorch keeps for a thread it
// finds by the thread that runs.
unsafe impl Send for Model {}

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
            return Err(Failure::call("the path holds a NUL byte"));
        };
        let mut model = ptr::null_mut();
        // SAFETY: both strings outlive the call; `model` is ours to write to.
        checked(|error| unsafe {
            forge_model_load(path.as_ptr(), device.as_ptr(), &raw mut model, error)
        })?;
        Self::of(model)
    }

    fn of(model: *mut RawModel) -> Result<Self, Failure> {
        let raw = NonNull::new(model).ok_or_else(|| Failure::call("the shim returned no model"))?;
        // SAFETY: the shim has just made the model, and only reads it.
        let only_reads = unsafe { forge_model_only_reads(raw.as_ptr()) };
        Ok(Self { raw, only_reads })
    }

    /// Whether its `forward` neither writes to the tensors it is given nor keeps them, on the CPU.
    pub(crate) fn only_reads(&self) -> bool {
        self.only_reads
    }

    /// The same module, rewritten; this one stays as it is.
    pub(crate) fn variant(&self, variant: Variant) -> Result<Self, Failure> {
        let mut made = ptr::null_mut();
        // SAFETY: the model lives as long as `self` and is only read; `made` is ours to write to.
        checked(|error| unsafe {
            forge_model_variant(self.raw.as_ptr(), variant as i32, &raw mut made, error)
        })?;
        Self::of(made)
    }

    /// The arguments of `forward` but `self`.
    pub(crate) fn arguments(&self) -> Result<Vec<TorchArgument>, Failure> {
        let mut told = Vec::new();
        // SAFETY: the model lives as long as `self`; `tell_argument` is called only within this call
        // and gets `told`, which nobody else touches meanwhile.
        checked(|error| unsafe {
            let told = (&raw mut told).cast();
            forge_model_arguments(self.raw.as_ptr(), tell_argument, told, error)
        })?;
        Ok(told)
    }

    /// Name and dimensions of the first parameter that has at least two.
    pub(crate) fn first_weight(&self) -> Result<Option<(String, Vec<i64>)>, Failure> {
        let mut told = None;
        // SAFETY: as for `arguments`.
        checked(|error| unsafe {
            let told = (&raw mut told).cast();
            forge_model_first_weight(self.raw.as_ptr(), tell_weight, told, error)
        })?;
        Ok(told)
    }

    /// One forward without gradients, until its device is done. `arguments` are in the order of `forward`'s; those left out
    /// at the end take their defaults.
    pub(crate) fn run(&mut self, arguments: &[GivenArgument]) -> Result<Returned, Failure> {
        let lists: Vec<Vec<*const c_void>> =
            arguments.iter().map(GivenArgument::pointers).collect();
        let given: Vec<RawGiven> =
            arguments.iter().zip(&lists).map(|(argument, list)| argument.raw(list)).collect();
        let mut outputs = ptr::null_mut();
        // SAFETY: `given` points only into `arguments` and `lists`, which outlive the call, and
        // `given.len()` is their number; the model is ours alone because of `&mut self`.
        checked(|error| unsafe {
            let count = given.len();
            forge_model_run(self.raw.as_ptr(), given.as_ptr(), count, &raw mut outputs, error)
        })?;
        NonNull::new(outputs)
            .map(Outputs)
            .map(Returned)
            .ok_or_else(|| Failure::call("the shim returned nothing"))
    }

    /// Remembers every buffer as it is now, or forgets what it remembered.
    pub(crate) fn remember(&mut self, remember: bool) -> Result<(), Failure> {
        // SAFETY: the model is ours alone because of `&mut self`.
        checked(|error| unsafe { forge_model_remember(self.raw.as_ptr(), remember, error) })
    }

    /// Puts the remembered buffers back; the names of those that were changed.
    pub(crate) fn restore(&mut self) -> Result<Vec<String>, Failure> {
        let mut told = Vec::new();
        // SAFETY: as for `arguments`; the model is ours alone because of `&mut self`.
        checked(|error| unsafe {
            forge_model_restore(self.raw.as_ptr(), tell_name, (&raw mut told).cast(), error)
        })?;
        Ok(told)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `forge_model_load` and is given back once, here.
        unsafe { forge_model_free(self.raw.as_ptr()) }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Model").finish_non_exhaustive()
    }
}

/// What a forward returned, where it lies.
pub(crate) struct Returned(Outputs);

impl Returned {
    /// Takes it apart, and copies its tensors to the CPU where they are not there.
    pub(crate) fn bring_home(self) -> Result<Outputs, Failure> {
        // SAFETY: the outputs live as long as `self`, which alone owns them.
        checked(|error| unsafe { forge_outputs_bring_home(self.0.0.as_ptr(), error) })?;
        Ok(self.0)
    }
}

/// What a forward returned, taken apart.
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

impl GivenArgument {
    /// Pointers to the tensors of a list.
    fn pointers(&self) -> Vec<*const c_void> {
        match self {
            Self::Tensors(tensors) => tensors.iter().map(|it| it.as_ptr().cast()).collect(),
            _ => Vec::new(),
        }
    }

    /// As the shim reads it; `list` is what `pointers` gave.
    fn raw(&self, list: &[*const c_void]) -> RawGiven {
        let one = |kind, data: *const c_void| RawGiven { kind, data, count: 1 };
        match self {
            Self::Default => one(0, ptr::null()),
            Self::Tensor(tensor) => one(1, tensor.as_ptr().cast()),
            Self::Tensors(_) => RawGiven { kind: 2, data: list.as_ptr().cast(), count: list.len() },
            Self::Value(value) => match value {
                Value::None => one(3, ptr::null()),
                Value::Bool(value) => one(4, ptr::from_ref(value).cast()),
                Value::Int(value) => one(5, ptr::from_ref(value).cast()),
                Value::Float(value) => one(6, ptr::from_ref(value).cast()),
                Value::Str(text) => many(7, text.as_bytes()),
                Value::Ints(items) => many(8, items),
                Value::Floats(items) => many(9, items),
            },
        }
    }
}

fn many<T>(kind: i32, items: &[T]) -> RawGiven {
    RawGiven { kind, data: items.as_ptr().cast(), count: items.len() }
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
    match call(&raw mut error) {
        0 => Ok(()),
        // SAFETY: with a status other than 0 the shim leaves a text of ours, or null without memory.
        status => Err(Failure::new(status, &unsafe { take_text(error) })),
    }
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
