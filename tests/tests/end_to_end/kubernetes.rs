//! What `deploy/kserve` and `deploy/kubernetes` promise, read off the manifests, which `tests/clients/manifests.py` holds
//! against the schemas of Kubernetes and KServe.

use std::fs;

use forge_tests::{
    Setup, TempDir, Value, checkout, default_seconds, finish, forge, json, model_file, run_python,
};

const MANIFESTS: [&str; 5] = [
    "kserve/cluster-serving-runtime.yaml",
    "kserve/inference-service.yaml",
    "kubernetes/autoscaler.yaml",
    "kubernetes/deployment.yaml",
    "kubernetes/service.yaml",
];

/// Every document, once it fits its schema.
fn documents() -> Vec<Value> {
    let paths: Vec<String> = MANIFESTS
        .iter()
        .map(|path| checkout().join("deploy").join(path).display().to_string())
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let read = run_python("manifests.py", &paths);
    assert_eq!(read.code(), 0, "{}", read.stderr);
    let documents: Value = read.stdout.parse().unwrap();
    documents.as_array().unwrap().clone()
}

fn of_kind(kind: &str) -> Value {
    let found = documents().into_iter().find(|document| document["kind"] == kind);
    found.unwrap_or_else(|| panic!("there is no {kind}"))
}

/// The containers of the runtime and of the deployment.
fn containers() -> [Value; 2] {
    let runtime = of_kind("ClusterServingRuntime")["spec"]["containers"][0].clone();
    let deployment = of_kind("Deployment")["spec"]["template"]["spec"]["containers"][0].clone();
    [runtime, deployment]
}

#[test]
fn every_manifest_fits_its_schema() {
    let kinds: Vec<Value> = documents().iter().map(|document| document["kind"].clone()).collect();
    for kind in [
        "ClusterServingRuntime",
        "InferenceService",
        "ConfigMap",
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
    ] {
        assert!(kinds.contains(&json!(kind)), "{kind} is not in {kinds:?}");
    }
}

#[test]
fn a_manifest_with_a_misspelt_key_is_found() {
    let dir = TempDir::new();
    for (path, right, wrong) in [
        ("kserve/cluster-serving-runtime.yaml", "readinessProbe:", "readynessProbe:"),
        ("kserve/inference-service.yaml", "storageUri:", "storageUrl:"),
        ("kubernetes/autoscaler.yaml", "minReplicas:", "leastReplicas:"),
    ] {
        let text = fs::read_to_string(checkout().join("deploy").join(path)).unwrap();
        assert!(text.contains(right), "{path}");
        let written = dir.write("manifest.yaml", text.replace(right, wrong));
        let read = run_python("manifests.py", &[written.to_str().unwrap()]);
        assert_eq!(read.code(), 1, "{path}");
        assert!(read.stderr.contains(wrong.trim_end_matches(':')), "{}", read.stderr);
    }
}

#[test]
fn containers_have_no_rights_and_write_nothing() {
    let of_pod = of_kind("Deployment")["spec"]["template"]["spec"]["securityContext"].clone();
    for container in containers() {
        let own = &container["securityContext"];
        let is =
            |key: &str| if own[key].is_null() { of_pod[key].clone() } else { own[key].clone() };
        assert_eq!(is("runAsNonRoot"), true, "{own}");
        // The image's user.
        assert_eq!((is("runAsUser"), is("runAsGroup")), (json!(65532), json!(65532)), "{own}");
        assert_eq!(own["readOnlyRootFilesystem"], true, "{own}");
        assert_eq!(own["allowPrivilegeEscalation"], false, "{own}");
        assert_eq!(own["capabilities"], json!({"drop": ["ALL"]}), "{own}");
    }
    let spec = of_kind("Deployment")["spec"]["template"]["spec"].clone();
    assert_eq!(spec["automountServiceAccountToken"], false);
    let mounts = spec["containers"][0]["volumeMounts"].as_array().unwrap().clone();
    assert!(mounts.iter().all(|mount| mount["readOnly"] == true), "{mounts:?}");
}

#[test]
fn images_are_of_this_version() {
    let expected = format!(":{}", env!("CARGO_PKG_VERSION"));
    for container in containers() {
        assert!(
            container["image"].as_str().unwrap().ends_with(&expected),
            "{}",
            container["image"]
        );
    }
}

#[test]
fn probes_ask_readiness_and_life_and_leave_time_to_load() {
    for container in containers() {
        for (probe, path) in [
            ("startupProbe", "/v2/health/ready"),
            ("readinessProbe", "/v2/health/ready"),
            ("livenessProbe", "/v2/health/live"),
        ] {
            assert_eq!(container[probe]["httpGet"]["path"], path, "{probe}");
        }
        let startup = &container["startupProbe"];
        let seconds = |key: &str| startup[key].as_f64().unwrap();
        let patience = seconds("periodSeconds") * seconds("failureThreshold");
        assert!(patience > default_seconds("load_timeout_s"), "{patience}");
    }
}

