use serde_json::{Value, json};

use super::document::{
    Batching, Changes, InputDocument, InputKind, ModelDocument, OutputDocument, TensorDocument,
};
use super::{OpenApi, example, paths, schema};
use crate::tensor::Dtype;

fn argument(name: &str, kind: InputKind) -> InputDocument {
    InputDocument { name: name.to_owned(), kind, optional: false, default: None }
}

fn declared(name: &str, dtype: Dtype, shape: &[Option<u64>]) -> InputDocument {
    let shape = shape.to_vec();
    argument(name, InputKind::Tensor(TensorDocument::Declared { dtype, shape, number: 0 }))
}

fn undeclared(name: &str) -> InputDocument {
    argument(name, InputKind::Tensor(TensorDocument::Unknown))
}

fn answered(name: &str, dtype: Dtype, shape: &[u64]) -> InputDocument {
    let shape = shape.to_vec();
    argument(name, InputKind::Tensor(TensorDocument::Answered { dtype, shape }))
}

fn with_default(name: &str, kind: InputKind, default: &str) -> InputDocument {
    InputDocument { default: Some(default.to_owned()), ..argument(name, kind) }
}

fn optional(name: &str, kind: InputKind) -> InputDocument {
    InputDocument { optional: true, ..argument(name, kind) }
}

fn model(inputs: Vec<InputDocument>) -> ModelDocument {
    ModelDocument {
        name: "m".to_owned(),
        state: "ready",
        inputs: Some(inputs),
        output: None,
        batching: Batching::Rows { max_batch_size: 32, window_ms: 0.0 },
        max_queue_depth: 256,
        request_timeout_s: 30.0,
        takes_images: false,
    }
}

fn request_content(model: ModelDocument) -> Value {
    let document = paths::document(&[model], Changes::Local);
    document["paths"]["/v1/m/predict"]["post"]["requestBody"]["content"]["application/json"].clone()
}

#[test]
fn the_example_is_the_least_that_the_model_takes() {
    use Dtype::{Bool, Float32, Int64};
    for (inputs, expected) in [
        (vec![undeclared("x")], json!({"input": [1.0, 2.0, 3.0]})),
        (vec![declared("x", Float32, &[Some(2), Some(1)])], json!({"input": [[0.0], [0.0]]})),
        (vec![declared("x", Int64, &[None, Some(2)])], json!({"input": [[0, 0]]})),
        (vec![declared("x", Bool, &[])], json!({"input": false})),
        (vec![answered("x", Float32, &[2])], json!({"input": [1.0, 1.0]})),
        (vec![answered("x", Int64, &[2])], json!({"input": [1, 1], "dtype": "int64"})),
        (
            vec![declared("x", Float32, &[Some(3), Some(224), Some(224)])],
            json!({"inputs": {"x": {"data": 0.0, "shape": [3, 224, 224]}}}),
        ),
        (
            vec![answered("x", Dtype::Uint8, &[65])],
            json!({"inputs": {"x": {"data": 1, "shape": [65], "dtype": "uint8"}}}),
        ),
        (
            vec![undeclared("a"), answered("b", Int64, &[1])],
            json!({"inputs": {"a": [1.0, 2.0, 3.0], "b": {"data": [1], "dtype": "int64"}}}),
        ),
        (
            vec![
                declared("x", Float32, &[Some(1)]),
                argument("n", InputKind::Int),
                argument("names", InputKind::Str),
                argument("sizes", InputKind::Ints),
                with_default("scale", InputKind::Float, "0.5"),
                optional("mask", InputKind::Tensor(TensorDocument::Unknown)),
            ],
            json!({"inputs": {"x": [0.0], "n": 1, "names": "text", "sizes": [1]}}),
        ),
        (
            vec![undeclared("x"), with_default("scale", InputKind::Float, "0.5")],
            json!({"input": [1.0, 2.0, 3.0]}),
        ),
    ] {
        assert_eq!(example::request(&model(inputs)), Some(expected));
    }
}

