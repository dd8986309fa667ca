//! `forge ctl`: steering a running server over its control socket.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use forge_tests::{
    Captured, Forge, Process, Setup, Signal, TempDir, Value, checkout, eventually, finish, forge,
    json, until,
};
use nix::unistd::geteuid;

const M: [(&str, &str); 1] = [("model", "m")];

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

#[test]
fn a_wrong_command_line_is_told_and_the_help_has_the_exit_codes() {
    let forge = Forge::serving("m", "echo");
    for arguments in [
        &[][..],
        &["fly"],
        &["swap", "m"],
        &["swap", "m", "x", "--canary", "200%"],
        &["load", "m", "x", "--set", "workers"],
        &["scale", "m", "-1"],
        &["log-level", "loud"],
        &["config"],
    ] {
        let finished = forge.ctl(arguments);
        assert_eq!(finished.code(), 64, "{arguments:?}: {}", finished.stderr);
        assert!(
            finished.stderr.contains("--help") || finished.stderr.contains("Usage"),
            "{finished:?}"
        );
    }
    let help = forge.ctl(&["--help"]);
    assert_eq!(help.code(), 0);
    for words in ["swap", "config", "69  no server at the socket", "75  busy"] {
        assert!(help.stdout.contains(words), "{words}: {}", help.stdout);
    }
}

/// The rows of `docs/ctl.md` may say more.
#[test]
fn the_help_has_the_exit_codes_that_the_reference_has() {
    let help = finish(&mut forge_tests::forge(&["ctl", "--help"]));
    let (_, told) = help.stdout.split_once("Exit codes:\n").unwrap();
    let told: Vec<(&str, &str)> =
        told.lines().map(|line| line.trim().split_once(' ').unwrap()).collect();
    let page = fs::read_to_string(checkout().join("docs/ctl.md")).unwrap();
    let (_, section) = page.split_once("## Exit codes\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rows: Vec<(&str, &str)> = rows.filter(|(code, _)| code.parse::<u8>().is_ok()).collect();
    let codes = |of: &[(&str, &str)]| of.iter().map(|(code, _)| code.to_string()).collect();
    let (of_help, of_page): (Vec<String>, Vec<String>) = (codes(&told), codes(&rows));
    assert_eq!(of_help, of_page);
    for ((code, words), (_, row)) in told.iter().zip(&rows) {
        assert!(row.starts_with(words.trim()), "{code}: {words}: {row}");
    }
}

#[test]
fn the_config_is_shown_so_that_it_can_be_served() {
    let forge = Setup::new().test_model("m", "echo").with("max_batch_size = 7").start();
    let shown = forge.ctl(&["config", "show"]);
    assert_eq!(shown.code(), 0, "{}", shown.stderr);
    for line in ["max_batch_size = 7", "batch_timeout_s = 10.0", "shutdown_grace_s = 0.0"] {
        assert!(shown.stdout.lines().any(|shown| shown == line), "{line}: {}", shown.stdout);
    }
    let dir = TempDir::new();
    let config = dir.write("again.toml", &shown.stdout);
    let checked = finish(&mut forge_tests::forge(&["check", config.to_str().unwrap()]));
    assert_eq!(checked.code(), 0, "{}", checked.stderr);

    let shown = parsed(&forge.ctl(&["config", "show", "--json"]).stdout);
    assert_eq!(shown["config"]["models"]["m"]["max_batch_size"], 7);
    assert!(shown["file"].as_str().unwrap().ends_with("forge.toml"), "{shown}");
}

#[test]
fn the_log_level_is_changed_while_it_runs_and_who_did_so_is_logged() {
    let forge = Setup::new().test_model("m", "echo").start();
    let fail = || forge.predict("m", &json!({"input": ["bad"]}));
    assert_eq!(forge.ctl(&["log-level"]).stdout, "info\n");
    assert_eq!(forge.ctl(&["log-level", "error"]).stdout, "error\n");
    let uid = format!("uid={} pid=", geteuid());
    forge.wait_for_log(&["log-level error: done", &uid]);
    fail();
    assert_eq!(forge.ctl(&["log-level", "debug"]).stdout, "debug\n");
    forge.wait_for_log(&["log-level debug: done"]);
    fail();
    forge.wait_for_log(&["request failed"]);
    assert_eq!(forge.log().matches("request failed").count(), 1, "{}", forge.log());
}

#[test]
fn a_drain_refuses_what_is_new_answers_what_is_not_and_can_be_taken_back() {
    let forge = Setup::new().test_model("m", "sleep 1000").start();
    let mut admitted = forge.send_predict("m", &json!({"input": [1]}));
    until("it runs", || forge.metric("forge_rows_total", &M) == 1.0);
    let drained = forge.ctl(&["drain"]);
    assert_eq!((drained.code(), drained.stdout.as_str()), (0, "draining\n"), "{}", drained.stderr);
    // It has been answered, so nothing is waited for here.
    assert_eq!(admitted.response().output(), json!([1.0]));
    assert_eq!(forge.metric("forge_requests_in_flight", &M), 0.0);
    assert_eq!(forge.get("/health/ready").status, 503);
    assert_eq!(forge.predict("m", &json!({"input": [2]})).status, 503);
    assert_eq!(forge.ctl(&["drain", "--off"]).stdout, "serving\n");
    assert_eq!(forge.get("/health/ready").status, 200);
    assert_eq!(forge.predict("m", &json!({"input": [2]})).output(), json!([2.0]));
}

#[test]
fn a_shutdown_answers_what_was_admitted_and_leaves_no_socket() {
    let dir = TempDir::new();
    let socket = dir.path().join("run/s");
    let forge = Setup::new().socket_at(&socket).test_model("m", "sleep 300").start();
    let mut admitted = forge.send_predict("m", &json!({"input": [1]}));
    until("it runs", || forge.metric("forge_rows_total", &M) == 1.0);
    let asked = forge.ctl(&["shutdown"]);
    assert_eq!(asked.code(), 0, "{}", asked.stderr);
    let ended = forge.wait_until_ended();
    assert!(ended.status.success(), "{}", ended.log);
    assert!(ended.log.contains("shutdown: done"), "{}", ended.log);
    assert_eq!(admitted.response().output(), json!([1.0]));
    assert!(!socket.exists());
}

#[test]
fn a_shutdown_now_waits_for_nobody() {
    let dir = TempDir::new();
    let socket = dir.path().join("s");
    let forge = Setup::new().socket_at(&socket).test_model("m", "hang always").start();
    let admitted = forge.send_predict("m", &json!({"input": [1]}));
    until("it runs", || forge.metric("forge_rows_total", &M) == 1.0);
    let workers = forge.workers();
    assert_eq!(forge.ctl(&["shutdown", "--now"]).code(), 0);
    assert!(forge.wait_until_ended().status.success());
    until("its worker is gone", || !workers.iter().any(Process::is_alive));
    assert!(!socket.exists());
    drop(admitted);
}

#[test]
fn a_hangup_reads_the_config_again_and_an_error_in_it_changes_nothing() {
    let forge = Forge::serving("m", "echo");
    fs::write(forge.directory().join("forge.toml"), "[server]\nprot = 1\n").unwrap();
    forge.process().signal(Signal::SIGHUP);
    forge.wait_for_log(&["config reload", "by=signal", "server.prot"]);
    let asked = forge.ctl(&["config", "reload"]);
    assert_eq!(asked.code(), 78, "{}", asked.stderr);
    assert!(asked.stderr.contains("server.prot: unknown key"), "{}", asked.stderr);
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([1.0]));
}

