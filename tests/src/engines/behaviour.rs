//! The text of a test model: a behaviour, and on a second line the arguments if there is more than
//! one: `args a b`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::words::{How, When, deadly, number, phases, two};

/// What the model does beside `echo`, which returns every input as an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// `echo`
    Echo,
    /// `double`: float32 times two; `multiply N`: times N, which tells versions apart.
    Multiply(i16),
    /// `sleep MS`: takes so long for every batch.
    Sleep(Duration),
    /// `phases MS MS MS`: takes so long to make its inputs, to run, and to bring its outputs home.
    Phases([Duration; 3]),
    /// `throw`: raises where a row begins with a negative number.
    Throw(When),
    /// `die SIGNAL`: ends by that signal where a row begins with 666; `crash`: by SIGSEGV.
    Die(Signal, When),
    /// `hang`: never returns where a row begins with 777.
    Hang(When),
    /// `lie HOW`: overwrites its own response region where a row begins with 555.
    Lie(How, When),
    /// `oom ROWS`: has no memory for more rows than that.
    OutOfMemory { above: u32 },
    /// `shape`: returns one row more than it was given.
    Shape,
    /// `big BYTES`: returns so many bytes for every row.
    Big(u64),
    /// `lose-device`: finds its device lost where a row begins with 888.
    LoseDevice(When),
    /// `exit CODE`: ends at the first batch; `exit CODE row`: where a row begins with 444.
    Exit(i32, When),
    /// `leak MEGABYTES`: keeps so much more memory with every batch.
    Leak { megabytes: usize },
    /// `chaos N`: float32 times N, and all at once: throws at a negative row, lies at 555, hangs at
    /// 777, exits with 0 at 444, and ends by SIGSEGV at 666, SIGABRT at 333 and SIGILL at 222.
    Chaos(i16),
    /// `print`: writes lines to stdout and stderr, when loaded and for every batch; ends by SIGABRT
    /// where a row begins with 666.
    Print,
    /// `slow-load MS`: takes so long to load; `slow-load MS FILE` also appends a line to the file when it
    /// begins and when it ends.
    SlowLoad(Duration, Option<PathBuf>),
    /// `burn-load MS`: keeps a CPU busy for so long to load.
    BurnLoad(Duration),
    /// `hang-load`: never finishes loading.
    HangLoad,
    /// `crash-load SIGNAL`: ends by that signal while it loads.
    CrashLoad(Signal),
    /// `load-after FILE`: loads once there is this file.
    LoadAfter(PathBuf),
    /// `run-after FILE`: runs batches once there is this file.
    RunAfter(PathBuf),
    /// `fail-load MESSAGE`: cannot be loaded.
    FailLoad(String),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) behaviour: Behaviour,
    pub(crate) arguments: Vec<String>,
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let behaviour = lines.next().unwrap_or_default().trim().parse()?;
        let arguments = match lines.next() {
            None => vec!["x".to_owned()],
            Some(line) => match line.strip_prefix("args ") {
                Some(names) => names.split_whitespace().map(str::to_owned).collect(),
                None => return Err(format!("not a line of arguments: {line:?}")),
            },
        };
        Ok(Self { behaviour, arguments })
    }
}

