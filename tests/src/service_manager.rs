//! What stands in for a service manager: the socket that it is told through (sd_notify(3)).

use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::temp_dir::TempDir;
use crate::waiting::until;

/// Hears what a service tells.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    /// The value of `NOTIFY_SOCKET`.
    name: String,
    heard: Vec<String>,
    _dir: TempDir,
}

impl ServiceManager {
    /// Whose socket has a path.
    pub fn with_a_path() -> Self {
        let dir = TempDir::new();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Self::new(socket, path.to_str().expect("a plain path").to_owned(), dir)
    }

    /// Whose socket stands in no directory.
    pub fn with_an_abstract_name() -> Self {
        let dir = TempDir::new();
        let name = dir.path().to_str().expect("a plain path").to_owned();
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        Self::new(socket, format!("@{name}"), dir)
    }

    fn new(socket: UnixDatagram, name: String, dir: TempDir) -> Self {
        socket.set_nonblocking(true).expect("a socket option");
        Self { socket, name, heard: Vec::new(), _dir: dir }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything it has been told so far.
    pub fn heard(&mut self) -> &[String] {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        &self.heard
    }

    /// Waits until it has been told a line that begins so, and forgets what came before.
    pub fn wait_for(&mut self, line: &str) -> String {
        let is_it = |message: &String| message.lines().any(|told| told.starts_with(line));
        until(&format!("{line} is told"), || self.heard().iter().any(is_it));
        let at = self.heard.iter().position(is_it).expect("it was just there");
        self.heard.drain(..=at).next_back().expect("it was just there")
    }

    /// Forgets what it has been told; whether it is told anything more within this time.
    pub fn hears_more_within(&mut self, time: Duration) -> bool {
        self.heard();
        self.heard.clear();
        let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(time).expect("a short time");
        poll(&mut ready, timeout) != Ok(0)
    }
}
