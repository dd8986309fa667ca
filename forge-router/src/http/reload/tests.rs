//! The route over a real connection, before a supervisor that the test plays.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::*;
use crate::config::{self, Admin, Machine};
use crate::http::{Door, HttpSettings, Listener, Phase};
use crate::memory_budget::MemoryBudget;
use crate::metrics::Metrics;
use crate::model::{Model, Registry, VersionId};
use crate::operator::{Events, Operator, Order, Reply as Outcome};

/// A front that serves the model `m`, and the orders that it gives.
struct Front {
    app: Arc<App>,
    address: SocketAddr,
    orders: mpsc::UnboundedReceiver<Order>,
    _door: watch::Sender<Door>,
}

impl Front {
    async fn new(admin: Admin) -> Self {
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.address();
        let machine = Machine { usable_cpus: vec![0], cpu_quota: None };
        let model = config::for_loading("m", "/m.pt".into(), toml::Table::new(), &machine).unwrap();
        let metrics = Metrics::new("0", SystemTime::now());
        let registry = Arc::new(Registry::default());
        registry.add(&Model::new(model, &metrics));
        let (operator, orders) = Operator::new(Events::new());
        let settings = HttpSettings {
            max_body_bytes: 1,
            body_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(30),
            cors_origins: vec!["*".to_owned()],
            admin,
            address,
            access_log: false,
            triton_metrics: false,
        };
        // All of the memory of predictions is taken.
        let app = App::new(registry, operator, MemoryBudget::new(0), metrics, settings);
        let (door, stands) = watch::channel(Door::Open);
        tokio::spawn(listener.serve(Arc::clone(&app), stands));
        Self { app, address, orders, _door: door }
    }

