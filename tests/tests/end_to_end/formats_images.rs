//! Images, and the classes they are told to be.

use std::fs;

use forge_tests::{Forge, Response, Setup, checkout, json};

fn image(name: &str) -> Vec<u8> {
    fs::read(checkout().join("tests/images").join(name)).unwrap()
}

fn ask(forge: &Forge, query: &str, content_type: &str, body: &[u8]) -> Response {
    let path = format!("/v1/colors/predict{query}");
    forge.ask("POST", &path, &[("Content-Type", content_type)], body)
}

#[test]
fn an_image_is_answered_with_the_classes_by_their_names() {
    let forge = Setup::of_config("configs/images.toml").start();
    for (name, content_type) in [("photo.jpg", "image/jpeg"), ("noise.png", "image/png")] {
        let answer = ask(&forge, "?top=3", content_type, &image(name)).json();
        let classes = answer["classes"].as_array().unwrap();
        let mut labels: Vec<&str> =
            classes.iter().map(|class| class["label"].as_str().unwrap()).collect();
        let scores: Vec<f64> =
            classes.iter().map(|class| class["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|one, other| one >= other), "{answer}");
        assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{answer}");
        labels.sort_unstable();
        assert_eq!(labels, ["blue", "green", "red"]);
        assert_eq!(answer["model"], json!("colors"));
    }
}

#[test]
fn an_image_and_the_tensor_that_it_becomes_are_answered_alike() {
    let forge = Setup::of_config("configs/images.toml").start();
    let answer = ask(&forge, "", "image/jpeg", &image("photo.jpg"));
    assert_eq!(answer.output().as_array().unwrap().len(), 3);
    // The model still takes tensors.
    let plain = json!({"inputs": {"x": {"data": 0.5, "shape": [3, 56, 56]}}});
    let answer = forge.predict("colors", &plain).json();
    assert_eq!(answer["outputs"]["output"][0], answer["outputs"]["output"][2]);
}

#[test]
fn images_that_claim_too_much_or_are_none_are_refused() {
    let forge = Setup::of_config("configs/images.toml").start();
    let mut huge = image("photo.jpg");
    let frame = huge.windows(2).position(|marker| marker == b"\xff\xc0").unwrap();
    huge[frame + 5..frame + 9].copy_from_slice(&[255; 4]);
    let response = ask(&forge, "", "image/jpeg", &huge);
    assert_eq!(response.status, 413, "{}", response.text());
    assert!(response.detail().contains("65535 x 65535"), "{}", response.detail());
    let response = ask(&forge, "", "image/jpeg", b"GIF89a");
    assert_eq!(response.status, 422, "{}", response.text());
    assert_eq!(forge.metric("forge_inflight_bytes", &[]), 0.0);
}

#[test]
fn scores_can_be_made_probabilities_and_need_no_labels() {
    let forge = Setup::new().real_model("m", "double.pt").with("softmax = true").start();
    let body = json!({"input": [0.0, 0.0]}).to_string();
    let answer = forge.ask("POST", "/v1/m/predict?top=1", &[], body.as_bytes());
    assert_eq!(answer.json()["classes"], json!([{"index": 0, "score": 0.5}]));
    let body = json!({"input": [[0.0, 1.0], [1.0, 0.0]]}).to_string();
    let batch = [("X-Forge-Batch", "true")];
    let answer = forge.ask("POST", "/v1/m/predict?top=1", &batch, body.as_bytes()).json();
    let indices: Vec<_> =
        answer["classes"].as_array().unwrap().iter().map(|row| row[0]["index"].clone()).collect();
    assert_eq!(indices, [json!(1), json!(0)]);
}

#[test]
fn top_classes_of_an_answer_that_has_none_are_refused() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    let ask = |path: &str, body: &str| forge.ask("POST", path, &[], body.as_bytes());
    let response = ask("/v1/m/predict?top=3", "{\"input\": [[1, 2]], \"dtype\": \"int64\"}");
    assert_eq!(response.status, 406, "{}", response.text());
    let response = ask("/v1/m/predict?top=many", "{\"input\": [1]}");
    assert_eq!(response.status, 422, "{}", response.text());
}

#[test]
fn a_config_whose_image_is_not_what_is_declared_is_refused() {
    let forge = Setup::new()
        .real_model("m", "double.pt")
        .with_inputs(&[("x", "float32", "[3, 10, 10]")])
        .with("preprocess = { center_crop = 8 }")
        .spawn();
    let ended = forge.wait_until_ended();
    assert_eq!(ended.status.code(), Some(78));
    let told = "an image becomes [3, 8, 8], but input 'x' is declared as [3, 10, 10]";
    assert!(ended.log.contains(told), "{}", ended.log);
}
