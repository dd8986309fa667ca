//! Real TorchScript models of every kind: what they return, and what they are given.

use forge_tests::{Forge, Setup};
use serde_json::{Value, json};

/// One request each, and the `output` of its answer.
#[test]
fn outputs_mirror_the_structure_of_the_model() {
    let forge = [
        "double",
        "pair",
        "list",
        "dict",
        "nested",
        "nested-dict",
        "named-tuple",
        "values",
        "inplace",
        "text",
    ]
    .iter()
    .fold(Setup::new(), |setup, name| setup.real_model(name, &format!("{name}.pt")))
    .start();
    for (model, output) in [
        ("double", json!([2.0, 4.0])),
        ("pair", json!([[0.5, 1.0], [2.0, 4.0]])),
        ("list", json!([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])),
        ("dict", json!({"low": [0.5, 1.0], "high": [2.0, 4.0]})),
        ("nested", json!([[1.0, 2.0], {"again": [[2.0, 4.0], [3.0, 6.0]]}])),
        (
            "nested-dict",
            json!({"scaled": {"half": [0.5, 1.0], "double": [2.0, 4.0]}, "plain": {"x": [1.0, 2.0]}}),
        ),
        ("named-tuple", json!({"low": [0.5, 1.0], "high": [2.0, 4.0]})),
        ("values", json!([[1.0, 2.0], "unit", null, 3, 0.5, true, "positive"])),
        ("inplace", json!([2.0, 4.0])),
        ("text", json!("no tensor")),
    ] {
        let answer = forge.predict(model, &json!({"input": [1.0, 2.0]}));
        assert_eq!(answer.json()["output"], output, "{model}");
    }
    let named = forge.predict("values", &json!({"inputs": {"x": [-1.0]}}));
    assert_eq!(named.json()["outputs"]["output_6"], "negative");
}

#[test]
fn each_row_gets_its_own_item_of_a_list_of_values() {
    let forge = Setup::new().real_model("m", "values.pt").with("batch_window_ms = 200").start();
    let mut clients: Vec<_> = (0..4).map(|_| forge.connect()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        let sign = if index % 2 == 0 { 1.0 } else { -1.0 };
        let body = json!({"input": [sign]}).to_string();
        client.request("POST", "/v1/m/predict", &[], body.as_bytes());
    }
    for (index, client) in clients.iter_mut().enumerate() {
        let label = if index % 2 == 0 { "positive" } else { "negative" };
        assert_eq!(client.response().json()["output"][6], label);
    }
    assert_eq!(batches(&forge), 1.0);
}

#[test]
fn what_no_answer_can_hold_is_told_and_the_worker_lives() {
    for (file, expected) in [
        ("object.pt", "the output holds an object of type Device"),
        ("sizes.pt", "a list of 2 values for 1 rows, expected one per row"),
        ("sum.pt", "expected rows first"),
    ] {
        let forge = Setup::new().real_model("m", file).start();
        let answer = forge.predict("m", &json!({"input": [1.0]}));
        assert_eq!(answer.status, 500, "{file}");
        assert!(answer.detail().contains(expected), "{file}: {}", answer.detail());
        assert_eq!(forge.log().matches("worker ready").count(), 1, "{file}");
    }
}

#[test]
fn arguments_of_every_kind_are_given_by_name() {
    let forge = Setup::new().real_model("m", "arguments.pt").start();
    for (inputs, y) in [
        (json!({"x": [1.0, 2.0], "count": 3}), json!([3.0, 6.0])),
        (json!({"x": [1.0], "count": 2, "scale": 0.5, "negate": true}), json!([-1.0])),
        (json!({"x": [5.0], "count": 1, "mode": "ones"}), json!([1.0])),
        (json!({"x": [1.0], "count": 1, "bias": [10.0], "offset": 100}), json!([111.0])),
        (json!({"x": [1.0], "count": 1, "bias": null, "offset": null}), json!([1.0])),
        (json!({"x": [1.0], "count": 1, "weights": [2, 1.5], "dims": [1, 2]}), json!([3.0])),
    ] {
        let answer = forge.predict("m", &json!({"inputs": inputs}));
        assert_eq!(answer.json()["outputs"]["y"], y, "{inputs}");
    }
    for (inputs, detail) in [
        (json!({"x": [1.0]}), "input 'count' is missing"),
        (json!({"x": [1.0], "count": 1.5}), "expected an integer of 64 bits"),
        (json!({"x": [1.0], "count": null}), "is null, expected an integer"),
        (json!({"x": [1.0], "count": 1, "mode": 3}), "is a number, expected a string"),
        (json!({"x": [1.0], "count": 1, "dims": [1, "2"]}), "is a string, expected"),
        (json!({"x": [1.0], "count": 1, "other": 3}), "there is no input 'other'"),
        (json!({"x": [1.0], "count": 1, "other": {"a": null}}), "there is no input 'other'"),
    ] {
        let answer = forge.predict("m", &json!({"inputs": inputs}));
        assert_eq!(answer.status, 422, "{inputs}");
        assert!(answer.detail().contains(detail), "{inputs}: {}", answer.detail());
    }
}

/// Equal arguments share a batch, others never do.
#[test]
fn rows_run_together_only_where_their_arguments_are_equal() {
    let forge = Setup::new().real_model("m", "defaults.pt").with("batch_window_ms = 300").start();
    let scales = [Value::Null, json!(2.0), json!(3.0), json!(3.0), Value::Null, json!(3.0)];
    let mut clients: Vec<_> = scales.iter().map(|_| forge.connect()).collect();
    for (client, scale) in clients.iter_mut().zip(&scales) {
        let mut inputs = json!({"x": [1.0]});
        if !scale.is_null() {
            inputs["scale"] = scale.clone();
        }
        let body = json!({"inputs": inputs}).to_string();
        client.request("POST", "/v1/m/predict", &[], body.as_bytes());
    }
    for (client, scale) in clients.iter_mut().zip(&scales) {
        let expected = scale.as_f64().unwrap_or(2.0);
        assert_eq!(client.response().json()["outputs"]["output"], json!([expected]));
    }
    // Twice the default, three times 3.0, once 2.0.
    assert_eq!(batches(&forge), 3.0);
}

