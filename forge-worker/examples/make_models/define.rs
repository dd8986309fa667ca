//! TorchScript files from source text, which tch cannot write; `define.cpp` does the work.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use tch::Tensor;

/// What the `self` of a module has, by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a> {
    pub(crate) parameters: &'a [(String, Tensor)],
    pub(crate) buffers: &'a [(String, Tensor)],
}

/// Saves a module whose methods `source` holds.
///
/// # Errors
///
/// What libtorch's compiler says about `source`, or why `path` could not be written.
pub(crate) fn define(path: &Path, source: &str, attributes: Attributes<'_>) -> Result<(), String> {
    let source = c_string(source)?;
    let Attributes { parameters, buffers } = attributes;
    let all = || parameters.iter().chain(buffers);
    let held = all().map(|(name, _)| c_string(name)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<*const c_char> = held.iter().map(|name| name.as_ptr()).collect();
    let tensors: Vec<*const c_void> = all().map(|(_, tensor)| tensor.as_ptr().cast()).collect();
    let path = c_path(path)?;
    // SAFETY: every pointer is into something that lives until the end of this function; names and
    // tensors are equally long, the parameters first; each tensor is an `at::Tensor`.
    verdict(unsafe {
        forge_define(
            source.as_ptr(),
            names.as_ptr(),
            tensors.as_ptr(),
            parameters.len(),
            buffers.len(),
            path.as_ptr(),
        )
    })
}

/// Saves a module that returns a NamedTuple with the fields `low` (x / 2) and `high` (x * 2).
///
/// # Errors
///
/// Why `path` could not be written.
pub(crate) fn define_named_tuple(path: &Path) -> Result<(), String> {
    let path = c_path(path)?;
    // SAFETY: the path is a C string that outlives the call.
    verdict(unsafe { forge_define_named_tuple(path.as_ptr()) })
}

fn verdict(error: *mut c_char) -> Result<(), String> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: not null, so a C string that is ours to give back, once.
    unsafe {
        let text = CStr::from_ptr(error).to_string_lossy().into_owned();
        forge_define_text_free(error);
        Err(text)
    }
}

fn c_string(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|error| error.to_string())
}

fn c_path(path: &Path) -> Result<CString, String> {
    CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())
}

// SAFETY: define.cpp declares these with the same types; it is compiled from this very checkout.
#[link(name = "forge_model_maker", kind = "static")]
unsafe extern "C" {
    fn forge_define(
        source: *const c_char,
        names: *const *const c_char,
        tensors: *const *const c_void,
        parameters: usize,
        buffers: usize,
        path: *const c_char,
    ) -> *mut c_char;
    fn forge_define_named_tuple(path: *const c_char) -> *mut c_char;
    fn forge_define_text_free(text: *mut c_char);
}
