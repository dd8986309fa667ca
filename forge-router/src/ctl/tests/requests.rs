//! What is asked, and what is answered.

use std::time::Instant;

use super::*;
use crate::model::VersionId;
use crate::operator::{
    Applied, Asker, EventKind, ModelReport, OperationError, Report, Role, Share, SwapOrder,
    Swapped, VersionReport, WorkerReport,
};

fn own_asker() -> Asker {
    let uid = nix::unistd::geteuid().as_raw();
    Asker::Socket { uid, pid: i32::try_from(std::process::id()).unwrap() }
}

fn swapped(role: Role) -> Swapped {
    let duration = Duration::from_millis(1500);
    Swapped { model: "m".into(), path: "/b.pt".into(), version: VersionId(4), role, duration }
}

#[tokio::test]
async fn a_swap_is_asked_for_by_the_process_at_the_other_end() {
    let mut served = Served::new();
    let mut peer = served.connect().await;
    let request = json!({"command": "swap", "model": "m", "path": "b.pt", "canary": "10%"});
    peer.send(&request).await;
    let Order::Swap { order, by, reply } = served.next_order().await else { panic!() };
    let share = Share::new(0.1).unwrap();
    let expected = SwapOrder { model: "m".into(), path: "b.pt".into(), canary: Some(share) };
    assert_eq!((order, by), (expected, own_asker()));
    reply.send(Ok(swapped(Role::Canary(share)))).unwrap();
    let answer = json!({"ok": {"model": "m", "version": 4, "path": "/b.pt", "role": "canary",
                               "share": "10%", "duration_s": 1.5}});
    assert_eq!(peer.line().await, Some(answer));
    served.end().await;
}

#[tokio::test]
async fn what_happens_to_the_model_is_told_before_the_outcome_and_nothing_of_other_models() {
    let mut served = Served::new();
    let mut peer = served.connect().await;
    let events = served.operator.events().clone();
    events.tell(EventKind::Loaded, "m", None, None, "long ago");
    peer.send(&json!({"command": "rollback", "model": "m"})).await;
    let Order::Rollback { reply, .. } = served.next_order().await else { panic!() };
    events.tell(EventKind::Loading, "other", None, None, "not of interest");
    events.tell(EventKind::WorkerReady, "m", Some(VersionId(4)), Some(0), "after 1 s");
    events.tell(EventKind::Swapped, "m", Some(VersionId(4)), None, "");
    reply.send(Ok(swapped(Role::Stable))).unwrap();
    let ready = peer.line().await.unwrap();
    let event = &ready["event"];
    assert_eq!((&event["kind"], &event["version"]), (&json!("worker-ready"), &json!(4)));
    assert_eq!((&event["worker"], &event["text"]), (&json!(0), &json!("after 1 s")));
    assert_eq!(peer.line().await.unwrap()["event"]["kind"], "swapped");
    assert_eq!(peer.line().await.unwrap()["ok"]["version"], 4);
    served.end().await;
}

#[tokio::test]
async fn an_order_is_carried_out_although_its_client_has_hung_up() {
    let mut served = Served::new();
    let mut peer = served.connect().await;
    peer.send(&json!({"command": "unload", "model": "m"})).await;
    let Order::Unload { model, mut reply, .. } = served.next_order().await else { panic!() };
    drop(peer);
    // Somebody else is answered meanwhile, so the server has seen the end of the first.
    served.connect().await.ask(json!({"command": "log-level"})).await;
    let is_waited_for = tokio::time::timeout(Duration::ZERO, reply.closed()).await.is_err();
    assert!(is_waited_for && model == "m");
    reply.send(Ok(())).unwrap();
    served.end().await;
}

