//! What the server answers, for people.

use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Table;

use super::table::table;
use super::units::{bytes, duration};
use crate::ctl::wire::{
    Aborted, Event, InPhase, LogLevel, ModelStatus, Models, Reloaded, Request, Scaled,
    ServerStatus, ShownConfig, Status, Swapped, Unloaded, VersionStatus, Workers,
};
use crate::logging::one_line;

/// The answer to a request, ending with a line's end.
pub fn answer(request: &Request, answer: &Value) -> Result<String, serde_json::Error> {
    Ok(match request {
        Request::Status {} => status(&read(answer)?),
        Request::Models {} => models(&read(answer)?),
        Request::Workers {} => workers(&read(answer)?),
        Request::Load { .. }
        | Request::Swap { .. }
        | Request::Rollback { .. }
        | Request::Promote { .. } => swapped(&read(answer)?),
        Request::Unload { .. } => {
            let Unloaded { model } = read(answer)?;
            format!("{model}: unloaded\n")
        }
        Request::Abort { .. } => {
            let Aborted { model, version } = read(answer)?;
            format!("{model}: the canary, version {version}, is ended\n")
        }
        Request::Scale { .. } => {
            let Scaled { model, workers } = read(answer)?;
            let s = if workers == 1 { "" } else { "s" };
            format!("{model}: {workers} worker{s}\n")
        }
        Request::Drain { .. } => {
            let InPhase { phase } = read(answer)?;
            format!("{phase}\n")
        }
        Request::ConfigShow {} => config(&read(answer)?),
        Request::ConfigReload {} => reloaded(&read(answer)?),
        Request::LogLevel { .. } => {
            let LogLevel { level } = read(answer)?;
            format!("{level}\n")
        }
        Request::Shutdown { .. } => "the server ends\n".to_owned(),
        // Each was shown when it came.
        Request::Events { .. } => String::new(),
    })
}

/// One line, without its end.
pub fn event(event: &Event) -> String {
    let Event { time, kind, model, version, worker, text, .. } = event;
    let version = version.map(|version| format!(" v{version}")).unwrap_or_default();
    let worker = worker.map(|worker| format!(" worker {worker}")).unwrap_or_default();
    let text = one_line(text);
    format!("{time}  {kind:<15}  {model}{version}{worker}  {text}").trim_end().to_owned()
}

fn status(Status { server, models }: &Status) -> String {
    let ServerStatus { address, version, pid, uptime_s, phase } = server;
    let uptime = duration(*uptime_s);
    let mut text = format!("forge {version} at {address}: {phase}, up {uptime}, pid {pid}\n\n");
    let row = |model: &ModelStatus, index: usize, version: &VersionStatus| {
        let [name, state, queue] = of_model(model, index);
        let regions = bytes(version.region_bytes);
        let rss = bytes(version.rss_bytes);
        let workers = format!("{}/{}", version.ready_workers, version.workers);
        [name, state, version.version.to_string(), role(version), queue, workers, regions, rss]
    };
    let headings = ["MODEL", "STATE", "VERSION", "ROLE", "QUEUE", "READY", "REGIONS", "RSS"];
    text.push_str(&table(headings, &rows(models, row)));
    text.push_str(&remarks(models));
    text
}

fn models(Models { models }: &Models) -> String {
    let row = |model: &ModelStatus, index: usize, version: &VersionStatus| {
        let [name, state, _] = of_model(model, index);
        let hash: String = version.sha256.chars().take(12).collect();
        let (age, path) = (duration(version.age_s), version.path.clone());
        [name, state, version.version.to_string(), role(version), age, hash, path]
    };
    let headings = ["MODEL", "STATE", "VERSION", "ROLE", "AGE", "SHA256", "FILE"];
    format!("{}{}", table(headings, &rows(models, row)), remarks(models))
}

