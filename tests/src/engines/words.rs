//! The words behind a behaviour's name.

use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::Signal;

/// What sets off a behaviour that takes the words `always` and `above ROWS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// A row that begins with the behaviour's number.
    Row,
    /// Any batch.
    Always,
    /// `above ROWS`: a batch of more rows than that.
    Above(u32),
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

impl FromStr for When {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "" => Ok(Self::Row),
            "always" => Ok(Self::Always),
            _ => match word.strip_prefix("above ") {
                Some(rows) => Ok(Self::Above(number(rows)?)),
                None => Err(format!("expected always or above ROWS, not {word:?}")),
            },
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

/// A signal that ends a process, whatever its mask: those a fault raises, and SIGKILL.
pub(super) fn deadly(word: &str) -> Result<Signal, String> {
    const DEADLY: [Signal; 6] = [
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGILL,
        Signal::SIGABRT,
        Signal::SIGFPE,
        Signal::SIGKILL,
    ];
    let signal = DEADLY.into_iter().find(|signal| signal.as_str() == word);
    signal.ok_or_else(|| format!("expected one of {DEADLY:?}, not {word:?}"))
}

/// Two words, the second of which may be missing.
pub(super) fn two(words: &str) -> (&str, &str) {
    words.split_once(' ').unwrap_or((words, ""))
}

pub(super) fn number<N: FromStr>(word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("not a number: {word:?}"))
}

/// Three numbers of milliseconds.
pub(super) fn phases(words: &str) -> Result<[Duration; 3], String> {
    let millis = words.split(' ').map(|word| number(word).map(Duration::from_millis));
    let times = millis.collect::<Result<Vec<_>, _>>()?;
    times.try_into().map_err(|_| format!("expected three numbers, not {words:?}"))
}
