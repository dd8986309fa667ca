//! The command line: what the user wrote.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use forge_benches::inputs::ShapeArgument;
use forge_benches::protocol::Protocol;
use forge_benches::target::Target;

/// Measures how fast a server answers a model, and whether rightly: Forge, Triton, or any other of the Open
/// Inference Protocol V2.
///
/// Every request is first asked alone; under load its answer has to say the same. The load is either a closed loop
/// (--concurrency: so many clients, each waits for its answer before it asks again), or a constant rate (--rate:
/// requests are due whatever becomes of those before, and latencies count from when they were due, so that stalls
/// show).
#[derive(Clone, Debug, Parser)]
#[command(
    name = "forge-bench",
    version,
    after_help = "Exit status: 0 all answers were right, or refused as 503; 1 nothing could be measured; 2 an answer \
                  was wrong; 3 requests failed; 64 the command line is wrong.",
    max_term_width = 100
)]
pub(crate) struct Arguments {
    /// The server: http://HOST:PORT, for gRPC with the port of gRPC
    #[arg(value_name = "URL")]
    pub(crate) target: Target,

    /// The model to ask
    #[arg(long, value_name = "NAME")]
    pub(crate) model: String,

    /// How many clients ask at once, one run for each number
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', default_value = "1,5,10,25,50,100")]
    pub(crate) concurrency: Vec<Concurrency>,

    /// In place of clients that wait: so many requests a second, one run for each number
    #[arg(long, value_name = "R,R,…", value_delimiter = ',', conflicts_with = "concurrency")]
    pub(crate) rate: Vec<Rate>,

    /// With --rate: how many requests may be unanswered at once; those that are due meanwhile wait, and their waiting
    /// counts. More than the server queues, or it never has to refuse one
    #[arg(long, value_name = "N", default_value = "512", requires = "rate")]
    pub(crate) in_flight: Concurrency,

    #[arg(long, value_enum, default_value = "v2")]
    pub(crate) protocol: Protocol,

    /// Seconds of each run
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub(crate) duration: Duration,

    /// Seconds before each run that do not count
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds_or_none)]
    pub(crate) warm_up: Duration,

    /// Seconds after which a request without an answer has failed
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Requests of your own: JSON as of POST /v2/models/NAME/infer, one after another or in a list. With --protocol v1
    /// any other JSON is sent as it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["shape", "requests"])]
    pub(crate) input: Option<PathBuf>,

    /// The dimensions of one row, where the server does not tell them: x:3,224,224, or 3,224,224 where there is one
    /// input; with :INT64 behind them for another datatype. Once for each such input
    #[arg(long, value_name = "NAME:DIM,DIM,…")]
    pub(crate) shape: Vec<ShapeArgument>,

    /// How many different requests are made up; fewer where they are large
    #[arg(long, value_name = "N", default_value = "16")]
    pub(crate) requests: Concurrency,

    /// By which share a number of an answer may differ from what was answered alone (of itself, or of the mean
    /// magnitude of its output where that is larger): the last bits depend on the size of a batch
    #[arg(long, value_name = "SHARE", default_value = "1e-3", value_parser = share)]
    pub(crate) tolerance: f64,

    /// Check statuses only, for models that answer differently each time
    #[arg(long)]
    pub(crate) unchecked: bool,

    /// Where predictions are posted, in place of the protocol's own path
    #[arg(long, value_name = "/PATH")]
    pub(crate) path: Option<String>,

    /// Write a chart of throughput and latencies
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,

    /// Write everything that was measured; - for standard output, in place of the table
    #[arg(long, value_name = "FILE.json")]
    pub(crate) json: Option<PathBuf>,
}

/// A number of clients or requests: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Concurrency(pub(crate) usize);

/// Requests a second: more than none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate(pub(crate) f64);

/// Each is a connection, and a descriptor.
const MOST_CONNECTIONS: usize = 20_000;

/// More than one thread can send.
const HIGHEST_RATE: f64 = 10_000_000.0;

impl std::str::FromStr for Concurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().parse() {
            Ok(number @ 1..=MOST_CONNECTIONS) => Ok(Self(number)),
            _ => Err(format!("expected a number from 1 to {MOST_CONNECTIONS}")),
        }
    }
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().parse() {
            Ok(rate) if rate > 0.0 && rate <= HIGHEST_RATE => Ok(Self(rate)),
            _ => Err(format!("expected requests a second, above 0 and up to {HIGHEST_RATE}")),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    seconds_or_none(text).and_then(|time| match time {
        Duration::ZERO => Err("expected more than 0 seconds".to_owned()),
        time => Ok(time),
    })
}

fn seconds_or_none(text: &str) -> Result<Duration, String> {
    const MOST: f64 = 86_400.0;
    match text.parse() {
        Ok(seconds) if (0.0..=MOST).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("expected seconds, up to {MOST}")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to below 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        let always = ["forge-bench", "http://localhost:8000", "--model", "m"];
        Arguments::try_parse_from(always.iter().chain(arguments))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_a_sweep_of_ten_seconds_each() {
        let arguments = parse(&[]).unwrap();
        let levels: Vec<usize> = arguments.concurrency.iter().map(|level| level.0).collect();
        assert_eq!(levels, [1, 5, 10, 25, 50, 100]);
        assert_eq!(arguments.duration, Duration::from_secs(10));
        assert_eq!(arguments.protocol, Protocol::V2);
        assert!(arguments.rate.is_empty());
    }

    #[test]
    fn every_option_is_read() {
        let text = "--rate 100,250.5 --in-flight 64 --protocol v2-binary --duration 0.5 --warm-up 0 \
                    --shape x:3,4 --shape y:2:INT64 --tolerance 0 --json - --plot a.svg";
        let arguments = parse(&text.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert_eq!(arguments.rate, [Rate(100.0), Rate(250.5)]);
        assert_eq!(arguments.in_flight, Concurrency(64));
        assert_eq!(arguments.protocol, Protocol::V2Binary);
        assert_eq!(arguments.duration, Duration::from_millis(500));
        assert_eq!(arguments.shape.len(), 2);
        for protocol in ["v1", "v2", "v2-binary", "grpc"] {
            let arguments = parse(&["--protocol", protocol]).unwrap();
            assert_eq!(arguments.protocol.name(), protocol);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            "--concurrency 0",
            "--concurrency 1,x",
            "--rate 0",
            "--rate 10 --concurrency 5",
            "--in-flight 5",
            "--duration 0",
            "--duration -1",
            "--tolerance 1",
            "--tolerance nan",
            "--protocol v3",
            "--shape x:a",
            "--input f --shape 3",
        ] {
            let words: Vec<&str> = wrong.split_whitespace().collect();
            assert!(parse(&words).is_err(), "{wrong}");
        }
        assert!(Arguments::try_parse_from(["forge-bench", "https://a", "--model", "m"]).is_err());
    }
}
