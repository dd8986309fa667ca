//! The page that shows what can be asked, in a real browser. Skipped where no Chromium is installed.

use forge_tests::{Browser, Forge, Setup, TempDir, Value, json};

/// The part of the page that is about one model's predictions.
fn entry(model: &str) -> String {
    format!(".opblock:has([data-path=\"/v1/{model}/predict\"])")
}

fn open_docs(browser: &Browser, forge: &Forge) {
    browser.open(&format!("http://{}/docs", forge.address()));
    browser.text(".opblock-tag");
}

/// Presses "Try it out" and "Execute" at a model, and reads the answer off the page.
fn try_out(browser: &Browser, model: &str) -> Value {
    let entry = entry(model);
    browser.click(&format!("{entry} .opblock-summary-control"));
    browser.click(&format!("{entry} .try-out__btn"));
    browser.click(&format!("{entry} .execute"));
    let answer = format!("{entry} .live-responses-table .response-col_description .microlight");
    browser.wait_for_text(&answer, "latency_ms");
    assert_eq!(
        browser.text(&format!("{entry} .live-responses-table tbody .response-col_status")),
        "200"
    );
    serde_json::from_str(&browser.text(&answer)).unwrap()
}

/// Everything that the page loaded or asked came from its own server, and nothing went wrong.
fn assert_self_contained(browser: &Browser, forge: &Forge) {
    let loaded = browser.run(
        "return performance.getEntriesByType('resource').map(entry => entry.name)",
        &json!([]),
    );
    let loaded: Vec<String> = serde_json::from_value(loaded).unwrap();
    let origin = format!("http://{}/", forge.address());
    for expected in ["docs/swagger-ui-bundle.js", "docs/swagger-ui.css", "openapi.json"] {
        assert!(loaded.contains(&format!("{origin}{expected}")), "{expected}: {loaded:?}");
    }
    assert!(loaded.iter().all(|url| url.starts_with(&origin)), "{loaded:?}");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn every_model_is_shown_and_the_page_loads_nothing_from_elsewhere() {
    let forge = Setup::of_config("configs/demo.toml").start();
    let Some(browser) = Browser::start() else { return };
    open_docs(&browser, &forge);
    let shown = browser.texts(".opblock-post .opblock-summary-path");
    // Zero-width spaces tell the browser where long paths may wrap.
    let shown: Vec<String> = shown.iter().map(|path| path.replace('\u{200b}', "")).collect();
    let expected = ["dummy", "image-classifier", "sentiment", "text-embedder"];
    let expected = expected.map(|model| format!("/v1/{model}/predict"));
    // The models come first, each by its name; then what is for all of them.
    let of_all = [
        "/v1/{model}/reload",
        "/v2/models/{model}/infer",
        "/v2/repository/index",
        "/v2/repository/models/{model}/load",
        "/v2/repository/models/{model}/unload",
        "/predictions/{model}",
        "/v1/models/{model}:predict",
    ];
    assert_eq!(shown, [&expected[..], &of_all.map(str::to_owned)].concat());
    assert_self_contained(&browser, &forge);
}

#[test]
fn trying_out_a_model_with_a_declared_input_gets_its_prediction() {
    let forge = Setup::of_config("configs/sentiment.toml").start();
    let Some(browser) = Browser::start() else { return };
    open_docs(&browser, &forge);
    let answer = try_out(&browser, "sentiment");
    assert_eq!(answer["model"], "sentiment");
    assert_eq!(answer["outputs"]["output"].as_array().unwrap().len(), 3);
    assert!(browser.text(&entry("sentiment")).contains("float32 [768]"));
    assert_self_contained(&browser, &forge);
}

#[test]
fn trying_out_a_model_with_named_inputs_gets_its_prediction() {
    let forge = Setup::new().real_model("a.d-d", "add.pt").start();
    let Some(browser) = Browser::start() else { return };
    open_docs(&browser, &forge);
    let answer = try_out(&browser, "a.d-d");
    assert_eq!(answer["outputs"], json!({"output": [2, 4, 6]}));
    assert_self_contained(&browser, &forge);
}

#[test]
fn a_model_that_becomes_ready_later_is_shown_with_its_inputs_after_a_reload() {
    let dir = TempDir::new();
    let script = format!("load-after {}\nargs later_input", dir.path().join("go").display());
    let forge = Setup::new().test_model("late", &script).start_loading();
    let Some(browser) = Browser::start() else { return };
    open_docs(&browser, &forge);
    let summary = format!("{} .opblock-summary-description", entry("late"));
    assert_eq!(browser.text(&summary), "Predict with late (loading)");
    dir.write("go", "");
    forge.wait_until_ready();
    open_docs(&browser, &forge);
    assert_eq!(browser.text(&summary), "Predict with late");
    browser.click(&format!("{} .opblock-summary-control", entry("late")));
    browser.wait_for_text(&entry("late"), "later_input");
}
