//! Who follows the events over the control socket, and leaves.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use forge_tests::{Forge, PATIENCE, Value};

/// One more than may be connected at a time.
const FOLLOWERS: usize = 65;

const FOLLOW: &str = "{\"command\": \"events\", \"follow\": true}\n";

/// A client that has asked for the events to come, and was told of those before.
struct Follower {
    stream: BufReader<UnixStream>,
}

impl Follower {
    fn of(forge: &Forge) -> Self {
        let stream = UnixStream::connect(forge.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut follower = Self { stream: BufReader::new(stream) };
        follower.say(FOLLOW);
        let first = follower.hear();
        assert!(first.get("event").is_some(), "{first}");
        follower
    }

    fn say(&mut self, line: &str) {
        self.stream.get_mut().write_all(line.as_bytes()).unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.parse().unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// What comes after the events.
    fn hear_the_end(&mut self) -> Value {
        loop {
            let line = self.hear();
            if line.get("event").is_none() {
                return line;
            }
        }
    }
}

#[test]
fn one_that_hangs_up_frees_its_place_for_the_next() {
    let forge = Forge::serving("m", "echo");
    for _ in 0..FOLLOWERS {
        drop(Follower::of(&forge));
    }
    assert_eq!(forge.ctl(&["log-level"]).stdout, "info\n");
}

#[test]
fn one_that_asks_for_something_else_follows_no_more_and_is_answered() {
    let forge = Forge::serving("m", "echo");
    for _ in 0..FOLLOWERS {
        let mut follower = Follower::of(&forge);
        follower.say("{\"command\": \"log-level\"}\n");
        assert!(follower.hear_the_end().get("ok").is_some());
        assert_eq!(follower.hear()["ok"]["level"], "info");
    }
    assert_eq!(forge.ctl(&["log-level"]).stdout, "info\n");
}

#[test]
fn one_that_asks_for_something_else_and_hangs_up_frees_its_place_for_the_next() {
    let forge = Forge::serving("m", "echo");
    for _ in 0..FOLLOWERS {
        Follower::of(&forge).say("{\"command\": \"log-level\"}\n");
    }
    assert_eq!(forge.ctl(&["log-level"]).stdout, "info\n");
}