    /// Sends a reload and leaves its answer for later.
    async fn send(&self, model: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let host = self.address;
        let length = body.len();
        let request = format!(
            "POST /v1/{model}/reload HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn ask(&self, model: &str, headers: &str, body: &str) -> (u16, String, Value) {
        read(self.send(model, headers, body).await).await
    }

    /// The next order, which must be a swap.
    async fn swap(&mut self) -> (SwapOrder, Asker, Outcome<Swapped>) {
        match self.orders.recv().await {
            Some(Order::Swap { order, by, reply }) => (order, by, reply),
            other => panic!("{other:?}"),
        }
    }
}

/// Status, head and body of an answer.
async fn read(mut stream: TcpStream) -> (u16, String, Value) {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_reload_is_an_order_to_swap_and_answered_when_that_is_done() {
    let mut front = Front::new(Admin::Loopback).await;
    let share = Share::new(0.1).unwrap();
    for (body, canary, role, told) in [
        (r#"{"model_path": "new.pt"}"#, None, Role::Stable, json!({"status": "swapped"})),
        (
            r#"{"model_path": "new.pt", "canary": "10%"}"#,
            Some(share),
            Role::Canary(share),
            json!({"status": "canary", "canary": "10%"}),
        ),
    ] {
        let sent = front.send("m", "", body).await;
        let client = sent.local_addr().unwrap();
        let (order, by, reply) = front.swap().await;
        let expected = SwapOrder { model: "m".into(), path: "new.pt".into(), canary };
        assert_eq!((order, by), (expected, Asker::Http(client)));
        let swapped = Swapped {
            model: "m".into(),
            path: "/models/new.pt".into(),
            version: VersionId(2),
            role,
            duration: Duration::from_micros(1_500_250),
        };
        reply.send(Ok(swapped)).unwrap();
        let (status, head, answer) = read(sent).await;
        let mut expected = told;
        expected["model"] = "m".into();
        expected["path"] = "/models/new.pt".into();
        expected["version"] = 2.into();
        expected["duration_ms"] = 1500.25.into();
        assert_eq!((status, answer), (200, expected));
        assert!(head.contains("cache-control: no-store"), "{head}");
    }
}

#[tokio::test]
async fn what_became_of_the_order_decides_the_status() {
    let mut front = Front::new(Admin::Loopback).await;
    let model = || "m".to_owned();
    let path = || PathBuf::from("new.pt");
    let root = PathBuf::from("/models");
    for (error, expected) in [
        (OperationError::UnknownModel { name: model(), registered: vec![] }, 404),
        (OperationError::Load { path: path(), cause: "it is empty".into() }, 422),
        (OperationError::Invalid("a setting".into()), 422),
        (OperationError::OutsideRoot { path: path(), root }, 403),
        (OperationError::Busy { model: model(), doing: "swapping".into() }, 409),
        (OperationError::HasCanary { model: model() }, 409),
        (OperationError::NoPrevious { model: model() }, 409),
        (OperationError::Changed { path: path(), version: 1 }, 409),
        (OperationError::Memory { needed: 2, available: 1 }, 503),
        (OperationError::Stopping, 503),
    ] {
        let sent = front.send("m", "", r#"{"model_path": "new.pt"}"#).await;
        let (order, _, reply) = front.swap().await;
        assert_eq!(order.canary, None);
        let told = json!({"detail": error.to_string()});
        reply.send(Err(error)).unwrap();
        let (status, head, answer) = read(sent).await;
        assert_eq!((status, answer), (expected, told));
        assert_eq!(head.contains("retry-after: 1"), status == 503, "{head}");
    }
}

#[tokio::test]
async fn what_cannot_be_an_order_is_refused_at_once() {
    let mut front = Front::new(Admin::Loopback).await;
    let long = format!("{{\"model_path\": \"{}\"}}", "x".repeat(65536));
    for (model, body, status, told) in [
        ("nobody", r#"{"model_path": "a"}"#, 404, "Model 'nobody' not found. Registered: ['m']"),
        ("m", "{}", 422, "the body has no \"model_path\""),
        ("m", r#"{"model_path": "a", "canary": "0%"}"#, 422, {
            "\"canary\": a share is more than 0 % and at most 100 %, such as 10%"
        }),
        ("m", &long, 413, "the body is larger than 65536 bytes (the most that a reload takes)"),
    ] {
        let (answered, _, answer) = front.ask(model, "", body).await;
        assert_eq!((answered, answer), (status, json!({"detail": told})));
    }
    front.app.enter(Phase::Draining);
    let (status, _, answer) = front.ask("m", "", r#"{"model_path": "a"}"#).await;
    assert_eq!((status, answer), (503, json!({"detail": "the server is ending"})));
    assert!(front.orders.try_recv().is_err());
}

#[tokio::test]
async fn who_may_not_change_the_server_gives_no_order() {
    let body = r#"{"model_path": "a"}"#;
    let mut front = Front::new(Admin::Off).await;
    assert_eq!(front.ask("m", "", body).await.0, 403);
    assert!(front.orders.try_recv().is_err());
    let mut front = Front::new(Admin::Loopback).await;
    for headers in ["Origin: https://page.example\r\n", "Origin: null\r\n", "Via: 1.1 proxy\r\n"] {
        let (status, head, _) = front.ask("m", headers, body).await;
        assert_eq!(status, 403, "{headers}");
        assert!(!head.contains("access-control"), "{head}");
    }
    assert!(front.orders.try_recv().is_err());
    let own = format!("Origin: http://{}\r\n", front.address);
    let sent = front.send("m", &own, body).await;
    let (_, _, reply) = front.swap().await;
    reply.send(Err(OperationError::Stopping)).unwrap();
    assert_eq!(read(sent).await.0, 503);
}

#[tokio::test]
async fn tokens_are_asked_for_as_they_stand_in_their_file_now() {
    let name = format!("forge-tokens-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, "one\n\n two \n").unwrap();
    let mut front = Front::new(Admin::Token { file: file.clone() }).await;
    let body = r#"{"model_path": "a"}"#;
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for (headers, challenge) in [
        (String::new(), "www-authenticate: Bearer realm=\"forge\"\r\n"),
        (bearer("three"), "www-authenticate: Bearer realm=\"forge\", error=\"invalid_token\"\r\n"),
    ] {
        let (status, head, _) = front.ask("m", &headers, body).await;
        assert_eq!(status, 401);
        assert!(format!("{head}\r\n").contains(challenge), "{head}");
    }
    // With a good token from anywhere, also through a proxy.
    for headers in [bearer("one"), bearer("two"), format!("Via: 1.1 proxy\r\n{}", bearer("one"))] {
        let sent = front.send("m", &headers, body).await;
        let (_, _, reply) = front.swap().await;
        reply.send(Err(OperationError::Stopping)).unwrap();
        assert_eq!(read(sent).await.0, 503);
    }
    fs::write(&file, "three").unwrap();
    assert_eq!(front.ask("m", &bearer("one"), body).await.0, 401);
    fs::write(&file, "\n").unwrap();
    let (status, _, answer) = front.ask("m", &bearer("one"), body).await;
    let told =
        "the tokens cannot be read, so that nobody can change the server: their file is empty";
    assert_eq!((status, answer), (503, json!({"detail": told})));
    fs::remove_file(&file).unwrap();
    assert_eq!(front.ask("m", &bearer("three"), body).await.0, 503);
    assert!(front.orders.try_recv().is_err());
}
