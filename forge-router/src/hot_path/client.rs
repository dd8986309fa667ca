//! A client of HTTP/1.1 that costs little beside what it asks.

use std::io;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const OK: &[u8] = b"HTTP/1.1 200 ";
const LENGTH: &[u8] = b"\r\ncontent-length: ";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Sends the request so many times, each when the one before is answered; returns the body of the last answer.
pub async fn ask(mut pipe: DuplexStream, request: &[u8], rounds: usize) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut body = 0;
    for _ in 0..rounds {
        answer.clear();
        pipe.write_all(request).await?;
        loop {
            if pipe.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((start, length)) = body_of(&answer)?
                && answer.len() >= start + length
            {
                body = start;
                break;
            }
        }
    }
    Ok(answer.split_off(body))
}

/// Where the body of an answer begins and how long it is, once its head is there.
fn body_of(answer: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = memmem::find(answer, END_OF_HEAD) else { return Ok(None) };
    let head = &answer[..end];
    let length = memmem::find(head, LENGTH).map(|at| &head[at + LENGTH.len()..]);
    let digits = length.and_then(|rest| rest.split(|byte| *byte == b'\r').next());
    let length = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    match length {
        Some(length) if head.starts_with(OK) => Ok(Some((end + END_OF_HEAD.len(), length))),
        _ => Err(io::Error::other(String::from_utf8_lossy(answer).into_owned())),
    }
}
