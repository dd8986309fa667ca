//! Accepts clients, a bounded number at a time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::error;

use super::code::Code;
use super::commands::Control;
use super::connection::{self, Client};
use super::socket::ControlSocket;

/// Clients at a time; a follower of events counts as long as it follows.
const MOST_CLIENTS: usize = 64;

/// The pause after a failed accept: the machine is out of file descriptors or memory, and only time
/// gives some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long clients get at the end to be told how it ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl ControlSocket {
    /// Answers clients until `ending` turns true. Then they are told so, and the file is removed.
    pub async fn serve(self, control: Arc<Control>, mut ending: watch::Receiver<bool>) {
        let mut clients = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted.map(|(stream, _)| stream),
                Some(_) = clients.join_next(), if !clients.is_empty() => continue,
                _ = ending.wait_for(|ending| *ending) => break,
            };
            match accepted {
                Ok(stream) if clients.len() < MOST_CLIENTS => {
                    let client = connection::serve(stream, Arc::clone(&control), ending.clone());
                    clients.spawn(client);
                }
                Ok(stream) => turn_away(stream, &ending).await,
                Err(error) => pause_after(&error).await,
            }
        }
        drop(self);
        let told = async { while clients.join_next().await.is_some() {} };
        // Whoever has not read by now is gone with the server.
        drop(tokio::time::timeout(LAST_WORDS, told).await);
    }
}

/// Does not wait for it: a new connection has room for one line.
async fn turn_away(stream: UnixStream, ending: &watch::Receiver<bool>) {
    let message = format!("{MOST_CLIENTS} clients are connected, which is as many as may");
    let mut client = Client::new(stream, ending.clone());
    client.fail(Code::TooManyClients.failure(message)).await;
}

async fn pause_after(error: &io::Error) {
    error!(%error, "cannot accept clients of the control socket");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
