//! `inference.ModelInferRequest` of Triton's `grpc_service.proto`, with raw contents.

use crate::inputs::Tensor;
use crate::protobuf::{field, varint};

pub(super) const INFER: &str = "/inference.GRPCInferenceService/ModelInfer";

pub(super) fn message(model: &str, tensors: &[Tensor]) -> Vec<u8> {
    let input = |tensor: &Tensor| {
        let shape: Vec<u8> = tensor.shape.iter().copied().flat_map(varint).collect();
        let name = field(1, tensor.name.as_bytes());
        let datatype = field(2, tensor.datatype.name().as_bytes());
        field(5, &[name, datatype, field(3, &shape)].concat())
    };
    let inputs = tensors.iter().flat_map(input);
    let raw = tensors.iter().flat_map(|tensor| field(7, &tensor.bytes()));
    field(1, model.as_bytes()).into_iter().chain(inputs).chain(raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::{Datatype, Elements};
    use crate::protobuf::fields;

    #[test]
    fn raw_contents_come_in_the_order_of_the_inputs() {
        let tensor = |name: &str, value| Tensor {
            name: name.to_owned(),
            datatype: Datatype::Int8,
            shape: vec![1],
            has_rows: true,
            elements: Elements::Integers(vec![value]),
        };
        let message = message("m", &[tensor("a", 1), tensor("b", 2)]);
        let read: Vec<_> = fields(&message).map(Result::unwrap).collect();
        let numbers: Vec<u32> = read.iter().map(|field| field.number).collect();
        assert_eq!(numbers, [1, 5, 5, 7, 7]);
        assert_eq!((read[3].bytes, read[4].bytes), ([1].as_slice(), [2].as_slice()));
    }
}
