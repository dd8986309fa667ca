//! The text of a test model: a behaviour, and on a second line the arguments if there is more than
//! one: `args a b`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What the model does beside `echo`, which returns every input as an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// `echo`
    Echo,
    /// `double`: float32 times two.
    Double,
    /// `sleep MS`: takes so long for every batch.
    Sleep(Duration),
    /// `throw`: raises where a row begins with a negative number.
    Throw(When),
    /// `crash`: ends by SIGSEGV where a row begins with 666.
    Crash(When),
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
    /// `exit CODE`: ends at the first batch.
    Exit(i32),
    /// `print`: writes lines to stdout and stderr, when loaded and for every batch.
    Print,
    /// `slow-load MS`: takes so long to load.
    SlowLoad(Duration),
    /// `load-after FILE`: loads once there is this file.
    LoadAfter(PathBuf),
    /// `fail-load MESSAGE`: cannot be loaded.
    FailLoad(String),
}

/// What sets off a behaviour that takes the word `always`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// A row that begins with the behaviour's number.
    Row,
    /// Any batch.
    Always,
}

/// What a lying worker overwrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// `indices`: from then on, so that they are ahead of anything it was given.
    Indices,
    /// `descriptor`: the frames, so that no field of a tensor's entry means anything.
    Descriptor,
    /// `random`: the frames, with other bytes each time.
    Random,
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
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        Ok(match name {
            "echo" => Self::Echo,
            "double" => Self::Double,
            "sleep" => Self::Sleep(Duration::from_millis(number(rest)?)),
            "throw" => Self::Throw(rest.parse()?),
            "crash" => Self::Crash(rest.parse()?),
            "hang" => Self::Hang(rest.parse()?),
            "lie" => {
                let (how, when) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Lie(how.parse()?, when.parse()?)
            }
            "oom" => Self::OutOfMemory { above: number(rest)? },
            "shape" => Self::Shape,
            "big" => Self::Big(number(rest)?),
            "exit" => Self::Exit(number(rest)?),
            "print" => Self::Print,
            "slow-load" => Self::SlowLoad(Duration::from_millis(number(rest)?)),
            "load-after" => Self::LoadAfter(rest.into()),
            "fail-load" => Self::FailLoad(rest.to_owned()),
            _ => return Err(format!("not a behaviour of the test engine: {line:?}")),
        })
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "" => Ok(Self::Row),
            "always" => Ok(Self::Always),
            _ => Err(format!("expected always, not {word:?}")),
        }
    }
}

impl FromStr for How {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "indices" => Ok(Self::Indices),
            "descriptor" => Ok(Self::Descriptor),
            "random" => Ok(Self::Random),
            _ => Err(format!("expected indices, descriptor or random, not {word:?}")),
        }
    }
}

fn number<N: FromStr>(word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("not a number: {word:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_behaviour() {
        for (line, behaviour) in [
            ("echo", Behaviour::Echo),
            ("sleep 200", Behaviour::Sleep(Duration::from_millis(200))),
            ("throw", Behaviour::Throw(When::Row)),
            ("hang always", Behaviour::Hang(When::Always)),
            ("lie random", Behaviour::Lie(How::Random, When::Row)),
            ("lie indices always", Behaviour::Lie(How::Indices, When::Always)),
            ("oom 4", Behaviour::OutOfMemory { above: 4 }),
            ("fail-load no such op", Behaviour::FailLoad("no such op".to_owned())),
        ] {
            assert_eq!(line.parse(), Ok(behaviour), "{line}");
        }
    }

    #[test]
    fn a_line_that_names_none_is_an_error() {
        for line in ["", "Echo", "sleep", "sleep long", "throw often", "lie", "oom -1"] {
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
