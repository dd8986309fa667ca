//! Requests of different lengths run together, padded, and are answered as if each ran alone.

use forge_tests::{Connection, Forge, Response, Setup};
use serde_json::{Value, json};

const M: [(&str, &str); 1] = [("model", "m")];
const PAD: &str = "pad = { mask_input = \"attention_mask\", multiple = 8, outputs_dim = 0 }";

/// `m` is padded, `plain` is the same model without. One of its outputs is as long as the text, the other
/// has 8 numbers, as many as a padded text may have positions.
fn forge(pad: &str) -> Forge {
    setup(pad).start()
}

fn setup(pad: &str) -> Setup {
    Setup::new()
        .real_model("plain", "attention.pt")
        .real_model("m", "attention.pt")
        .with("batch_window_ms = 300")
        .with_inputs(&[("ids", "int64", "[-1]")])
        .with(pad)
}

fn ids(length: usize) -> Vec<i64> {
    (0..length as i64).map(|at| (at * at + 3 * length as i64) % 97).collect()
}

fn text(length: usize) -> Value {
    json!({"inputs": {"ids": ids(length)}})
}

fn outputs(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["outputs"].clone()
}

/// The numbers of any nesting, and how it nests.
fn flat(value: &Value, numbers: &mut Vec<f64>, lengths: &mut Vec<usize>) {
    match value {
        Value::Array(items) => {
            lengths.push(items.len());
            items.iter().for_each(|item| flat(item, numbers, lengths));
        }
        Value::Object(members) => members.values().for_each(|it| flat(it, numbers, lengths)),
        number => numbers.push(number.as_f64().unwrap()),
    }
}

fn difference(one: &Value, other: &Value) -> f64 {
    let [one, other] = [one, other].map(|value| {
        let (mut numbers, mut lengths) = (vec![], vec![]);
        flat(value, &mut numbers, &mut lengths);
        (numbers, lengths)
    });
    assert_eq!(one.1, other.1);
    one.0.iter().zip(&other.0).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
}

fn assert_same(answer: &Value, expected: &Value) {
    let difference = difference(answer, expected);
    assert!(difference < 1e-4, "they differ by {difference}: {answer} {expected}");
}

fn batches(forge: &Forge) -> f64 {
    forge.metric("forge_batch_size_count", &M)
}

#[test]
fn texts_of_every_length_share_batches_and_are_answered_as_if_alone() {
    let forge = forge(PAD);
    let lengths: Vec<usize> = (0..40).map(|number| 1 + number * 17 % 40).collect();
    let mut sent: Vec<Connection> =
        lengths.iter().map(|length| forge.send_predict("m", &text(*length))).collect();
    for (length, connection) in lengths.iter().zip(&mut sent) {
        let answer = outputs(&connection.response());
        assert_eq!(answer["positions"].as_array().unwrap().len(), *length);
        assert_same(&answer, &outputs(&forge.predict("plain", &text(*length))));
    }
    // Five different lengths after rounding; a slow machine may cut some of them twice.
    assert!(batches(&forge) <= 15.0, "{} batches of 40 texts", batches(&forge));
    let stats = forge.get("/v2/models/m/stats").json()["model_stats"][0].clone();
    let (rows, runs) = (&stats["inference_count"], &stats["execution_count"]);
    assert!(rows.as_f64() > runs.as_f64().map(|runs| 2.0 * runs), "{stats}");
    let scrape = forge.scrape();
    let positions = |part| scrape.value("forge_padded_positions_total", &[M[0], ("part", part)]);
    assert_eq!((positions("own"), positions("padding")), (820.0, 140.0));
}

/// The model does tell padding from the text by its mask alone.
#[test]
fn without_a_mask_padding_counts() {
    let forge = forge("pad = { multiple = 8, outputs_dim = 0 }");
    let answer = outputs(&forge.predict("m", &text(5)));
    let expected = outputs(&forge.predict("plain", &text(5)));
    assert!(difference(&answer, &expected) > 1e-2, "{answer}");
}

#[test]
fn a_mask_that_the_client_gives_is_padded_and_null_is_none() {
    let forge = forge(PAD);
    for mask in [json!([1, 1, 0, 1, 0]), json!([1, 1, 1, 1, 1]), Value::Null] {
        let body = json!({"inputs": {"ids": ids(5), "attention_mask": mask}});
        let answer = outputs(&forge.predict("m", &body));
        assert_same(&answer, &outputs(&forge.predict("plain", &body)));
    }
}

#[test]
fn a_mask_that_was_given_and_one_that_was_made_run_together() {
    let forge = forge(PAD);
    let given = json!({"inputs": {"ids": ids(5), "attention_mask": [1, 1, 1, 1, 1]}});
    let mut sent = [given, text(7)].map(|body| forge.send_predict("m", &body));
    sent.iter_mut().for_each(|connection| assert_eq!(connection.response().status, 200));
    assert_eq!(batches(&forge), 1.0);
}

