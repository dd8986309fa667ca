//! Who may change the server over HTTP, and who not. That a reload then reloads is another matter.

use forge_tests::{Forge, Response, Setup, TempDir, json};

/// There is no such file, so that nothing is changed by who may.
const BODY: &[u8] = b"{\"model_path\": \"no.pt\"}";

fn reload(forge: &Forge, headers: &[(&str, &str)]) -> Response {
    forge.ask("POST", "/v1/m/reload", headers, BODY)
}

fn assert_may(forge: &Forge, headers: &[(&str, &str)]) {
    let answer = reload(forge, headers);
    assert!(![401, 403].contains(&answer.status), "{headers:?}: {}", answer.text());
}

fn assert_forbidden(forge: &Forge, headers: &[(&str, &str)], why: &str) {
    let answer = reload(forge, headers);
    assert_eq!(answer.status, 403, "{headers:?}: {}", answer.text());
    assert!(answer.detail().contains(why), "{}", answer.detail());
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[test]
fn a_program_of_this_machine_may_and_a_page_of_another_origin_may_not() {
    let forge = Forge::serving("m", "echo");
    let own = format!("http://{}", forge.address());
    assert_may(&forge, &[]);
    assert_may(&forge, &[("Origin", &own), ("Sec-Fetch-Site", "same-origin")]);
    for (name, value) in [
        ("Origin", "https://page.example"),
        // Another server of this machine.
        ("Origin", "http://127.0.0.1:1"),
        // A file, a frame in a sandbox, or after a redirect.
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        // A page can send this type without asking before.
        let headers = [(name, value), ("Content-Type", "text/plain")];
        assert_forbidden(&forge, &headers, "other origins");
    }
    assert_forbidden(&forge, &[("X-Forwarded-For", "192.0.2.1")], "through a proxy");
}

#[test]
fn a_name_that_was_made_to_lead_here_is_not_this_machine() {
    let forge = Forge::serving("m", "echo");
    let mut connection = forge.connect();
    let head = "POST /v1/m/reload HTTP/1.1\r\nHost: page.example:8000\r\n\
                Origin: http://page.example:8000\r\nContent-Length: 0\r\n\r\n";
    connection.send(head.as_bytes()).unwrap();
    let answer = connection.response();
    assert_eq!(answer.status, 403);
    assert!(answer.detail().contains("\"page.example:8000\" is not this machine"));
}

#[test]
fn no_page_is_ever_offered_to_reload() {
    let forge = Forge::serving("m", "echo");
    let asks = [("Origin", "https://page.example"), ("Access-Control-Request-Method", "POST")];
    let preflight = forge.ask("OPTIONS", "/v1/m/reload", &asks, b"");
    assert_eq!((preflight.status, preflight.header("allow")), (405, Some("POST")));
    for header in ["access-control-allow-origin", "access-control-allow-methods"] {
        assert_eq!(preflight.header(header), None);
    }
}

#[test]
fn nobody_may_once_other_machines_can_reach_the_port() {
    let forge = Setup::new().server("host = \"0.0.0.0\"").test_model("m", "echo").start();
    assert_forbidden(&forge, &[], "set server.admin = \"token\" and server.admin_token_file");
    let document = forge.get("/openapi.json").json();
    assert!(document["paths"].get("/v1/{model}/reload").is_none());
}

#[test]
fn nobody_may_where_it_is_turned_off() {
    let forge = Setup::new().server("admin = \"off\"").test_model("m", "echo").start();
    assert_forbidden(&forge, &[], "server.admin = \"off\"");
}

#[test]
fn who_has_a_token_may_from_anywhere_and_the_file_counts_as_it_is_now() {
    let dir = TempDir::new();
    let file = dir.write("tokens", "first\n");
    let forge = Setup::new()
        .server("host = \"0.0.0.0\"")
        .server("admin = \"token\"")
        .server(&format!("admin_token_file = {:?}", file.display().to_string()))
        .test_model("m", "echo")
        .start();
    let [first, second] = ["first", "second"].map(|token| format!("Bearer {token}"));
    let [first, second] = [("Authorization", first.as_str()), ("Authorization", second.as_str())];

    let nobody = reload(&forge, &[]);
    assert_eq!(nobody.status, 401);
    assert_eq!(nobody.header("www-authenticate"), Some("Bearer realm=\"forge\""));
    let stranger = reload(&forge, &[second]);
    assert_eq!(stranger.status, 401);
    assert!(stranger.header("www-authenticate").unwrap().contains("invalid_token"));
    assert_may(&forge, &[first]);
    assert_may(&forge, &[first, ("X-Forwarded-For", "192.0.2.1")]);
    assert_forbidden(&forge, &[first, ("Origin", "https://page.example")], "other origins");
    assert_eq!(forge.predict_text("m", "{\"input\": [1]}").status, 200);

    // Both are good while clients change from one to the other.
    dir.write("tokens", "first\nsecond\n");
    assert_may(&forge, &[first]);
    assert_may(&forge, &[second]);
    dir.write("tokens", "second\n");
    assert_eq!(reload(&forge, &[first]).status, 401);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(reload(&forge, &[second]).status, 503);
    forge.wait_for_log(&["the tokens cannot be read"]);
}

#[test]
fn the_control_socket_always_works() {
    for (host, admin) in [("127.0.0.1", "off"), ("0.0.0.0", "off"), ("0.0.0.0", "loopback")] {
        let forge = Setup::new()
            .server(&format!("host = {host:?}"))
            .server(&format!("admin = {admin:?}"))
            .test_model("m", "multiply 2")
            .start();
        forge.write("triple.model", "multiply 3");
        assert_eq!(reload(&forge, &[]).status, 403, "{host} {admin}");
        let swapped = forge.ctl(&["swap", "m", "triple.model"]);
        assert_eq!(swapped.code(), 0, "{host} {admin}: {}", swapped.stderr);
        assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([3.0]));
    }
}
