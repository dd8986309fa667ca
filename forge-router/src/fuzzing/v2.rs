//! The Open Inference Protocol.

use std::sync::LazyLock;

use bytes::Bytes;
use forge_ipc::{Argument, Signature};

use super::purse::Purse;
use crate::json::decode_infer;
use crate::model::Interface;
use crate::request::Inputs;
use crate::tensor::ArgumentKind;
use crate::v2::{InferInput, InferRequest, accept, attach, read_texts, write_texts};

/// A request, with the length of its JSON before it: what was read of JSON is no more than was
/// reserved, what follows as bytes is no more than the body, and what is accepted has its rows' bytes.
pub(super) fn request(bytes: &[u8]) {
    let Some((length, body)) = bytes.split_first_chunk() else { return };
    let length = usize::from(u16::from_le_bytes(*length)).min(body.len());
    let (json, tail) = body.split_at(length);
    let mut purse = Purse::default();
    let Ok(head) = decode_infer(json, &mut purse) else { return };
    assert_eq!(head.binary.len(), head.request.inputs.len());
    let owned: usize = head.request.inputs.iter().map(|input| input.data.len()).sum();
    assert!(owned <= purse.taken, "{owned} bytes were read, {} were reserved", purse.taken);
    let Ok(request) = attach(head, Bytes::copy_from_slice(tail).into()) else { return };
    let whole: usize = request.inputs.iter().map(|input| input.data.len()).sum();
    assert_eq!(whole - owned, tail.len());
    accepted(&request);
}

/// Strings as bytes, with their count before them: they are as many as was said, and no longer than
/// their bytes.
pub(super) fn texts(bytes: &[u8]) {
    let Some((count, bytes)) = bytes.split_first_chunk() else { return };
    let count = u64::from_le_bytes(*count);
    let Ok(texts) = read_texts(bytes, count) else { return };
    assert_eq!(texts.len() as u64, count);
    let mut written = Vec::new();
    write_texts(&texts, &mut written);
    assert_eq!(written, bytes);
}

/// What the core gets of a request, whichever transport brought it.
pub(super) fn accepted(request: &InferRequest) {
    let given: usize = request.inputs.iter().map(held).sum();
    for is_batched in [true, false] {
        if let Ok(inputs) = accept(request.inputs.clone(), &OF_EVERY_KIND, is_batched) {
            has_the_bytes_of_its_rows(&inputs, given);
        }
    }
}

fn held(input: &InferInput) -> usize {
    input.data.len()
}

fn has_the_bytes_of_its_rows(inputs: &Inputs, given: usize) {
    assert!(inputs.rows > 0);
    assert_eq!(inputs.data.len(), inputs.group.row.len());
    for (row, data) in inputs.group.row.iter().zip(&inputs.data) {
        let bytes = row.bytes().and_then(|bytes| bytes.checked_mul(u64::from(inputs.rows)));
        assert_eq!(bytes, Some(data.len() as u64));
    }
    assert!(inputs.data.iter().map(|data| data.len()).sum::<usize>() <= given);
}

/// A model with an argument of every kind.
static OF_EVERY_KIND: LazyLock<Interface> = LazyLock::new(|| {
    let argument = |(name, kind, optional): (&str, ArgumentKind, bool)| Argument {
        name: name.to_owned(),
        kind,
        optional,
        default: (name != "x").then(|| "None".to_owned()),
    };
    let arguments = [
        ("x", ArgumentKind::Tensor, false),
        ("y", ArgumentKind::Tensor, true),
        ("list", ArgumentKind::Tensors, false),
        ("int", ArgumentKind::Int, true),
        ("float", ArgumentKind::Float, false),
        ("bool", ArgumentKind::Bool, false),
        ("str", ArgumentKind::Str, false),
        ("ints", ArgumentKind::Ints, false),
        ("floats", ArgumentKind::Floats, false),
    ];
    let arguments = arguments.map(argument).to_vec();
    let signature = Signature { arguments, likely_row: None };
    Interface::join(&signature, &[], true, None).unwrap_or_else(|error| panic!("{error}"))
});
