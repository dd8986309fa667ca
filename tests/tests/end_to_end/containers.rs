//! Forge as the first process of a container.

use std::fs;
use std::process::Command;

use forge_tests::{
    Forge, Process, Setup, Signal, containers_are_allowed, eventually, finish, json, until,
};

#[test]
fn it_serves_from_a_read_only_root_with_next_to_no_shared_memory() {
    if !containers_are_allowed() {
        return;
    }
    let forge = Setup::new().real_model("m", "double.pt").in_a_container().start();
    let mounts = fs::read_to_string(format!("/proc/{}/mounts", forge.process().pid())).unwrap();
    let last = |place: &str| {
        let mut lines = mounts.lines().rev();
        lines
            .find(|line| line.split(' ').nth(1) == Some(place))
            .and_then(|line| line.split(' ').nth(3))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(last("/").split(',').any(|option| option == "ro"), "{mounts}");
    assert!(last("/dev/shm").contains("size=4k"), "{mounts}");
    assert_eq!(forge.process().number_inside(), Some(1));
    assert_eq!(forge.predict("m", &json!({"input": [1, 2]})).output(), json!([2.0, 4.0]));
    assert!(forge.stop().status.success());
}

#[test]
fn process_1_reaps_orphans_and_still_hears_how_its_workers_end() {
    if !containers_are_allowed() {
        return;
    }
    // On several threads who reaps and who waits for a worker run at the same time.
    let setup = Setup::new().test_model("m", "echo").with("workers = 4").argument("--threads=4");
    let forge = setup.in_a_container().start();
    assert_eq!(forge.process().number_inside(), Some(1));
    for round in 1..=2 {
        let workers = forge.workers();
        let orphans = orphans_in(&forge, &workers);
        // All at once, so that whoever takes the wrong one is caught.
        for (orphan, worker) in orphans.iter().zip(workers.iter().cycle()) {
            orphan.signal(Signal::SIGABRT);
            // Each comes up twice, and may have ended since.
            worker.try_signal(Signal::SIGABRT);
        }
        until("nobody is left, not even as a zombie", || {
            !orphans.iter().chain(&workers).any(Process::exists)
        });
        until("each worker's end is told", || {
            assert!(!forge.log().contains("lost:"), "an exit status was taken away");
            forge.log().matches("killed by SIGABRT").count() == round * workers.len()
        });
        until("there are workers again", || forge.workers().len() == workers.len());
        until("they serve", || {
            forge.get("/v1/models/m").json()["workers"] == json!(vec!["ready"; workers.len()])
        });
    }
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([1.0]));
    assert!(forge.stop().status.success());
}

/// Processes of the container that have lost their parent, and so have become Forge's children.
fn orphans_in(forge: &Forge, workers: &[Process]) -> Vec<Process> {
    let inside = forge.process().pid().to_string();
    let leave_children = "for number in 1 2 3 4 5 6 7 8; do sleep 1000 >/dev/null 2>&1 & done";
    let mut command = Command::new("nsenter");
    command.args(["--target", &inside, "--pid", "--mount", "sh", "-c", leave_children]);
    assert!(finish(&mut command).status.success());
    eventually("they are Forge's", || {
        let mut children = forge.process().children();
        children.retain(|child| !workers.contains(child));
        (children.len() == 8).then_some(children)
    })
}