#[test]
fn pods_are_given_longer_than_an_end_takes() {
    let needed = default_seconds("shutdown_grace_s") + default_seconds("request_timeout_s") + 20.0;
    for spec in [
        of_kind("Deployment")["spec"]["template"]["spec"].clone(),
        of_kind("InferenceService")["spec"]["predictor"].clone(),
    ] {
        let patience = spec["terminationGracePeriodSeconds"].as_f64().unwrap();
        assert!(patience >= needed, "{patience}");
    }
}

#[test]
fn a_runtime_of_kserve_has_one_port_and_the_name_that_kserve_looks_for() {
    let runtime = of_kind("ClusterServingRuntime");
    let [container, _] = containers();
    assert_eq!(container["name"], "kserve-container");
    // Knative takes no more.
    let ports = container["ports"].as_array().unwrap();
    assert_eq!(ports.len(), 1, "{ports:?}");
    assert_eq!(runtime["spec"]["annotations"]["prometheus.kserve.io/port"], "8080");
    assert_eq!(ports[0]["containerPort"], 8080);
    let service = of_kind("InferenceService");
    let model = &service["spec"]["predictor"]["model"];
    assert_eq!(model["runtime"], runtime["metadata"]["name"]);
    let protocols = runtime["spec"]["protocolVersions"].as_array().unwrap();
    assert!(protocols.contains(&model["protocolVersion"]), "{protocols:?}");
    let formats = runtime["spec"]["supportedModelFormats"].as_array().unwrap();
    assert!(formats.iter().any(|format| format["name"] == model["modelFormat"]["name"]));
}

#[test]
fn pods_are_counted_by_a_metric_that_forge_has() {
    let scaler = of_kind("HorizontalPodAutoscaler");
    let metric =
        scaler["spec"]["metrics"][0]["pods"]["metric"]["name"].as_str().unwrap().to_owned();
    let adapter = fs::read_to_string(checkout().join("deploy/kubernetes/prometheus-adapter.yaml"));
    assert!(adapter.unwrap().contains(&format!("seriesQuery: {metric}{{")), "{metric}");
    let forge = Setup::new().test_model("m", "echo").start();
    assert_eq!(forge.scrape().value(&metric, &[("model", "m")]), 0.0);
    let target = &scaler["spec"]["scaleTargetRef"];
    let deployment = of_kind("Deployment");
    assert_eq!(
        (&target["kind"], &target["name"]),
        (&json!("Deployment"), &deployment["metadata"]["name"])
    );
    // A number there would take the autoscaler's place with every apply.
    assert!(deployment["spec"]["replicas"].is_null());
}

#[test]
fn everything_selects_the_pods_of_the_deployment() {
    let labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"].clone();
    assert_eq!(of_kind("Deployment")["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(of_kind("Service")["spec"]["selector"], labels);
    assert_eq!(of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"], labels);
}

#[test]
fn the_arguments_of_the_runtime_serve_what_kserve_mounts() {
    let dir = TempDir::new();
    fs::copy(model_file("double.pt"), dir.path().join("model.pt")).unwrap();
    let [container, _] = containers();
    let arguments = container["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
    let arguments: Vec<String> = arguments
        .map(|argument| {
            let mounted = argument.replace("/mnt/models", dir.path().to_str().unwrap());
            mounted
                .replace("{{.Name}}", "sentiment")
                .replace("8080", "0")
                .replace("0.0.0.0", "127.0.0.1")
        })
        .collect();
    // The image's entry point is the program itself.
    let (command, arguments) = arguments.split_first().unwrap();
    assert_eq!(command, "serve");
    let forge = Setup::of_arguments(arguments).start();
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert_eq!(forge.get(path).status, 200, "{path}");
    }
    let body = json!({"instances": [[1, 2]]}).to_string();
    let answer = forge.ask("POST", "/v1/models/sentiment:predict", &[], body.as_bytes());
    assert_eq!(answer.json(), json!({"predictions": [[2.0, 4.0]]}));
    let body =
        json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]});
    let answer = forge.ask("POST", "/v2/models/sentiment/infer", &[], body.to_string().as_bytes());
    assert_eq!(answer.json()["outputs"][0]["data"], json!([2.0, 4.0]));
}

#[test]
fn the_config_of_the_deployment_is_a_good_one() {
    let dir = TempDir::new();
    let model = dir.write("sentiment.pt", "");
    let config = of_kind("ConfigMap")["data"]["forge.toml"].as_str().unwrap().to_owned();
    let mounted = "/models/sentiment.pt";
    assert!(config.contains(mounted), "{config}");
    let path = dir.write("forge.toml", config.replace(mounted, model.to_str().unwrap()));
    let checked = finish(&mut forge(&["check", path.to_str().unwrap()]));
    assert_eq!(checked.code(), 0, "{}", checked.stderr);
}
