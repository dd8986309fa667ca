//! Who has the name of a model, while one goes and another comes.

use std::thread;

use forge_tests::{Setup, json, until};

use crate::shown::{assert_refused, done};

#[test]
fn a_name_is_free_once_the_workers_of_the_model_that_had_it_have_gone() {
    let forge = Setup::new().test_model("m", "multiply 2").start();
    let go = forge.directory().join("go");
    forge.write("slow.model", format!("run-after {}", go.display()));
    forge.write("next.model", "multiply 3");
    done(&forge, &["load", "r", "slow.model"]);
    let mut slow = forge.send_predict("r", &json!({"input": [7]}));
    let rows = || forge.metric("forge_rows_total", &[("model", "r")]);
    until("the slow request runs", || rows() == 1.0);
    thread::scope(|scope| {
        let unload = scope.spawn(|| forge.ctl(&["unload", "r"]));
        until("no client reaches it", || forge.get("/v1/models/r").status == 404);
        assert_refused(&forge.ctl(&["load", "r", "next.model"]), 75, "busy");
        assert!(!slow.has_answer());
        forge.write("go", "");
        assert_eq!(slow.response().output(), json!([7.0]));
        assert_eq!(unload.join().unwrap().code(), 0);
    });
    done(&forge, &["load", "r", "next.model"]);
    assert_eq!(forge.get("/v1/models/r/ready").status, 200);
    assert_eq!(forge.predict("r", &json!({"input": [7]})).output(), json!([21.0]));
    done(&forge, &["unload", "r"]);
}

#[test]
fn whoever_asks_for_the_name_again_and_again_gets_it_and_nobody_is_lost() {
    let forge = Setup::new().test_model("m", "multiply 2").start();
    forge.write("slow.model", "sleep 300");
    forge.write("next.model", "multiply 3");
    done(&forge, &["load", "r", "slow.model"]);
    let mut slow = forge.send_predict("r", &json!({"input": [7]}));
    let rows = || forge.metric("forge_rows_total", &[("model", "r")]);
    until("the slow request runs", || rows() == 1.0);
    thread::scope(|scope| {
        let unload = scope.spawn(|| forge.ctl(&["unload", "r"]));
        until("no client reaches it", || forge.get("/v1/models/r").status == 404);
        until("it is loaded", || {
            let load = forge.ctl(&["load", "r", "next.model"]);
            assert!([0, 75].contains(&load.code()), "{load:?}");
            load.code() == 0
        });
        assert_eq!(unload.join().unwrap().code(), 0);
    });
    assert_eq!(slow.response().output(), json!([7.0]));
    assert_eq!(forge.get("/v1/models/r/ready").status, 200);
    for number in 1..20 {
        let answer = forge.predict("r", &json!({"input": [number]}));
        assert_eq!(answer.output(), json!([f64::from(number) * 3.0]));
    }
    done(&forge, &["unload", "r"]);
}
