//! The document that describes the server, and the files of the page over it.

use forge_tests::{Forge, Setup, TempDir, Value, json};

/// Sends each model the request it is shown with, and returns the answers.
fn send_examples(forge: &Forge) -> Vec<(String, Value)> {
    let document = forge.get("/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    let predictions = paths.iter().filter(|(path, _)| path.ends_with("/predict"));
    let answers = predictions.map(|(path, entry)| {
        let example = &entry["post"]["requestBody"]["content"]["application/json"]["example"];
        assert!(example.is_object(), "{path}: {entry}");
        let answer = forge.ask("POST", path, &[], example.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{path} {example}: {}", answer.text());
        (path.clone(), answer.json())
    });
    answers.collect()
}

#[test]
fn the_example_of_every_demo_model_succeeds_as_it_is() {
    let forge = Setup::of_config("configs/demo.toml").start();
    let answers = send_examples(&forge);
    assert_eq!(answers.len(), 4);
    let (path, answer) = &answers[0];
    assert_eq!((path.as_str(), &answer["output"]), ("/v1/dummy/predict", &json!([2.0, 4.0, 6.0])));
}

#[test]
fn examples_succeed_for_declared_inputs_of_every_dtype_and_for_models_of_every_structure() {
    let two = [("x", "float32", "[2, 3]"), ("y", "float32", "[-1, 3]")];
    let mut setup = Setup::new()
        .real_model("pair", "pair.pt")
        .real_model("add", "add.pt")
        .real_model("add-declared", "add.pt")
        .with_inputs(&two)
        .real_model("dict", "dict.pt")
        .real_model("named-tuple", "named-tuple.pt")
        .real_model("nested", "nested.pt")
        .real_model("defaults", "defaults.pt");
    let dtypes = ["bool", "uint8", "int64", "float16", "bfloat16", "float64"];
    for dtype in dtypes {
        let model = format!("double-{dtype}");
        setup = setup.real_model(&model, "double.pt").with_inputs(&[("x", dtype, "[2, -1]")]);
    }
    assert_eq!(send_examples(&setup.start()).len(), 7 + dtypes.len());
}

#[test]
fn examples_succeed_for_models_of_every_kind_of_argument_and_with_batching_off() {
    let free = [("ids", "int64", "[-1]"), ("values", "float32", "[-1, 2]")];
    let forge = Setup::new()
        .real_model("arguments", "arguments.pt")
        .real_model("values", "values.pt")
        .real_model("nested-dict", "nested-dict.pt")
        .real_model("free-dims", "free-dims.pt")
        .with_inputs(&free)
        .real_model("detector", "detector.pt")
        .with("batching = false")
        .real_model("sizes", "sizes.pt")
        .with("batching = false")
        .real_model("large-row", "inplace.pt")
        .with_inputs(&[("x", "uint8", "[3, 32, 32]")])
        .start();
    assert_eq!(send_examples(&forge).len(), 7);
}

#[test]
fn an_entry_of_undeclared_inputs_learns_from_the_first_answer() {
    let forge = Setup::new().real_model("m", "nested.pt").start();
    let entry = || forge.get("/openapi.json").json()["paths"]["/v1/m/predict"]["post"].clone();
    let answer = |entry: &Value| entry["responses"]["200"]["content"]["application/json"].clone();
    assert_eq!(answer(&entry()).get("example"), None);
    let asked = json!({"input": [[7, 8]], "dtype": "int64"});
    assert_eq!(forge.predict("m", &asked).status, 200);
    let learnt = entry();
    let example = &learnt["requestBody"]["content"]["application/json"]["example"];
    assert_eq!(*example, json!({"input": [[1, 1]], "dtype": "int64"}));
    let tensor = json!([[0]]);
    let expected = json!([tensor, {"again": [tensor, tensor]}]);
    assert_eq!(answer(&learnt)["example"]["output"], expected);
    assert_eq!(answer(&learnt)["schema"]["properties"]["output"]["minItems"], 2);
    send_examples(&forge);
}

#[test]
fn an_entry_follows_its_model_from_loading_to_ready() {
    let dir = TempDir::new();
    let script = format!("load-after {}\nargs a b", dir.path().join("go").display());
    let forge = Setup::new().test_model("m", &script).start_loading();
    let entry = |forge: &Forge| {
        let document = forge.get("/openapi.json");
        assert_eq!(document.header("cache-control"), Some("no-store"));
        document.json()["paths"]["/v1/m/predict"]["post"].clone()
    };
    let content = |entry: &Value| entry["requestBody"]["content"]["application/json"].clone();
    let before = entry(&forge);
    assert_eq!(before["summary"], "Predict with m (loading)");
    assert_eq!(content(&before)["example"], Value::Null);
    dir.write("go", "");
    forge.wait_until_ready();
    let after = content(&entry(&forge));
    assert_eq!(after["schema"]["properties"]["inputs"]["required"], json!(["a", "b"]));
    send_examples(&forge);
}

#[test]
fn the_page_and_its_files_are_served_with_their_types() {
    let forge = Forge::serving("m", "echo");
    for (path, content_type, caching) in [
        ("/docs", "text/html; charset=utf-8", "no-store"),
        ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8", "max-age=86400"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8", "max-age=86400"),
        ("/docs/start.js", "text/javascript; charset=utf-8", "max-age=86400"),
        ("/docs/favicon-32x32.png", "image/png", "max-age=86400"),
        ("/openapi.json", "application/json", "no-store"),
    ] {
        let answer = forge.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some(content_type), "{path}");
        assert_eq!(answer.header("cache-control"), Some(caching), "{path}");
        assert_eq!(answer.header("content-encoding"), None, "{path}");
        let head = forge.ask("HEAD", path, &[], b"");
        let length = answer.body.len().to_string();
        assert_eq!((head.status, head.header("content-length")), (200, Some(length.as_str())));
    }
}

#[test]
fn files_are_compressed_for_who_takes_it_and_not_sent_again_to_who_has_them() {
    let forge = Forge::serving("m", "echo");
    let path = "/docs/swagger-ui-bundle.js";
    let plain = forge.get(path);
    let gzip = forge.ask("GET", path, &[("Accept-Encoding", "gzip, deflate, br")], b"");
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert!(gzip.body.starts_with(&[0x1f, 0x8b]) && gzip.body.len() < plain.body.len() / 2);
    let tag = gzip.header("etag").unwrap();
    assert_eq!(plain.header("etag"), Some(tag));
    let again = forge.ask("GET", path, &[("If-None-Match", tag)], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[test]
fn other_names_of_the_page_lead_to_it() {
    let forge = Forge::serving("m", "echo");
    for path in ["/redoc", "/docs/"] {
        let answer = forge.get(path);
        assert_eq!((answer.status, answer.header("location")), (307, Some("/docs")), "{path}");
    }
    assert_eq!(forge.get("/docs/index.html").status, 404);
    assert_eq!(forge.ask("POST", "/docs", &[], b"").header("allow"), Some("GET, HEAD"));
}

#[test]
fn the_example_of_a_model_that_declares_nothing_fits_its_first_weight() {
    let forge = Setup::of_files(&["sentiment.pt"]).start();
    let answers = send_examples(&forge);
    assert_eq!(answers[0].1["outputs"]["output"].as_array().unwrap().len(), 3);
}