#[test]
fn two_inputs_with_free_dims_are_served_whatever_their_lengths() {
    let forge = Setup::new()
        .real_model("m", "free-dims.pt")
        .with_inputs(&[("ids", "int64", "[-1]"), ("values", "float32", "[-1]")])
        .start();
    for (ids, values) in [(1, 1), (3, 5), (100, 1), (7, 0)] {
        let inputs = json!({"ids": vec![2; ids], "values": vec![0.5; values]});
        let outputs = forge.predict("m", &json!({"inputs": inputs})).json()["outputs"].clone();
        assert_eq!(outputs["output_0"], json!(vec![4; ids]));
        assert_eq!(outputs["output_1"], json!(values as f64 * 0.5));
    }
}

#[test]
fn a_forward_that_never_ends_is_ended_and_the_next_request_answered() {
    let forge = Setup::new().real_model("m", "endless.pt").with("batch_timeout_s = 0.5").start();
    let hung = forge.predict("m", &json!({"input": [-1.0]}));
    assert_eq!(hung.status, 500);
    assert!(hung.detail().contains("batch_timeout_s"), "{}", hung.detail());
    forge.wait_until_ready();
    assert_answers(&forge, &json!([1.0]), &json!([2.0]));
}

#[test]
fn a_value_that_makes_the_model_raise_fails_alone() {
    let forge = Setup::new().real_model("m", "throws.pt").start();
    let raised = forge.predict("m", &json!({"input": [-1.0]}));
    assert_eq!(raised.status, 500);
    assert_eq!(raised.detail(), "Inference failed: AssertionError: a value is negative");
    assert_answers(&forge, &json!([1.0]), &json!([2.0]));
}

#[test]
fn one_number_and_a_shape_make_a_tensor() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    let inputs = json!({"x": {"data": 0.5, "shape": [2, 2], "dtype": "float64"}});
    let answer = forge.predict("m", &json!({"inputs": inputs}));
    assert_eq!(answer.json()["outputs"]["output"], json!([[1.0, 1.0], [1.0, 1.0]]));
}

#[test]
fn an_output_of_as_many_entries_as_rows_by_chance_is_never_sliced() {
    let forge = Setup::new().real_model("m", "columns.pt").with("batch_window_ms = 200").start();
    let bodies = [json!({"input": [1.0, 2.0]}), json!({"input": [30.0, 40.0]})];
    let mut clients: Vec<_> = bodies.iter().map(|body| forge.send_predict("m", body)).collect();
    for client in &mut clients {
        let answer = client.response();
        assert_eq!(answer.status, 500, "{}", answer.text());
        assert!(answer.detail().contains("expected rows first"), "{}", answer.detail());
    }
}

/// What a model needs beside its declared tensors leaves the size of its answers open.
#[test]
fn declared_tensors_beside_other_arguments_have_room() {
    let forge = Setup::new()
        .real_model("m", "arguments.pt")
        .with_inputs(&[("x", "float32", "[500]")])
        .start();
    let inputs = json!({"x": {"data": 1.0, "shape": [500]}, "count": 2, "bias": vec![1.0; 500]});
    let answer = forge.predict("m", &json!({"inputs": inputs}));
    assert_eq!(answer.json()["outputs"]["y"], json!(vec![3.0; 500]));
}

#[test]
fn a_model_that_takes_no_zeros_is_warmed_with_ones() {
    let forge =
        Setup::new().real_model("m", "masked.pt").with_inputs(&[("x", "int64", "[3]")]).start();
    assert_answers(&forge, &json!([1, 0, 0]), &json!([2, 0, 0]));
    let document = forge.get("/openapi.json").json();
    let operation = &document["paths"]["/v1/m/predict"]["post"];
    let example = &operation["requestBody"]["content"]["application/json"]["example"];
    assert_eq!(forge.predict("m", example).status, 200, "{example}");
}

#[test]
fn an_argument_beside_the_inputs_is_told_its_place() {
    let forge = Setup::new().real_model("m", "defaults.pt").start();
    let answer = forge.predict("m", &json!({"input": [1.0], "scale": 3.0}));
    assert_eq!(answer.status, 422);
    assert!(answer.detail().contains("send it in \"inputs\""), "{}", answer.detail());
    let other = forge.predict("m", &json!({"input": [1.0], "trace": "abc"}));
    assert_eq!(other.status, 200);
}

#[test]
fn a_few_letters_cannot_ask_for_more_than_a_frame() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    for shape in [json!([260_000_000]), json!([4_294_967_296_u64, 4_294_967_296_u64])] {
        let inputs = json!({"x": {"data": 1, "shape": shape}});
        let answer = forge.predict("m", &json!({"inputs": inputs}));
        assert_eq!(answer.status, 413, "{}", answer.text());
        assert!(answer.detail().contains("models.m.frame_bytes"), "{}", answer.detail());
    }
    // A gigabyte would show.
    assert!(forge.process().own_memory() < 100_000_000);
}

fn batches(forge: &Forge) -> f64 {
    forge.metric("forge_batch_size_count", &[("model", "m")])
}

fn assert_answers(forge: &Forge, input: &Value, output: &Value) {
    assert_eq!(forge.predict("m", &json!({"input": input})).json()["output"], *output);
}
