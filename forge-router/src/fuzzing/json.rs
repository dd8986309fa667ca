//! The bodies of `/v1`.

use super::purse::Purse;
use crate::json::{
    Declared, DecodeOptions, DecodedInput, DecodedTensor, Limits, decode, decode_instances,
    decode_reload, decode_repository, decode_tensor, write_tensor,
};
use crate::tensor::{ArgumentKind, Dtype};

/// A body of a prediction: what is decoded has its shape's bytes, which were reserved, and reads back
/// as it is written.
pub(super) fn predict(body: &[u8]) {
    let mut purse = Purse::default();
    let Ok(decoded) = decode(body, options(&mut purse)) else { return };
    let tensors: Vec<&DecodedTensor> = decoded.inputs.iter().flat_map(tensors_of).collect();
    let held: usize = tensors.iter().map(|tensor| tensor.data.capacity()).sum();
    assert!(held <= purse.taken, "{held} bytes are held, {} were reserved", purse.taken);
    for tensor in tensors {
        has_its_bytes(tensor);
        reads_back(tensor);
    }
}

/// A body of KServe's first protocol: what is decoded was reserved, and a tensor alone as well.
pub(super) fn instances(body: &[u8]) {
    let (mut whole, mut alone) = (Purse::default(), Purse::default());
    if let Ok(instances) = decode_instances(body, options(&mut whole)) {
        let tensors: Vec<&DecodedTensor> = instances.inputs.iter().flat_map(tensors_of).collect();
        let held: usize = tensors.iter().map(|tensor| tensor.data.capacity()).sum();
        assert!(held <= whole.taken, "{held} bytes are held, {} were reserved", whole.taken);
        tensors.into_iter().for_each(has_its_bytes);
    }
    if let Ok(tensor) = decode_tensor(body, options(&mut alone)) {
        assert!(tensor.data.capacity() <= alone.taken);
        has_its_bytes(&tensor);
    }
}

/// A body of a reload.
pub(super) fn reload(body: &[u8]) {
    if let Ok(reload) = decode_reload(body) {
        // An escape is longer than what it stands for.
        assert!(
            reload.model_path.len() + reload.canary.map_or(0, |share| share.len()) <= body.len()
        );
    }
}

/// A body of a request to the repository of models.
pub(super) fn repository(body: &[u8]) {
    if let Ok(repository) = decode_repository(body) {
        assert!(repository.parameters.iter().map(String::len).sum::<usize>() <= body.len());
    }
}

fn options(purse: &mut Purse) -> DecodeOptions<'_> {
    let limits = Limits { max_filled_bytes: 1 << 20, ..Limits::default() };
    DecodeOptions { limits, declared: &OfEveryKind, budget: purse }
}

fn has_its_bytes(tensor: &DecodedTensor) {
    let elements = tensor.shape.elements().and_then(|elements| usize::try_from(elements).ok());
    let bytes = elements.and_then(|elements| elements.checked_mul(tensor.dtype.size()));
    assert_eq!(bytes, Some(tensor.data.len()));
}

fn reads_back(tensor: &DecodedTensor) {
    let mut body = br#"{"input":"#.to_vec();
    write_tensor(&mut body, tensor.dtype, &tensor.shape, &tensor.data);
    body.extend_from_slice(format!(r#","dtype":"{}"}}"#, tensor.dtype).as_bytes());
    let options = DecodeOptions {
        limits: Limits::default(),
        declared: &OfEveryKind,
        budget: &mut Purse::default(),
    };
    let again = decode(&body, options).map(|decoded| decoded.inputs);
    match again.as_deref() {
        Ok([(None, DecodedInput::Tensor(again))]) => assert_eq!(again.data, tensor.data),
        // Of a shape with a 0 there are fewer dimensions left in its text.
        other => panic!("{other:?} from {}", String::from_utf8_lossy(&body)),
    }
}

fn tensors_of((_, input): &(Option<String>, DecodedInput)) -> Vec<&DecodedTensor> {
    match input {
        DecodedInput::Tensor(tensor) => vec![tensor],
        DecodedInput::Tensors(list) => list.iter().collect(),
        DecodedInput::Value(_) => Vec::new(),
    }
}

/// A model with an argument of every kind, by its first letter.
struct OfEveryKind;

impl Declared for OfEveryKind {
    fn argument(&self, name: &str) -> (ArgumentKind, bool) {
        let kind = match name.as_bytes().first() {
            Some(b'l') => ArgumentKind::Tensors,
            Some(b'i') => ArgumentKind::Int,
            Some(b'f') => ArgumentKind::Float,
            Some(b'b') => ArgumentKind::Bool,
            Some(b's') => ArgumentKind::Str,
            Some(b'I') => ArgumentKind::Ints,
            Some(b'F') => ArgumentKind::Floats,
            _ => ArgumentKind::Tensor,
        };
        (kind, name.ends_with('?'))
    }

    fn is_unknown(&self, name: &str) -> bool {
        name.starts_with('u')
    }

    fn dtype(&self, name: Option<&str>) -> Option<Dtype> {
        (name == Some("ids")).then_some(Dtype::Int64)
    }
}
