//! The way of a request through the router in one thread and without sockets, for `scripts/count`.
//!
//! ```text
//! client ─► pipe ─► HTTP ─► decode ─► cut ─► frame ──► ring ─► played worker: x * 2
//!    ▲                                                                        │
//!    └───── pipe ◄── HTTP ◄── encode ◄── complete ◄─────────── ring ◄─────────┘
//! ```
//!
//! All but the two ends are what a `forge` runs; the connections are pipes in memory, and the worker is a task beside
//! them. So what it takes does not depend on what else a machine does. Not part of a built `forge`.

mod client;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use forge_ipc::{Argument, ArgumentKind, Geometry, RouterEnd, Signature, WorkerEnd};
use futures_util::future::try_join_all;
use tokio::io::DuplexStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::config::{self, Admin, Machine, ModelConfig};
use crate::dispatch::{self, WorkerLink};
use crate::grpc;
use crate::http::{App, HttpSettings, Phase, serve_connection};
use crate::memory_budget::MemoryBudget;
use crate::metrics::Metrics;
use crate::model::{Interface, Model, Registry, Route, Version, VersionId, VersionSettings};
use crate::operator::{Events, Operator};

/// What the model is called.
pub const MODEL: &str = "double";

const MEGABYTE: usize = 1 << 20;

/// What a pipe holds: more than is asked and answered.
const PIPE: usize = MEGABYTE;

const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// A router with one model, `double`, and a worker of it.
#[derive(Debug)]
pub struct HotPath {
    runtime: Runtime,
    app: Arc<App>,
    services: Arc<grpc::Services>,
    /// The connections go on for as long as it is there.
    closing: watch::Sender<bool>,
}

impl HotPath {
    /// # Errors
    /// Where the ring or the runtime cannot be made.
    pub fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let metrics = Metrics::new("0", SystemTime::now());
        let model = Model::new(settings_of_model()?, &metrics);
        let registry = Arc::new(Registry::default());
        registry.add(&model);
        {
            let _context = runtime.enter();
            start_worker(&model)?;
        }
        let (operator, _) = Operator::new(Events::new());
        let budget = MemoryBudget::new(64 * MEGABYTE);
        let app = App::new(registry, operator, budget, metrics, settings_of_front());
        app.enter(Phase::Serving);
        let services = Arc::new(grpc::Services::new(&app));
        let (closing, _) = watch::channel(false);
        Ok(Self { runtime, app, services, closing })
    }

    /// Sends a request over so many connections at once, so many times over each; returns the last answer.
    ///
    /// # Errors
    /// Where an answer is not `200 OK`.
    pub fn exchange(
        &self,
        request: &[u8],
        connections: usize,
        rounds: usize,
    ) -> io::Result<Vec<u8>> {
        let pipes: Vec<DuplexStream> = (0..connections).map(|_| self.connect()).collect();
        let clients = pipes.into_iter().map(|pipe| client::ask(pipe, request, rounds));
        let mut answers = self.runtime.block_on(try_join_all(clients))?;
        answers.pop().ok_or_else(|| io::Error::other("no connection"))
    }

    fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let front = (Arc::clone(&self.app), Arc::clone(&self.services));
        self.runtime.spawn(serve_connection(theirs, NOBODY, front, self.closing.subscribe()));
        ours
    }
}

fn settings_of_model() -> io::Result<ModelConfig> {
    let machine = Machine { usable_cpus: vec![0], cpu_quota: None };
    let settings = toml::Table::new();
    config::for_loading(MODEL, "/double.pt".into(), settings, &machine).map_err(io::Error::other)
}

fn settings_of_front() -> HttpSettings {
    let patience = Duration::from_secs(3600);
    HttpSettings {
        max_body_bytes: MEGABYTE,
        body_timeout: patience,
        header_timeout: patience,
        cors_origins: Vec::new(),
        admin: Admin::Off,
        address: NOBODY,
        access_log: false,
        triton_metrics: false,
    }
}

/// Puts a version with one worker into service.
fn start_worker(model: &Arc<Model>) -> io::Result<()> {
    let config = model.config();
    let timeout = config.request_timeout;
    let x = Argument {
        name: "x".to_owned(),
        kind: ArgumentKind::Tensor,
        optional: false,
        default: None,
    };
    let signature = Signature { arguments: vec![x], likely_row: None };
    let interface = Interface::new(&signature, &config).map_err(io::Error::other)?;
    let payload = MEGABYTE as u64;
    let settings = VersionSettings { id: VersionId(1), config, request_payload: payload };
    let version = Version::new(settings, interface, model.metrics.clone());
    model.set_route(Route { stable: Some(Arc::clone(&version)), canary: None });

    let geometry = Geometry::new(2, payload, payload).map_err(io::Error::other)?;
    let (end, descriptors) = RouterEnd::create(geometry).map_err(io::Error::other)?;
    let worker = WorkerEnd::attach(geometry, descriptors).map_err(io::Error::other)?;
    let link = Arc::new(WorkerLink::new(end, true));
    version.add_worker(Arc::clone(&link));
    tokio::spawn(worker::double(worker));
    let metrics = model.metrics.clone();
    // Whatever ends it leaves requests without an answer, which their deadline tells.
    tokio::spawn(async move { dispatch::serve(&version, &link, timeout, &metrics).await });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_answered_with_twice_its_numbers() {
        let body = r#"{"input": [1.5, -2, 1e3]}"#;
        let request = format!(
            "POST /v1/{MODEL}/predict HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let path = HotPath::new().unwrap();
        for (connections, rounds) in [(1, 1), (1, 3), (40, 2)] {
            let answer = path.exchange(request.as_bytes(), connections, rounds).unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["output"], serde_json::json!([3.0, -4.0, 2000.0]));
        }
        let wrong = request.replace("1.5", "\"a\"");
        assert!(path.exchange(wrong.as_bytes(), 1, 1).is_err());
    }
}
