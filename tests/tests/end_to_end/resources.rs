//! Nothing is left over after load: descriptors, memory maps, processes.

use forge_tests::{Forge, Process, Setup, json, until};

/// What the router holds that requests could leave behind.
fn held(router: &Process) -> (usize, Vec<String>, usize) {
    (router.descriptors().len(), router.mapped_files(), router.children().len())
}

fn load(forge: &Forge) {
    let bodies = [
        json!({"input": [1, 2]}),
        json!({"input": [-1]}),
        json!({"input": "nonsense"}),
        json!({"input": vec![1; 200_000]}),
    ];
    for round in 0..5 {
        let sent: Vec<_> =
            bodies.iter().cycle().take(80).map(|body| forge.send_predict("m", body)).collect();
        for (number, mut connection) in sent.into_iter().enumerate() {
            if number % 8 != round {
                connection.response();
            }
        }
        forge.get("/metrics");
        forge.get("/nowhere");
    }
}

#[test]
fn the_router_holds_after_load_what_it_held_before() {
    let forge = Setup::new().test_model("m", "throw").with("workers = 2").start();
    forge.predict("m", &json!({"input": [1]}));
    until("the first connection is closed", || !has_clients(&forge));
    let before = held(forge.process());
    load(&forge);
    until("everything is given back", || held(forge.process()) == before);
    assert_eq!(forge.metric("forge_inflight_bytes", &[]), 0.0);
}

#[test]
fn the_router_holds_after_crashes_what_it_held_before() {
    let forge = Forge::serving("m", "crash");
    forge.predict("m", &json!({"input": [1]}));
    until("the first connection is closed", || !has_clients(&forge));
    let before = held(forge.process());
    for number in 0..3 {
        // Inputs that ended a worker before never reach another.
        let crash = forge.predict("m", &json!({"input": [666, number]}));
        assert_eq!(crash.status, 500, "{}", crash.text());
        until("it serves again", || forge.predict("m", &json!({"input": [1]})).status == 200);
    }
    until("everything is given back", || held(forge.process()) == before);
}

/// Whether a descriptor of the router is the socket of a connection.
fn has_clients(forge: &Forge) -> bool {
    let address = format!(":{:04X}", forge.address().port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let own: Vec<String> = forge.process().descriptors().into_values().collect();
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_open = fields[3] == "01" || fields[3] == "08";
        fields[1].ends_with(&address) && is_open && own.contains(&format!("socket:[{}]", fields[9]))
    })
}
