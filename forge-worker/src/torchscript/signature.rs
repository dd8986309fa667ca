//! What a model's file tells about the arguments of its `forward`.

use forge_ipc::{Argument, ArgumentKind, Dtype, Shape, Signature, Structure, TensorMeta};

use super::failure::Failure;
use super::ffi::{Model, TorchArgument};

/// Reads names, types and defaults from the method's schema.
pub(crate) fn read(model: &Model) -> Result<Signature, Failure> {
    let arguments = model.arguments()?.into_iter().map(argument).collect();
    let likely_row = model.first_weight()?.and_then(|(name, dims)| likely_row(&name, &dims));
    Ok(Signature { arguments, likely_row })
}

/// What a first layer with this weight takes: `[out, in]` of Linear, `[words, width]` of Embedding,
/// `[out, in, …]` of a convolution, whose signal is made long enough for some layers more.
fn likely_row(name: &str, weight: &[i64]) -> Option<TensorMeta> {
    const SOME_WORDS: u64 = 4;
    const IMAGE: u64 = 224;
    let dim = |at: usize| weight.get(at).and_then(|dim| u64::try_from(*dim).ok());
    let (dtype, dims) = match weight.len() {
        2 if name.to_lowercase().contains("emb") => (Dtype::Int64, vec![SOME_WORDS]),
        2 => (Dtype::Float32, vec![dim(1)?]),
        rank @ 3..=5 => (Dtype::Float32, [vec![dim(1)?], vec![IMAGE; rank - 2]].concat()),
        _ => return None,
    };
    Some(TensorMeta { dtype, shape: Shape::new(&dims)? })
}

/// The places of the arguments that take one tensor.
pub(crate) fn tensor_arguments(signature: &Signature) -> Vec<usize> {
    let arguments = signature.arguments.iter().enumerate();
    let tensors = arguments.filter(|(_, argument)| argument.kind == ArgumentKind::Tensor);
    tensors.map(|(place, _)| place).collect()
}

fn argument(told: TorchArgument) -> Argument {
    let TorchArgument { name, annotation, default } = told;
    let inner = annotation.strip_prefix("Optional[").and_then(|inner| inner.strip_suffix(']'));
    let default = default.map(|bytes| match Structure::decode(&bytes) {
        Ok(value) => shortened(python_repr(&value)),
        Err(_) => "…".to_owned(),
    });
    Argument { name, kind: kind(inner.unwrap_or(&annotation)), optional: inner.is_some(), default }
}

/// It goes into one control message with all the others.
fn shortened(mut text: String) -> String {
    const LONGEST: usize = 256;
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The kind behind torch's annotation text.
fn kind(annotation: &str) -> ArgumentKind {
    match annotation {
        "Tensor" => ArgumentKind::Tensor,
        "List[Tensor]" => ArgumentKind::Tensors,
        "int" => ArgumentKind::Int,
        "float" => ArgumentKind::Float,
        "bool" => ArgumentKind::Bool,
        "str" => ArgumentKind::Str,
        "List[int]" => ArgumentKind::Ints,
        "List[float]" => ArgumentKind::Floats,
        _ => ArgumentKind::Other(annotation.to_owned()),
    }
}

/// A default as Python's `repr` writes it.
fn python_repr(value: &Structure) -> String {
    let joined = |items: &[Structure]| items.iter().map(python_repr).collect::<Vec<_>>().join(", ");
    match value {
        Structure::Tensor => "tensor(…)".to_owned(),
        Structure::None => "None".to_owned(),
        Structure::Bool(true) => "True".to_owned(),
        Structure::Bool(false) => "False".to_owned(),
        Structure::Int(value) => value.to_string(),
        Structure::Float(value) => python_float(*value),
        Structure::Str(text) => python_string(text),
        Structure::List(items) => format!("[{}]", joined(items)),
        Structure::Tuple(items) if items.len() == 1 => format!("({},)", joined(items)),
        Structure::Tuple(items) => format!("({})", joined(items)),
        Structure::Dict(members) => {
            let member = |(key, value): &(String, Structure)| {
                format!("{}: {}", python_string(key), python_repr(value))
            };
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Python writes an exponent from 1e16 up and below 1e-4, with a sign and at least two digits.
fn python_float(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string().to_lowercase();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

fn python_string(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
    format!("'{escaped}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_weight_tells_what_its_layer_takes() {
        for (name, weight, dtype, dims) in [
            ("net.0.weight", &[256, 768][..], Dtype::Float32, &[768][..]),
            ("embeddings.word.weight", &[30522, 384], Dtype::Int64, &[4]),
            ("conv1.weight", &[64, 3, 7, 7], Dtype::Float32, &[3, 224, 224]),
            ("conv.weight", &[8, 1, 5], Dtype::Float32, &[1, 224]),
        ] {
            let row = likely_row(name, weight).unwrap();
            assert_eq!((row.dtype, row.shape.dims()), (dtype, dims), "{name}");
        }
        assert_eq!(likely_row("x", &[1; 6]), None);
    }

    #[test]
    fn floats_are_written_as_python_does() {
        for (value, text) in [
            (2.0, "2.0"),
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (1e-5, "1e-05"),
            (1.5e300, "1.5e+300"),
            (1e16, "1e+16"),
            (123_456_789.0, "123456789.0"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }
}