#[tokio::test]
async fn every_order_reaches_the_operator_and_its_refusal_the_client() {
    let mut served = Served::new();
    let mut peer = served.connect().await;
    let busy = || OperationError::Busy { model: "m".into(), doing: "swapping to /b.pt".into() };
    for request in [
        json!({"command": "swap", "model": "m", "path": "/b.pt"}),
        json!({"command": "rollback", "model": "m"}),
        json!({"command": "promote", "model": "m"}),
        json!({"command": "abort", "model": "m"}),
        json!({"command": "load", "model": "m", "path": "m.pt", "settings": {"workers": 2}}),
        json!({"command": "unload", "model": "m"}),
        json!({"command": "scale", "model": "m", "workers": 3}),
        json!({"command": "config-reload"}),
        json!({"command": "status"}),
        json!({"command": "models"}),
        json!({"command": "workers"}),
    ] {
        peer.send(&request).await;
        let name = match served.next_order().await {
            Order::Swap { reply, .. } => reply.send(Err(busy())).map(|()| "swap").unwrap(),
            Order::Rollback { reply, .. } => reply.send(Err(busy())).map(|()| "rollback").unwrap(),
            Order::Promote { reply, .. } => reply.send(Err(busy())).map(|()| "promote").unwrap(),
            Order::Abort { reply, .. } => reply.send(Err(busy())).map(|()| "abort").unwrap(),
            Order::Load { order, reply, .. } => {
                assert_eq!(order.settings["workers"].as_integer(), Some(2));
                reply.send(Err(busy())).map(|()| "load").unwrap()
            }
            // Only clients over HTTP and gRPC ask for it.
            Order::Refresh { .. } => unreachable!("{request}"),
            Order::Unload { reply, .. } => reply.send(Err(busy())).map(|()| "unload").unwrap(),
            Order::Scale { workers, reply, .. } => {
                assert_eq!(workers, 3);
                reply.send(Err(busy())).map(|()| "scale").unwrap()
            }
            Order::Apply { reply, .. } => reply.send(Err(busy())).map(|()| "config").unwrap(),
            Order::Report { reply } => reply.send(Err(busy())).map(|()| "").unwrap(),
        };
        let asked = request["command"].as_str().unwrap();
        assert!(asked.starts_with(name), "{asked} became {name}");
        let answer = json!({"error": {"code": "busy",
                                      "message": "Model 'm' is busy: swapping to /b.pt"}});
        assert_eq!(peer.line().await, Some(answer), "{request}");
    }
    served.end().await;
}

