//! The control socket as its clients meet it: a real socket, with an operator behind it whose orders
//! the test carries out.

mod place;
mod requests;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::*;
use crate::config::{Files, Machine, Overrides, Source};
use crate::logging::LevelHandle;
use crate::operator::{Events, Operator, Order};

/// Far beyond what an answer takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory of its own; gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("forge-ctl-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server that is no more than what the control socket sees of it.
#[derive(Debug)]
struct FakeServer {
    told: mpsc::UnboundedSender<&'static str>,
    answered: Notify,
}

impl Server for FakeServer {
    fn status(&self) -> ServerStatus {
        ServerStatus {
            address: "http://127.0.0.1:1".to_owned(),
            version: "1.2.3".to_owned(),
            pid: 7,
            uptime_s: 1.5,
            phase: "serving".to_owned(),
        }
    }

    fn drain(&self, is_draining: bool) {
        self.told.send(if is_draining { "drain" } else { "undrain" }).unwrap();
    }

    fn idle(&self) -> Idle<'_> {
        Box::pin(self.answered.notified())
    }

    fn end(&self, at_once: bool) {
        self.told.send(if at_once { "end at once" } else { "end" }).unwrap();
    }
}

/// A control socket at work.
struct Served {
    folder: Folder,
    operator: Operator,
    orders: mpsc::UnboundedReceiver<Order>,
    server: Arc<FakeServer>,
    told: mpsc::UnboundedReceiver<&'static str>,
    ending: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Served {
    /// With a config of this text, beside a file `m.pt`.
    fn with_config(text: &str) -> Self {
        let folder = Folder::new();
        fs::write(folder.path("m.pt"), "").unwrap();
        fs::write(folder.path("forge.toml"), text).unwrap();
        let source = Source {
            files: Files::Config(folder.path("forge.toml")),
            overrides: Overrides::default(),
            machine: Machine { usable_cpus: vec![0, 1], cpu_quota: None },
        };
        let (operator, orders) = Operator::new(Events::new());
        let (teller, told) = mpsc::unbounded_channel();
        let server = Arc::new(FakeServer { told: teller, answered: Notify::new() });
        let config = source.read().unwrap();
        let control = Control {
            operator: operator.clone(),
            settings: Arc::new(Settings::new(source, config, operator.clone())),
            log_level: LevelHandle::without_log(),
            server: Arc::clone(&server) as Arc<dyn Server>,
        };
        let (ending, ended) = watch::channel(false);
        let socket = ControlSocket::bind(&folder.path("s")).unwrap();
        let task = tokio::spawn(socket.serve(Arc::new(control), ended));
        Self { folder, operator, orders, server, told, ending, task }
    }

    fn new() -> Self {
        Self::with_config("[models.m]\npath = \"m.pt\"\n")
    }

    async fn connect(&self) -> Peer {
        Peer::connect(&self.folder.path("s")).await
    }

    async fn next_order(&mut self) -> Order {
        within(self.orders.recv()).await.unwrap()
    }

    async fn end(self) {
        self.ending.send_replace(true);
        within(self.task).await.unwrap();
        assert!(!self.folder.path("s").exists());
    }
}

/// A client of the socket that sends whatever it likes.
struct Peer {
    stream: BufReader<UnixStream>,
}

impl Peer {
    async fn connect(path: &Path) -> Self {
        Self { stream: BufReader::new(UnixStream::connect(path).await.unwrap()) }
    }

    async fn send(&mut self, request: &Value) {
        self.send_text(&format!("{request}\n")).await;
    }

    async fn send_text(&mut self, text: &str) {
        within(self.stream.get_mut().write_all(text.as_bytes())).await.unwrap();
    }

    /// The next line; `None` once the server has closed the connection.
    async fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = within(self.stream.read_line(&mut line)).await;
        // A connection that was closed with something unread in it is reset.
        if read.unwrap_or(0) == 0 { None } else { Some(serde_json::from_str(&line).unwrap()) }
    }

    /// Sends a request and reads the next line.
    async fn ask(&mut self, request: Value) -> Value {
        self.send(&request).await;
        self.line().await.unwrap()
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it does not take that long")
}
