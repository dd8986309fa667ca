//! The connection to the server.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde_json::Value;

use super::error::CtlError;
use crate::ctl;
use crate::ctl::wire::{Event, Reply, Request};

#[derive(Debug)]
pub struct Connection {
    stream: BufReader<UnixStream>,
}

impl Connection {
    /// Connects to the named socket, or to the first of the usual ones that somebody serves.
    pub fn open(named: Option<PathBuf>) -> Result<Self, CtlError> {
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR");
        let paths = ctl::of_client(named, runtime_dir.as_deref());
        let mut refused = None;
        for path in &paths {
            match UnixStream::connect(path) {
                Ok(stream) => return Ok(Self { stream: BufReader::new(stream) }),
                Err(error) => refused = refused.or_else(|| telling(path.clone(), error)),
            }
        }
        Err(refused.unwrap_or(CtlError::NoServer(paths)))
    }

    /// Asks, and waits for the outcome; `on_event` gets what happens until then.
    pub fn ask(
        &mut self,
        request: &Request,
        mut on_event: impl FnMut(&Event) -> Result<(), CtlError>,
    ) -> Result<Value, CtlError> {
        let mut line = serde_json::to_vec(request).map_err(CtlError::Answer)?;
        line.push(b'\n');
        // A server that turned this client away has said why before it closed the connection.
        let sent = self.stream.get_mut().write_all(&line);
        loop {
            match self.reply()? {
                Some(Reply::Event(event)) => on_event(&event)?,
                Some(Reply::Ok(answer)) => return Ok(answer),
                Some(Reply::Error(failure)) => return Err(CtlError::Refused(failure)),
                None => {
                    let closed = io::Error::new(ErrorKind::UnexpectedEof, "the connection closed");
                    return Err(CtlError::Lost(sent.err().unwrap_or(closed)));
                }
            }
        }
    }

    /// `None` where the server has closed the connection.
    fn reply(&mut self) -> Result<Option<Reply>, CtlError> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line) {
            Ok(0) => Ok(None),
            Ok(_) => serde_json::from_slice(&line).map(Some).map_err(CtlError::Answer),
            Err(error) => Err(CtlError::Lost(error)),
        }
    }
}

/// What says more than that nobody serves a socket there.
fn telling(path: PathBuf, source: io::Error) -> Option<CtlError> {
    match source.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => None,
        ErrorKind::PermissionDenied => Some(CtlError::NotPermitted { path, source }),
        _ => Some(CtlError::Unreachable { path, source }),
    }
}
