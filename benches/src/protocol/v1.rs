//! `POST /v1/{model}/predict` of Forge and its predecessor: one row, without the dimension of rows.

use serde_json::{Map, Value, json};

use crate::inputs::{Datatype, Tensor};

/// `{"input": …}` for one tensor, `{"inputs": {…}}` by name for several.
pub(super) fn body(tensors: &[Tensor]) -> String {
    let value = match tensors {
        [one] if one.datatype == Datatype::Fp32 => json!({"input": one.nested_row()}),
        [one] => json!({"input": one.nested_row(), "dtype": one.datatype.torch_name()}),
        several => json!({"inputs": several.iter().map(named).collect::<Map<_, _>>()}),
    };
    value.to_string()
}

fn named(tensor: &Tensor) -> (String, Value) {
    let value = match tensor.datatype {
        Datatype::Bytes => tensor.nested_row(),
        datatype => json!({"data": tensor.nested_row(), "dtype": datatype.torch_name()}),
    };
    (tensor.name.clone(), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::Elements;

    #[test]
    fn one_tensor_is_the_input_and_several_have_names() {
        let tensor = |name: &str, datatype, elements| Tensor {
            name: name.to_owned(),
            datatype,
            shape: vec![1, 2],
            has_rows: true,
            elements,
        };
        let x = tensor("x", Datatype::Fp32, Elements::Fractions(vec![0.5, 1.0]));
        let ids = tensor("ids", Datatype::Int64, Elements::Integers(vec![1, 2]));
        assert_eq!(body(std::slice::from_ref(&x)), r#"{"input":[0.5,1.0]}"#);
        assert_eq!(body(std::slice::from_ref(&ids)), r#"{"dtype":"int64","input":[1,2]}"#);
        assert_eq!(
            body(&[x, ids]),
            r#"{"inputs":{"ids":{"data":[1,2],"dtype":"int64"},"x":{"data":[0.5,1.0],"dtype":"float32"}}}"#
        );
    }
}
