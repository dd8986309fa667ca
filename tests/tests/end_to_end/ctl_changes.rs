//! What `forge ctl` changes in a running server, and what it shows of it.

use std::fs;
use std::process::Stdio;

use forge_tests::{Captured, Finished, Forge, Setup, Signal, Value, eventually, json, until};

/// Serves `m`, which multiplies by 1, beside the file `by-N.model` of one that multiplies by N.
fn serving(factors: &[u32]) -> Forge {
    let forge = Forge::serving("m", "multiply 1");
    for factor in factors {
        add_file(&forge, &format!("by-{factor}.model"), &format!("multiply {factor}"));
    }
    forge
}

fn add_file(forge: &Forge, name: &str, script: &str) {
    fs::write(forge.directory().join(name), script).unwrap();
}

fn factor(forge: &Forge, model: &str) -> Value {
    forge.predict(model, &json!({"input": [1]})).output()[0].clone()
}

fn done(finished: &Finished) -> &str {
    assert_eq!(finished.code(), 0, "{finished:?}");
    &finished.stdout
}

fn refused(finished: &Finished, code: i32, words: &str) {
    assert_eq!((finished.code(), finished.stdout.as_str()), (code, ""), "{finished:?}");
    assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
}

/// The rows of a table, without its headings, cell by cell.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn the_status_the_models_and_the_workers_are_shown() {
    let forge = Setup::new().test_model("m", "multiply 1").with("workers = 2").start();
    let status = forge.ctl(&["status"]);
    let (server, table) = done(&status).split_once("\n\n").unwrap();
    let head = format!("forge {} at http://{}", env!("CARGO_PKG_VERSION"), forge.address());
    assert!(server.starts_with(&head) && server.contains(": serving, up "), "{server}");
    let [row] = &rows(table)[..] else { panic!("{table}") };
    assert_eq!(row[..6], ["m", "ready", "1", "stable", "0", "2/2"]);
    assert_eq!(row[7], "MiB", "{table}");

    let models = forge.ctl(&["models"]);
    let models = rows(done(&models));
    assert!(models[0].last().unwrap().ends_with("m.model"), "{models:?}");

    let workers = forge.ctl(&["workers"]);
    let shown: Vec<String> = rows(done(&workers)).iter().map(|row| row[3].to_owned()).collect();
    let pids: Vec<String> = forge.workers().iter().map(|it| it.pid().to_string()).collect();
    let sorted = |mut pids: Vec<String>| {
        pids.sort();
        pids
    };
    assert_eq!(sorted(shown), sorted(pids));

    let json = forge.ctl(&["status", "--json"]);
    let status: Value = serde_json::from_str(done(&json)).unwrap();
    assert_eq!(status["server"]["pid"], forge.process().pid());
    let regions = &status["models"][0]["versions"][0]["region_bytes"];
    assert!(regions.as_u64().unwrap() > 64 << 20, "{regions}");
}

#[test]
fn a_swap_shows_what_happens_and_who_asked_for_it_is_logged() {
    let forge = serving(&[2]);
    let swapped = forge.ctl(&["swap", "m", "by-2.model"]);
    assert!(done(&swapped).starts_with("m: version 2 answers, after "), "{}", swapped.stdout);
    for step in ["loading", "worker-ready", "swapped"] {
        assert!(swapped.stderr.contains(step), "{step}: {}", swapped.stderr);
    }
    assert_eq!(factor(&forge, "m"), 2.0);
    forge.wait_for_log(&["swap m by-2.model: done", "by=socket uid="]);
    assert!(done(&forge.ctl(&["rollback", "m"])).starts_with("m: version 3 answers"));
    assert_eq!(factor(&forge, "m"), 1.0);
    let events = forge.ctl(&["events"]);
    assert!(done(&events).contains("rolled-back"), "{}", events.stdout);
}

#[test]
fn after_many_swaps_only_the_files_of_this_version_and_the_one_before_are_open() {
    let forge = serving(&[2, 3]);
    for name in ["by-2.model", "by-3.model", "m.model", "by-2.model"] {
        done(&forge.ctl(&["swap", "m", name]));
    }
    until("the others are let go", || forge.open_files().len() == 2);
}

