//! A closed loop: each connection sends its next request when the last one is answered.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::median;

/// What is sent, and what must come back.
#[derive(Clone, Debug)]
pub struct Load {
    /// `host:port`
    pub address: String,
    pub path: String,
    /// Lines of the request's head, each with its end.
    pub headers: String,
    pub body: Bytes,
    /// Every answer's body must contain this.
    pub expected: Bytes,
    pub connections: usize,
    pub duration: Duration,
}

/// What one round showed.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub requests_per_second: f64,
    pub median_latency_micros: f64,
}

/// Runs one round; a wrong or failed answer ends it with an error.
pub async fn run(load: &Load) -> io::Result<Measured> {
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..load.connections {
        clients.spawn(client(load.clone(), began + load.duration));
    }
    let mut latencies = Vec::new();
    while let Some(client) = clients.join_next().await {
        latencies.extend(client.map_err(io::Error::other)??);
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(Measured {
        requests_per_second: latencies.len() as f64 / seconds,
        median_latency_micros: median(&latencies),
    })
}

/// The latencies of one connection's requests in microseconds.
async fn client(load: Load, end: Instant) -> io::Result<Vec<f64>> {
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: {}\r\n\r\n",
        load.path,
        load.address,
        load.headers,
        load.body.len(),
    );
    let request = [request.as_bytes(), &load.body].concat();
    let mut stream = TcpStream::connect(&load.address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let sent = Instant::now();
        stream.write_all(&request).await?;
        let body_at = read_answer(&mut stream, &mut buffer).await?;
        latencies.push(sent.elapsed().as_secs_f64() * 1e6);
        check(&buffer, body_at, &load.expected)?;
        buffer.clear();
    }
    Ok(latencies)
}

/// Reads one answer whole; returns where its body begins.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(head) = find(buffer, b"\r\n\r\n") else { continue };
        let body_at = head + 4;
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
        while buffer.len() < body_at + length {
            if stream.read_buf(buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        return Ok(body_at);
    }
}

fn check(answer: &[u8], body_at: usize, expected: &[u8]) -> io::Result<()> {
    let is_ok = answer.starts_with(b"HTTP/1.1 200");
    if is_ok && find(&answer[body_at..], expected).is_some() {
        return Ok(());
    }
    Err(io::Error::other(format!("wrong answer: {}", String::from_utf8_lossy(answer))))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
