//! The configs that come with Forge.

use std::fs;

use forge_tests::{Setup, checkout, finish, forge, json};

#[test]
fn every_shipped_config_is_sound() {
    let configs =
        fs::read_dir(checkout().join("configs")).unwrap().map(|entry| entry.unwrap().path());
    let configs: Vec<_> = configs
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        // Its model is made by scripts/make-models, and too large to be committed.
        .filter(|path| !path.ends_with("resnet.toml"))
        .collect();
    assert!(configs.len() >= 4, "{configs:?}");
    for config in configs {
        let checked = finish(forge(&["check"]).arg(&config));
        assert_eq!(checked.code(), 0, "{config:?}: {}", checked.stderr);
    }
}

#[test]
fn the_dummy_doubles_whatever_it_is_sent() {
    let forge = Setup::of_config("configs/dummy.toml").start();
    assert_eq!(forge.predict("dummy", &json!({"input": [1, 2]})).output(), json!([2.0, 4.0]));
    assert_eq!(forge.predict("dummy", &json!({"input": [[3]]})).output(), json!([[6.0]]));
}

#[test]
fn the_two_models_of_multi_are_batched_differently() {
    let forge = Setup::of_config("configs/multi.toml").start();
    let models = forge.get("/v1/models").json();
    let names: Vec<&String> = models.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 2);
    let batching = |name: &str| forge.get(&format!("/v1/models/{name}")).json()["batching"].clone();
    assert_ne!(batching(names[0]), batching(names[1]));
}

#[test]
fn the_sentiment_model_takes_an_embedding_and_gives_three_scores() {
    let forge = Setup::of_config("configs/sentiment.toml").start();
    let output = forge.predict("sentiment", &json!({"input": vec![0.5; 768]})).output();
    assert_eq!(output.as_array().unwrap().len(), 3);
    let refused = forge.predict("sentiment", &json!({"input": [1]}));
    assert_eq!(refused.status, 422);
    assert!(refused.detail().contains("768"), "{}", refused.detail());
}
