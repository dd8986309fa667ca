//! `deploy/grafana` and `deploy/prometheus`: what they ask for is what Forge tells.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use forge_tests::{
    Scrape, Setup, TempDir, Value, checkout, finish, grouping, json, selectors, skipped,
};

fn deployed(name: &str) -> PathBuf {
    checkout().join("deploy").join(name)
}

fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(deployed("grafana/forge.json")).unwrap()).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// The query of every panel.
fn queries(dashboard: &Value) -> Vec<&str> {
    let targets =
        panels(dashboard).iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| text(&target["expr"])).collect()
}

/// The rules without their comments.
fn rules() -> String {
    let rules = fs::read_to_string(deployed("prometheus/forge.rules.yml")).unwrap();
    let lines = rules.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

/// `promtool` with these arguments, or nothing where Debian's package `prometheus` is missing.
fn promtool(arguments: &[&str]) {
    if Command::new("promtool").arg("--version").output().is_err() {
        skipped("there is no promtool here (Debian's package prometheus has it)");
        return;
    }
    let checked = finish(Command::new("promtool").args(arguments));
    assert_eq!(checked.code(), 0, "{}{}", checked.stdout, checked.stderr);
}

/// What is wrong with the names that queries use.
fn unknown_names(queries: &str, scrape: &Scrape) -> Vec<String> {
    // What Prometheus adds to what it scrapes.
    const ADDED: [&str; 2] = ["instance", "job"];
    let mut unknown = Vec::new();
    let mut known: BTreeSet<&str> = ADDED.into_iter().collect();
    for selector in selectors(queries) {
        let name = &selector.name;
        let Some(labels) = scrape.labels_of(name) else {
            unknown.push(format!("no metric {name}"));
            continue;
        };
        for (label, values) in
            selector.labels.iter().filter(|(label, _)| !ADDED.contains(&&**label))
        {
            let missing = values.iter().filter(|value| !scrape.has(name, &[(label, value)]));
            unknown.extend(missing.map(|value| format!("no {name} with {label}={value}")));
            if !labels.contains(&**label) {
                unknown.push(format!("no label {label} of {name}"));
            }
        }
        known.extend(labels);
    }
    let groups = grouping(queries).into_iter().filter(|label| !known.contains(&**label));
    unknown.extend(groups.map(|label| format!("no label {label} to group by in {queries}")));
    unknown
}

#[test]
fn dashboard_and_rules_name_only_what_a_scrape_has() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    let scrape = forge.scrape();
    let dashboard = dashboard();
    let queries = queries(&dashboard);
    assert!(queries.len() > 20, "{queries:?}");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let variables = variables.iter().filter_map(|variable| variable["query"]["query"].as_str());
    for query in queries.into_iter().chain(variables).chain([&*rules()]) {
        assert_eq!(unknown_names(query, &scrape), [""; 0], "{query}");
        assert!(!selectors(query).is_empty(), "{query} asks for nothing of Forge");
    }
    for wrong in
        ["forge_made_up", "forge_rows_total{phase=\"x\"}", "sum by (x) (forge_rows_total)", {
            "forge_requests_total{status=\"lost\"}"
        }]
    {
        assert_ne!(unknown_names(wrong, &scrape), [""; 0], "{wrong} is not found out");
    }
}

#[test]
fn the_dashboard_is_about_everything_an_operator_watches() {
    let dashboard = dashboard();
    let queries = queries(&dashboard).join("\n");
    for asked in [
        "histogram_quantile(0.5, sum by (model, le) (rate(forge_inference_latency_seconds_bucket",
        "histogram_quantile(0.95, sum by (model, le) (rate(forge_inference_latency_seconds_bucket",
        "histogram_quantile(0.99, sum by (model, le) (rate(forge_inference_latency_seconds_bucket",
        "sum by (model, status) (rate(forge_requests_total",
        "forge_batch_size_sum",
        "forge_queue_depth",
        "forge_queue_wait_seconds_bucket",
        "forge_model_swaps_total",
        "forge_model_swap_duration_seconds_bucket",
        "forge_workers",
        "forge_worker_restarts_total",
        "forge_phase_seconds_sum",
        "forge_inflight_bytes",
    ] {
        assert!(queries.contains(asked), "no panel asks for {asked}");
    }
}

#[test]
fn the_dashboard_can_be_imported_for_any_data_source() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64() >= Some(36), "an old form of dashboards");
    assert!(dashboard["id"].is_null(), "an id is one Grafana's own");
    let variables: Vec<_> = dashboard["templating"]["list"].as_array().unwrap().iter().collect();
    let names: Vec<_> = variables.iter().map(|variable| text(&variable["name"])).collect();
    assert_eq!(names, ["datasource", "instance", "model"]);
    assert_eq!(variables[0]["type"], json!("datasource"));
    let source = json!({"type": "prometheus", "uid": "${datasource}"});
    let mut ids = BTreeSet::new();
    for panel in panels(&dashboard) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels have the id of {panel}");
        if panel["type"] == json!("row") {
            continue;
        }
        let title = text(&panel["title"]);
        assert!(!text(&panel["description"]).is_empty(), "{title} says nothing");
        assert!(!text(&panel["fieldConfig"]["defaults"]["unit"]).is_empty(), "{title} has no unit");
        let targets = panel["targets"].as_array().unwrap();
        let references: BTreeSet<_> = targets.iter().map(|target| text(&target["refId"])).collect();
        assert_eq!(references.len(), targets.len(), "{title}");
        assert_eq!(panel["datasource"], source, "{title}");
        assert!(targets.iter().all(|target| target["datasource"] == source), "{title}");
    }
}

#[test]
fn no_two_panels_lie_on_each_other() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    for panel in panels(&dashboard) {
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("w") > 0 && side("x") + side("w") <= 24, "{panel} is too wide");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{} lies on another", panel["title"]);
            }
        }
    }
}

#[test]
fn every_query_of_the_dashboard_is_promql() {
    let dashboard = dashboard();
    let rule = |(number, query): (usize, &str)| {
        let query = query.replace("$__rate_interval", "1m");
        format!("  - {{record: \"query:{number}\", expr: {}}}\n", json!(query))
    };
    let rules: String = queries(&dashboard).into_iter().enumerate().map(rule).collect();
    let dir = TempDir::new();
    let file = dir.write("rules.yml", format!("groups:\n- name: dashboard\n  rules:\n{rules}"));
    promtool(&["check", "rules", file.to_str().unwrap()]);
}

#[test]
fn prometheus_takes_its_config_and_the_rules() {
    promtool(&["check", "config", deployed("prometheus/prometheus.yml").to_str().unwrap()]);
    promtool(&["check", "rules", deployed("prometheus/forge.rules.yml").to_str().unwrap()]);
}

#[test]
fn every_alert_is_raised_when_it_should_be_and_not_otherwise() {
    let file = deployed("prometheus/forge.rules.test.yml");
    promtool(&["test", "rules", file.to_str().unwrap()]);
    let tests = fs::read_to_string(file).unwrap();
    let rules = rules();
    let alerts: Vec<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 5, "{alerts:?}");
    for alert in alerts {
        let raised = format!("alertname: {alert}\n        exp_alerts:\n          - exp_labels");
        assert!(tests.contains(&raised), "no test raises {alert}");
        let quiet = format!("alertname: {alert}, exp_alerts: []");
        assert!(tests.contains(&quiet), "no test leaves {alert} quiet");
    }
}
