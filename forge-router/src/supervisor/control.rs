//! The router's end of a worker's control socket, awaited through tokio.

use std::os::fd::BorrowedFd;

use forge_ipc::{ControlError, ControlSocket, FromWorker, ToWorker};
use tokio::io::unix::AsyncFd;

use crate::readable::await_readable;

/// Sends orders and awaits reports.
#[derive(Debug)]
pub struct Control {
    socket: AsyncFd<ControlSocket>,
}

impl Control {
    pub fn new(socket: ControlSocket) -> std::io::Result<Self> {
        Ok(Self { socket: await_readable(socket)? })
    }

    /// Sends one message. A worker reads its few messages at once, so a full socket is an error.
    pub fn send(&self, message: &ToWorker, fds: &[BorrowedFd<'_>]) -> Result<(), ControlError> {
        self.socket.get_ref().send(message, fds)
    }

    /// The next report; `ControlError::Closed` once the worker has gone.
    pub async fn receive(&self) -> Result<FromWorker, ControlError> {
        loop {
            let mut ready = self.socket.readable().await.map_err(|_| ControlError::Closed)?;
            match self.socket.get_ref().receive::<FromWorker>() {
                Err(ControlError::WouldBlock) => ready.clear_ready(),
                Ok(received) => return Ok(received.message),
                Err(error) => return Err(error),
            }
        }
    }
}
