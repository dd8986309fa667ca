//! What Forge tells a service manager.

use std::fs;
use std::time::Duration;

use forge_tests::{Forge, Process, ServiceManager, Setup, Signal, TempDir, json};

/// A period of the watchdog that is short for a test and long for a machine under load.
const WATCHDOG_USEC: &str = "1000000";

#[test]
fn it_is_told_of_loading_of_readiness_of_a_reload_and_of_the_end() {
    for mut manager in [ServiceManager::with_a_path(), ServiceManager::with_an_abstract_name()] {
        let dir = TempDir::new();
        let slow = format!("load-after {}", dir.path().join("gate").display());
        let forge = Setup::new()
            .test_model("quick", "echo")
            .test_model("slow", &slow)
            .environment("NOTIFY_SOCKET", manager.name())
            .shutdown_grace(0.1)
            .start_loading();
        manager.wait_for("STATUS=loading 1 of 2 models");
        // A reload meanwhile makes nothing ready.
        forge.process().signal(Signal::SIGHUP);
        forge.wait_for_log(&["config reload"]);
        assert!(!manager.heard().iter().any(|message| message.contains("READY=1")));
        dir.write("gate", "");
        assert_eq!(manager.wait_for("READY=1"), "READY=1\nSTATUS=serving 2 models");

        forge.process().signal(Signal::SIGHUP);
        let reloading = manager.wait_for("RELOADING=1");
        let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        assert!(since.is_some_and(|since| since.parse::<u64>().is_ok()), "{reloading}");
        manager.wait_for("READY=1");

        forge.process().signal(Signal::SIGTERM);
        let stopping = manager.wait_for("STOPPING=1");
        assert!(stopping.contains("\nSTATUS=draining"), "{stopping}");
        // request_timeout_s is 30 s: it may take more than the 30 s that a unit might have.
        let most = stopping.lines().find_map(|line| line.strip_prefix("EXTEND_TIMEOUT_USEC="));
        assert!(most.is_some_and(|most| most.parse::<u64>().unwrap() > 35_000_000), "{stopping}");
        assert!(forge.wait_until_ended().status.success());
    }
}

#[test]
fn a_degraded_model_shows_in_the_status() {
    let mut manager = ServiceManager::with_a_path();
    let forge = Setup::new()
        .test_model("broken", "exit 3")
        .with("restart_limit = 1\nrestart_window_s = 3\nrequest_timeout_s = 0.5")
        .test_model("sound", "echo")
        .environment("NOTIFY_SOCKET", manager.name())
        .start();
    manager.wait_for("STATUS=serving 2 models");
    let _waits = forge.send_predict("broken", &json!({"input": [1]}));
    manager.wait_for("STATUS=serving 2 models, 1 degraded");
}

#[test]
fn the_watchdog_is_fed_until_the_router_stands_still() {
    let mut manager = ServiceManager::with_a_path();
    let forge = Setup::new()
        .test_model("m", "echo")
        .environment("NOTIFY_SOCKET", manager.name())
        .environment("WATCHDOG_USEC", WATCHDOG_USEC)
        .start();
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1");
    }
    forge.process().signal(Signal::SIGSTOP);
    let is_fed = manager.hears_more_within(Duration::from_secs(2));
    forge.process().signal(Signal::SIGCONT);
    assert!(!is_fed);
    manager.wait_for("WATCHDOG=1");
    assert!(forge.stop().status.success());
}

#[test]
fn nobody_else_is_told_to_feed_it() {
    let manager = ServiceManager::with_a_path();
    let forge = Setup::new()
        .test_model("m", "echo")
        .environment("NOTIFY_SOCKET", manager.name())
        .environment("WATCHDOG_USEC", WATCHDOG_USEC)
        .environment("WATCHDOG_PID", "1")
        .environment("LISTEN_PID", "1")
        .environment("LISTEN_FDS", "1")
        .environment("LISTEN_FDNAMES", "http")
        .start();
    let own = variables(forge.process());
    assert!(own.iter().any(|variable| variable.starts_with("NOTIFY_SOCKET=")), "{own:?}");
    let passed_on = variables(&forge.workers()[0]);
    let is_own = |variable: &&String| {
        ["NOTIFY_", "WATCHDOG_", "LISTEN_"].iter().any(|name| variable.starts_with(name))
    };
    assert_eq!(passed_on.iter().find(is_own), None);
    assert!(!passed_on.is_empty());
}

fn variables(process: &Process) -> Vec<String> {
    let environment = fs::read(format!("/proc/{}/environ", process.pid())).unwrap();
    let variables = environment.split(|byte| *byte == 0).filter(|variable| !variable.is_empty());
    variables.map(|variable| String::from_utf8_lossy(variable).into_owned()).collect()
}

#[test]
fn a_watchdog_of_another_process_is_not_fed() {
    let mut manager = ServiceManager::with_a_path();
    let forge = Setup::new()
        .test_model("m", "echo")
        .environment("NOTIFY_SOCKET", manager.name())
        .environment("WATCHDOG_USEC", WATCHDOG_USEC)
        .environment("WATCHDOG_PID", "1")
        .start();
    manager.wait_for("READY=1");
    manager.wait_for("STATUS=serving");
    let more = manager.hears_more_within(Duration::from_secs(2));
    assert!(!more, "{:?}", manager.heard());
    drop(forge);
}

#[test]
fn a_service_manager_that_cannot_be_told_keeps_nobody_from_serving() {
    for name in ["/nowhere/notify", "@forge-nobody-listens-here", "neither"] {
        let forge = Setup::new().test_model("m", "echo").environment("NOTIFY_SOCKET", name).start();
        forge.wait_for_log(&["the service manager cannot be told anything", name]);
        serves(&forge);
    }
}

fn serves(forge: &Forge) {
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([1.0]));
}
