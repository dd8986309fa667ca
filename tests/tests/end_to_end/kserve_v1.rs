//! `POST /v1/models/{model}:predict`, as KServe's and TensorFlow Serving's clients ask.

use forge_tests::{Forge, Response, Setup, Value, json};

fn ask(forge: &Forge, model: &str, body: &Value) -> Response {
    let path = format!("/v1/models/{model}:predict");
    forge.ask("POST", &path, &[], body.to_string().as_bytes())
}

/// The body of an answer, which must be one.
fn answer(forge: &Forge, model: &str, body: &Value) -> Value {
    let response = ask(forge, model, body);
    assert_eq!(response.status, 200, "{body}: {}", response.text());
    response.json()
}

#[test]
fn each_instance_gets_its_prediction() {
    let forge = Setup::new().real_model("double", "double.pt").real_model("add", "add.pt").start();
    for (model, body, expected) in [
        (
            "double",
            json!({"instances": [[1, 2], [3, 4], [5, 6]]}),
            json!([[2.0, 4.0], [6.0, 8.0], [10.0, 12.0]]),
        ),
        ("double", json!({"instances": [{"x": 1}, {"x": 2}]}), json!([2.0, 4.0])),
        (
            "add",
            json!({"instances": [{"x": [1], "y": [2]}, {"y": [20], "x": [10]}]}),
            json!([[3.0], [30.0]]),
        ),
    ] {
        assert_eq!(answer(&forge, model, &body), json!({"predictions": expected}), "{body}");
    }
    let columns = json!({"inputs": {"x": [[1], [10]], "y": [[2], [20]]}});
    assert_eq!(answer(&forge, "add", &columns), json!({"outputs": [[3.0], [30.0]]}));
    let columns = json!({"inputs": [[1], [2]]});
    assert_eq!(answer(&forge, "double", &columns), json!({"outputs": [[2.0], [4.0]]}));
}

#[test]
fn a_request_of_more_rows_than_a_batch_is_answered_whole() {
    let forge = Setup::new().real_model("m", "double.pt").with("max_batch_size = 4").start();
    let instances: Vec<u32> = (0..50).collect();
    let expected: Vec<f64> = instances.iter().map(|row| f64::from(*row) * 2.0).collect();
    let answered = answer(&forge, "m", &json!({"instances": instances}));
    assert_eq!(answered, json!({"predictions": expected}));
    assert_eq!(forge.scrape().value("forge_rows_total", &[("model", "m")]), 50.0);
}

#[test]
fn several_outputs_are_an_object_per_row() {
    let forge = Setup::new().real_model("dict", "dict.pt").real_model("pair", "pair.pt").start();
    let body = json!({"instances": [[1, 2], [3, 4]]});
    let expected =
        json!([{"low": [0.5, 1.0], "high": [2.0, 4.0]}, {"low": [1.5, 2.0], "high": [6.0, 8.0]}]);
    assert_eq!(answer(&forge, "dict", &body)["predictions"], expected);
    let expected = json!([{"OUTPUT__0": [0.5], "OUTPUT__1": [2.0]}]);
    assert_eq!(answer(&forge, "pair", &json!({"instances": [[1]]}))["predictions"], expected);
    let columns = json!({"outputs": {"low": [[0.5]], "high": [[2.0]]}});
    assert_eq!(answer(&forge, "dict", &json!({"inputs": [[1]]})), columns);
}

#[test]
fn a_model_that_is_not_batched_gets_the_instances_as_they_are() {
    let forge = Setup::new().test_model("m", "echo").with("batching = false").start();
    let body = json!({"instances": [[1, 2], [3, 4]]});
    assert_eq!(answer(&forge, "m", &body), json!({"predictions": [[1.0, 2.0], [3.0, 4.0]]}));
}

#[test]
fn what_is_wrong_is_told_as_an_error() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    for (body, status, word) in [
        (json!({"instances": []}), 400, "no rows"),
        (json!({"instances": [[1], [1, 2]]}), 400, "instances: row [1] has 2 elements"),
        (json!({"instances": [{"y": 1}]}), 400, "no input 'y'"),
        (json!({"input": [1]}), 400, "neither \"instances\" nor \"inputs\""),
        (json!({"inputs": 1}), 400, "expected rows first"),
    ] {
        let response = ask(&forge, "m", &body);
        assert_eq!(response.status, status, "{body}: {}", response.text());
        let told = response.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(told.contains(word), "{body}: {}", response.text());
    }
    let response = ask(&forge, "nobody", &json!({"instances": [1]}));
    assert_eq!(response.status, 404);
    assert!(response.json()["error"].as_str().unwrap().contains("Registered: ['m']"));
    assert_eq!(forge.get("/v1/models/m:predict").status, 405);
}

#[test]
fn a_version_can_be_asked_for() {
    let forge = Setup::new().test_model("m", "double").start();
    let body = json!({"instances": [1]}).to_string();
    let ask = |version: &str| {
        let path = format!("/v1/models/m/versions/{version}:predict");
        forge.ask("POST", &path, &[], body.as_bytes())
    };
    assert_eq!(ask("1").json(), json!({"predictions": [2.0]}));
    assert_eq!(ask("2").status, 404);
    assert!(ask("2").json()["error"].as_str().unwrap().contains("no version 2"));
}

#[test]
fn the_state_of_a_model_is_told_in_the_words_of_both() {
    let forge = Setup::new().test_model("m", "echo").start();
    let model = forge.get("/v1/models/m").json();
    assert_eq!((&model["name"], &model["ready"]), (&json!("m"), &json!(true)));
    let versions = json!([{"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]);
    assert_eq!(model["model_version_status"], versions);
}