#[test]
fn arguments_have_the_schema_of_their_kind() {
    for (input, expected) in [
        (argument("n", InputKind::Int), json!({"type": "integer", "format": "int64"})),
        (
            with_default("n", InputKind::Int, "3"),
            json!({"type": "integer", "format": "int64", "default": 3}),
        ),
        (
            optional("sizes", InputKind::Ints),
            json!({"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}),
        ),
        (with_default("mode", InputKind::Str, "'mean'"), {
            json!({"type": "string", "default": "mean"})
        }),
        (
            argument("xs", InputKind::Tensors),
            json!({"type": "array", "items": {"$ref": "#/components/schemas/tensor"}}),
        ),
    ] {
        let mut schema = schema::input(&input);
        assert!(schema["description"].is_string());
        schema.as_object_mut().unwrap().remove("description");
        assert_eq!(schema, expected, "{input:?}");
    }
}

#[test]
fn a_declared_tensor_nests_as_its_shape() {
    let shape = vec![None, Some(3)];
    let schema = schema::tensor(&TensorDocument::Declared { dtype: Dtype::Int8, shape, number: 0 });
    let expected = json!({"type": "array", "items": {
        "type": "array", "minItems": 3, "maxItems": 3,
        "items": {"$ref": "#/components/schemas/int8"}
    }});
    assert_eq!(schema, expected);
}

#[test]
fn outputs_mirror_the_models_structure() {
    use OutputDocument::{Dict, Int, List, None, Str, Tensor, Tuple};
    let tensor = || Tensor { dtype: Dtype::Int64, rank: 1 };
    let of_tensor = || json!({"type": "array", "items": {"$ref": "#/components/schemas/int64"}});
    let text = || json!({"type": "string"});
    let int = || json!({"type": "integer"});
    let int_or_null = json!({"anyOf": [{"type": "integer"}, {"type": "null"}]});
    let required = |names: &[&str], properties: Value| json!({"type": "object", "required": names, "properties": properties});
    for (output, plain, named) in [
        (tensor(), of_tensor(), required(&["output"], json!({"output": of_tensor()}))),
        (
            Tuple(vec![tensor(), Str]),
            json!({"type": "array", "minItems": 2, "maxItems": 2,
                   "prefixItems": [of_tensor(), {"type": "string"}]}),
            required(
                &["output_0", "output_1"],
                json!({"output_0": of_tensor(), "output_1": text()}),
            ),
        ),
        (
            Dict(vec![("label".to_owned(), Str)]),
            required(&["label"], json!({"label": text()})),
            required(&["label"], json!({"label": text()})),
        ),
        (
            List(vec![Int, Int]),
            json!({"type": "array", "items": int()}),
            json!({"type": "object", "additionalProperties": int()}),
        ),
        (
            List(vec![Int, None]),
            json!({"type": "array", "items": int_or_null}),
            json!({"type": "object", "additionalProperties": int_or_null}),
        ),
        (List(vec![]), json!({"type": "array"}), json!({"type": "object"})),
        (
            Tuple(vec![]),
            json!({"type": "array", "minItems": 0, "maxItems": 0}),
            required(&[], json!({})),
        ),
    ] {
        assert_eq!(schema::output(&output), plain);
        assert_eq!(schema::named_output(&output), named);
    }
}

#[test]
fn the_answer_is_shown_in_the_form_of_the_request() {
    use OutputDocument::{Str, Tensor, Tuple};
    let answer = |inputs| {
        let output = Tuple(vec![Tensor { dtype: Dtype::Float32, rank: 2 }, Str]);
        example::response(&ModelDocument { output: Some(output), ..model(inputs) }).unwrap()
    };
    assert_eq!(answer(vec![undeclared("x")])["output"], json!([[[0.0]], "text"]));
    let named = answer(vec![undeclared("x"), undeclared("y")]);
    assert_eq!(named["outputs"], json!({"output_0": [[0.0]], "output_1": "text"}));
    assert_eq!(example::response(&model(vec![undeclared("x")])), None);
}

#[test]
fn only_a_model_of_one_needed_tensor_takes_input() {
    let has_input = |inputs| {
        let properties = request_content(model(inputs))["schema"]["properties"].clone();
        assert!(properties["inputs"].is_object());
        properties.get("input").is_some()
    };
    assert!(has_input(vec![undeclared("x")]));
    assert!(has_input(vec![undeclared("x"), with_default("n", InputKind::Int, "1")]));
    assert!(!has_input(vec![undeclared("x"), undeclared("y")]));
    assert!(!has_input(vec![undeclared("x"), argument("n", InputKind::Int)]));
    assert!(!has_input(vec![argument("n", InputKind::Int)]));
    assert!(!has_input(vec![argument("xs", InputKind::Tensors)]));
}

#[test]
fn a_model_that_is_loading_has_an_entry_without_an_example() {
    let loading = ModelDocument { state: "loading", inputs: None, ..model(vec![]) };
    let content = request_content(loading.clone());
    assert_eq!(content.get("example"), None);
    let document = paths::document(&[loading], Changes::Local);
    let entry = &document["paths"]["/v1/m/predict"]["post"];
    assert_eq!(entry["summary"], "Predict with m (loading)");
    assert!(entry["description"].as_str().unwrap().contains("before it is loaded"));
}

#[test]
fn the_description_says_how_to_declare_and_how_requests_are_batched() {
    let description = |model| {
        let document = paths::document(&[model], Changes::Local);
        let entry = &document["paths"]["/v1/m/predict"]["post"];
        entry["description"].as_str().unwrap().to_owned()
    };
    let free = description(model(vec![undeclared("x")]));
    assert!(free.contains("[[models.\"m\".inputs]]\nname = \"x\""), "{free}");
    assert!(free.contains("a guess"), "{free}");
    let learnt = description(model(vec![answered("x", Dtype::Float32, &[2])]));
    assert!(learnt.contains("like the first request"), "{learnt}");
    let declared = vec![declared("x", Dtype::Float32, &[Some(2), None])];
    let windowed = description(ModelDocument {
        batching: Batching::Rows { max_batch_size: 8, window_ms: 25.0 },
        ..model(declared.clone())
    });
    assert!(windowed.contains("| `x` | float32 [2, -1] |"), "{windowed}");
    assert!(!windowed.contains("toml"), "{windowed}");
    assert!(windowed.contains("up to 8 rows, held up to 25 ms"), "{windowed}");
    let alone = description(ModelDocument { batching: Batching::Off, ..model(declared) });
    assert!(alone.contains("batching = false"), "{alone}");
}

#[test]
fn the_reload_is_shown_to_those_who_may_use_it() {
    for (changes, is_shown, has_token) in [
        (Changes::Local, true, false),
        (Changes::WithToken, true, true),
        (Changes::Nobody, false, false),
    ] {
        let document = paths::document(&[model(vec![])], changes);
        let reload = document["paths"].get("/v1/{model}/reload");
        assert_eq!(reload.is_some(), is_shown, "{changes:?}");
        let security = reload.and_then(|it| it["post"].get("security"));
        assert_eq!(security.is_some(), has_token, "{changes:?}");
        let schemes = document["components"].get("securitySchemes");
        assert_eq!(schemes.is_some(), has_token, "{changes:?}");
    }
}

/// Every reference leads somewhere, and no two operations share an id.
#[test]
fn the_document_holds_together() {
    let models =
        [model(vec![undeclared("x")]), ModelDocument { name: "n".into(), ..model(vec![]) }];
    let both = [Changes::Local, Changes::WithToken, Changes::Nobody].map(|it| (&models[..], it));
    for (models, changes) in both.into_iter().chain([(&[][..], Changes::Local)]) {
        let document = paths::document(models, changes);
        let mut ids = Vec::new();
        visit(&document, &mut |key, value| match key {
            "$ref" => {
                let path = value.as_str().unwrap().trim_start_matches('#');
                assert!(document.pointer(path).is_some(), "{value}");
            }
            "operationId" => ids.push(value.to_string()),
            _ => {}
        });
        let count = ids.len();
        assert!(count >= 5 + models.len());
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}

fn visit(value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            see(key, value);
            visit(value, see);
        }),
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        _ => {}
    }
}

#[test]
fn the_text_is_kept_for_as_long_as_the_models_are_described_the_same() {
    let openapi = OpenApi::default();
    let text = |input: InputDocument, changes| openapi.text(vec![model(vec![input])], changes);
    let first = text(undeclared("x"), Changes::Local);
    let again = text(undeclared("x"), Changes::Local);
    assert_eq!(first.as_ptr(), again.as_ptr());
    for (input, changes) in [
        (answered("x", Dtype::Float32, &[2]), Changes::Local),
        (undeclared("x"), Changes::WithToken),
        (undeclared("y"), Changes::WithToken),
    ] {
        let expected = paths::document(&[model(vec![input.clone()])], changes).to_string();
        assert_eq!(text(input, changes), expected);
    }
}
