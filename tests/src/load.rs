//! Clients that never stop asking, while what they ask is replaced under them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use serde_json::json;

use crate::http::Connection;
use crate::waiting::until;

/// Clients at a time: some keep their connection as long as they may, some take a new one each time.
const KEEPING: u32 = 2;
const RECONNECTING: u32 = 4;

/// Clients that ask a model `m` to double one number after the other, and check each answer.
#[derive(Debug)]
pub struct Load {
    clients: Vec<JoinHandle<Result<(), String>>>,
    next: Arc<AtomicU32>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    pub fn on(address: SocketAddr) -> Self {
        let (next, is_over) = (Arc::new(AtomicU32::new(1)), Arc::new(AtomicBool::new(false)));
        let client = |number| {
            let (next, is_over) = (Arc::clone(&next), Arc::clone(&is_over));
            let keeps = number < KEEPING;
            thread::spawn(move || ask_on_and_on(address, keeps, &next, &is_over))
        };
        let clients = (0..KEEPING + RECONNECTING).map(client).collect();
        Self { clients, next, is_over }
    }

    /// Waits for many more answers, each of which is checked.
    pub fn goes_on(&self) {
        let now = self.next.load(Ordering::Relaxed);
        until("more is answered", || {
            let is_well = !self.clients.iter().any(JoinHandle::is_finished);
            !is_well || self.next.load(Ordering::Relaxed) > now + 300
        });
    }

    /// Ends it; every client must have got the right answer to everything it asked.
    pub fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for client in self.clients {
            assert_eq!(client.join().expect("a client that came to its end"), Ok(()));
        }
    }
}

fn ask_on_and_on(
    address: SocketAddr,
    keeps: bool,
    next: &AtomicU32,
    is_over: &AtomicBool,
) -> Result<(), String> {
    let mut kept = None;
    while !is_over.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let mut connection = kept.take().unwrap_or_else(|| Connection::open(address));
        let body = json!({"input": [number]}).to_string();
        connection.request("POST", "/v1/m/predict", &[], body.as_bytes());
        let answer = connection.try_response().map_err(|error| format!("{number}: {error}"))?;
        if answer.status != 200 || answer.json()["output"] != json!([f64::from(number) * 2.0]) {
            return Err(format!("{number}: {} {}", answer.status, answer.text()));
        }
        let is_last = answer.header("connection") == Some("close");
        kept = Some(connection).filter(|_| keeps && !is_last);
    }
    Ok(())
}
