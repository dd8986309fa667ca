//! What a body may be beside JSON, and how an answer is written in the same formats.
//!
//! ```text
//! Content-Type ─► Given ─► raw · npy · npz · safetensors · image ─► GivenTensor ─► the model's interface
//! Accept ─► [Format] ─► the first that holds the answer ─► raw · npy · npz · safetensors ◄─ FlatOutput
//! ```
//!
//! Pure: bytes in, tensors out and back. Every byte decoded here was written by a client, so
//!
//! * lengths and shapes are compared with the bytes there are before anything is computed from them,
//! * what is allocated is reserved first, and
//! * what expands (zip members, images) is bounded by what it claims before it is expanded, and may
//!   never come to more.

mod error;
pub mod image;
mod media_type;
mod memory;
pub mod npy;
pub mod npz;
pub mod raw;
pub mod safetensors;
pub mod top_classes;

#[cfg(test)]
mod tests;

use crate::flat::{Elements, FlatKind, FlatOutput};
use crate::memory_budget::Reservation;
use crate::tensor::Dtype;

pub use error::FormatError;
pub use media_type::{Given, acceptable, given, parameter};

/// A tensor as a client gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenTensor {
    /// `None` in formats that hold a single one.
    pub name: Option<String>,
    pub dtype: Dtype,
    /// With the rows where the client gave some.
    pub shape: Vec<u64>,
    /// Little-endian, the last dimension fastest.
    pub data: Vec<u8>,
}

/// A format that tensors can be given and answered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    /// The elements of one tensor and nothing else: dtype and shape are headers.
    Raw,
    /// `numpy.save`
    Npy,
    /// `numpy.savez`
    Npz,
    Safetensors,
}

impl Format {
    /// In the order in which they are tried where a client leaves the choice.
    pub const ALL: [Self; 5] = [Self::Json, Self::Npz, Self::Safetensors, Self::Npy, Self::Raw];

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Raw => "application/octet-stream",
            Self::Npy => "application/x-npy",
            Self::Npz => "application/x-npz",
            Self::Safetensors => "application/vnd.safetensors",
        }
    }
}

/// A body in a format other than JSON, which has its own way there.
#[derive(Debug)]
pub struct Encoded {
    pub format: Format,
    pub body: Vec<u8>,
    /// Of the only tensor, where the format is [`Format::Raw`].
    pub raw: Option<(Dtype, Vec<u64>)>,
}

/// The first of these formats that can hold an answer of these leaves, which are so many bytes.
///
/// # Errors
/// [`FormatError::NotAcceptable`] says what keeps each of them from it.
pub fn choose(
    acceptable: &[Format],
    leaves: &[FlatKind],
    bytes: usize,
) -> Result<Format, FormatError> {
    let mut causes = Vec::new();
    for format in acceptable {
        match check(*format, leaves, bytes) {
            Ok(()) => return Ok(*format),
            Err(cause) => causes.push(format!("{} {cause}", format.media_type())),
        }
    }
    Err(FormatError::NotAcceptable(causes.join("; ")))
}

/// Writes the outputs in a format that [`choose`] chose for them, which is not JSON. Grows `memory` by
/// what it writes, before it does.
pub fn encode(
    format: Format,
    mut outputs: Vec<FlatOutput>,
    memory: &mut Reservation,
) -> Result<Encoded, FormatError> {
    let only = || FormatError::NotAcceptable(format!("{} holds one tensor", format.media_type()));
    let mut raw = None;
    let body = match format {
        Format::Json | Format::Safetensors => safetensors::encode(&outputs, memory)?,
        Format::Npz => npz::encode(&outputs, memory)?,
        Format::Npy => npy::encode(outputs.first().ok_or_else(only)?, memory)?,
        Format::Raw => {
            let FlatOutput { shape, elements, .. } = outputs.pop().ok_or_else(only)?;
            let Elements::Numbers(dtype, data) = elements else { return Err(only()) };
            // The bytes themselves are the body: they are reserved once more, as for the others.
            memory::reserve(memory, data.len())?;
            raw = Some((dtype, shape));
            data
        }
    };
    Ok(Encoded { format, body, raw })
}

/// What keeps a format from holding these leaves, if anything.
fn check(format: Format, leaves: &[FlatKind], bytes: usize) -> Result<(), String> {
    let has = |dtype: Option<Dtype>| leaves.iter().any(|leaf| leaf.dtype == dtype);
    match format {
        Format::Raw | Format::Npy if leaves.len() != 1 => {
            let (count, media_type) = (leaves.len(), Format::Npz.media_type());
            Err(format!("holds one tensor, the answer has {count}: {media_type} holds them"))
        }
        Format::Raw | Format::Safetensors if has(None) => {
            Err("holds no strings, and the answer has some".to_owned())
        }
        Format::Npy | Format::Npz if has(Some(Dtype::Bfloat16)) => {
            let media_type = Format::Safetensors.media_type();
            Err(format!("has no bfloat16, which the answer is: {media_type} has"))
        }
        Format::Npz if bytes > npz::MOST_ANSWER => {
            Err(format!("holds at most {} bytes, the answer has {bytes}", npz::MOST_ANSWER))
        }
        _ => Ok(()),
    }
}
