//! A client of HTTP/1.1 that does no more than a load needs: whole requests out, whole answers in.
//!
//! Answers have a `Content-Length` or are chunked (RFC 9112, section 6.3); one that ends with its
//! connection is none.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::exchange::{Answer, Status};

/// More than any server of models sends.
const MOST_HEADERS: usize = 64;

/// Lines of a request's head, each with its end (`\r\n`).
pub type HeaderLines<'text> = &'text str;

/// A whole `POST`.
pub fn post(authority: &str, path: &str, headers: HeaderLines<'_>, body: &[u8]) -> Bytes {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat().into()
}

/// A whole `GET`.
pub fn get(authority: &str, path: &str) -> Bytes {
    format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n\r\n").into()
}

/// A keep-alive connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What was read of the answer: its head and its body.
    buffer: Vec<u8>,
    is_open: bool,
}

impl Connection {
    pub(super) async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(8 * 1024), is_open: true })
    }

    /// Servers close connections that nobody used for a while. Where nothing came since the last
    /// answer this is no system call.
    pub(super) fn is_open(&self) -> bool {
        let waiting = self.stream.try_read(&mut [0]);
        self.is_open && matches!(waiting, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    pub(super) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.read().await?;
            if let Some(head) = parse_head(&self.buffer)? {
                break head;
            }
        };
        self.is_open = !head.closes;
        let body = match head.length {
            Length::Known(length) => {
                let end = head.size.saturating_add(length);
                self.buffer.reserve(end.saturating_sub(self.buffer.len()));
                while self.buffer.len() < end {
                    self.read().await?;
                }
                head.size..end
            }
            Length::Chunked => head.size..self.read_chunks(head.size).await?,
        };
        let body = &self.buffer[body];
        Ok(Answer { status: head.status, json_bytes: head.json_bytes, body })
    }

    /// Reads all chunks and moves them together; returns where the body ends.
    async fn read_chunks(&mut self, body_at: usize) -> io::Result<usize> {
        let (mut end, mut at) = (body_at, body_at);
        loop {
            let (begin, length) = loop {
                let size = httparse::parse_chunk_size(&self.buffer[at..]);
                match size.map_err(|_| invalid("a chunk without a size"))? {
                    httparse::Status::Complete((size, length)) => {
                        break (at + size, usize::try_from(length).map_err(io::Error::other)?);
                    }
                    httparse::Status::Partial => self.read().await?,
                }
            };
            // The chunk, and the line's end behind it.
            while self.buffer.len() < begin.saturating_add(length).saturating_add(2) {
                self.read().await?;
            }
            if length == 0 {
                return Ok(end);
            }
            self.buffer.copy_within(begin..begin + length, end);
            end += length;
            at = begin + length + 2;
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// What the head of an answer says about the rest.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    /// Bytes up to the body.
    size: usize,
    status: Status,
    length: Length,
    json_bytes: Option<usize>,
    /// Whether the server closes the connection after it.
    closes: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Length {
    Known(usize),
    Chunked,
}

/// `None` while it has not come whole.
fn parse_head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|error| invalid(&error.to_string()))?;
    let httparse::Status::Complete(size) = parsed else { return Ok(None) };
    let status = match response.code {
        Some(200) => Status::Success,
        Some(503) => Status::Refused,
        code => Status::Http(code.unwrap_or(0)),
    };
    let (mut length, mut json_bytes, mut closes) = (None, None, false);
    for header in response.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            length = Some(Length::Known(number(header.value)?));
        } else if is("transfer-encoding") {
            length = Some(Length::Chunked);
        } else if is("inference-header-content-length") {
            json_bytes = Some(number(header.value)?);
        } else if is("connection") {
            closes = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    let length = length.ok_or_else(|| invalid("an answer without a length"))?;
    Ok(Some(Head { size, status, length, json_bytes, closes }))
}

fn number(value: &[u8]) -> io::Result<usize> {
    let text = std::str::from_utf8(value).map_err(io::Error::other)?;
    text.trim().parse().map_err(|_| invalid(&format!("a length that is no number: {text}")))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not an answer of HTTP/1.1: {what}"))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_head_tells_the_status_and_the_length() {
        let head =
            b"HTTP/1.1 503 Service Unavailable\r\ncontent-LENGTH: 2\r\nConnection: close\r\n\
                     Inference-Header-Content-Length: 1\r\n\r\n";
        for cut in 0..head.len() {
            assert_eq!(parse_head(&head[..cut]).unwrap(), None, "{cut}");
        }
        let parsed = parse_head(head).unwrap().unwrap();
        let length = Length::Known(2);
        let expected = Head {
            size: head.len(),
            status: Status::Refused,
            length,
            json_bytes: Some(1),
            closes: true,
        };
        assert_eq!(parsed, expected);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for wrong in ["SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
            assert!(parse_head(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_the_server_has_closed_is_not_open() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connection = Connection::open(&address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        assert!(connection.is_open());
        drop(stream);
        connection.stream.readable().await.unwrap();
        assert!(!connection.is_open());
    }

    #[tokio::test]
    async fn chunks_are_put_together() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; post("a", "/p", "", b"body").len()];
            stream.read_exact(&mut request).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                           3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
            for part in answer.chunks(7) {
                stream.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
            }
            request
        });
        let mut connection = Connection::open(&address).await.unwrap();
        let answer = connection.exchange(&post("a", "/p", "", b"body")).await.unwrap();
        assert_eq!((answer.status, answer.body), (Status::Success, b"abcde".as_slice()));
        let request = server.await.unwrap();
        assert_eq!(request, b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    }
}
