//! The requests that the documentation shows are answered as it says.

use forge_tests::{DocumentedRequest, Setup, curl_is_installed};

#[test]
fn the_http_reference_tells_the_truth() {
    check("docs/http.md", 20, Setup::of_config("docs/http.toml"));
}

#[test]
fn the_readme_tells_the_truth() {
    check("README.md", 1, Setup::of_config("configs/demo.toml"));
}

/// `at_least` requests must be found on the page, or the test would pass without a look at it.
fn check(page: &str, at_least: usize, setup: Setup) {
    let requests = DocumentedRequest::of_page(page);
    assert!(requests.len() >= at_least, "{page} shows {} requests only", requests.len());
    if !curl_is_installed() {
        eprintln!("skipped: curl, which runs the requests of {page}, is not installed");
        return;
    }
    let forge = setup.start();
    let ask = |request: &DocumentedRequest| request.disagreement(forge.address());
    let disagreements: Vec<String> = requests.iter().filter_map(ask).collect();
    assert!(disagreements.is_empty(), "\n{}", disagreements.join("\n"));
}
