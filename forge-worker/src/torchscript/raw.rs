//! The functions of the C++ shim as C sees them, and those it calls back. Only `ffi` names them.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    slice,
};

use super::ffi::TorchArgument;

/// Called by `forge_model_arguments` with the `Vec` that [`Model::arguments`] gave it.
pub(super) extern "C" fn tell_argument(
    told: *mut c_void,
    name: *const c_char,
    annotation: *const c_char,
    default: *const c_char,
    default_bytes: usize,
) {
    // SAFETY: `told` is that `Vec`, borrowed by nobody else during the call; the strings are C
    // strings that live until this returns; `default` is null or has so many bytes.
    unsafe {
        let text = |text| CStr::from_ptr(text).to_string_lossy().into_owned();
        let default = (!default.is_null())
            .then(|| slice::from_raw_parts(default.cast(), default_bytes).to_vec());
        let argument = TorchArgument { name: text(name), annotation: text(annotation), default };
        (*told.cast::<Vec<TorchArgument>>()).push(argument);
    }
}

/// Called by `forge_model_first_weight` with the `Option` that [`Model::first_weight`] gave it.
pub(super) extern "C" fn tell_weight(
    told: *mut c_void,
    name: *const c_char,
    dims: *const i64,
    rank: usize,
) {
    // SAFETY: `told` is that `Option`, borrowed by nobody else during the call; the name is a C
    // string, and `dims` points to `rank` numbers.
    unsafe {
        let name = CStr::from_ptr(name).to_string_lossy().into_owned();
        let dims = slice::from_raw_parts(dims, rank).to_vec();
        *told.cast::<Option<(String, Vec<i64>)>>() = Some((name, dims));
    }
}

/// Called by `forge_model_restore` with the `Vec` that [`Model::restore`] gave it.
pub(super) extern "C" fn tell_name(told: *mut c_void, name: *const c_char) {
    // SAFETY: `told` is that `Vec`, borrowed by nobody else during the call; the name is a C string.
    unsafe {
        let name = CStr::from_ptr(name).to_string_lossy().into_owned();
        (*told.cast::<Vec<String>>()).push(name);
    }
}

#[repr(C)]
pub(super) struct RawModel {
    _opaque: [u8; 0],
}

#[repr(C)]
pub(super) struct RawOutputs {
    _opaque: [u8; 0],
}

/// `Given` of values.h.
#[repr(C)]
pub(super) struct RawGiven {
    pub(super) kind: i32,
    pub(super) data: *const c_void,
    pub(super) count: usize,
}

pub(super) type TellArgument =
    extern "C" fn(*mut c_void, *const c_char, *const c_char, *const c_char, usize);
pub(super) type TellWeight = extern "C" fn(*mut c_void, *const c_char, *const i64, usize);
pub(super) type TellName = extern "C" fn(*mut c_void, *const c_char);

// SAFETY: shim.cpp, compiled with this file, declares these with the same types. Tensors cross as
// `at::Tensor*`, here a `void*`.
#[link(name = "forge_torchscript", kind = "static")]
unsafe extern "C" {
    pub(super) fn forge_torch_version() -> *const c_char;
    pub(super) fn forge_cpu_capability() -> *mut c_char;
    pub(super) fn forge_start_inter_op_threads();
    pub(super) fn forge_model_load(
        path: *const c_char,
        device: *const c_char,
        model: *mut *mut RawModel,
        error: *mut *mut c_char,
    ) -> i32;
    pub(super) fn forge_model_variant(
        model: *const RawModel,
        variant: i32,
        made: *mut *mut RawModel,
        error: *mut *mut c_char,
    ) -> i32;
    pub(super) fn forge_model_free(model: *mut RawModel);
    pub(super) fn forge_model_only_reads(model: *const RawModel) -> bool;
    pub(super) fn forge_model_arguments(
        model: *const RawModel,
        tell: TellArgument,
        context: *mut c_void,
        error: *mut *mut c_char,
    ) -> i32;
    pub(super) fn forge_model_first_weight(
        model: *const RawModel,
        tell: TellWeight,
        context: *mut c_void,
        error: *mut *mut c_char,
    ) -> i32;
    pub(super) fn forge_model_run(
        model: *mut RawModel,
        given: *const RawGiven,
        count: usize,
        outputs: *mut *mut RawOutputs,
        error: *mut *mut c_char,
    ) -> i32;
    pub(super) fn forge_model_remember(
        model: *mut RawModel,
        remember: bool,
        error: *mut *mut c_char,
    ) -> i32;
    pub(super) fn forge_model_restore(
        model: *mut RawModel,
        tell: TellName,
        context: *mut c_void,
        error: *mut *mut c_char,
    ) -> i32;
    pub(super) fn forge_outputs_bring_home(
        outputs: *mut RawOutputs,
        error: *mut *mut c_char,
    ) -> i32;
    pub(super) fn forge_outputs_count(outputs: *const RawOutputs) -> usize;
    pub(super) fn forge_outputs_take(outputs: *mut RawOutputs, leaf: usize) -> *mut c_void;
    pub(super) fn forge_outputs_structure(
        outputs: *const RawOutputs,
        length: *mut usize,
    ) -> *const c_char;
    pub(super) fn forge_outputs_free(outputs: *mut RawOutputs);
    pub(super) fn forge_text_free(text: *mut c_char);
}

// SAFETY: the signatures of dlopen(3), dlerror(3) and, from torch/csrc/inductor/aoti_torch/c/shim.h,
// libtorch's own.
unsafe extern "C" {
    pub(super) fn aoti_torch_abi_version() -> u64;
    pub(super) fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    pub(super) fn dlerror() -> *const c_char;
}
