//! The protocol: one JSON object per line, each way. `docs/ctl.md` describes it.
//!
//! A client may send another request once the last one is answered. What it sends must be known to
//! the last field; what it is sent may hold fields that it does not know.

use serde::{Deserialize, Serialize};

/// The longest line that a server reads, in bytes.
pub const LONGEST_REQUEST: usize = 64 * 1024;

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    Status {},
    Models {},
    Workers {},
    Load {
        model: String,
        path: String,
        #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
        settings: toml::Table,
    },
    Unload {
        model: String,
    },
    Swap {
        model: String,
        path: String,
        /// Such as `10%`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        canary: Option<String>,
    },
    Rollback {
        model: String,
    },
    Promote {
        model: String,
    },
    Abort {
        model: String,
    },
    Scale {
        model: String,
        workers: u32,
    },
    Drain {
        /// Takes predictions again.
        #[serde(default)]
        off: bool,
    },
    Events {
        #[serde(default)]
        follow: bool,
    },
    ConfigShow {},
    ConfigReload {},
    LogLevel {
        /// Left out: only tells it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<String>,
    },
    Shutdown {
        #[serde(default)]
        now: bool,
    },
}

/// One line of an answer: any number of events, then one of the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    Event(Event),
    Ok(serde_json::Value),
    Error(Failure),
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One of the words of [`Code`](super::Code).
    pub code: String,
    /// For a person; may span lines.
    pub message: String,
}

/// Something that happened to a model, a worker or the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Grows by one; a gap means that some were missed.
    pub sequence: u64,
    /// UTC, as in RFC 3339.
    pub time: String,
    pub kind: String,
    /// Empty where it is about the server.
    pub model: String,
    pub version: Option<u64>,
    pub worker: Option<u32>,
    pub text: String,
}

/// `status`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub server: ServerStatus,
    pub models: Vec<ModelStatus>,
}

/// The server itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerStatus {
    pub address: String,
    pub version: String,
    pub pid: u32,
    pub uptime_s: f64,
    /// `loading`, `serving` or `draining`.
    pub phase: String,
}

/// `models`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Models {
    pub models: Vec<ModelStatus>,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelStatus {
    pub model: String,
    /// `loading`, `ready`, `degraded` or `draining`.
    pub state: String,
    /// Why it is degraded.
    pub cause: Option<String>,
    /// What is being done to it.
    pub doing: Option<String>,
    pub queue_depth: u64,
    /// The stable one first.
    pub versions: Vec<VersionStatus>,
}

/// One version of a model. Sums are over its workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionStatus {
    pub version: u64,
    /// `stable`, `canary` or `draining`.
    pub role: String,
    /// A canary's, such as `10%`.
    pub share: Option<String>,
    pub path: String,
    pub sha256: String,
    pub age_s: f64,
    pub workers: u64,
    pub ready_workers: u64,
    /// Resident memory of the processes without their regions.
    pub rss_bytes: u64,
    /// Shared-memory regions.
    pub region_bytes: u64,
}

/// `workers`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workers {
    pub workers: Vec<WorkerStatus>,
}

/// One worker's place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    pub model: String,
    pub version: u64,
    pub worker: u32,
    /// `null` while no process stands there, as below.
    pub pid: Option<u32>,
    pub state: String,
    pub device: String,
    pub age_s: Option<f64>,
    pub restarts: u64,
    pub rss_bytes: Option<u64>,
    pub region_bytes: Option<u64>,
}

/// `load`, `swap`, `rollback`, `promote`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Swapped {
    pub model: String,
    pub version: u64,
    pub path: String,
    pub role: String,
    pub share: Option<String>,
    pub duration_s: f64,
}

/// `abort`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aborted {
    pub model: String,
    pub version: u64,
}

/// `unload`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unloaded {
    pub model: String,
}

/// `scale`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaled {
    pub model: String,
    pub workers: u32,
}

/// `drain`: the phase of the server afterwards
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InPhase {
    pub phase: String,
}

/// `config-show`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownConfig {
    /// The file; `null` where model files are served without one.
    pub file: Option<String>,
    pub config: toml::Table,
}

/// `config-reload`: names of models
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    pub loaded: Vec<String>,
    pub unloaded: Vec<String>,
    pub swapped: Vec<String>,
    pub unchanged: Vec<String>,
    pub failed: Vec<FailedModel>,
    /// Keys of `[server]` that changed and take effect after a restart.
    pub needs_restart: Vec<String>,
}

/// A model that serves on as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedModel {
    pub model: String,
    pub cause: String,
}

/// `log-level`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLevel {
    pub level: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_are_read_as_they_are_documented() {
        let swap = |canary: Option<&str>| Request::Swap {
            model: "m".to_owned(),
            path: "/x.pt".to_owned(),
            canary: canary.map(str::to_owned),
        };
        let settings = toml::Table::from_iter([("workers".to_owned(), 2.into())]);
        for (line, request) in [
            (json!({"command": "status"}), Request::Status {}),
            (json!({"command": "swap", "model": "m", "path": "/x.pt"}), swap(None)),
            (
                json!({"command": "swap", "model": "m", "path": "/x.pt", "canary": "10%"}),
                swap(Some("10%")),
            ),
            (
                json!({"command": "load", "model": "m", "path": "x", "settings": {"workers": 2}}),
                Request::Load { model: "m".to_owned(), path: "x".to_owned(), settings },
            ),
            (json!({"command": "drain"}), Request::Drain { off: false }),
            (json!({"command": "config-reload"}), Request::ConfigReload {}),
            (json!({"command": "shutdown", "now": true}), Request::Shutdown { now: true }),
        ] {
            assert_eq!(serde_json::from_value::<Request>(line).unwrap(), request);
            let written = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<Request>(&written).unwrap(), request, "{written}");
        }
    }

    #[test]
    fn what_is_no_request_is_told_with_what_is_wrong() {
        for (line, told) in [
            (json!({"command": "swop"}), "unknown variant `swop`"),
            (json!({"command": "status", "verbose": true}), "unknown field `verbose`"),
            (json!({"command": "scale", "model": "m"}), "missing field `workers`"),
            (json!({"command": "scale", "model": "m", "workers": -1}), "invalid value"),
            (json!({"model": "m"}), "missing field `command`"),
            (json!("status"), "expected"),
        ] {
            let error = serde_json::from_value::<Request>(line.clone()).unwrap_err().to_string();
            assert!(error.contains(told), "{line}: {error}");
        }
    }

    #[test]
    fn a_reply_is_one_of_event_ok_and_error() {
        let failure = Failure { code: "busy".to_owned(), message: "later".to_owned() };
        for (reply, line) in [
            (Reply::Ok(json!({"level": "info"})), json!({"ok": {"level": "info"}})),
            (Reply::Error(failure), json!({"error": {"code": "busy", "message": "later"}})),
        ] {
            assert_eq!(serde_json::to_value(&reply).unwrap(), line);
            assert_eq!(serde_json::from_value::<Reply>(line).unwrap(), reply);
        }
    }
}