fn workers(Workers { workers }: &Workers) -> String {
    let size = |count: Option<u64>| count.map_or_else(nothing, bytes);
    let rows: Vec<_> = workers
        .iter()
        .map(|worker| {
            [
                worker.model.clone(),
                worker.version.to_string(),
                worker.worker.to_string(),
                worker.pid.map_or_else(nothing, |pid| pid.to_string()),
                worker.state.clone(),
                worker.device.clone(),
                worker.age_s.map_or_else(nothing, duration),
                worker.restarts.to_string(),
                size(worker.region_bytes),
                size(worker.rss_bytes),
            ]
        })
        .collect();
    let headings = [
        "MODEL", "VERSION", "WORKER", "PID", "STATE", "DEVICE", "AGE", "RESTARTS", "REGIONS", "RSS",
    ];
    table(headings, &rows)
}

/// A row for each version; of a model without one a row that says so.
fn rows<const N: usize>(
    models: &[ModelStatus],
    row: impl Fn(&ModelStatus, usize, &VersionStatus) -> [String; N],
) -> Vec<[String; N]> {
    let mut rows = Vec::new();
    for model in models {
        if model.versions.is_empty() {
            let mut none = std::array::from_fn(|_| nothing());
            for (cell, text) in none.iter_mut().zip([&model.model, &model.state]) {
                cell.clone_from(text);
            }
            rows.push(none);
        }
        let versions = model.versions.iter().enumerate();
        rows.extend(versions.map(|(index, version)| row(model, index, version)));
    }
    rows
}

/// Name, state and queue, which stand in the first of a model's rows.
fn of_model(model: &ModelStatus, index: usize) -> [String; 3] {
    match index {
        0 => [model.model.clone(), model.state.clone(), model.queue_depth.to_string()],
        _ => Default::default(),
    }
}

/// What is being done to models, and what is wrong with them.
fn remarks(models: &[ModelStatus]) -> String {
    let remark = |model: &ModelStatus, text: &Option<String>| {
        text.as_ref().map(|text| format!("\n{}: {}\n", model.model, one_line(text)))
    };
    let told = models.iter().flat_map(|it| [remark(it, &it.doing), remark(it, &it.cause)]);
    told.flatten().collect()
}

fn role(version: &VersionStatus) -> String {
    match &version.share {
        Some(share) => format!("{} {share}", version.role),
        None => version.role.clone(),
    }
}

fn swapped(swapped: &Swapped) -> String {
    let Swapped { model, version, path, share, duration_s, .. } = swapped;
    let share = share.as_ref().map(|share| format!(" {share} of the requests")).unwrap_or_default();
    let after = duration(*duration_s);
    format!("{model}: version {version} answers{share}, after {after} ({path})\n")
}

/// TOML that can be served: the server first, as people write it.
fn config(ShownConfig { file, config }: &ShownConfig) -> String {
    let origin = file.as_ref().map(|file| format!("# {file}\n")).unwrap_or_default();
    let (server, rest): (Table, Table) =
        config.clone().into_iter().partition(|(key, _)| key == "server");
    format!("{origin}{server}\n{rest}")
}

fn reloaded(reloaded: &Reloaded) -> String {
    let Reloaded { loaded, unloaded, swapped, unchanged, failed, needs_restart } = reloaded;
    let mut text = String::new();
    for (what, names) in [
        ("loaded", loaded),
        ("unloaded", unloaded),
        ("swapped", swapped),
        ("unchanged", unchanged),
        ("takes a restart", needs_restart),
    ] {
        if !names.is_empty() {
            text.push_str(&format!("{what}: {}\n", names.join(", ")));
        }
    }
    for failed in failed {
        text.push_str(&format!("failed: {}: {}\n", failed.model, one_line(&failed.cause)));
    }
    text
}

fn nothing() -> String {
    "-".to_owned()
}

