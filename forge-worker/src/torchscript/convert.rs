//! Bytes of a frame to tensors, which are views of it where the model only reads them; tensors to bytes of a frame.

use forge_ipc::{Dtype, InputView, MAX_RANK, MAX_TENSORS, OutputSink, Shape, TensorMeta};
use forge_worker::EngineError;
use tch::{Device, Kind, TchError, Tensor};

use super::failure::{self, Status};

/// A view of the input.
///
/// # Safety
/// The tensor, and all that shares its memory, must be gone when the input is, and nobody may write to it:
/// the memory may be read-only.
pub(crate) unsafe fn borrow(input: &InputView<'_>) -> Result<Tensor, EngineError> {
    let meta = input.meta;
    if meta.bytes() != Some(input.bytes.len() as u64) {
        return Err(EngineError::Engine(format!(
            "an input of {} bytes is no {} of shape {}",
            input.bytes.len(),
            meta.dtype,
            meta.shape
        )));
    }
    let dims =
        meta.shape.dims().iter().map(|dim| i64::try_from(*dim)).collect::<Result<Vec<_>, _>>();
    let dims =
        dims.map_err(|_| EngineError::Engine("an input is larger than a tensor".to_owned()))?;
    let kind = to_kind(meta.dtype);
    // SAFETY: the bytes are as many as kind and dims say (checked above), lie in rows-first order as
    // the strides say, and outlive the tensor, as the caller promises.
    let borrowed = unsafe {
        Tensor::f_from_blob(input.bytes.as_ptr(), &dims, &strides(&dims), kind, Device::Cpu)
    };
    borrowed.map_err(torch_error)
}

/// A copy on `device`, which a model may change in place.
pub(crate) fn own(tensor: &Tensor, device: Device) -> Result<Tensor, EngineError> {
    let kind = tensor.f_kind().map_err(torch_error)?;
    tensor.f_to_device_(device, kind, false, true).map_err(torch_error)
}

/// Copies each tensor into what `out` offers for it.
pub(crate) fn write_outputs(
    tensors: &[Tensor],
    out: &mut dyn OutputSink,
) -> Result<(), EngineError> {
    if tensors.len() > MAX_TENSORS {
        return Err(EngineError::OutputShape(format!(
            "the model returned {} tensors, at most {MAX_TENSORS} fit in a batch",
            tensors.len()
        )));
    }
    for (index, tensor) in tensors.iter().enumerate() {
        let meta = meta(index, tensor)?;
        let slot = out.tensor(meta)?;
        let elements = tensor.numel();
        tensor.f_copy_data_u8(slot, elements).map_err(torch_error)?;
    }
    Ok(())
}

fn meta(index: usize, tensor: &Tensor) -> Result<TensorMeta, EngineError> {
    let dtype = tensor.f_kind().ok().and_then(to_dtype).ok_or_else(|| {
        EngineError::OutputShape(format!(
            "output {index} has a dtype that cannot be returned; convert it in the model"
        ))
    })?;
    let dims: Vec<u64> = tensor.size().into_iter().map(i64::unsigned_abs).collect();
    let shape = Shape::new(&dims).ok_or_else(|| {
        EngineError::OutputShape(format!(
            "output {index} has {} dimensions, at most {MAX_RANK} can be returned",
            dims.len()
        ))
    })?;
    Ok(TensorMeta { dtype, shape })
}

fn torch_error(error: TchError) -> EngineError {
    let TchError::Torch(text) = error else {
        return EngineError::Engine(error.to_string());
    };
    // The C++ stack lies below the first line.
    let line = text.lines().next().unwrap_or_default().to_owned();
    match failure::told(&text) {
        Status::OutOfMemory => EngineError::OutOfMemory(line),
        Status::DeviceLost => EngineError::DeviceLost(line),
        _ => EngineError::Engine(line),
    }
}

/// Elements from one index to the next in each dimension of a contiguous tensor.
fn strides(dims: &[i64]) -> Vec<i64> {
    let mut strides = vec![1_i64; dims.len()];
    for dim in (1..dims.len()).rev() {
        // A dimension of 0 counts as 1, as in torch; there is nothing to stride over then.
        strides[dim - 1] = strides[dim].saturating_mul(dims[dim].max(1));
    }
    strides
}

fn to_kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::Bool => Kind::Bool,
        Dtype::Uint8 => Kind::Uint8,
        Dtype::Int8 => Kind::Int8,
        Dtype::Int16 => Kind::Int16,
        Dtype::Int32 => Kind::Int,
        Dtype::Int64 => Kind::Int64,
        Dtype::Float16 => Kind::Half,
        Dtype::Bfloat16 => Kind::BFloat16,
        Dtype::Float32 => Kind::Float,
        Dtype::Float64 => Kind::Double,
    }
}

fn to_dtype(kind: Kind) -> Option<Dtype> {
    Dtype::ALL.into_iter().find(|dtype| to_kind(*dtype) == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dtype_has_a_kind_of_its_own_and_of_its_size() {
        for dtype in Dtype::ALL {
            assert_eq!(to_dtype(to_kind(dtype)), Some(dtype));
            assert_eq!(to_kind(dtype).elt_size_in_bytes(), dtype.size(), "{dtype}");
        }
        assert_eq!(to_dtype(Kind::ComplexFloat), None);
    }

    #[test]
    fn strides_are_those_of_a_contiguous_tensor() {
        for (dims, expected) in
            [(&[][..], &[][..]), (&[5], &[1]), (&[2, 3, 4], &[12, 4, 1]), (&[2, 0, 4], &[4, 4, 1])]
        {
            assert_eq!(strides(dims), expected);
        }
    }

    #[test]
    fn bytes_that_do_not_fill_the_shape_are_refused() {
        let meta = TensorMeta { dtype: Dtype::Float32, shape: Shape::new(&[2, 3]).unwrap() };
        let input = InputView { meta, bytes: &[0; 23] };
        // SAFETY: no tensor comes of it.
        let refused = unsafe { borrow(&input) };
        assert!(matches!(refused, Err(EngineError::Engine(_))));
    }

    #[test]
    fn an_allocation_that_fails_is_out_of_memory() {
        let failed = Tensor::f_empty([1_i64 << 60], (Kind::Uint8, Device::Cpu)).unwrap_err();
        assert!(matches!(torch_error(failed), EngineError::OutOfMemory(_)));
    }
}
