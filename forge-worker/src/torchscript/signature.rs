//! What a model's file tells about the arguments of its `forward`.

use forge_ipc::{Argument, ArgumentKind, Signature};

use super::ffi::{Failure, Model};

/// Reads names, kinds and defaults from the method's schema.
pub(crate) fn read(model: &Model) -> Result<Signature, Failure> {
    let arguments = model.arguments()?.into_iter();
    Ok(Signature {
        arguments: arguments
            .map(|(name, kind, default)| Argument { name, kind: to_kind(kind), default })
            .collect(),
    })
}

/// The places of the arguments that take a tensor.
pub(crate) fn tensor_arguments(signature: &Signature) -> Vec<usize> {
    let takes_tensor = |argument: &Argument| {
        matches!(argument.kind, ArgumentKind::Tensor | ArgumentKind::OptionalTensor)
    };
    let arguments = signature.arguments.iter().enumerate();
    arguments.filter(|(_, argument)| takes_tensor(argument)).map(|(place, _)| place).collect()
}

/// The kind behind torch's annotation text.
fn to_kind(annotation: String) -> ArgumentKind {
    match annotation.as_str() {
        "Tensor" => ArgumentKind::Tensor,
        "Optional[Tensor]" => ArgumentKind::OptionalTensor,
        "int" => ArgumentKind::Int,
        "float" => ArgumentKind::Float,
        "bool" => ArgumentKind::Bool,
        "str" => ArgumentKind::Str,
        _ => ArgumentKind::Other(annotation),
    }
}
