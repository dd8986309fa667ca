//! A config that is read again and cannot be had as it says.

use std::fs;

use forge_tests::{Load, Setup, Signal};

#[test]
fn a_hangup_names_in_the_log_what_could_not_be_loaded_and_what_takes_a_restart() {
    let forge = Setup::new().test_model("m", "multiply 2").start();
    forge.write("bad.model", "fail-load no such operator");
    let config = "[server]\nport = 1\n[models.m]\npath = \"m.model\"\n\
                  [models.new]\npath = \"bad.model\"\n";
    fs::write(forge.directory().join("forge.toml"), config).unwrap();
    let load = Load::on(&forge).start();
    forge.process().signal(Signal::SIGHUP);
    forge.wait_for_log(&["WARN", "new", "no such operator"]);
    forge.wait_for_log(&["WARN", "restart", "server.port"]);
    load.wait_for(10);
    load.finish().assert_clean();
    assert_eq!(forge.get("/v1/models/new").status, 404);
}
