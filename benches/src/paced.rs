//! A load that leaves the server time: requests come at a rate, not as fast as they are answered.

use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use forge_tests::Connection;

/// A load that runs until it is finished.
#[derive(Debug)]
pub struct Paced {
    /// Nothing is ever sent; the clients end when it is dropped.
    _stop: Vec<Sender<()>>,
    clients: Vec<JoinHandle<Vec<f64>>>,
}

impl Paced {
    /// Posts `body` so often to a model, over so many connections that take turns.
    pub fn start(
        address: SocketAddr,
        model: &str,
        body: &str,
        (per_second, connections): (f64, u32),
    ) -> Self {
        let request: Arc<(String, String)> =
            Arc::new((format!("/v1/{model}/predict"), body.to_owned()));
        let every = Duration::from_secs_f64(f64::from(connections) / per_second);
        let began = Instant::now();
        let client = |index: u32| {
            let (stop, stopped) = mpsc::channel();
            let (request, first) = (Arc::clone(&request), began + every * index / connections);
            let run = move || client(address, &request, (first, every), &stopped);
            (stop, thread::spawn(run))
        };
        let (stop, clients) = (0..connections).map(client).unzip();
        Self { _stop: stop, clients }
    }

    /// The time each answer took, in milliseconds; an answer that is none ends the measure.
    pub fn finish(self) -> Vec<f64> {
        let Self { _stop: stop, clients } = self;
        drop(stop);
        let joined =
            |client: JoinHandle<_>| client.join().unwrap_or_else(|panic| resume_unwind(panic));
        clients.into_iter().flat_map(joined).collect()
    }
}

fn client(
    address: SocketAddr,
    (path, body): &(String, String),
    (first, every): (Instant, Duration),
    stopped: &mpsc::Receiver<()>,
) -> Vec<f64> {
    let mut connection = Connection::open(address);
    let (mut turn, mut latencies) = (first, Vec::new());
    loop {
        let left = turn.saturating_duration_since(Instant::now());
        if stopped.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
            return latencies;
        }
        // From the moment it was due: a request that had to wait for the one before is late, too.
        connection.request("POST", path, &[], body.as_bytes());
        let answer = connection.response();
        assert_eq!(answer.status, 200, "{}", answer.text());
        latencies.push(turn.elapsed().as_secs_f64() * 1000.0);
        turn += every;
    }
}
