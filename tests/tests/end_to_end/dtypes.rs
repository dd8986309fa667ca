//! Numbers of every dtype, there and back.

use forge_tests::{Forge, Setup, Value, json};

/// Dtype, its aliases, and values that it holds and a real model returns twice as large.
fn dtypes() -> Vec<(&'static str, &'static [&'static str], Value, Value)> {
    vec![
        ("float16", &["half"], json!([0.5, -100]), json!([1.0, -200.0])),
        ("float32", &["float"], json!([0.1, 1e30]), json!([0.2, 2e30])),
        ("float64", &["double"], json!([0.1, 1e300]), json!([0.2, 2e300])),
        ("bfloat16", &[], json!([0.5, -256]), json!([1.0, -512.0])),
        ("int8", &["char"], json!([-64, 63]), json!([-128, 126])),
        ("int16", &["short"], json!([-16384, 16383]), json!([-32768, 32766])),
        ("int32", &["int"], json!([-1_073_741_824, 5]), json!([-2_147_483_648_i64, 10])),
        (
            "int64",
            &["long"],
            json!([4_611_686_018_427_387_903_i64]),
            json!([9_223_372_036_854_775_806_i64]),
        ),
        ("uint8", &["byte"], json!([0, 127]), json!([0, 254])),
    ]
}

#[test]
fn every_dtype_and_its_aliases_reach_a_real_model_and_come_back() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    for (dtype, aliases, input, output) in dtypes() {
        let names = [dtype].into_iter().chain(aliases.iter().copied());
        for name in names.flat_map(|name| [name.to_owned(), format!("torch.{name}")]) {
            let answer = forge.predict("m", &json!({"input": input, "dtype": name}));
            assert_eq!(answer.output(), output, "{name}");
        }
    }
}

#[test]
fn booleans_are_answered_as_booleans() {
    let forge = Forge::serving("m", "echo");
    for input in [json!([true, false]), json!([1, 0]), json!([1.0, 0.0])] {
        let answer = forge.predict("m", &json!({"input": input, "dtype": "bool"}));
        assert_eq!(answer.output(), json!([true, false]), "{input}");
    }
}

#[test]
fn the_output_has_the_models_dtype_and_not_the_inputs() {
    let forge = Setup::new().real_model("m", "add.pt").start();
    let body = json!({"inputs": {"x": {"data": [1], "dtype": "int64"}, "y": {"data": [0.5], "dtype": "float32"}}});
    assert_eq!(forge.predict("m", &body).json()["outputs"]["output"], json!([1.5]));
}

#[test]
fn an_absent_dtype_is_the_declared_one_else_float32() {
    let declared = Setup::new()
        .test_model("m", "echo")
        .with_inputs(&[("x", "int64", "[1]")])
        .test_model("n", "echo")
        .start();
    assert_eq!(declared.predict("m", &json!({"input": [3]})).output().to_string(), "[3]");
    assert_eq!(declared.predict("n", &json!({"input": [3]})).output().to_string(), "[3.0]");
}

#[test]
fn the_limits_of_the_integers_are_exact() {
    let forge = Forge::serving("m", "echo");
    for (dtype, lowest, highest) in [
        ("int8", "-128", "127"),
        ("uint8", "0", "255"),
        ("int16", "-32768", "32767"),
        ("int32", "-2147483648", "2147483647"),
        ("int64", "-9223372036854775808", "9223372036854775807"),
    ] {
        let both = format!("[{lowest},{highest}]");
        let response =
            forge.predict_text("m", &format!("{{\"input\":{both},\"dtype\":\"{dtype}\"}}"));
        assert_eq!(response.status, 200, "{dtype}: {}", response.text());
        assert!(response.text().contains(&both), "{dtype}: {}", response.text());
    }
}

#[test]
fn a_number_that_its_dtype_cannot_hold_is_refused() {
    let forge = Forge::serving("m", "echo");
    for (dtype, number) in [
        ("int8", "128"),
        ("int8", "-129"),
        ("uint8", "-1"),
        ("uint8", "256"),
        ("int16", "32768"),
        ("int32", "2147483648"),
        ("int64", "9223372036854775808"),
        ("int64", "1.5"),
        ("int32", "0.1"),
        ("int64", "1e300"),
        ("int64", "NaN"),
        ("uint8", "\"Infinity\""),
        ("bool", "2"),
        ("float32", "1e39"),
        ("float16", "70000"),
        ("float64", "1e400"),
    ] {
        let body = format!("{{\"input\":[0,{number}],\"dtype\":\"{dtype}\"}}");
        let response = forge.predict_text("m", &body);
        assert_eq!(response.status, 422, "{body}: {}", response.text());
        assert!(response.detail().contains(dtype), "{body}: {}", response.detail());
    }
}

#[test]
fn an_unknown_dtype_is_refused_by_name() {
    let forge = Forge::serving("m", "echo");
    for dtype in ["float128", "complex64", "", "Float32", "torch.", "int"] {
        let response = forge.predict("m", &json!({"input": [1], "dtype": dtype}));
        let expected = if dtype == "int" { 200 } else { 422 };
        assert_eq!(response.status, expected, "{dtype}: {}", response.text());
    }
    let response = forge.predict("m", &json!({"input": [1], "dtype": "float128"}));
    assert!(response.detail().contains("float128"), "{}", response.detail());
}

#[test]
fn nan_and_the_infinities_are_read_in_both_forms_and_written_as_strings() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    for dtype in ["float16", "bfloat16", "float32", "float64"] {
        for input in ["[NaN, Infinity, -Infinity, 1]", "[\"NaN\", \"Infinity\", \"-Infinity\", 1]"]
        {
            let body = format!("{{\"input\": {input}, \"dtype\": \"{dtype}\"}}");
            let output = forge.predict_text("m", &body).output();
            assert_eq!(output, json!(["NaN", "Infinity", "-Infinity", 2.0]), "{body}");
        }
    }
}

#[test]
fn other_words_for_nan_are_no_numbers() {
    let forge = Forge::serving("m", "echo");
    for word in ["nan", "inf", "+Infinity", "\"nan\"", "\"1\"", "Nan", "-NaN", "Infinit"] {
        let response = forge.predict_text("m", &format!("{{\"input\": [{word}]}}"));
        assert_eq!(response.status, 422, "{word}: {}", response.text());
    }
}
