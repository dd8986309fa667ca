//! A closed loop of unary gRPC calls, each connection with one call at a time.
//!
//! Messages are encoded once and by hand, so that the load costs as little as the one over HTTP/1.1.

use std::io;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{Measured, median};

/// What is called, and what must come back.
#[derive(Clone, Debug)]
pub struct GrpcLoad {
    /// `host:port`
    pub address: String,
    /// `/package.Service/Method`
    pub method: String,
    /// One encoded message.
    pub message: Bytes,
    /// Every answer must contain this.
    pub expected: Bytes,
    pub connections: usize,
    pub duration: Duration,
}

/// As much as both ends let lie on the way: more than the tensors that are measured.
const WINDOW: u32 = 8 << 20;

/// Runs one round; a wrong or failed answer ends it with an error.
pub async fn run_grpc(load: &GrpcLoad) -> io::Result<Measured> {
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

async fn client(load: GrpcLoad, end: Instant) -> io::Result<Vec<f64>> {
    let mut sender = connect(&load.address).await?;
    let mut framed = BytesMut::with_capacity(load.message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(load.message.len()).map_err(io::Error::other)?);
    framed.put_slice(&load.message);
    let framed = framed.freeze();
    let uri = format!("http://{}{}", load.address, load.method);
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let request = Request::post(&uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(framed.clone()))
            .map_err(io::Error::other)?;
        let sent = Instant::now();
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let answer = response.into_body().collect().await.map_err(io::Error::other)?;
        latencies.push(sent.elapsed().as_secs_f64() * 1e6);
        let bytes = answer.to_bytes();
        let is_right = bytes.windows(load.expected.len()).any(|window| window == load.expected);
        if !is_right {
            return Err(io::Error::other("an answer without what is expected"));
        }
    }
    Ok(latencies)
}

async fn connect(address: &str) -> io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // It ends when the sender is dropped.
    tokio::spawn(connection);
    Ok(sender)
}

/// A field of a message whose value has a length: a string, bytes, another message.
pub fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut encoded = vec![number << 3 | 2];
    encoded.extend(varint(value.len() as u64));
    encoded.extend_from_slice(value);
    encoded
}

/// An integer as Protocol Buffers write it.
pub fn varint(mut value: u64) -> Vec<u8> {
    let mut encoded = Vec::new();
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            encoded.push(low);
            return encoded;
        }
        encoded.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_fields_are_written_as_the_encoding_guide_shows() {
        assert_eq!(varint(150), [0x96, 0x01]);
        assert_eq!(varint(0), [0]);
        assert_eq!(field(2, b"testing"), b"\x12\x07testing");
    }
}
