//! An HTTP/1.1 client that sends what it is told to, byte by byte, and may hang up at any time.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value;

use crate::waiting::PATIENCE;

/// A connection to a server. Dropping it hangs up.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    /// The answer to a HEAD request announces a body that does not come.
    expects_body: bool,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        Self::try_open(address).expect("the server listens")
    }

    /// A connection, or why there is none.
    pub fn try_open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(2 * PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), address, expects_body: true })
    }

    /// Sends exactly these bytes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends a whole request.
    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        self.try_request(method, path, headers, body).expect("the request is taken");
    }

    /// Sends a whole request, at once.
    pub fn try_request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<()> {
        let length = [("Content-Length", body.len().to_string())];
        let length = length.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = headers.iter().copied().chain(length).collect();
        let mut request = self.head_bytes(method, path, &headers);
        request.extend_from_slice(body);
        self.send(&request)
    }

    /// Sends only the head of a request.
    pub fn head(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<()> {
        let head = self.head_bytes(method, path, headers);
        self.send(&head)
    }

    fn head_bytes(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        self.expects_body = method != "HEAD";
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The next answer; one that announces `100 Continue` counts too.
    pub fn response(&mut self) -> Response {
        self.try_response().expect("an answer")
    }

    /// The next answer, or how the connection ended instead.
    pub fn try_response(&mut self) -> io::Result<Response> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not a status: {line:?}")))?;
        let mut response = Response { status, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            response.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if self.expects_body && status >= 200 {
            let length = response.header("content-length").map_or("0", |length| length);
            let length = length.parse().map_err(io::Error::other)?;
            response.body.resize(length, 0);
            self.stream.read_exact(&mut response.body)?;
        }
        Ok(response)
    }

    /// Whether something can be read by now: an answer, or the end.
    pub fn has_answer(&self) -> bool {
        let mut ready = [PollFd::new(self.stream.get_ref().as_fd(), PollFlags::POLLIN)];
        !self.stream.buffer().is_empty() || poll(&mut ready, PollTimeout::ZERO) == Ok(1)
    }

    /// Waits until the server closes the connection, whatever it still sends before.
    pub fn wait_for_end(&mut self) {
        match io::copy(&mut self.stream, &mut io::sink()) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server did not close the connection: {error}"),
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

impl Response {
    /// The value of a header, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The `output` of an answer, which must be one.
    pub fn output(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["output"].clone()
    }

    /// The `error` of a refusal by the Open Inference Protocol.
    pub fn error(&self) -> String {
        let json = self.json();
        let error = json["error"].as_str();
        error.unwrap_or_else(|| panic!("no error: {} {json}", self.status)).to_owned()
    }

    /// The `detail` of a refusal.
    pub fn detail(&self) -> String {
        let json = self.json();
        let detail = json["detail"].as_str();
        detail.unwrap_or_else(|| panic!("no detail: {} {json}", self.status)).to_owned()
    }
}