fn read<T: DeserializeOwned>(answer: &Value) -> Result<T, serde_json::Error> {
    T::deserialize(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn version(version: u64, role: &str, share: Option<&str>) -> Value {
        json!({
            "version": version, "role": role, "share": share, "path": "/models/b.pt",
            "sha256": "0123456789abcdef", "age_s": 75.0, "workers": 2, "ready_workers": 1,
            "rss_bytes": 3 << 20, "region_bytes": 64 << 20,
        })
    }

    fn models() -> Value {
        json!([
            {"model": "m", "state": "ready", "cause": null, "doing": "swapping to /c.pt",
             "queue_depth": 7, "versions": [version(3, "stable", None),
                                            version(4, "canary", Some("10%"))]},
            {"model": "new", "state": "loading", "cause": null, "doing": null, "queue_depth": 0,
             "versions": []},
        ])
    }

    #[test]
    fn the_status_has_a_row_for_each_version() {
        let server = json!({"address": "http://127.0.0.1:8000", "version": "1.2.3", "pid": 7,
                            "uptime_s": 192.0, "phase": "serving"});
        let status = json!({"server": server, "models": models()});
        let expected = "\
forge 1.2.3 at http://127.0.0.1:8000: serving, up 3m12s, pid 7

MODEL  STATE    VERSION  ROLE        QUEUE  READY  REGIONS   RSS
m      ready    3        stable      7      1/2    64.0 MiB  3.0 MiB
                4        canary 10%         1/2    64.0 MiB  3.0 MiB
new    loading  -        -           -      -      -         -

m: swapping to /c.pt
";
        assert_eq!(answer(&Request::Status {}, &status).unwrap(), expected);
    }

    #[test]
    fn models_are_shown_with_their_files() {
        let expected = "\
MODEL  STATE    VERSION  ROLE        AGE    SHA256        FILE
m      ready    3        stable      1m15s  0123456789ab  /models/b.pt
                4        canary 10%  1m15s  0123456789ab  /models/b.pt
new    loading  -        -           -      -             -

m: swapping to /c.pt
";
        let models = json!({"models": models()});
        assert_eq!(answer(&Request::Models {}, &models).unwrap(), expected);
    }

    #[test]
    fn a_worker_without_a_process_is_shown_without_what_only_a_process_has() {
        let worker = |pid: Option<u32>, state: &str| {
            let bytes = pid.map(|_| 2 << 20);
            json!({"model": "m", "version": 1, "worker": 0, "pid": pid, "state": state,
                   "device": "cpu", "age_s": pid.map(|_| 1.0), "restarts": 2, "rss_bytes": bytes,
                   "region_bytes": bytes})
        };
        let workers = json!({"workers": [worker(Some(12), "ready"), worker(None, "crashed")]});
        let expected = "\
MODEL  VERSION  WORKER  PID  STATE    DEVICE  AGE   RESTARTS  REGIONS  RSS
m      1        0       12   ready    cpu     1.0s  2         2.0 MiB  2.0 MiB
m      1        0       -    crashed  cpu     -     2         -        -
";
        assert_eq!(answer(&Request::Workers {}, &workers).unwrap(), expected);
    }

    #[test]
    fn an_event_is_one_line_whatever_its_text() {
        let line = event(&Event {
            sequence: 1,
            time: "2025-11-27T01:52:43.250Z".to_owned(),
            kind: "worker-ended".to_owned(),
            model: "m".to_owned(),
            version: Some(3),
            worker: Some(0),
            text: "killed\n\u{1b}[31m".to_owned(),
        });
        assert_eq!(
            line,
            "2025-11-27T01:52:43.250Z  worker-ended     m v3 worker 0  killed\\n\\u{1b}[31m"
        );
    }

    #[test]
    fn a_config_is_shown_as_the_file_that_would_say_it() {
        let shown = json!({"file": "/etc/forge.toml", "config": {
            "server": {"port": 8000, "shutdown_grace_s": 10.0}, "models": {"m": {"path": "/m.pt"}},
        }});
        let text = answer(&Request::ConfigShow {}, &shown).unwrap();
        assert!(text.starts_with("# /etc/forge.toml\n"), "{text}");
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(serde_json::to_value(table).unwrap(), shown["config"]);
    }

    #[test]
    fn an_answer_of_another_shape_is_an_error() {
        assert!(answer(&Request::Status {}, &json!({"models": []})).is_err());
    }
}