#[test]
fn a_swap_that_cannot_be_is_refused_with_its_code_and_changes_nothing() {
    let forge = serving(&[]);
    add_file(&forge, "bad.model", "fail-load no such operator");
    refused(&forge.ctl(&["swap", "m", "bad.model"]), 1, "no such operator");
    refused(&forge.ctl(&["swap", "m", "gone.model"]), 1, "gone.model");
    refused(&forge.ctl(&["swap", "m", "/etc/passwd"]), 1, "model_root");
    refused(&forge.ctl(&["swap", "ghost", "m.model"]), 1, "Model 'ghost' not found");
    refused(&forge.ctl(&["rollback", "m"]), 1, "no version to go back to");
    refused(&forge.ctl(&["promote", "m"]), 1, "no canary");
    assert_eq!(factor(&forge, "m"), 1.0);
}

#[test]
fn a_model_that_is_being_changed_is_busy_and_the_change_goes_on_without_its_client() {
    let forge = serving(&[]);
    let signal = forge.directory().join("go");
    add_file(&forge, "late.model", &format!("load-after {}", signal.display()));
    let mut command = forge_tests::forge(&["ctl", "swap", "m", "late.model", "--socket"]);
    command.arg(forge.socket()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut client = command.spawn().unwrap();
    let progress = Captured::of(client.stderr.take().unwrap());
    until("it loads", || progress.text().contains("loading"));
    refused(&forge.ctl(&["swap", "m", "m.model"]), 75, "busy");
    client.kill().unwrap();
    client.wait().unwrap();
    fs::write(signal, "").unwrap();
    forge.wait_for_log(&["swap m late.model: done"]);
}

#[test]
fn a_canary_is_started_promoted_and_aborted() {
    let forge = serving(&[2, 3]);
    let started = forge.ctl(&["swap", "m", "by-2.model", "--canary", "100%"]);
    assert!(done(&started).contains("answers 100% of the requests"), "{}", started.stdout);
    assert!(done(&forge.ctl(&["status"])).contains("canary 100%"));
    assert_eq!(factor(&forge, "m"), 2.0);
    refused(&forge.ctl(&["swap", "m", "by-3.model"]), 1, "promote or abort");
    assert_eq!(done(&forge.ctl(&["abort", "m"])), "m: the canary, version 2, is ended\n");
    assert_eq!(factor(&forge, "m"), 1.0);
    done(&forge.ctl(&["swap", "m", "by-3.model", "--canary", "0.5"]));
    done(&forge.ctl(&["promote", "m"]));
    assert_eq!(factor(&forge, "m"), 3.0);
}

#[test]
fn models_are_loaded_scaled_and_unloaded() {
    let forge = serving(&[5]);
    let load = ["load", "new", "by-5.model", "--set", "max_batch_size=4", "--set", "device=cpu"];
    assert!(done(&forge.ctl(&load)).starts_with("new: version 1 answers"));
    assert_eq!(factor(&forge, "new"), 5.0);
    refused(&forge.ctl(&load), 1, "loaded already");
    let misspelt = ["load", "other", "by-5.model", "--set", "max_batch_sze=4"];
    refused(&forge.ctl(&misspelt), 1, "did you mean max_batch_size?");
    assert_eq!(done(&forge.ctl(&["scale", "new", "2"])), "new: 2 workers\n");
    assert_eq!(forge.workers().len(), 3);
    assert_eq!(done(&forge.ctl(&["unload", "new"])), "new: unloaded\n");
    assert_eq!(forge.predict("new", &json!({"input": [1]})).status, 404);
    refused(&forge.ctl(&["unload", "new"]), 1, "not found");
}

#[test]
fn a_reload_makes_the_models_what_the_config_says_and_tells_what_takes_a_restart() {
    let forge = serving(&[5]);
    let path = forge.directory().join("forge.toml");
    let config = "[server]\nport = 0\naccess_log = true\n[models.m]\npath = \"m.model\"\n\
                  [models.new]\npath = \"by-5.model\"\n";
    fs::write(&path, config).unwrap();
    let reloaded = forge.ctl(&["config", "reload"]);
    let expected = "loaded: new\nunchanged: m\ntakes a restart: server.access_log\n";
    assert_eq!(done(&reloaded), expected);
    assert_eq!(factor(&forge, "new"), 5.0);
    let shown = forge.ctl(&["config", "show"]);
    assert!(done(&shown).contains("[models.new]"), "{}", shown.stdout);
    assert!(shown.stdout.contains("access_log = false"), "{}", shown.stdout);

    fs::write(&path, "[server]\nport = 0\n[models.m]\npath = \"m.model\"\n").unwrap();
    forge.process().signal(Signal::SIGHUP);
    forge.wait_for_log(&["config reload: done", "by=signal"]);
    assert_eq!(forge.predict("new", &json!({"input": [1]})).status, 404);

    add_file(&forge, "bad.model", "fail-load no such operator");
    fs::write(&path, "[server]\nport = 0\n[models.m]\npath = \"bad.model\"\n").unwrap();
    let failed = forge.ctl(&["config", "reload"]);
    assert_eq!(failed.code(), 1, "{failed:?}");
    assert!(failed.stdout.contains("failed: m: "), "{}", failed.stdout);
    assert_eq!(factor(&forge, "m"), 1.0);
}

#[test]
fn a_follower_sees_a_swap_that_another_client_asks_for() {
    let forge = serving(&[2]);
    let mut command = forge_tests::forge(&["ctl", "events", "--follow", "--json", "--socket"]);
    command.arg(forge.socket()).stdout(Stdio::piped());
    let mut follower = command.spawn().unwrap();
    let printed = Captured::of(follower.stdout.take().unwrap());
    until("it follows", || printed.text().contains("\"loaded\""));
    done(&forge.ctl(&["swap", "m", "by-2.model"]));
    until("it is told", || printed.text().contains("\"swapped\""));
    let lines = printed.text();
    let sequences: Vec<u64> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["sequence"].as_u64().unwrap())
        .collect();
    assert!(sequences.iter().copied().eq(0..sequences.len() as u64), "{sequences:?}");
    assert!(forge.stop().status.success());
    assert!(eventually("it ends", || follower.try_wait().unwrap()).success());
}

