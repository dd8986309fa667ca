//! The control socket: where it is, who may open it, and what is in its place.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use forge_tests::{
    Finished, Process, Setup, Signal, TempDir, eventually, finish, forge, json, program, skipped,
    until,
};
use nix::unistd::geteuid;

const NOBODY: u32 = 65534;

fn log_level(socket: &Path) -> Finished {
    finish(forge(&["ctl", "log-level", "--socket"]).arg(socket))
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_socket_is_its_owners_alone_and_gone_with_the_server() {
    let dir = TempDir::new();
    let socket = dir.path().join("run/forge.sock");
    let forge = Setup::new().socket_at(&socket).test_model("m", "echo").start();
    assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));
    assert!(forge.log().contains(socket.to_str().unwrap()), "{}", forge.log());
    assert!(forge.stop().status.success());
    assert!(!socket.exists());
    let refused = log_level(&socket);
    assert_eq!(refused.code(), 69);
    assert!(refused.stderr.contains("no server is running at"), "{}", refused.stderr);
    assert!(refused.stderr.contains(socket.to_str().unwrap()), "{}", refused.stderr);
}

#[test]
fn a_server_that_fails_to_start_leaves_no_socket() {
    let dir = TempDir::new();
    dir.write("m.pt", "fail-load no such operator");
    let config = "[server]\nport = 0\nsocket = \"run/s\"\n[models.m]\npath = \"m.pt\"\n";
    let config = dir.write("forge.toml", config);
    let mut command = Command::new(program("forge"));
    command.arg("serve").arg(config).arg("--worker").arg(program("forge-test-worker"));
    let finished = finish(&mut command);
    assert_eq!(finished.code(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("run/s"), "{}", finished.stderr);
    assert_eq!(fs::read_dir(dir.path().join("run")).unwrap().count(), 0);
}

#[test]
fn a_stale_socket_is_replaced_and_one_that_is_served_is_not() {
    let dir = TempDir::new();
    let socket = dir.path().join("s");
    drop(UnixListener::bind(&socket).unwrap());
    let serving = || Setup::new().socket_at(&socket).test_model("m", "echo");
    let forge = serving().start();
    assert_eq!(log_level(&socket).stdout, "info\n");
    let second = serving().spawn().wait_until_ended();
    assert_eq!(second.status.code(), Some(1));
    let said = second.log.lines().last().unwrap();
    assert!(said.contains(socket.to_str().unwrap()) && said.contains("--socket"), "{said}");
    // The first has it still.
    assert_eq!(log_level(&socket).stdout, "info\n");
    drop(forge);
}

#[test]
fn a_killed_server_leaves_a_socket_that_its_successor_takes_over() {
    let dir = TempDir::new();
    let socket = dir.path().join("s");
    let serving = || Setup::new().socket_at(&socket).test_model("m", "echo");
    let forge = serving().start();
    let workers = forge.workers();
    forge.process().signal(Signal::SIGKILL);
    forge.wait_until_ended();
    assert_eq!(log_level(&socket).code(), 69);
    let successor = serving().start();
    assert_eq!(log_level(&socket).stdout, "info\n");
    drop(successor);
    until("the old workers are gone", || !workers.iter().any(Process::is_alive));
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let dir = TempDir::new();
    let file = dir.write("s", "mine");
    let ended = Setup::new().socket_at(&file).test_model("m", "echo").spawn().wait_until_ended();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.log.contains("is no socket"), "{}", ended.log);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn without_a_word_on_it_the_socket_is_in_the_users_runtime_directory() {
    let dir = TempDir::new();
    dir.write("m.pt", "echo");
    let config = dir.write("forge.toml", "[server]\nport = 0\n[models.m]\npath = \"m.pt\"\n");
    let mut command = Command::new(program("forge"));
    command.arg("serve").arg(config).arg("--worker").arg(program("forge-test-worker"));
    command.env("XDG_RUNTIME_DIR", dir.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let process = Process::new(child.id());
    let ask = || finish(forge(&["ctl", "log-level"]).env("XDG_RUNTIME_DIR", dir.path()));
    let level = eventually("it can be asked", || Some(ask()).filter(|asked| asked.code() == 0));
    assert_eq!(level.stdout, "info\n");
    assert!(dir.path().join("forge/forge.sock").exists());
    process.signal(Signal::SIGTERM);
    assert!(eventually("it ends", || child.try_wait().unwrap()).success());
    assert_eq!(fs::read_dir(dir.path().join("forge")).unwrap().count(), 0);
}

#[test]
fn without_a_place_for_one_there_is_none_and_the_log_says_so() {
    if !geteuid().is_root() {
        skipped("only root can become a user who has no place for a socket");
        return;
    }
    let setup = Setup::new().test_model("m", "multiply 2").unprivileged();
    let forge = setup.environment("XDG_RUNTIME_DIR", "").start();
    forge
        .wait_for_log(&["no control socket", "XDG_RUNTIME_DIR is not set; --socket names a place"]);
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([2.0]));
}

#[test]
fn another_user_may_not_open_it_nor_ask_where_somebody_has_opened_it_up() {
    if !geteuid().is_root() {
        skipped("only root can run a client as another user");
        return;
    }
    let dir = TempDir::new();
    let socket = dir.path().join("s");
    let forge = Setup::new().socket_at(&socket).test_model("m", "echo").start();
    // Where this user can run it, wherever the checkout lies.
    let client = dir.path().join("forge");
    fs::copy(program("forge"), &client).unwrap();
    let ask = || {
        let mut command = Command::new(&client);
        finish(command.args(["ctl", "log-level", "--socket"]).arg(&socket).uid(NOBODY))
    };
    let closed = ask();
    assert_eq!(closed.code(), 77, "{}", closed.stderr);
    fs::set_permissions(&socket, PermissionsExt::from_mode(0o666)).unwrap();
    let refused = ask();
    assert_eq!(refused.code(), 77, "{}", refused.stderr);
    assert!(refused.stderr.contains("user 65534 may not ask"), "{}", refused.stderr);
    forge.wait_for_log(&["user 65534 may not ask"]);
}
