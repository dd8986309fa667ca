//! A constant load of distinct requests whose answers are checked, beside a test.
//!
//! ```no_run
//! use forge_tests::{Forge, Load};
//!
//! let forge = Forge::serving("m", "multiply 2");
//! let load = Load::on(&forge).model("m").times(&[2, 3]).start();
//! // … swaps between `multiply 2` and `multiply 3`, killed workers …
//! load.finish().assert_clean();
//! ```
//!
//! Every request carries a number of its own, so that an answer which is another request's, an old one
//! or a second one is seen to be wrong.

mod client;
mod numbers;
mod verdict;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use crate::forge::Forge;
use crate::waiting::{Bell, until};

use client::{Client, Shared};
pub use numbers::Numbers;
pub use verdict::Verdict;

/// A load in the making.
#[derive(Clone, Debug)]
pub struct Load {
    address: SocketAddr,
    model: String,
    factors: Vec<i16>,
    connections: u32,
    reconnecting: u32,
    per_second: u32,
    deadline: Duration,
    headers: Vec<(String, String)>,
    numbers: Numbers,
    row: usize,
}

/// A load that runs.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    clients: Vec<thread::JoinHandle<Verdict>>,
}

impl Load {
    /// 200 requests a second over four connections that are kept alive, to a model `m` that doubles.
    pub fn on(forge: &Forge) -> Self {
        Self::at(forge.address())
    }

    /// The same to whoever listens there.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            model: "m".to_owned(),
            factors: vec![2],
            connections: 4,
            reconnecting: 0,
            per_second: 200,
            deadline: Duration::from_secs(30),
            headers: Vec::new(),
            numbers: Numbers::default(),
            row: 1,
        }
    }

    /// As fast as it is answered, over connections of which some are kept and some are new each time.
    pub fn restless(self) -> Self {
        self.connections(6).reconnecting(4).per_second(10_000)
    }

    pub fn model(self, name: &str) -> Self {
        Self { model: name.to_owned(), ..self }
    }

    /// The answer is the number times one of these.
    pub fn times(self, factors: &[i16]) -> Self {
        Self { factors: factors.to_vec(), ..self }
    }

    pub fn connections(self, connections: u32) -> Self {
        Self { connections, ..self }
    }

    /// So many of the connections are a new one for each request.
    pub fn reconnecting(self, reconnecting: u32) -> Self {
        Self { reconnecting, ..self }
    }

    /// How many requests are sent a second where they are answered fast enough, by all connections
    /// together.
    pub fn per_second(self, per_second: u32) -> Self {
        Self { per_second, ..self }
    }

    /// The model's `request_timeout_s`; an answer that takes longer is late.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Sent with every request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How many numbers a request holds; the first is its own, the others are zeros.
    pub fn row(self, row: usize) -> Self {
        Self { row, ..self }
    }

    pub fn start(self) -> Running {
        let (connections, reconnecting) = (self.connections, self.reconnecting);
        let every = Duration::from_secs_f64(f64::from(connections) / f64::from(self.per_second));
        let began = Instant::now();
        let shared =
            Arc::new(Shared { load: self, stop: Bell::default(), answered: AtomicU64::new(0) });
        let client = |index: u32| {
            // They take turns instead of sending together.
            let first = began + every * index / connections;
            let keeps = index >= reconnecting;
            let client = Client::new(Arc::clone(&shared), keeps, first, every);
            thread::spawn(move || client.run())
        };
        let clients = (0..connections).map(client).collect();
        Running { shared, clients }
    }
}

impl Running {
    /// How many requests have had the right answer.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Waits until so many more have been answered.
    pub fn wait_for(&self, more: u64) {
        let wanted = self.answered() + more;
        until(&format!("{more} more requests are answered"), || self.answered() >= wanted);
    }

    /// Sends no more, waits for what is under way, and tells what came of all.
    pub fn finish(mut self) -> Verdict {
        self.shared.stop.ring();
        let clients = std::mem::take(&mut self.clients);
        let verdicts = clients.into_iter().map(|client| client.join().expect("a client"));
        verdicts.fold(Verdict::default(), Verdict::with)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Left to themselves where a test has failed, the clients would hold the server up.
        self.shared.stop.ring();
        for client in self.clients.drain(..) {
            // The test has failed already, with better words.
            drop(client.join());
        }
    }
}