#[test]
fn every_change_and_every_refusal_is_one_line_of_the_audit_log() {
    let forge = serving(&[2]);
    let orders: [(&[&str], &str); 16] = [
        (&["swap", "m", "by-2.model"], "swap m by-2.model: done"),
        (&["swap", "m", "none.model"], "swap m none.model: Failed to load"),
        (&["swap", "nobody", "by-2.model"], "swap nobody by-2.model: Model 'nobody' not found"),
        (&["rollback", "m"], "rollback m: done"),
        (&["scale", "m", "2"], "scale m 2: done"),
        (&["scale", "m", "1"], "scale m 1: done"),
        (&["swap", "m", "by-2.model", "--canary", "50%"], "swap m by-2.model: done"),
        (&["promote", "m"], "promote m: done"),
        (&["abort", "m"], "abort m: "),
        (&["load", "new", "by-2.model"], "load new by-2.model: done"),
        (&["load", "new", "by-2.model"], "load new by-2.model: "),
        (&["unload", "new"], "unload new: done"),
        (&["drain"], "drain: done"),
        (&["drain", "--off"], "drain --off: done"),
        (&["config", "reload"], "config reload: done"),
        (&["log-level", "debug"], "log-level debug: done"),
    ];
    for (order, _) in orders {
        forge.ctl(order);
    }
    // Those that change nothing.
    for order in [&["status"][..], &["models"], &["workers"], &["events"], &["config", "show"]] {
        done(&forge.ctl(order));
    }
    assert_audited(&forge.stop().log, "by=socket uid=", &orders.map(|(_, line)| line));
}

#[test]
fn a_change_over_http_is_one_line_of_the_audit_log_too() {
    let forge = serving(&[2]);
    assert_eq!(forge.swap("m", "by-2.model").status, 200);
    assert_eq!(forge.swap("m", "none.model").status, 422);
    let lines = ["swap m by-2.model: done", "swap m none.model: Failed to load"];
    assert_audited(&forge.stop().log, "by=http 127.0.0.1:", &lines);
}

/// One line for each change, in their order, and no more.
fn assert_audited(log: &str, by: &str, expected: &[&str]) {
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(by)).collect();
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.contains(expected), "{expected}: {line}");
    }
}