#[test]
fn errors_are_json_where_that_is_asked_for() {
    let forge = Forge::serving("m", "echo");
    fs::remove_file(forge.directory().join("forge.toml")).unwrap();
    let asked = forge.ctl(&["config", "reload", "--json"]);
    assert_eq!((asked.code(), asked.stdout.as_str()), (78, ""));
    assert_eq!(parsed(&asked.stderr)["error"]["code"], "config");
}

#[test]
fn whatever_is_sent_to_the_socket_the_server_goes_on() {
    let forge = Forge::serving("m", "echo");
    for bytes in
        [&b"\n"[..], b"\xff\xfe\n", b"GET / HTTP/1.1\r\n\r\n", b"{\"command\":", &[b'['; 300]]
    {
        let mut stream = UnixStream::connect(forge.socket()).unwrap();
        stream.write_all(bytes).unwrap();
        stream.write_all(b"\n").unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        assert_eq!(parsed(&line)["error"]["code"], "bad-request", "{line}");
    }
    // A flood that is hung up on, as far as the socket takes it.
    let mut flood = UnixStream::connect(forge.socket()).unwrap();
    let written = std::iter::repeat_with(|| flood.write_all(&[b'x'; 4096])).take(1000);
    assert!(written.into_iter().any(|written| written.is_err()), "nobody stopped the flood");
    assert_eq!(forge.ctl(&["log-level"]).stdout, "info\n");
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
}

#[test]
fn a_follower_is_told_what_happens_until_the_server_ends() {
    let forge = Forge::serving("m", "echo");
    let mut command = forge_tests::forge(&["ctl", "events", "--follow", "--socket"]);
    command.arg(forge.socket()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut follower = command.spawn().unwrap();
    let printed = Captured::of(follower.stdout.take().unwrap());
    until("it is connected", || {
        let own = forge.socket().to_str().unwrap();
        let table = fs::read_to_string("/proc/net/unix").unwrap();
        // The socket that listens and the one that was accepted.
        table.lines().filter(|line| line.ends_with(own)).count() == 2
    });
    assert!(forge.stop().status.success());
    let status = eventually("the follower ends", || follower.try_wait().unwrap());
    assert!(status.success(), "{status}: {}", printed.text());
}

#[test]
fn the_shells_are_given_scripts_for_completion() {
    for (shell, words) in
        [("bash", "complete -F _forge"), ("zsh", "#compdef forge"), ("fish", "complete -c forge")]
    {
        let finished = finish(&mut forge(&["completions", shell]));
        assert_eq!(finished.code(), 0, "{}", finished.stderr);
        assert!(finished.stdout.contains(words), "{shell}");
        assert!(finished.stdout.contains("rollback"), "{shell}");
    }
    let dir = TempDir::new();
    let script = dir.write("script", finish(&mut forge(&["completions", "bash"])).stdout);
    let words =
        "COMP_WORDS=(forge ctl swa) COMP_CWORD=2 && _forge forge swa ctl && echo $COMPREPLY";
    let tried = format!("source {} && {words}", script.display());
    let completed = finish(Command::new("bash").args(["-c", &tried]));
    assert_eq!(completed.stdout, "swap\n", "{}", completed.stderr);
    assert_eq!(finish(&mut forge(&["completions", "dos"])).code(), 64);
}
