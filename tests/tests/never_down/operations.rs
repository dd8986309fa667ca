//! What else an operator may ask for, under load.

use forge_tests::{Load, Setup, json, until};

use crate::shown::{done, workers};
use crate::swaps::{assert_swapped, file, forge_with_files};

#[test]
fn a_model_that_is_scaled_up_and_down_loses_nothing() {
    let forge = Setup::new().test_model("m", "multiply 2").start();
    let load = Load::on(&forge).connections(8).start();
    for workers in ["3", "1", "2", "4", "1"].iter().cycle().take(25) {
        done(&forge, &["scale", "m", workers]);
        load.wait_for(4);
    }
    load.finish().assert_clean();
}

#[test]
fn rollbacks_lose_nothing() {
    let forge = forge_with_files(Setup::new().test_model("m", "multiply 2"));
    let load = Load::on(&forge).times(&[2, 3]).connections(8).start();
    assert_swapped(&forge.swap("m", file(3)));
    for _ in 0..50 {
        done(&forge, &["rollback", "m"]);
    }
    load.finish().assert_clean();
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([3.0]));
}

#[test]
fn who_goes_back_has_as_many_workers_as_before() {
    let forge = forge_with_files(Setup::new().test_model("m", "multiply 2"));
    done(&forge, &["scale", "m", "3"]);
    assert_swapped(&forge.swap("m", file(3)));
    assert_eq!(workers(&forge, "m").len(), 3);
    done(&forge, &["rollback", "m"]);
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([2.0]));
    assert_eq!(workers(&forge, "m").len(), 3);
    done(&forge, &["scale", "m", "1"]);
    until("the others have gone", || workers(&forge, "m").len() == 1);
    done(&forge, &["rollback", "m"]);
    assert_eq!(workers(&forge, "m").len(), 1);
}

#[test]
fn models_come_and_go_beside_one_that_stays() {
    let forge = forge_with_files(Setup::new().test_model("m", "multiply 2"));
    let load = Load::on(&forge).start();
    for _ in 0..50 {
        done(&forge, &["load", "guest", &file(3)]);
        let guest = Load::on(&forge).model("guest").times(&[3]).start();
        guest.wait_for(2);
        guest.finish().assert_clean();
        done(&forge, &["unload", "guest"]);
        assert_eq!(forge.predict("guest", &json!({"input": [1]})).status, 404);
    }
    load.finish().assert_clean();
}