#[test]
fn several_rows_of_one_length_are_padded_each_and_run_in_parts_where_they_are_many() {
    let infer = |forge: &Forge, model: &str, length: usize| {
        let data: Vec<i64> = (0..5).flat_map(|row| ids(length + row)[..length].to_vec()).collect();
        let input = json!({"name": "ids", "datatype": "INT64", "shape": [5, length], "data": data});
        let path = format!("/v2/models/{model}/infer");
        let body = json!({"inputs": [input]}).to_string();
        forge.ask("POST", &path, &[], body.as_bytes()).json()["outputs"].clone()
    };
    for most in [32, 2] {
        let forge = setup(PAD).with(&format!("max_batch_size = {most}")).start();
        for length in [3, 8, 13] {
            let answer = infer(&forge, "m", length);
            assert_eq!(answer[1]["shape"], json!([5, length, 8]), "{answer}");
            for output in [0, 1] {
                let expected = infer(&forge, "plain", length);
                assert_same(&answer[output]["data"], &expected[output]["data"]);
            }
        }
    }
}

#[test]
fn outputs_are_cut_only_where_the_config_says_so() {
    for (pad, output) in [
        ("{ multiple = 4, value = -1 }", json!([1.0, 2.0, 3.0, -1.0])),
        ("{ multiple = 4, value = -1, outputs_dim = 0 }", json!([1.0, 2.0, 3.0])),
        ("{ multiple = 4, outputs_dim = 1 }", json!([1.0, 2.0, 3.0, 0.0])),
        ("{ multiple = 4, dim = 1 }", json!([1.0, 2.0, 3.0])),
        ("{ multiple = 3 }", json!([1.0, 2.0, 3.0])),
        ("{ multiple = 8, max_length = 3 }", json!([1.0, 2.0, 3.0])),
    ] {
        let forge = Setup::new().test_model("m", "echo").with(&format!("pad = {pad}")).start();
        let answer = forge.predict("m", &json!({"input": [1.0, 2.0, 3.0]}));
        assert_eq!(answer.json()["output"], output, "{pad}");
    }
}

#[test]
fn declared_inputs_are_warmed_and_shown_with_a_free_length() {
    let forge = forge(&PAD.replace("multiple = 8", "multiple = 8, max_length = 20"));
    for length in [1, 20] {
        let answer = outputs(&forge.predict("m", &text(length)));
        assert_same(&answer, &outputs(&forge.predict("plain", &text(length))));
    }
    let inputs = forge.get("/v2/models/m").json()["inputs"].clone();
    let expected = |name: &str| json!({"name": name, "datatype": "INT64", "shape": [-1, -1]});
    assert_eq!(inputs, json!([expected("ids"), expected("attention_mask")]));
    let document = forge.get("/openapi.json").json();
    let operation = &document["paths"]["/v1/m/predict"]["post"];
    let example = &operation["requestBody"]["content"]["application/json"]["example"];
    assert_eq!(forge.predict("m", example).status, 200, "{example}");
    let bare = forge.predict("m", &json!({"input": ids(3)}));
    assert_eq!(bare.status, 200, "{}", bare.text());
}

#[test]
fn requests_that_cannot_be_padded_are_told_why() {
    let pad = PAD.replace("multiple = 8", "max_length = 20, value = 300");
    let forge = Setup::new().real_model("m", "attention.pt").with(&pad).start();
    for (inputs, told) in [
        (
            json!({"ids": ids(21)}),
            "input 'ids' has 21 positions in dimension 0 of a row, at most 20",
        ),
        (
            json!({"ids": ids(5), "attention_mask": [1, 1]}),
            "input 'ids' has 5 positions and input 'attention_mask' 2",
        ),
        (
            json!({"ids": {"data": [1, 2], "shape": [2], "dtype": "uint8"}}),
            "input 'ids' is uint8, which cannot hold the number that its rows are padded with (300)",
        ),
        (json!({"attention_mask": [1, 1]}), "input 'ids' is missing"),
    ] {
        let answer = forge.predict("m", &json!({"inputs": inputs}));
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert!(answer.detail().contains(told), "{}", answer.detail());
    }
}

#[test]
fn a_row_that_fits_a_frame_only_without_padding_runs_as_it_came() {
    let forge = Setup::new()
        .test_model("m", "echo")
        .with("frame_bytes = 256")
        .with("pad = { multiple = 50, outputs_dim = 0 }")
        .start();
    // 52 numbers would be 100, of 4 bytes each.
    for length in [3, 50, 52, 64] {
        let row = vec![1.5; length];
        assert_eq!(forge.predict("m", &json!({"input": row})).output(), json!(row), "{length}");
    }
    let refused = forge.predict("m", &json!({"input": vec![1.5; 65]}));
    assert_eq!(refused.status, 413, "{}", refused.text());
}

#[test]
fn a_mask_that_the_model_does_not_have_stops_the_start() {
    for (mask, told) in [
        ("mask", "its forward takes (ids, attention_mask), but pad.mask_input is 'mask'"),
        ("unit", "pad.mask_input is 'unit', which is str: a mask is a Tensor"),
    ] {
        let file = if mask == "unit" { "measures.pt" } else { "attention.pt" };
        let pad = format!("pad = {{ mask_input = \"{mask}\" }}");
        let ended = Setup::new().real_model("m", file).with(&pad).spawn().wait_until_ended();
        assert!(!ended.status.success());
        assert!(ended.log.contains(told), "{}", ended.log);
    }
}
