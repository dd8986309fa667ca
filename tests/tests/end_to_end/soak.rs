//! `scripts/soak` for a moment.

use std::process::Command;

use forge_tests::{finish, program};

#[test]
fn a_short_soak_ends_in_a_verdict_and_says_what_it_is_short_of() {
    let mut soak = Command::new(program("soak"));
    let finished = finish(soak.args(["0.01", "7"]));
    assert_eq!(finished.code(), 0, "{finished:?}");
    for words in ["with seed 7", "test models: short of the full counts: swaps ", "libtorch: short"]
    {
        assert!(finished.stdout.contains(words), "{words}: {}", finished.stdout);
    }
    assert!(
        finished.stdout.ends_with("verdict: nothing was lost, short of the full counts (seed 7)\n"),
        "{}",
        finished.stdout
    );
}
