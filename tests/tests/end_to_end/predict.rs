//! What a prediction answers.

use forge_tests::{Forge, Setup, json};

#[test]
fn a_prediction_is_answered_with_output_model_id_and_latency() {
    let forge = Setup::new().real_model("twice", "double.pt").start();
    let response = forge.predict("twice", &json!({"input": [1.0, -2.5, 3.0]}));
    assert_eq!(response.output(), json!([2.0, -5.0, 6.0]));
    assert_eq!(response.header("content-type"), Some("application/json"));
    let answer = response.json();
    assert_eq!(answer["model"], "twice");
    assert!(answer["latency_ms"].as_f64().unwrap() > 0.0, "{answer}");
    assert_eq!(answer.as_object().unwrap().len(), 4, "{answer}");
}

#[test]
fn one_request_is_one_row_of_any_shape() {
    let forge = Setup::new().real_model("twice", "double.pt").start();
    for (input, output) in [
        (json!(1.5), json!(3.0)),
        (json!([[1], [2]]), json!([[2.0], [4.0]])),
        (json!([]), json!([])),
        (json!([[[0.5]], [[1]]]), json!([[[1.0]], [[2.0]]])),
    ] {
        assert_eq!(forge.predict("twice", &json!({"input": input})).output(), output);
    }
}

#[test]
fn fields_that_mean_nothing_to_forge_are_ignored() {
    let forge = Forge::serving("m", "echo");
    let body = json!({"user": {"input": [7]}, "input": [1], "trace": [[1], 2]});
    assert_eq!(forge.predict("m", &body).output(), json!([1.0]));
}

#[test]
fn several_inputs_are_given_by_name_in_any_order() {
    let forge = Setup::new().real_model("add", "add.pt").start();
    for body in [
        json!({"inputs": {"x": [1, 2], "y": [10, 20]}}),
        json!({"inputs": {"y": [10, 20], "x": [1, 2]}}),
        json!({"inputs": {"y": {"data": [10, 20], "dtype": "float32"}, "x": [1, 2]}}),
    ] {
        let answer = forge.predict("add", &body).json();
        assert_eq!(answer["outputs"], json!({"output": [11.0, 22.0]}), "{answer}");
    }
}

#[test]
fn the_inputs_go_to_the_arguments_they_name() {
    let forge = Forge::serving("m", "echo\nargs a b");
    let body = json!({"inputs": {"b": {"data": [[2]], "dtype": "int64"}, "a": [1]}});
    let answer = forge.predict("m", &body).json();
    assert_eq!(answer["outputs"], json!({"output_0": [1.0], "output_1": [[2]]}), "{answer}");
}

#[test]
fn inputs_that_the_model_does_not_take_are_refused_with_those_it_takes() {
    let forge = Forge::serving("m", "echo\nargs a b");
    for (body, word) in [
        (json!({"input": [1]}), "by name"),
        (json!({"inputs": {"a": [1]}}), "'b' is missing"),
        (json!({"inputs": {"a": [1], "b": [1], "c": [1]}}), "no input 'c'"),
        (json!({"inputs": {}}), "no members"),
        (json!({"inputs": {"a": [1], "b": [1]}, "input": [1]}), "input"),
    ] {
        let response = forge.predict("m", &body);
        assert_eq!(response.status, 422, "{body}: {}", response.text());
        assert!(response.detail().contains(word), "{body}: {}", response.detail());
    }
}

#[test]
fn the_output_has_the_models_own_structure() {
    for (file, output) in [
        ("pair.pt", json!([[0.5, 1.0], [2.0, 4.0]])),
        ("dict.pt", json!({"low": [0.5, 1.0], "high": [2.0, 4.0]})),
        ("named-tuple.pt", json!({"low": [0.5, 1.0], "high": [2.0, 4.0]})),
        ("nested.pt", json!([[1.0, 2.0], {"again": [[2.0, 4.0], [3.0, 6.0]]}])),
    ] {
        let forge = Setup::new().real_model("m", file).start();
        let answered = forge.predict("m", &json!({"input": [1, 2]})).output();
        assert_eq!(answered, output, "{file}");
    }
}

#[test]
fn arguments_with_defaults_need_not_be_given() {
    let forge = Setup::new().real_model("m", "defaults.pt").start();
    assert_eq!(forge.predict("m", &json!({"input": [1, 2]})).output(), json!([2.0, 4.0]));
}

#[test]
fn a_model_that_changes_its_input_in_place_is_safe() {
    let forge = Setup::new().real_model("m", "inplace.pt").start();
    for _ in 0..3 {
        assert_eq!(forge.predict("m", &json!({"input": [1, 2]})).output(), json!([2.0, 4.0]));
    }
}

#[test]
fn every_user_of_a_thousand_at_once_gets_the_answer_to_their_own_request() {
    let forge = Setup::new()
        .real_model("m", "double.pt")
        .with("max_queue_depth = 1000")
        .with("batch_window_ms = 1")
        .start();
    let sent: Vec<_> = (0..1000)
        .map(|user| (user, forge.send_predict("m", &json!({"input": [user, user + 1, -user]}))))
        .collect();
    for (user, mut connection) in sent {
        let own = json!([2.0 * f64::from(user), 2.0 * f64::from(user + 1), -2.0 * f64::from(user)]);
        let output = connection.response().output();
        // -0.0 and 0.0 are equal as numbers, but not as JSON.
        let equal = (0..3).all(|at| output[at].as_f64() == own[at].as_f64());
        assert!(equal, "{user}: {output} instead of {own}");
    }
    let scrape = forge.scrape();
    assert_eq!(scrape.value("forge_rows_total", &[("model", "m")]), 1000.0);
    assert!(scrape.value("forge_batch_size_count", &[("model", "m")]) < 1000.0);
}

#[test]
fn one_connection_carries_many_requests() {
    let forge = Forge::serving("m", "double");
    let mut connection = forge.connect();
    for number in 0..20 {
        let body = json!({"input": [number]}).to_string();
        connection.request("POST", "/v1/m/predict", &[], body.as_bytes());
        assert_eq!(connection.response().output(), json!([2.0 * f64::from(number)]));
    }
}

#[test]
fn a_chunked_body_is_read_like_any_other() {
    let forge = Forge::serving("m", "double");
    let mut connection = forge.connect();
    let chunked = [("Transfer-Encoding", "chunked")];
    connection.head("POST", "/v1/m/predict", &chunked).unwrap();
    for chunk in ["{\"inp", "ut\":[1,", "2]}", ""] {
        connection.send(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).unwrap();
    }
    assert_eq!(connection.response().output(), json!([2.0, 4.0]));
}

#[test]
fn a_large_input_and_its_output_arrive_whole() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    let input: Vec<u32> = (0..150_528).collect();
    let output = forge.predict("m", &json!({"input": input})).output();
    let output = output.as_array().unwrap();
    assert_eq!(output.len(), input.len());
    assert!(
        (0_u32..).zip(output).all(|(index, value)| value.as_f64() == Some(f64::from(2 * index)))
    );
}
