//! What pages of other origins may do.

use forge_tests::{Forge, Setup};

const ALLOWED: &str = "access-control-allow-origin";
const PAGE: (&str, &str) = ("Origin", "https://page.example");

#[test]
fn pages_of_any_origin_may_predict_by_default() {
    let forge = Forge::serving("m", "echo");
    let preflight = forge.ask("OPTIONS", "/v1/m/predict", &[PAGE], b"");
    assert_eq!((preflight.status, preflight.header(ALLOWED)), (204, Some("*")));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET, POST"));
    let asks = [PAGE, ("Access-Control-Request-Headers", "authorization,content-type")];
    let preflight = forge.ask("OPTIONS", "/v1/m/predict", &asks, b"");
    assert_eq!(preflight.header("access-control-allow-headers"), Some(asks[1].1));
    let answer = forge.ask("POST", "/v1/m/predict", &[PAGE], b"{\"input\": [1]}");
    assert_eq!((answer.status, answer.header(ALLOWED)), (200, Some("*")));
}

#[test]
fn refusals_can_be_read_by_the_page_too() {
    let forge = Forge::serving("m", "echo");
    let answer = forge.ask("POST", "/v1/nobody/predict", &[PAGE], b"{}");
    assert_eq!((answer.status, answer.header(ALLOWED)), (404, Some("*")));
}

#[test]
fn only_the_configured_origins_are_let_in() {
    let forge = Setup::new()
        .server("cors_origins = [\"https://page.example\"]")
        .test_model("m", "echo")
        .start();
    let own = forge.ask("GET", "/v1/models", &[PAGE], b"");
    assert_eq!((own.header(ALLOWED), own.header("vary")), (Some(PAGE.1), Some("Origin")));
    let other = forge.ask("GET", "/v1/models", &[("Origin", "https://other.example")], b"");
    assert_eq!((other.status, other.header(ALLOWED)), (200, None));
}

#[test]
fn routes_outside_v1_are_never_offered() {
    let forge = Forge::serving("m", "echo");
    for path in ["/metrics", "/health", "/health/live", "/health/ready", "/openapi.json", "/docs"] {
        assert_eq!(forge.ask("GET", path, &[PAGE], b"").header(ALLOWED), None, "{path}");
    }
}