impl FromStr for Behaviour {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (name, rest) = two(line);
        Ok(match name {
            "echo" => Self::Echo,
            "double" => Self::Multiply(2),
            "multiply" => Self::Multiply(number(rest)?),
            "sleep" => Self::Sleep(Duration::from_millis(number(rest)?)),
            "phases" => Self::Phases(phases(rest)?),
            "throw" => Self::Throw(rest.parse()?),
            "crash" => Self::Die(Signal::SIGSEGV, rest.parse()?),
            "die" => {
                let (signal, when) = two(rest);
                Self::Die(deadly(signal)?, when.parse()?)
            }
            "hang" => Self::Hang(rest.parse()?),
            "lie" => {
                let (how, when) = two(rest);
                Self::Lie(how.parse()?, when.parse()?)
            }
            "oom" => Self::OutOfMemory { above: number(rest)? },
            "shape" => Self::Shape,
            "big" => Self::Big(number(rest)?),
            "lose-device" => Self::LoseDevice(rest.parse()?),
            "exit" => match two(rest) {
                (code, "row") => Self::Exit(number(code)?, When::Row),
                _ => Self::Exit(number(rest)?, When::Always),
            },
            "leak" => Self::Leak { megabytes: number(rest)? },
            "chaos" => Self::Chaos(number(rest)?),
            "print" => Self::Print,
            "slow-load" => {
                let (time, file) = two(rest);
                let file = (!file.is_empty()).then(|| file.into());
                Self::SlowLoad(Duration::from_millis(number(time)?), file)
            }
            "burn-load" => Self::BurnLoad(Duration::from_millis(number(rest)?)),
            "hang-load" => Self::HangLoad,
            "crash-load" => Self::CrashLoad(deadly(rest)?),
            "load-after" => Self::LoadAfter(rest.into()),
            "run-after" => Self::RunAfter(rest.into()),
            "fail-load" => Self::FailLoad(rest.to_owned()),
            _ => return Err(format!("not a behaviour of the test engine: {line:?}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_behaviour() {
        for (line, behaviour) in [
            ("echo", Behaviour::Echo),
            ("double", Behaviour::Multiply(2)),
            ("multiply -3", Behaviour::Multiply(-3)),
            ("sleep 200", Behaviour::Sleep(Duration::from_millis(200))),
            ("phases 1 2 3", Behaviour::Phases([1, 2, 3].map(Duration::from_millis))),
            ("throw", Behaviour::Throw(When::Row)),
            ("hang always", Behaviour::Hang(When::Always)),
            ("throw above 3", Behaviour::Throw(When::Above(3))),
            ("lie random", Behaviour::Lie(How::Random, When::Row)),
            ("lie indices always", Behaviour::Lie(How::Indices, When::Always)),
            ("crash", Behaviour::Die(Signal::SIGSEGV, When::Row)),
            ("die SIGBUS", Behaviour::Die(Signal::SIGBUS, When::Row)),
            ("die SIGKILL always", Behaviour::Die(Signal::SIGKILL, When::Always)),
            ("lose-device", Behaviour::LoseDevice(When::Row)),
            ("exit 3", Behaviour::Exit(3, When::Always)),
            ("exit 0 row", Behaviour::Exit(0, When::Row)),
            ("leak 64", Behaviour::Leak { megabytes: 64 }),
            ("slow-load 5", Behaviour::SlowLoad(Duration::from_millis(5), None)),
            ("slow-load 5 f", Behaviour::SlowLoad(Duration::from_millis(5), Some("f".into()))),
            ("chaos 7", Behaviour::Chaos(7)),
            ("burn-load 300", Behaviour::BurnLoad(Duration::from_millis(300))),
            ("hang-load", Behaviour::HangLoad),
            ("crash-load SIGILL", Behaviour::CrashLoad(Signal::SIGILL)),
            ("oom 4", Behaviour::OutOfMemory { above: 4 }),
            ("fail-load no such op", Behaviour::FailLoad("no such op".to_owned())),
        ] {
            assert_eq!(line.parse(), Ok(behaviour), "{line}");
        }
    }

    #[test]
    fn a_line_that_names_none_is_an_error() {
        for line in [
            "",
            "Echo",
            "sleep",
            "sleep long",
            "phases 1 2",
            "phases 1 2 3 4",
            "throw often",
            "throw above",
            "throw above all",
            "lie",
            "oom -1",
            "multiply",
            "die",
            "die SIGTERM",
            "die SIGSEGV often",
            "exit",
            "exit row",
            "exit 3 always",
            "leak much",
            "chaos",
            "burn-load",
            "crash-load",
            "crash-load 11",
        ] {
            assert!(line.parse::<Behaviour>().is_err(), "{line}");
        }
    }

    #[test]
    fn the_second_line_names_the_arguments() {
        for (text, arguments) in
            [("echo", vec!["x"]), ("echo\n", vec!["x"]), ("echo\nargs a b\n", vec!["a", "b"])]
        {
            assert_eq!(text.parse::<Script>().unwrap().arguments, arguments, "{text:?}");
        }
        assert!("echo\na b".parse::<Script>().is_err());
    }
}
