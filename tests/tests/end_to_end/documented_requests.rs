//! The requests that the documentation shows are answered as it says.

use std::fs;

use forge_tests::{
    DocumentedRequest, Setup, TempDir, checkout, curl_is_installed, finish, forge, skipped,
};

#[test]
fn the_http_reference_tells_the_truth() {
    check("docs/http.md", 20, Setup::of_config("docs/http.toml"));
}

#[test]
fn the_readme_tells_the_truth() {
    check("README.md", 1, Setup::of_config("configs/demo.toml"));
}

#[test]
fn the_tutorials_that_came_over_tell_the_truth() {
    check("docs/migrate.md", 5, Setup::of_config("configs/demo.toml"));
}

/// `iris.pt` is what the Python lines of the page wrote, with PyTorch 2.11.0.
#[test]
fn the_quick_start_tells_the_truth() {
    check("docs/quick-start.md", 3, iris("[4]"));
}

#[test]
fn the_mistakes_of_the_quick_start_are_told_as_it_says() {
    let page = fs::read_to_string(checkout().join("docs/quick-start.md")).unwrap();
    let ended = iris("[5]").spawn().wait_until_ended();
    let told = ended.log.lines().last().unwrap();
    assert!(page.contains(told), "{told}");

    let dir = TempDir::new();
    dir.write("iris.pt", "");
    let config = "[models.iris]\npath = \"iris.pt\"\nmax_batch_sze = 64\n\
                  [[models.iris.inputs]]\nname = \"input\"\ndtype = \"flaot32\"\nshape = [4]\n";
    dir.write("forge.toml", config);
    let checked = finish(forge(&["check"]).current_dir(dir.path()));
    assert_eq!(checked.code(), 78);
    assert!(page.contains(&checked.stderr), "{}", checked.stderr);
}

/// The model of the quick start, of which one row has this shape.
fn iris(shape: &str) -> Setup {
    Setup::new().real_model("iris", "iris.pt").with_inputs(&[("input", "float32", shape)])
}

/// `at_least` requests must be found on the page, or the test would pass without a look at it.
fn check(page: &str, at_least: usize, setup: Setup) {
    let requests = DocumentedRequest::of_page(page);
    assert!(requests.len() >= at_least, "{page} shows {} requests only", requests.len());
    if !curl_is_installed() {
        skipped(&format!("curl, which runs the requests of {page}, is not installed"));
        return;
    }
    let forge = setup.start();
    let ask = |request: &DocumentedRequest| request.disagreement(forge.address());
    let disagreements: Vec<String> = requests.iter().filter_map(ask).collect();
    assert!(disagreements.is_empty(), "\n{}", disagreements.join("\n"));
}
