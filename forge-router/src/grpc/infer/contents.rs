//! Typed contents: the elements of a tensor as protobuf's numbers.
//!
//! ```text
//! bool_contents 1   BOOL              fp32_contents 6    FP32
//! int_contents 2    INT8 INT16 INT32  fp64_contents 7    FP64
//! int64_contents 3  INT64             bytes_contents 8   BYTES
//! uint_contents 4   UINT8             FP16 and BF16 come raw only
//! ```

use super::decode::invalid;
use crate::grpc::wire::{Field, Fields, Value, WireError};
use crate::memory_budget::Reservation;
use crate::request::RequestError;
use crate::tensor::Dtype;
use crate::v2::Datatype;

/// The protocol's names of the fields, by their number.
const NAMES: [&str; 8] = [
    "bool_contents",
    "int_contents",
    "int64_contents",
    "uint_contents",
    "uint64_contents",
    "fp32_contents",
    "fp64_contents",
    "bytes_contents",
];

/// The elements of an `InferTensorContents`, little-endian; strings each after its length, a `u32`.
/// What they take is reserved in `memory`, in addition.
pub fn read(
    datatype: Datatype,
    contents: &[u8],
    memory: &mut Reservation,
) -> Result<Vec<u8>, RequestError> {
    let expected = field_of(datatype)?;
    let mut bytes = 0_usize;
    for field in Fields(contents) {
        let field = field?;
        if field.number != expected {
            return Err(other_field(datatype, expected, field.number));
        }
        // Each element takes at least a byte of the message, so the sum cannot overflow.
        bytes += size(&field, datatype)?;
    }
    if !memory.grow(bytes) {
        return Err(RequestError::MemoryFull { limit: memory.limit() });
    }
    let mut data = Vec::with_capacity(bytes);
    for field in Fields(contents) {
        append(&field?, datatype, &mut data)?;
    }
    Ok(data)
}

fn field_of(datatype: Datatype) -> Result<u32, RequestError> {
    Ok(match datatype {
        Datatype::Bytes => 8,
        Datatype::Numbers(Dtype::Bool) => 1,
        Datatype::Numbers(Dtype::Int8 | Dtype::Int16 | Dtype::Int32) => 2,
        Datatype::Numbers(Dtype::Int64) => 3,
        Datatype::Numbers(Dtype::Uint8) => 4,
        Datatype::Numbers(Dtype::Float32) => 6,
        Datatype::Numbers(Dtype::Float64) => 7,
        Datatype::Numbers(Dtype::Float16 | Dtype::Bfloat16) => {
            let cause = format!("{datatype} has no contents of its own: give raw_input_contents");
            return Err(invalid(cause));
        }
    })
}

fn other_field(datatype: Datatype, expected: u32, given: u32) -> RequestError {
    let name = |number: u32| {
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        place.and_then(|place| NAMES.get(place)).copied().unwrap_or("an unknown field")
    };
    invalid(format!("{datatype} is given as {}, not as {}", name(expected), name(given)))
}

/// The bytes that the elements of a field take as a tensor's.
fn size(field: &Field<'_>, datatype: Datatype) -> Result<usize, RequestError> {
    Ok(match (datatype, field.value) {
        (Datatype::Bytes, _) => 4 + field.bytes()?.len(),
        (Datatype::Numbers(Dtype::Float32), Value::Fixed32(_)) => 4,
        (Datatype::Numbers(Dtype::Float64), Value::Fixed64(_)) => 8,
        (Datatype::Numbers(dtype @ (Dtype::Float32 | Dtype::Float64)), _) => {
            let packed = field.bytes()?.len();
            if !packed.is_multiple_of(dtype.size()) {
                return Err(WireError::Truncated.into());
            }
            packed
        }
        (Datatype::Numbers(dtype), _) => field.varints()?.how_many() * dtype.size(),
    })
}

fn append(field: &Field<'_>, datatype: Datatype, data: &mut Vec<u8>) -> Result<(), RequestError> {
    let dtype = match (datatype, field.value) {
        (Datatype::Bytes, _) => {
            crate::v2::write_texts(&[field.bytes()?], data);
            return Ok(());
        }
        (Datatype::Numbers(_), Value::Fixed32(bytes)) => {
            data.extend_from_slice(&bytes);
            return Ok(());
        }
        (Datatype::Numbers(_), Value::Fixed64(bytes)) => {
            data.extend_from_slice(&bytes);
            return Ok(());
        }
        (Datatype::Numbers(Dtype::Float32 | Dtype::Float64), _) => {
            data.extend_from_slice(field.bytes()?);
            return Ok(());
        }
        (Datatype::Numbers(dtype), _) => dtype,
    };
    for number in field.varints()? {
        // Signed ones come as 64 bits of two's complement, whatever their type.
        let number = number?.cast_signed();
        let fits = match dtype {
            Dtype::Bool => u8::try_from(number).is_ok_and(|bool| bool <= 1),
            Dtype::Uint8 => u8::try_from(number).is_ok(),
            Dtype::Int8 => i8::try_from(number).is_ok(),
            Dtype::Int16 => i16::try_from(number).is_ok(),
            Dtype::Int32 => i32::try_from(number).is_ok(),
            _ => true,
        };
        if !fits {
            return Err(invalid(format!("{number} is no {datatype}")));
        }
        data.extend_from_slice(&number.to_le_bytes()[..dtype.size()]);
    }
    Ok(())
}
