//! `batching = false`, the check of models that batch, and models that keep state.

use forge_tests::Setup;
use serde_json::json;

#[test]
fn without_batching_no_dimension_is_added_or_removed() {
    let forge = Setup::new().real_model("m", "sum.pt").with("batching = false").start();
    let answer = forge.predict("m", &json!({"input": [[1.0, 2.0], [3.0, 4.0]]}));
    assert_eq!(answer.json()["output"], json!(10.0));
}

#[test]
fn a_detector_takes_images_of_any_size_and_returns_what_it_found() {
    let forge = Setup::new().real_model("m", "detector.pt").with("batching = false").start();
    let images = json!([[[0.0, 1.0]], [[1.0], [1.0]], [[0.0, 0.0, 0.0]]]);
    let answer = forge.predict("m", &json!({"inputs": {"images": images}}));
    let expected = json!({
        "output_0": {"boxes": [[0, 1]], "size": [1, 2]},
        "output_1": {"boxes": [[0, 0], [1, 0]], "size": [2, 1]},
        "output_2": {"boxes": [], "size": [1, 3]},
    });
    assert_eq!(answer.json()["outputs"], expected);
}

#[test]
fn a_list_of_values_is_given_whole() {
    let forge = Setup::new().real_model("m", "sizes.pt").with("batching = false").start();
    let answer = forge.predict("m", &json!({"input": [1.0]}));
    assert_eq!(answer.json()["output"], json!([[1.0], [7, 7]]));
}

#[test]
fn a_declared_input_is_the_whole_input() {
    let forge = Setup::new()
        .real_model("m", "sum.pt")
        .with("batching = false")
        .with_inputs(&[("x", "float32", "[2, 2]")])
        .start();
    let whole = json!({"input": [[1.0, 2.0], [3.0, 4.0]]});
    assert_eq!(forge.predict("m", &whole).json()["output"], json!(10.0));
    assert_eq!(forge.predict("m", &json!({"input": [1.0, 2.0]})).status, 422);
}

#[test]
fn settings_that_contradict_it_are_told() {
    let forge = Setup::new()
        .real_model("m", "sum.pt")
        .with("batching = false\nmax_batch_size = 8\nbatch_window_ms = 5")
        .spawn();
    let ended = forge.wait_until_ended();
    assert_eq!(ended.status.code(), Some(78));
    let printed = ended.log;
    assert!(printed.contains("models.m.max_batch_size"), "{printed}");
    assert!(printed.contains("models.m.batch_window_ms"), "{printed}");
}

#[test]
fn a_model_whose_rows_depend_on_each_other_is_refused_with_both_results() {
    let with_inputs = |setup: Setup| setup.with_inputs(&[("x", "float32", "[3]")]);
    let ended = with_inputs(Setup::new().real_model("m", "center.pt")).spawn().wait_until_ended();
    assert_eq!(ended.status.code(), Some(1));
    for part in ["depend on each other", "together", "[0.0, 0.0, 0.0]", "batching = false"] {
        assert!(ended.log.contains(part), "{part}: {}", ended.log);
    }
    for (file, part) in [("mean.pt", "Float"), ("wide.pt", "shapes [2]")] {
        let ended = with_inputs(Setup::new().real_model("m", file)).spawn().wait_until_ended();
        assert!(ended.log.contains("depend on each other"), "{file}: {}", ended.log);
        assert!(ended.log.contains(part), "{file}: {}", ended.log);
    }
    for escape in ["check_batching = false", "batching = false"] {
        let forge = with_inputs(Setup::new().real_model("m", "center.pt").with(escape)).start();
        assert_eq!(forge.predict("m", &json!({"input": [1.0, 2.0, 3.0]})).status, 200, "{escape}");
    }
}

#[test]
fn a_model_that_keeps_state_is_warned_of_once_and_starts_from_its_file() {
    for file in ["counter.pt", "counter-replaced.pt"] {
        let forge = Setup::new()
            .real_model("m", file)
            .with("workers = 2")
            .with_inputs(&[("x", "float32", "[1]")])
            .start();
        assert_eq!(forge.predict("m", &json!({"input": [0.0]})).json()["output"], json!([1.0]));
        assert_eq!(forge.log().matches("changes its buffer calls").count(), 1, "{file}");
    }
}

#[test]
fn state_is_shared_by_all_clients_of_a_worker() {
    let forge = Setup::new().real_model("m", "counter.pt").with("batching = false").start();
    for count in 1..=3 {
        let answer = forge.predict("m", &json!({"input": [0.0]}));
        assert_eq!(answer.json()["output"], json!([f64::from(count)]));
    }
}

#[test]
fn the_setting_a_model_runs_fastest_with_is_logged() {
    for (line, logged) in [
        ("optimize = \"auto\"", "% of the plain module's time"),
        ("optimize = \"off\"", "plain, as its config says"),
    ] {
        let forge = Setup::new()
            .real_model("m", "double.pt")
            .with(line)
            .with_inputs(&[("x", "float32", "[8]")])
            .start();
        assert_eq!(forge.log().matches(logged).count(), 1, "{line}");
    }
}

#[test]
fn an_output_that_does_not_fit_names_the_key_and_the_worker_lives() {
    let forge = Setup::new().real_model("m", "large.pt").with("frame_bytes = 4096").start();
    let answer = |bytes: f64| forge.predict("m", &json!({"input": [bytes]}));
    assert_eq!(answer(4000.0).status, 200);
    let refused = answer(5000.0);
    assert_eq!(refused.status, 500);
    assert!(refused.detail().contains("models.m.frame_bytes"), "{}", refused.detail());
    assert_eq!(answer(10.0).json()["output"], json!(vec![1; 10]));
    assert_eq!(forge.log().matches("worker ready").count(), 1);
}