#[tokio::test]
async fn a_server_whose_supervisor_has_ended_says_so() {
    let mut served = Served::new();
    served.orders.close();
    let answer = served.connect().await.ask(json!({"command": "status"})).await;
    assert_eq!(answer["error"]["code"], "stopping");
    served.end().await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_the_connection_goes_on() {
    let served = Served::new();
    let mut peer = served.connect().await;
    for line in
        ["", "nonsense", "{", "[\"status\"]", "null", "{\"command\": \"fly\"}", "\u{0}", "{}"]
    {
        peer.send_text(&format!("{line}\n")).await;
        let answer = peer.line().await.unwrap();
        assert_eq!(answer["error"]["code"], "bad-request", "{line:?}: {answer}");
    }
    for request in [
        json!({"command": "status", "all": true}),
        json!({"command": "swap", "model": "m"}),
        json!({"command": "scale", "model": "m", "workers": 1e300}),
    ] {
        assert_eq!(peer.ask(request).await["error"]["code"], "bad-request");
    }
    let swap = json!({"command": "swap", "model": "m", "path": "x", "canary": "200%"});
    assert_eq!(peer.ask(swap).await["error"]["code"], "invalid");
    assert_eq!(peer.ask(json!({"command": "log-level"})).await["ok"]["level"], "info");
    served.end().await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_refused_at_its_bound() {
    let served = Served::new();
    let mut peer = served.connect().await;
    peer.send_text(&"x".repeat(wire::LONGEST_REQUEST + 1)).await;
    assert_eq!(peer.line().await.unwrap()["error"]["code"], "bad-request");
    assert_eq!(peer.line().await, None);
    served.end().await;
}

/// `echo … | socat - UNIX-CONNECT:…` closes its sending side and waits.
#[tokio::test]
async fn a_client_that_has_sent_everything_is_answered_all_the_same() {
    let mut served = Served::new();
    let mut peer = served.connect().await;
    peer.send_text("{\"command\": \"unload\", \"model\": \"m\"}").await;
    peer.stream.get_mut().shutdown().await.unwrap();
    let Order::Unload { reply, .. } = served.next_order().await else { panic!() };
    reply.send(Ok(())).unwrap();
    assert_eq!(peer.line().await, Some(json!({"ok": {"model": "m"}})));
    assert_eq!(peer.line().await, None);
    served.end().await;
}

#[tokio::test]
async fn more_clients_than_may_are_turned_away_until_one_leaves() {
    let served = Served::new();
    let mut peers = Vec::new();
    for _ in 0..64 {
        let mut peer = served.connect().await;
        assert_eq!(peer.ask(json!({"command": "log-level"})).await["ok"]["level"], "info");
        peers.push(peer);
    }
    let mut refused = served.connect().await;
    assert_eq!(refused.line().await.unwrap()["error"]["code"], "too-many-clients");
    drop(peers.pop());
    let began = Instant::now();
    loop {
        let mut peer = served.connect().await;
        if peer.ask(json!({"command": "log-level"})).await.get("ok").is_some() {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "nobody is let in again");
    }
    served.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_is_dropped_after_a_while() {
    let served = Served::new();
    let mut peer = UnixStream::connect(served.folder.path("s")).await.unwrap();
    let mut byte = [0];
    // Not within `PATIENCE`, which the paused clock would let pass at once.
    assert_eq!(tokio::io::AsyncReadExt::read(&mut peer, &mut byte).await.unwrap(), 0);
    drop(served);
}

#[tokio::test]
async fn a_report_is_told_with_sums_over_the_workers() {
    let mut served = Served::new();
    let mut peer = served.connect().await;
    let worker = |index, state, bytes: Option<u64>| WorkerReport {
        index,
        pid: bytes.map(|_| 9),
        state,
        device: "cpu".into(),
        age: bytes.map(|_| Duration::from_secs(2)),
        restarts: 1,
        rss_bytes: bytes,
        region_bytes: bytes.map(|bytes| 2 * bytes),
    };
    let workers = vec![worker(0, "ready", Some(100)), worker(1, "crashed", None)];
    let version = VersionReport {
        id: VersionId(3),
        role: Role::Stable,
        path: "/m.pt".into(),
        sha256: "ab".into(),
        age: Duration::from_secs(5),
        workers,
    };
    let report = Report {
        models: vec![ModelReport {
            name: "m".into(),
            state: "ready",
            cause: None,
            doing: None,
            queue_depth: 2,
            versions: vec![version],
        }],
    };
    for command in ["status", "workers"] {
        peer.send(&json!({"command": command})).await;
        let Order::Report { reply } = served.next_order().await else { panic!() };
        reply.send(Ok(report.clone())).unwrap();
        let answer = peer.line().await.unwrap();
        if command == "status" {
            assert_eq!(answer["ok"]["server"]["phase"], "serving");
            let version = &answer["ok"]["models"][0]["versions"][0];
            let bytes = (&version["rss_bytes"], &version["region_bytes"]);
            assert_eq!(bytes, (&json!(100), &json!(200)));
            assert_eq!((&version["ready_workers"], &version["workers"]), (&json!(1), &json!(2)));
        } else {
            let [one, other] = answer["ok"]["workers"].as_array().unwrap().as_slice() else {
                panic!("{answer}")
            };
            assert_eq!((&one["version"], &one["region_bytes"]), (&json!(3), &json!(200)));
            assert_eq!((&other["worker"], &other["pid"]), (&json!(1), &Value::Null));
        }
    }
    served.end().await;
}

#[tokio::test]
async fn a_follower_gets_the_kept_events_and_those_to_come_until_the_server_ends() {
    let served = Served::new();
    let events = served.operator.events().clone();
    events.tell(EventKind::Loaded, "m", Some(VersionId(1)), None, "one");
    let mut peer = served.connect().await;
    assert_eq!(peer.ask(json!({"command": "events"})).await["event"]["text"], "one");
    assert_eq!(peer.line().await, Some(json!({"ok": {}})));
    let one = peer.ask(json!({"command": "events", "follow": true})).await;
    events.tell(EventKind::Unloaded, "m", None, None, "two");
    let two = peer.line().await.unwrap();
    assert_eq!((&one["event"]["sequence"], &two["event"]["text"]), (&json!(0), &json!("two")));
    served.end().await;
    assert_eq!(peer.line().await, Some(json!({"ok": {}})));
    assert_eq!(peer.line().await, None);
}

#[tokio::test]
async fn a_drain_is_over_once_everything_is_answered() {
    let mut served = Served::new();
    let mut peer = served.connect().await;
    peer.send(&json!({"command": "drain"})).await;
    assert_eq!(within(served.told.recv()).await, Some("drain"));
    served.server.answered.notify_one();
    assert_eq!(peer.line().await, Some(json!({"ok": {"phase": "serving"}})));
    peer.ask(json!({"command": "drain", "off": true})).await;
    assert_eq!(within(served.told.recv()).await, Some("undrain"));
    served.end().await;
}

#[tokio::test]
async fn a_shutdown_ends_the_server_as_a_signal_or_two_do() {
    let mut served = Served::new();
    for (now, told) in [(false, "end"), (true, "end at once")] {
        let answer = served.connect().await.ask(json!({"command": "shutdown", "now": now})).await;
        assert!(answer.get("ok").is_some(), "{answer}");
        assert_eq!(within(served.told.recv()).await, Some(told));
    }
    served.end().await;
}

#[tokio::test]
async fn a_config_with_errors_changes_nothing_and_every_error_is_told() {
    let mut served = Served::new();
    let mut peer = served.connect().await;
    let text = "[server]\nprot = 1\n[models.m]\npath = \"gone.pt\"\n";
    fs::write(served.folder.path("forge.toml"), text).unwrap();
    let answer = peer.ask(json!({"command": "config-reload"})).await;
    assert_eq!(answer["error"]["code"], "config");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("server.prot") && message.contains("gone.pt"), "{message}");
    assert!(served.orders.try_recv().is_err());
    let shown = peer.ask(json!({"command": "config-show"})).await;
    assert!(shown["ok"]["config"]["models"]["m"]["path"].as_str().unwrap().ends_with("m.pt"));
    served.end().await;
}

#[tokio::test]
async fn after_a_reload_the_config_is_shown_as_it_is_in_force() {
    let mut served = Served::with_config("[models.m]\npath = \"m.pt\"\nworkers = 2\n");
    let mut peer = served.connect().await;
    let text = "[server]\nport = 1\n[models.m]\npath = \"m.pt\"\nworkers = 3\n\
                [models.new]\npath = \"m.pt\"\n";
    fs::write(served.folder.path("forge.toml"), text).unwrap();
    peer.send(&json!({"command": "config-reload"})).await;
    let Order::Apply { config, by, reply } = served.next_order().await else { panic!() };
    assert_eq!((config.models.len(), by), (2, own_asker()));
    let applied = Applied {
        loaded: vec!["new".into()],
        failed: vec![("m".into(), "no memory".into())],
        needs_restart: vec!["port".into()],
        ..Applied::default()
    };
    reply.send(Ok(applied)).unwrap();
    let answer = peer.line().await.unwrap();
    assert_eq!(answer["ok"]["loaded"], json!(["new"]));
    assert_eq!(answer["ok"]["failed"], json!([{"model": "m", "cause": "no memory"}]));
    let shown = peer.ask(json!({"command": "config-show"})).await;
    let config = &shown["ok"]["config"];
    assert_eq!(config["server"]["port"], 8000);
    assert_eq!(config["models"]["m"]["workers"], 2);
    assert_eq!(config["models"]["new"]["workers"], 1);
    served.end().await;
}
